"""Times go in aware and come out aware, on both databases; names of constraints are fixed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, UniqueConstraint, select
from sqlalchemy.exc import StatementError

from clawbot_manager.infra.db import Base, Database, Json, UtcDateTime
from clawbot_manager.infra.events.bus import EventBus

ROWS = Table(
    "rows",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime()),
    Column("doc", Json),
)
MOMENT = datetime(2026, 3, 1, 9, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url, EventBus())
    async with made.connection() as connection:
        await connection.run_sync(ROWS.metadata.create_all)
    yield made
    await made.close()


async def stored(database: Database, at: datetime | None) -> datetime | None:
    async with database.connection() as connection:
        await connection.execute(ROWS.delete())
        await connection.execute(ROWS.insert().values(id=1, at=at))
        result: datetime | None = (await connection.execute(select(ROWS.c.at))).scalar_one()
        return result


async def test_a_time_comes_back_as_the_same_moment_in_utc(database: Database) -> None:
    for zone in (UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-9, minutes=-30))):
        back = await stored(database, MOMENT.astimezone(zone))
        assert back is not None
        assert back == MOMENT
        assert back.utcoffset() == timedelta(0)
    assert await stored(database, None) is None


async def test_times_compare_as_moments(database: Database) -> None:
    await stored(database, MOMENT)
    later = (MOMENT + timedelta(seconds=1)).astimezone(timezone(timedelta(hours=-8)))
    async with database.connection() as connection:
        assert (await connection.execute(select(ROWS.c.id).where(ROWS.c.at < later))).all() == [(1,)]
        assert (await connection.execute(select(ROWS.c.id).where(ROWS.c.at > later))).all() == []


async def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="naive"):
        await stored(database, MOMENT.replace(tzinfo=None))


async def test_a_document_comes_back(database: Database) -> None:
    document = {"名": ["机器人", 1, None, {"deep": True}]}
    async with database.connection() as connection:
        await connection.execute(ROWS.insert().values(id=1, doc=document))
        assert (await connection.execute(select(ROWS.c.doc))).scalar_one() == document


def test_constraints_have_names_that_migrations_can_use() -> None:
    table = Table(
        "things",
        MetaData(naming_convention=Base.metadata.naming_convention),
        Column("a", Integer, index=True),
        Column("b", Integer),
        UniqueConstraint("a", "b"),
    )
    assert {index.name for index in table.indexes} == {"ix_things_a"}
    assert "uq_things_a_b" in {constraint.name for constraint in table.constraints}
