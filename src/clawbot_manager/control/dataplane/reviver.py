"""Brings back keys that failed or are parked: asks their vendors, for free, whether they are good again."""

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from clawbot_manager.control.shared.events import ProviderKeyParked, ProviderKeyRetired, ProviderKeyRevived
from clawbot_manager.control.vault import repository as vault
from clawbot_manager.control.vault import states
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.control.vault.service import KeyProber
from clawbot_manager.infra.db import Database
from clawbot_manager.infra.events.bus import EventBus
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.errors import ProblemError
from clawbot_manager.kit.tasks import TaskOwner

_log = structlog.get_logger(__name__)

_FIRST = timedelta(minutes=1)
_LONGEST = timedelta(hours=6)
_LEASE = timedelta(minutes=2)  # a check takes 30 s at most; a worker that dies in it leaves the key to others
_FORGET_AFTER = timedelta(days=1)


@dataclass(slots=True)
class _Asked:
    """How often a key was asked about in a row, and when last; `version` is the one it had afterwards."""

    times: int
    at: datetime
    version: int


class KeyReviver:
    """Asks about each failed or parked key at its `next_check_at`, ever more seldom, at last each six hours.

    A key that a check calls good and the next use calls bad again goes on where it was: the two would take
    turns for ever otherwise. How often a key was asked is kept in memory; a restart begins with short waits.
    """

    def __init__(
        self,
        database: Database,
        prober: KeyProber,
        clock: Clock,
        *,
        poll_seconds: float = 10.0,
        max_parallel: int = 4,
    ) -> None:
        self._database = database
        self._prober = prober
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._max_parallel = max_parallel
        self._asked: dict[UUID, _Asked] = {}
        self._tasks = TaskOwner(_report_failure)

    def start(self) -> None:
        """Begin to look in the background."""
        self._tasks.start(self._look_forever(), name="key reviver")

    async def close(self) -> None:
        """Stop; a check that is under way is given up."""
        await self._tasks.close()

    async def look(self) -> int:
        """Check the keys that are due, some at a time; how many were due."""
        now = self._clock.now()
        self._asked = {key: asked for key, asked in self._asked.items() if now - asked.at < _FORGET_AFTER}
        async with self._database.transaction() as tx:
            for key in await vault.used_after_their_rest(tx, now):
                await states.revive(tx, key)
            due = await vault.due_for_check(tx, now, self._max_parallel)
            asking = [key for key in due if not self._postpone(key, now)]
            for key in asking:
                key.next_check_at = now + _LEASE
        async with asyncio.TaskGroup() as checks:
            for key in asking:
                checks.create_task(self._check(key))
        return len(due)

    def _postpone(self, key: ProviderKey, now: datetime) -> bool:
        """Whether it was asked about too short a time ago, in a state that did not last."""
        asked = self._asked.get(key.id)
        if asked is None or asked.version != key.version or now >= asked.at + _wait(asked.times):
            return False
        key.next_check_at = asked.at + _wait(asked.times)
        return True

    async def _check(self, key: ProviderKey) -> None:
        try:
            check = await self._prober.check(key)
        except ProblemError as error:
            _log.warning("key.not_checked", key_id=str(key.id), vendor=key.vendor, code=error.code)
            return
        async with self._database.transaction() as tx:
            current = await vault.locked(tx, key.id)
            if current is None or current.version != key.version:
                return
            await states.settle(tx, current, check, version=key.version, asked=False)
            asked = self._asked.get(key.id)
            times = asked.times + 1 if asked is not None and asked.version == key.version else 1
            self._asked[key.id] = _Asked(times, check.checked_at, current.version)
            if current.health != "active":
                current.next_check_at = check.checked_at + _wait(times) * random.uniform(1.0, 1.2)  # noqa: S311
        _log.info("key.checked", key_id=str(key.id), vendor=key.vendor, result=check.result)

    async def _look_forever(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds * random.uniform(0.8, 1.2))  # noqa: S311
            try:
                while await self.look() == self._max_parallel:
                    pass
            except Exception as error:  # noqa: BLE001 - it must outlive a database that is away
                _log.warning("key.reviver_failed", error=type(error).__name__)


def log_key_events(bus: EventBus) -> None:
    """A line in the log for each key that was retired, parked or revived."""

    async def retired(event: ProviderKeyRetired) -> None:
        _log.warning("key.retired", key_id=str(event.key_id), vendor=event.vendor, reason=event.reason)

    async def parked(event: ProviderKeyParked) -> None:
        until = event.until.isoformat()
        _log.warning("key.parked", key_id=str(event.key_id), vendor=event.vendor, until=until)

    async def revived(event: ProviderKeyRevived) -> None:
        _log.info("key.revived", key_id=str(event.key_id), vendor=event.vendor, was=event.was)

    bus.subscribe(ProviderKeyRetired, retired)
    bus.subscribe(ProviderKeyParked, parked)
    bus.subscribe(ProviderKeyRevived, revived)


def _wait(times: int) -> timedelta:
    """How long to wait after the check of this number."""
    return min(_FIRST * 2.0 ** min(times, 12), _LONGEST)


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("key.task_failed", task=name, exc_info=error)
