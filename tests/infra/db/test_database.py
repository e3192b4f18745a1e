"""Transactions: all or nothing, told after the commit, reading beside writing."""

# ruff: noqa: PT012 - the block is the transaction that has to fail

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from clawbot_manager.infra.db import Database
from clawbot_manager.infra.events.bus import EventBus
from tests.infra.db.conftest import INSERT, Happened, Installed


async def test_a_transaction_commits(installed: Installed) -> None:
    async with installed.database.transaction() as tx:
        await tx.execute(INSERT, {"name": "one"})
    assert await installed.count() == 1


async def test_any_error_rolls_back(installed: Installed) -> None:
    for error in (ValueError(), asyncio.CancelledError(), SystemExit()):
        with pytest.raises(type(error)):
            async with installed.database.transaction() as tx:
                await tx.execute(INSERT, {"name": "one"})
                raise error
    assert await installed.count() == 0


async def test_a_bare_connection_commits_and_rolls_back(installed: Installed) -> None:
    async with installed.database.connection() as connection:
        await connection.execute(INSERT, {"name": "one"})
    with pytest.raises(ValueError, match="no"):
        async with installed.database.connection() as connection:
            await connection.execute(INSERT, {"name": "two"})
            raise ValueError("no")
    assert await installed.count() == 1


class TestEvents:
    async def test_are_told_in_order_after_the_commit(self, installed: Installed) -> None:
        seen: list[int] = []

        async def look(_event: Happened) -> None:
            seen.append(await installed.count())

        installed.bus.subscribe(Happened, look)
        async with installed.database.transaction() as tx:
            for name in ("first", "second", "third"):
                tx.tell(Happened(name))
            await tx.execute(INSERT, {"name": "one"})
            assert installed.told == []
        assert installed.told == ["first", "second", "third"]
        assert seen == [1, 1, 1]

    async def test_are_not_told_after_a_rollback(self, installed: Installed) -> None:
        with pytest.raises(ValueError, match="no"):
            async with installed.database.transaction() as tx:
                tx.tell(Happened("never"))
                raise ValueError("no")
        assert installed.told == []

    async def test_are_not_told_when_the_commit_fails(self, installed: Installed) -> None:
        async with installed.database.connection() as connection:
            await connection.execute(
                text(
                    "CREATE TABLE parts (name VARCHAR(40) "
                    "REFERENCES notes (name) DEFERRABLE INITIALLY DEFERRED)"
                )
            )
        with pytest.raises(IntegrityError):
            async with installed.database.transaction() as tx:
                await tx.execute(text("INSERT INTO parts (name) VALUES ('of nothing')"))
                tx.tell(Happened("never"))
        assert installed.told == []

    async def test_a_handler_may_write(self, installed: Installed) -> None:
        async def write(event: Happened) -> None:
            async with installed.database.transaction() as tx:
                await tx.execute(INSERT, {"name": event.name})

        installed.bus.subscribe(Happened, write)
        async with installed.database.transaction() as tx:
            await tx.execute(INSERT, {"name": "one"})
            tx.tell(Happened("two"))
        assert await installed.count() == 2

    async def test_a_failing_handler_leaves_the_change(self, installed: Installed) -> None:
        async def fail(_event: Happened) -> None:
            raise RuntimeError("broken")

        installed.bus.subscribe(Happened, fail)
        async with installed.database.transaction() as tx:
            await tx.execute(INSERT, {"name": "one"})
            tx.tell(Happened("told"))
        assert await installed.count() == 1
        assert installed.told == ["told"]


class TestReading:
    async def test_a_write_is_refused(self, installed: Installed) -> None:
        with pytest.raises(DBAPIError):
            async with installed.database.reading() as tx:
                await tx.execute(INSERT, {"name": "one"})
        assert await installed.count() == 0

    async def test_a_write_works_after_a_reading(self, installed: Installed) -> None:
        for number in range(3):
            assert await installed.count() == number
            async with installed.database.transaction() as tx:
                await tx.execute(INSERT, {"name": str(number)})

    async def test_readers_and_writers_do_not_wait_for_each_other(self, installed: Installed) -> None:
        async with asyncio.timeout(5):
            async with installed.database.reading() as reader:
                assert await reader.scalar(text("SELECT count(*) FROM notes")) == 0
                async with installed.database.transaction() as writer:
                    await writer.execute(INSERT, {"name": "one"})
                    assert await installed.count() == 0
                assert await installed.count() == 1

    async def test_ping(self, installed: Installed) -> None:
        await installed.database.ping()

    async def test_a_replica_answers_the_readings_alone(self, installed: Installed, tmp_path: Path) -> None:
        replica = f"sqlite+aiosqlite:///{tmp_path / 'replica.sqlite3'}"
        database = Database(installed.database.url, EventBus(), read_url=replica)
        async with database.transaction() as tx:
            await tx.execute(INSERT, {"name": "one"})
        with pytest.raises(SQLAlchemyError, match="notes"):
            async with database.reading() as tx:
                await tx.execute(text("SELECT * FROM notes"))
        await database.close()


