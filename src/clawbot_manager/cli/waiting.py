"""Waits for a bot to reach a state, and says each change on the way."""

from dataclasses import dataclass
from typing import Any

from clawbot_manager.cli.errors import ApiError, CliError
from clawbot_manager.cli.session import Session, segment

POLL_SECONDS = 1.0
# An error that stood there before we asked may need this long to be overwritten by the next attempt.
STALE_ERROR_SECONDS = 15.0


@dataclass(frozen=True)
class Goal:
    """What to wait for: `words` ends the sentence 'the bot is not yet …', `gone` means its absence."""

    words: str
    states: frozenset[str] = frozenset()
    gone: bool = False


RUNNING = Goal("running", frozenset({"running"}))
STOPPED = Goal("stopped", frozenset({"stopped", "created"}))
GONE = Goal("gone", gone=True)


def wait_for(
    session: Session, hostname: str, first: dict[str, Any] | None, goal: Goal, timeout: float
) -> dict[str, Any] | None:
    """Polls until the goal is reached; the bot as last seen, None when it is gone.

    `first` is the answer to the request that started the change. An error state ends the wait, unless it
    is the one that `first` already showed and the server has not looked again since.

    Raises:
        CliError: the bot went into error, disappeared, or was not there in time.
    """
    deadline = session.world.clock() + timeout
    stale_until = session.world.clock() + STALE_ERROR_SECONDS
    old_error = _status(first) if first and _status(first).get("state") == "error" else None
    bot = first
    said = None
    with session.out.progress(f"{hostname}: waiting until it is {goal.words}") as say:
        while True:
            if bot is not None:
                status = _status(bot)
                state = str(status.get("state"))
                step = f"{state}: {status['detail']}" if status.get("detail") else state
                if step != said:
                    say(f"{hostname}: {step}")
                    said = step
                if state in goal.states:
                    return bot
                is_old = status == old_error and session.world.clock() < stale_until
                if state == "error" and not is_old:
                    raise CliError(
                        f"{hostname} is in error: {status.get('detail') or 'no detail'}",
                        hint=f"Look at `clawbot-manager bot logs {hostname}`",
                    )
            if session.world.clock() >= deadline:
                raise CliError(
                    f"{hostname} is not {goal.words} after {timeout:g} s (it is {said})",
                    hint=f"The server goes on with it; look again with `clawbot-manager bot get {hostname}`",
                )
            session.world.sleep(POLL_SECONDS)
            try:
                bot = session.client.get(f"/api/bot/{segment(hostname)}")
            except ApiError as error:
                if error.status != 404:
                    raise
                if goal.gone:
                    say(f"{hostname}: gone")
                    return None
                raise CliError(f"{hostname} was deleted meanwhile") from None


def _status(bot: dict[str, Any]) -> dict[str, Any]:
    status = bot.get("status")
    return status if isinstance(status, dict) else {}
