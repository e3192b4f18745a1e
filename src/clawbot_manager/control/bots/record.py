"""Writes down what is seen of bots. What is wanted of them is never touched here."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.models import Bot, BotEvent
from clawbot_manager.control.bots.schemas import EventLevel
from clawbot_manager.infra.db import Database, Transaction
from clawbot_manager.kit.clock import Clock

_log = structlog.get_logger(__name__)

MAX_BACKOFF = timedelta(seconds=60)
_LONGEST_DETAIL = 500
_KEPT_EVENTS = 1000


class BotRecord:
    """Each call is a transaction of its own, and none when nothing differs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def observe(self, bot_id: UUID, **seen: Any) -> None:
        """Record what was seen, when it differs from what is recorded."""
        if seen.get("detail"):
            seen["detail"] = _text(seen["detail"])
        async with self._database.reading() as tx:
            bot = await repository.get(tx, bot_id)
        if bot is None or all(getattr(bot, name) == value for name, value in seen.items()):
            return
        async with self._database.transaction() as tx:
            row = await repository.get(tx, bot_id)
            if row is not None:
                for name, value in seen.items():
                    setattr(row, name, value)
                row.observed_at = self._clock.now()

    async def failed(self, bot: Bot, code: str, why: str) -> float:
        """A step failed: seconds until the next try, longer each time, which the bot's detail tells."""
        failures = bot.failures + 1
        wait = min(2.0**failures, MAX_BACKOFF.total_seconds())
        now = self._clock.now()
        if bot.code != code:
            await self.happened(bot.id, "error", code, why)
        await self.observe(
            bot.id,
            state="error",
            health="unhealthy",
            code=code,
            detail=f"{why} Next try in {wait:.0f} s.",
            failures=failures,
            retry_at=now + timedelta(seconds=wait),
        )
        _log.warning(
            "bot.failed", bot_id=str(bot.id), hostname=bot.hostname, code=code, failures=failures, why=why
        )
        return wait

    async def written(self, bot: Bot, names: list[str]) -> None:
        """Files of a running bot were brought up to date: after a change, or because other hands had."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            row = await repository.get(tx, bot.id)
            if row is None:
                return
            wanted = row.observed_at is None or row.updated_at >= row.observed_at
            row.observed_at = now
            files = ", ".join(names)
            if wanted:
                note(tx, bot.id, now, "info", "settings_applied", files)
            else:
                note(tx, bot.id, now, "warning", "workspace_mended", f"Changed by other hands: {files}.")

    async def happened(self, bot_id: UUID, level: EventLevel, code: str, detail: str | None = None) -> None:
        """Tell the owner of something that happened; the same twice in a row is told once."""
        async with self._database.transaction() as tx:
            if await repository.get(tx, bot_id) is None:
                return
            last = await repository.last_event(tx, bot_id)
            if last is None or (last.code, last.detail) != (code, _text(detail) if detail else None):
                note(tx, bot_id, self._clock.now(), level, code, detail)
                await repository.trim_events(tx, bot_id, _KEPT_EVENTS)


def note(
    tx: Transaction, bot_id: UUID, now: datetime, level: EventLevel, code: str, detail: str | None = None
) -> None:
    """Add an event to a transaction."""
    tx.add(BotEvent(bot_id=bot_id, at=now, level=level, code=code, detail=_text(detail) if detail else None))


def _text(detail: str) -> str:
    return detail.replace("\x00", "")[:_LONGEST_DETAIL]
