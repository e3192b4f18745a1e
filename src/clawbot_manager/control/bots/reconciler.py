"""Brings every bot to what is wanted of it: start-up, the clock, events and clicks all run this code.

Each pass looks at one bot (database and runtime), decides one step (`plan`), does it, and records what it
saw. A pass keeps nothing in memory that the next one needs, so `kill -9` between any two lines is only a
pass that has not happened yet. Of several processes on one database one reconciles (`infra.db.leader`),
the others stand by.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.plan import UNPROVED
from clawbot_manager.control.bots.steps import BotSteps
from clawbot_manager.control.shared.events import BotWanted, ProviderKeysChanged
from clawbot_manager.infra.db import Database, Leadership
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.tasks import TaskOwner
from clawbot_manager.runtimes.base import Instance, InstanceState, Runtime, RuntimeUnavailableError

_log = structlog.get_logger(__name__)

_RUNTIME_DOWN_RETRY = 3.0
_CRASH_RETRY = 5.0
_STAND_BY = 1.0
_POLL = 1.0
_TIDY_SECONDS = 3600.0
_SKEW = timedelta(seconds=2)  # between the clocks of this machine and of the one that takes the clicks


class _DeposedError(Exception):
    """Another process may lead now."""


@dataclass(slots=True)
class _Turn:
    busy: bool = False
    again: bool = False


class Reconciler:
    """Runs passes: many bots side by side, one bot never twice at once."""

    def __init__(
        self,
        database: Database,
        steps: BotSteps,
        runtime: Runtime,
        clock: Clock,
        *,
        sweep_seconds: float,
        max_parallel: int,
        tidy: Callable[[], Awaitable[None]],
    ) -> None:
        self._database = database
        self._steps = steps
        self._runtime = runtime
        self._clock = clock
        self._sweep_seconds = sweep_seconds
        self._slots = asyncio.Semaphore(max_parallel)
        self._tidy = tidy
        self._leadership = Leadership(database, "reconciler")
        self._turns: dict[UUID, _Turn] = {}
        self._tasks = TaskOwner(_report_failure)
        self._passes = TaskOwner(_report_failure)
        self._leading = False

    async def start(self, *, polls: bool = False) -> None:
        """Go on in the background until closed; `polls`: what is wanted is written by another process."""
        self._tasks.start(self._lead_or_stand_by(polls), name="reconciler")

    async def close(self) -> None:
        """Stop making passes; a pass under way is cancelled, which is as good as killed, hence safe."""
        self._leading = False
        await self._tasks.close()
        await self._passes.close()
        await self._steps.close()
        await self._leadership.release()

    async def on_wanted(self, event: BotWanted) -> None:
        """Somebody wants something of a bot: look at it now."""
        self.wake(event.bot_id)

    async def on_keys_changed(self, event: ProviderKeysChanged) -> None:
        """Bots whose prompt did not come back may get there now."""
        async with self._database.transaction() as tx:
            bots = await repository.unproved(tx, event.owner_id, UNPROVED)
            for bot in bots:
                bot.retry_at = None
        for bot in bots:
            self.wake(bot.id)

    def wake(self, bot_id: UUID) -> None:
        """Look at this bot soon; at most one more pass is queued while one is under way."""
        if not self._leading:
            return
        turn = self._turns.setdefault(bot_id, _Turn())
        if turn.busy:
            turn.again = True
            return
        turn.busy = True
        self._passes.start(self._take_turn(bot_id, turn), name=f"bot {bot_id}")

    async def sweep(self) -> None:
        """Wake every bot that is not gone, but for those that rest as they should."""
        async with self._database.reading() as tx:
            bots = await repository.living(tx)
        seen = await self._seen()
        for bot in bots:
            if seen is None or not _rests(bot, seen.get(bot.id)):
                self.wake(bot.id)

    async def _seen(self) -> dict[UUID, Instance] | None:
        try:
            return {instance.bot_id: instance for instance in await self._runtime.list()}
        except RuntimeUnavailableError:
            return None  # each bot says so

    # ---- one process leads

    async def _lead_or_stand_by(self, polls: bool) -> None:
        while True:
            try:
                if await self._leadership.acquire():
                    await self._lead(polls)
            except (SQLAlchemyError, OSError) as error:
                _log.warning("reconciler.cannot_lead", error=type(error).__name__)
            await asyncio.sleep(_STAND_BY)

    async def _lead(self, polls: bool) -> None:
        _log.info("reconciler.leads")
        self._leading = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_leading())
                group.create_task(self._repeat(self.sweep, self._sweep_seconds))
                group.create_task(self._watch_runtime())
                group.create_task(self._repeat(self._tidy, _TIDY_SECONDS))
                if polls:
                    group.create_task(self._repeat(self._wake_wanted, _POLL))
        except* _DeposedError:
            _log.warning("reconciler.deposed")
        finally:
            self._leading = False
            await self._passes.close()
            self._turns.clear()

    async def _keep_leading(self) -> None:
        while True:
            await asyncio.sleep(_STAND_BY)
            try:
                leads = await self._leadership.acquire()
            except (SQLAlchemyError, OSError):
                leads = False
            if not leads:
                raise _DeposedError

    async def _repeat(self, call: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            try:
                await call()
            except Exception:  # noqa: BLE001 - the loop must outlive a database that is away
                _log.exception("reconciler.failed", what=call.__name__)
            await asyncio.sleep(seconds)

    async def _wake_wanted(self) -> None:
        async with self._database.reading() as tx:
            wanted = await repository.wanted_since(tx, self._clock.now() - _SKEW)
        for bot_id in wanted:
            self.wake(bot_id)

    async def _watch_runtime(self) -> None:
        """What happens to instances is looked at as it happens; the sweep finds what was missed."""
        while True:
            try:
                async with aclosing(self._runtime.changes()) as changes:
                    async for bot_id in changes:
                        if bot_id is None:
                            await self.sweep()
                        else:
                            self.wake(bot_id)
            except RuntimeUnavailableError:
                _log.warning("reconciler.runtime_away", runtime=self._runtime.name)
            except Exception:  # noqa: BLE001 - as above
                _log.exception("reconciler.failed", what="watch")
            await asyncio.sleep(_RUNTIME_DOWN_RETRY)

    # ---- passes

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


def _rests(bot: Bot, instance: Instance | None) -> bool:
    """Stopped as wanted, and known to be: of a thousand such bots none needs a look."""
    still = instance is None or instance.state in {InstanceState.CREATED, InstanceState.STOPPED}
    settled = bot.state in {"created", "stopped"} and bot.restoring is None
    return bot.desired == "stopped" and settled and still


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("reconciler.task_failed", task=name, exc_info=error)
