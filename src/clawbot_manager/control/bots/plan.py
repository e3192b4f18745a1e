"""What to do next about one bot: a pure decision from what is wanted and what is seen."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.record import MAX_BACKOFF
from clawbot_manager.runtimes.base import Instance, InstanceState

UNPROVED = "proof_"  # codes begin with it, the hop that failed follows


class Step(StrEnum):
    """One thing to do; after each the reconciler looks again."""

    CREATE = "create"  # write the workspace, mint a token, make the instance
    REPLACE = "replace"  # make sure that a new instance can be made, then stop and remove this one
    MEND = "mend"  # other hands changed the instance
    RESTORE = "restore"  # put the files of a backup back
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
    alive = instance is not None and instance.state in {InstanceState.RUNNING, InstanceState.PAUSED}
    if bot.desired == "deleted":
        return Decision(Step.REMOVE, "deletion is wanted")
    if bot.restoring is not None and not alive:
        return Decision(Step.RESTORE, "a backup's files are to be put back")
    if bot.desired == "stopped":
        return (
            Decision(Step.STOP, "stop is wanted") if alive else Decision(Step.REST, "it is stopped as wanted")
        )
    if _must_wait(bot, now) and (not alive or is_unproved(bot)):
        return Decision(Step.HOLD, "the last try failed")
    return _towards_running(bot, instance, wanted_revision)


def is_unproved(bot: Bot) -> bool:
    """Whether it runs and answers, but no prompt came back through the proxy."""
    return bot.code is not None and bot.code.startswith(UNPROVED)


def _must_wait(bot: Bot, now: datetime) -> bool:
    """A time further away than any wait is from before the clock was put back."""
    return bot.retry_at is not None and now < bot.retry_at <= now + MAX_BACKOFF


def _towards_running(bot: Bot, instance: Instance | None, wanted_revision: int) -> Decision:
    if instance is None:
        return Decision(Step.CREATE, "there is no instance")
    if instance.revision != wanted_revision:
        return Decision(Step.REPLACE, "the instance was made from other settings")
    if instance.drift:
        return Decision(Step.MEND, f"changed by other hands: {', '.join(instance.drift)}")
    if instance.state is InstanceState.PAUSED:
        return Decision(Step.START, "it was paused by other hands")
    if instance.state is not InstanceState.RUNNING:
        return Decision(Step.START, "it does not run")
    return Decision(Step.WATCH if bot.state == "running" else Step.AWAIT_READY, "it runs")
