"""What is done next about a bot, for all that can be seen of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from clawbot_manager.control.bots.models import Bot, Desired
from clawbot_manager.control.bots.plan import Step, decide
from clawbot_manager.runtimes.base import Instance, InstanceState

NOW = datetime(2026, 11, 27, tzinfo=UTC)
REVISION = 7


def bot(desired: Desired = "running", **more: object) -> Bot:
    return Bot(desired=desired, **{"state": "starting", "code": None, "retry_at": None, **more})


def instance(state: InstanceState, *, revision: int = REVISION, drift: tuple[str, ...] = ()) -> Instance:
    nobody = UUID(int=0)
    return Instance("i", nobody, "scout", nobody, revision, state, None, drift=drift)


CREATED, RUNNING, PAUSED, STOPPED = InstanceState


@pytest.mark.parametrize(
    ("wanted", "seen", "step"),
    [
        (bot("deleted"), None, Step.REMOVE),
        (bot("deleted"), instance(RUNNING), Step.REMOVE),
        (bot("stopped"), None, Step.REST),
        (bot("stopped"), instance(RUNNING), Step.STOP),
        (bot("stopped"), instance(PAUSED), Step.STOP),
        (bot("stopped"), instance(STOPPED, drift=("memory",)), Step.REST),
        (bot(), None, Step.CREATE),
        (bot(), instance(CREATED), Step.START),
        (bot(), instance(STOPPED), Step.START),
        (bot(), instance(PAUSED), Step.START),
        (bot(), instance(RUNNING), Step.AWAIT_READY),
        (bot(state="error"), instance(RUNNING), Step.AWAIT_READY),
        (bot(state="running"), instance(RUNNING), Step.WATCH),
        (bot(state="running"), instance(RUNNING, revision=6), Step.REPLACE),
        (bot(state="running"), instance(RUNNING, drift=("memory",)), Step.MEND),
        (bot(state="running"), instance(RUNNING, revision=6, drift=("memory",)), Step.REPLACE),
    ],
)
def test_the_next_step(wanted: Bot, seen: Instance | None, step: Step) -> None:
    assert decide(wanted, seen, REVISION, NOW).step is step


def test_a_failure_is_waited_out_but_for_a_bot_that_runs() -> None:
    failed = bot(state="error", code="instance_failed", retry_at=NOW + timedelta(seconds=8))
    assert decide(failed, None, REVISION, NOW).step is Step.HOLD
    assert decide(failed, instance(RUNNING), REVISION, NOW).step is Step.AWAIT_READY
    assert decide(failed, None, REVISION, NOW + timedelta(seconds=8)).step is Step.CREATE


def test_a_prompt_that_did_not_come_back_is_not_sent_again_at_once() -> None:
    unproved = bot(state="error", code="proof_key", retry_at=NOW + timedelta(seconds=8))
    assert decide(unproved, instance(RUNNING), REVISION, NOW).step is Step.HOLD


def test_a_wait_from_before_the_clock_was_put_back_is_over() -> None:
    failed = bot(state="error", code="instance_failed", retry_at=NOW + timedelta(hours=3))
    assert decide(failed, None, REVISION, NOW).step is Step.CREATE
