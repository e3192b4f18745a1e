"""Brings every bot to what is wanted of it: start-up, the clock, events and clicks all run this code.

Each pass looks at one bot (database and runtime), decides one step (`plan`), does it, and records what it
saw. A pass keeps nothing in memory that the next one needs, so `kill -9` between any two lines is only a
pass that has not happened yet.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from uuid import UUID

import structlog

from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.steps import BotSteps
from clawbot_manager.control.shared.events import BotWanted
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.tasks import TaskOwner
from clawbot_manager.runtimes.base import RuntimeUnavailableError

_log = structlog.get_logger(__name__)

_RUNTIME_DOWN_RETRY = 3.0
_CRASH_RETRY = 5.0


@dataclass(slots=True)
class _Turn:
    busy: bool = False
    again: bool = False


class Reconciler:
    """Runs passes: many bots side by side, one bot never twice at once."""

    def __init__(
        self, database: Database, steps: BotSteps, *, sweep_seconds: float, max_parallel: int
    ) -> None:
        self._database = database
        self._steps = steps
        self._sweep_seconds = sweep_seconds
        self._slots = asyncio.Semaphore(max_parallel)
        self._turns: dict[UUID, _Turn] = {}
        self._tasks = TaskOwner(_report_failure)
        self._closing = False

    async def start(self) -> None:
        """Sweep once, then go on sweeping in the background."""
        self._tasks.start(self._sweep_forever(), name="bot sweep")

    async def close(self) -> None:
        """Stop making passes; a pass under way is cancelled, which is as good as killed, hence safe."""
        self._closing = True
        await self._tasks.close()

    async def on_wanted(self, event: BotWanted) -> None:
        """Somebody wants something of a bot: look at it now."""
        self.wake(event.bot_id)

    def wake(self, bot_id: UUID) -> None:
        """Look at this bot soon; at most one more pass is queued while one is under way."""
        if self._closing:
            return
        turn = self._turns.setdefault(bot_id, _Turn())
        if turn.busy:
            turn.again = True
            return
        turn.busy = True
        self._tasks.start(self._take_turn(bot_id, turn), name=f"bot {bot_id}")

    async def sweep(self) -> None:
        """Wake every bot that is not gone."""
        async with self._database.reading() as tx:
            bots = await repository.living(tx)
        for bot in bots:
            self.wake(bot.id)

    async def _sweep_forever(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:  # noqa: BLE001 - the loop must outlive a database that is away
                _log.exception("reconciler.sweep_failed")
            await asyncio.sleep(self._sweep_seconds)

    async def _take_turn(self, bot_id: UUID, turn: _Turn) -> None:
        delay: float | None = 0.0
        try:
            while delay == 0.0 or turn.again:
                turn.again = False
                async with self._slots:
                    delay = await self._pass(bot_id)
        finally:
            turn.busy = False
            if delay is None:
                self._turns.pop(bot_id, None)
        if delay is not None:
            self._later(delay, lambda: self.wake(bot_id))

    def _later(self, delay: float, call: Callable[[], None]) -> None:
        if delay < self._sweep_seconds:  # else the next sweep comes first
            # in a context of its own: a later pass does not belong to the request that woke the first
            asyncio.get_running_loop().call_later(delay, call, context=Context())

    async def _pass(self, bot_id: UUID) -> float | None:
        """One pass; seconds until the next is due, 0 for at once, None when the bot is gone."""
        try:
            return await self._steps.advance(bot_id)
        except RuntimeUnavailableError as error:
            await self._steps.note_runtime_down(bot_id, str(error))
            return _RUNTIME_DOWN_RETRY
        except Exception:  # noqa: BLE001 - one bot's fault must not stop the others
            _log.exception("reconciler.pass_failed", bot_id=str(bot_id))
            return _CRASH_RETRY


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("reconciler.task_failed", task=name, exc_info=error)
