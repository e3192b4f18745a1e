"""Records of usage, stores to write them to, and what came of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from clawbot_manager.control.dataplane.news import KeyNews
from clawbot_manager.control.dataplane.postgres_store import PostgresStore
from clawbot_manager.control.dataplane.sqlite_store import SqliteStore
from clawbot_manager.control.dataplane.store import (
    Reading,
    RowRefusedError,
    StoreAwayError,
    StoredBatch,
    Turned,
)
from clawbot_manager.control.dataplane.usage_rows import IdMaker, Row, RowMaker
from clawbot_manager.control.usage.models import UsageRow
from clawbot_manager.infra.db import Database
from clawbot_manager.infra.db.drivers import driver_arguments
from clawbot_manager.kit.ids import uuid7
from clawbot_manager.proxy.ports import Usage, UsageRecord
from clawbot_manager.settings.models import normalise_database_url


def a_record(**change: Any) -> UsageRecord:
    facts: dict[str, Any] = {
        "at": datetime.now(UTC),
        "trace_id": "t" * 32,
        "owner_id": uuid7(),
        "bot_id": uuid7(),
        "hostname": "scout",
        "token_id": uuid7(),
        "vendor": "openai",
        "method": "POST",
        "endpoint": "/chat/completions",
        "dialect": "openai-chat",
        "key_id": None,
        "key_label": None,
        "model_asked": "m",
        "model_answered": "m",
        "streamed": False,
        "status": 200,
        "error_code": None,
        "usage": Usage(input_tokens=3, output_tokens=0, source="provider"),
        "duration_ms": 12.4,
        "first_byte_ms": None,
    }
    return UsageRecord(**{**facts, **change})


IDS = IdMaker()
MAKER = RowMaker()


def rows_of(records: Sequence[UsageRecord]) -> list[Row]:
    """Their rows, with new ids."""
    return MAKER.rows(records, IDS.first_of(len(records)))


def open_store(url: str, *, patience: float = 10.0) -> SqliteStore | PostgresStore:
    """A store on the database of a SQLAlchemy URL."""
    driver = driver_arguments(normalise_database_url(url))
    if driver.dialect == "sqlite":
        return SqliteStore(driver.positional, driver.named, patience=patience)
    return PostgresStore(driver.named)


async def stored(database: Database) -> list[UsageRow]:
    """All rows of usage, in the order of their ids."""
    async with database.reading() as tx:
        return list(await tx.scalars(select(UsageRow).order_by(UsageRow.id)))


@dataclasses.dataclass
class FakeStore:
    """A database in memory, that is away or refuses rows when told so. `calls` counts its good writes.

    `batches` are in the order of their ids.
    """

    rows: dict[str, Row] = dataclasses.field(default_factory=dict)
    news: list[KeyNews] = dataclasses.field(default_factory=list)
    turned: list[Turned] = dataclasses.field(default_factory=list)
    reading: Reading = dataclasses.field(default_factory=lambda: Reading(1, [], [], [], []))
    batches: list[StoredBatch] = dataclasses.field(default_factory=list)
    is_away: bool = False
    refuses: Any = None
    calls: int = 0
    interrupted: int = 0

    def version(self) -> int:
        return self.read().version

    def read(self) -> Reading:
        if self.is_away:
            raise StoreAwayError("away")
        return self.reading

    def write(
        self, rows: Sequence[Row], news: Sequence[KeyNews], *, unpacked: str | None = None
    ) -> list[Turned]:
        if self.is_away:
            raise StoreAwayError("away")
        if self.refuses is not None and any(self.refuses(row) for row in rows):
            raise RowRefusedError
        for row in rows:
            self.rows.setdefault(str(row[0]), row)
        self.batches = [one for one in self.batches if one.batch_id != unpacked]
        self.news += news
        self.calls += 1
        return self.turned if news else []

    def write_batch(self, batch: StoredBatch, news: Sequence[KeyNews]) -> list[Turned]:
        turned = self.write((), news)
        if batch not in self.batches:
            self.batches.append(batch)
        return turned

    def next_batch(self, after: str) -> StoredBatch | None:
        if self.is_away:
            raise StoreAwayError("away")
        return next((one for one in self.batches if one.batch_id > after), None)

    def interrupt(self) -> None:
        self.interrupted += 1

    def close(self) -> None:
        return

    @property
    def traces(self) -> list[Any]:
        """The trace ids of the rows, in the order in which they came."""
        return [row[4] for row in self.rows.values()]
