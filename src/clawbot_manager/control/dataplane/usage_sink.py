"""Finished requests on their way to the database: queued in memory, written in batches."""

import asyncio
from typing import Any

import structlog
from sqlalchemy.exc import DataError, IntegrityError

from clawbot_manager.control.dataplane.keyring import KeyRingService
from clawbot_manager.control.usage import repository
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.tasks import TaskOwner
from clawbot_manager.proxy.ports import UsageRecord

_log = structlog.get_logger(__name__)

_BATCH = 1_000
_MOST_TOKENS = 10**12


class UsageSinkService:
    """The proxy's `UsageSink`. Writes every `flush_seconds`, so `kill -9` loses at most that much.

    While the database is away the queue grows to `queue_size`; beyond it the newest records are dropped,
    counted and logged.
    """

    def __init__(
        self, database: Database, keyring: KeyRingService, *, flush_seconds: float, queue_size: int
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._flush_seconds = flush_seconds
        self._queue_size = queue_size
        self._queue: list[dict[str, Any]] = []
        self._flushing = asyncio.Lock()
        self._tasks = TaskOwner(_report_failure)
        self.dropped = 0

    def record(self, record: UsageRecord) -> None:
        """See `proxy.ports.UsageSink`."""
        _log.info(
            "proxy.request",
            trace_id=record.trace_id,
            hostname=record.hostname,
            vendor=record.vendor,
            status=record.status,
            error_code=record.error_code,
            attempts=len(record.attempts),
            ms=round(record.duration_ms, 1),
        )
        if len(self._queue) >= self._queue_size:
            self.dropped += 1
            if self.dropped in {1, 10, 100} or self.dropped % 1000 == 0:
                _log.error("usage.dropped", dropped=self.dropped, queued=len(self._queue))
            return
        self._queue.append(_row(record))

    async def start(self) -> None:
        """Begin to write in the background."""
        self._tasks.start(self._flush_forever(), name="usage writer")

    async def close(self) -> None:
        """Write what is left, then stop. What the database does not take now is lost, and said to be."""
        await self._tasks.close()
        try:
            await self.flush()
        except Exception:  # noqa: BLE001 - the rest of the shutdown must go on
            _log.exception("usage.lost", records=len(self._queue))

    async def flush(self) -> None:
        """Write all that is queued. A batch that cannot be written stays in the queue."""
        async with self._flushing:
            while self._queue:
                batch = self._queue[:_BATCH]
                await self._write(batch)
                del self._queue[: len(batch)]
            await self._keyring.flush()

    async def _write(self, batch: list[dict[str, Any]]) -> None:
        try:
            await repository.add_all(self._database, batch)
        except (DataError, IntegrityError):
            # One row that the database will never take must not hold up all the others.
            for row in batch:
                try:
                    await repository.add_all(self._database, [row])
                except (DataError, IntegrityError):
                    _log.exception("usage.refused", record_id=str(row["id"]), trace_id=row["trace_id"])

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(self._flush_seconds)
            try:
                await self.flush()
            except Exception as error:  # noqa: BLE001 - the writer must outlive a database that is away
                _log.warning("usage.not_written", error=type(error).__name__, queued=len(self._queue))
                await asyncio.sleep(1)


def _row(record: UsageRecord) -> dict[str, Any]:
    """The record as a row. Whatever a client or a provider sent fits the column that it goes to."""
    usage = record.usage
    return {
        "id": record.record_id,
        "owner_kind": "user",
        "owner_id": record.owner_id,
        "at": record.at,
        "trace_id": _text(record.trace_id, 64),
        "bot_id": record.bot_id,
        "hostname": record.hostname,
        "token_id": record.token_id,
        "vendor": _text(record.vendor, 40),
        "method": _text(record.method, 16),
        "endpoint": _text(record.endpoint, 300),
        "dialect": record.dialect,
        "key_id": record.key_id,
        "key_label": record.key_label,
        "model_asked": _text(record.model_asked, 200),
        "model_answered": _text(record.model_answered, 200),
        "streamed": record.streamed,
        "status": record.status,
        "error_code": _text(record.error_code, 64),
        "input_tokens": _count(usage.input_tokens),
        "output_tokens": _count(usage.output_tokens),
        "cache_read_tokens": _count(usage.cache_read_tokens),
        "cache_write_tokens": _count(usage.cache_write_tokens),
        "reasoning_tokens": _count(usage.reasoning_tokens),
        "usage_source": usage.source,
        "duration_ms": round(record.duration_ms),
        "first_byte_ms": None if record.first_byte_ms is None else round(record.first_byte_ms),
        "attempts": [
            {
                "key_id": str(one.key_id) if one.key_id else None,
                "status": one.status,
                "reason": _text(one.reason, 64),
            }
            for one in record.attempts
        ],
        "is_simulated": record.simulated,
    }


def _text(value: str | None, limit: int) -> str | None:
    """At most `limit` printable characters: PostgreSQL takes no NUL, and no database a lone surrogate."""
    return None if value is None else "".join(filter(str.isprintable, value[:limit]))


def _count(value: int | None) -> int | None:
    """A token count that can be one; anything else a provider may claim is as good as nothing said."""
    return value if value is not None and 0 <= value <= _MOST_TOKENS else None


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("usage.task_failed", task=name, exc_info=error)
