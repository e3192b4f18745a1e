"""One small table, on a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from clawbot_manager.infra.db import Database
from clawbot_manager.infra.events.bus import EventBus


@dataclass(frozen=True)
class Happened:
    """An event of the tests."""

    name: str


@dataclass
class Installed:
    """A database with the table `notes`, and the events that were told."""

    database: Database
    bus: EventBus
    told: list[str] = field(default_factory=list)

    async def count(self) -> int:
        async with self.database.reading() as tx:
            return int(await tx.scalar(text("SELECT count(*) FROM notes")) or 0)


INSERT = text("INSERT INTO notes (name) VALUES (:name)")


@pytest.fixture
async def installed(database_url: str) -> AsyncIterator[Installed]:
    bus = EventBus()
    database = Database(database_url, bus)
    result = Installed(database, bus)

    async def hear(event: Happened) -> None:
        result.told.append(event.name)

    bus.subscribe(Happened, hear)
    async with database.connection() as connection:
        await connection.execute(text("CREATE TABLE notes (name VARCHAR(40) PRIMARY KEY, value INTEGER)"))
    yield result
    await database.close()