async def test_many_that_read_and_then_write_all_succeed(installed: Installed) -> None:
    async with installed.database.transaction() as tx:
        await tx.execute(text("INSERT INTO notes VALUES ('counter', 0)"))

    async def work(number: int) -> None:
        async with installed.database.transaction() as tx:
            await tx.execute(text("SELECT count(*) FROM notes"))
            await asyncio.sleep(0.001)
            await tx.execute(INSERT, {"name": str(number)})
            await tx.execute(text("UPDATE notes SET value = value + 1 WHERE name = 'counter'"))

    await asyncio.gather(*(work(number) for number in range(30)))
    async with installed.database.reading() as tx:
        assert await tx.scalar(text("SELECT value FROM notes WHERE name = 'counter'")) == 30
    assert await installed.count() == 31


async def test_an_error_does_not_repeat_what_was_stored(installed: Installed) -> None:
    secret = "a-secret-that-was-stored"
    with pytest.raises(IntegrityError) as caught:
        async with installed.database.transaction() as tx:
            await tx.execute(INSERT, {"name": "x"})
            await tx.execute(text("INSERT INTO notes (name, value) SELECT 'x', length(:s)"), {"s": secret})
    assert secret not in str(caught.value)


class TestSqliteFile:
    async def test_nobody_else_can_read_it(self, tmp_path: Path) -> None:
        path = tmp_path / "data" / "clawbot.sqlite3"
        database = Database(f"sqlite+aiosqlite:///{path}", EventBus())
        async with database.connection() as connection:
            await connection.execute(text("CREATE TABLE t (x INTEGER)"))
            modes = {one.name: one.stat().st_mode & 0o777 for one in path.parent.iterdir()}
        await database.close()
        assert set(modes.values()) == {0o600}, modes
        assert path.parent.stat().st_mode & 0o777 == 0o700

    async def test_foreign_keys_hold_and_the_journal_is_a_wal(self, sqlite_url: str) -> None:
        database = Database(sqlite_url, EventBus())
        async with database.connection() as connection:
            assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar() == 1
            assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar() == "wal"
        await database.close()

    async def test_in_memory_readings_see_what_was_written(self) -> None:
        database = Database("sqlite+aiosqlite://", EventBus())
        async with database.connection() as connection:
            await connection.execute(text("CREATE TABLE t (x INTEGER)"))
        async with database.reading() as tx:
            assert await tx.scalar(text("SELECT count(*) FROM t")) == 0
        await database.close()


class TestSchemaChange:
    async def test_dropping_a_table_takes_no_rows_along(self, sqlite_url: str) -> None:
        database = Database(sqlite_url, EventBus())
        async with database.connection() as connection:
            for statement in (
                "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
                "CREATE TABLE children (id INTEGER REFERENCES parents (id) ON DELETE CASCADE)",
                "INSERT INTO parents VALUES (1)",
                "INSERT INTO children VALUES (1)",
            ):
                await connection.exec_driver_sql(statement)
        async with database.schema_change() as connection:
            for statement in (
                "CREATE TABLE copied (id INTEGER PRIMARY KEY, more INTEGER)",
                "INSERT INTO copied (id) SELECT id FROM parents",
                "DROP TABLE parents",
                "ALTER TABLE copied RENAME TO parents",
            ):
                await connection.exec_driver_sql(statement)
        async with database.reading() as tx:
            assert await tx.scalar(text("SELECT count(*) FROM children")) == 1
        with pytest.raises(RuntimeError, match="children"):
            async with database.schema_change() as connection:
                await connection.exec_driver_sql("DELETE FROM parents")
        async with database.reading() as tx:
            assert await tx.scalar(text("SELECT count(*) FROM parents")) == 1
        with pytest.raises(IntegrityError):
            async with database.connection() as connection:
                await connection.exec_driver_sql("INSERT INTO children VALUES (2)")
        await database.close()


async def test_a_new_file_that_somebody_else_is_writing_is_waited_for(tmp_path: Path) -> None:
    """SQLite asks no busy handler when it turns a file to WAL: two starts at once met "locked"."""
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("CREATE TABLE something (id INTEGER)")
    other.execute("BEGIN")
    other.execute("INSERT INTO something VALUES (1)")
    database = Database(f"sqlite+aiosqlite:///{path}", EventBus())
    asked = asyncio.create_task(database.ping())
    done, _ = await asyncio.wait([asked], timeout=0.1)
    assert not done
    other.execute("COMMIT")
    await asked
    await database.close()
    other.close()
