"""What to do next about one bot: a pure decision from what is wanted and what is seen."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from clawbot_manager.control.bots.models import Bot
from clawbot_manager.runtimes.base import Instance, InstanceState


class Step(StrEnum):
    """One thing to do; after each the reconciler looks again."""

    CREATE = "create"  # write the workspace, mint a token, make the instance
    START = "start"
    AWAIT_READY = "await_ready"
    WATCH = "watch"  # it runs as wanted: keep its health up to date
    STOP = "stop"
    REST = "rest"  # it is stopped as wanted
    REMOVE = "remove"
    HOLD = "hold"  # it failed: wait until the next try is due


@dataclass(frozen=True, slots=True)
class Decision:
    """The step, and why in a word for the log."""

    step: Step
    reason: str


def decide(bot: Bot, instance: Instance | None, wanted_revision: int, now: datetime) -> Decision:
    """The next step towards what is wanted.

    `wanted_revision` is the revision of the spec that the bot's instance should have been created from.
    """
    running = instance is not None and instance.state is InstanceState.RUNNING
    if bot.desired == "deleted":
        return Decision(Step.REMOVE, "deletion is wanted")
    if bot.desired == "stopped":
        return (
            Decision(Step.STOP, "stop is wanted")
            if running
            else Decision(Step.REST, "it is stopped as wanted")
        )
    if bot.retry_at is not None and bot.retry_at > now and not running:
        return Decision(Step.HOLD, "the last try failed")
    return _towards_running(bot, instance, wanted_revision)


def _towards_running(bot: Bot, instance: Instance | None, wanted_revision: int) -> Decision:
    if instance is None:
        return Decision(Step.CREATE, "there is no instance")
    if instance.revision != wanted_revision:
        return Decision(Step.CREATE, "the instance was made from other settings")
    if instance.state is not InstanceState.RUNNING:
        return Decision(Step.START, "it does not run")
    return Decision(Step.WATCH if bot.state == "running" else Step.AWAIT_READY, "it runs")
