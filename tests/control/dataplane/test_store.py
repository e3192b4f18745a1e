"""The data plane's own SQL and the models of the domains mean the same tables, on both databases."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import RFC_4122, UUID

import psycopg
import pytest
from sqlalchemy import BigInteger, Boolean, Integer, String, Uuid
from sqlalchemy.engine import make_url

from clawbot_manager.control.bots.models import Bot, BotToken
from clawbot_manager.control.dataplane.postgres_store import PostgresStore
from clawbot_manager.control.dataplane.sqlite_store import SqliteStore
from clawbot_manager.control.dataplane.store import KeyRow, RowRefusedError, StoreAwayError, write_all
from clawbot_manager.control.dataplane.usage_rows import COLUMNS, NULL, Row
from clawbot_manager.control.shared.models import DataPlaneVersion
from clawbot_manager.control.usage.models import UsageRow
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.infra.db import Base, Database, UtcDateTime
from clawbot_manager.infra.db.drivers import DriverArguments, driver_arguments
from clawbot_manager.infra.events.bus import EventBus
from clawbot_manager.kit.ids import uuid7
from clawbot_manager.proxy.ports import Attempt, Usage
from clawbot_manager.settings.models import normalise_database_url
from tests.control.dataplane.records import a_record, open_store, rows_of, stored

NOW = datetime(2026, 11, 27, 1, 2, 3, 40_000, tzinfo=UTC)
HALF_HOUR_EAST = datetime.fromisoformat("2026-11-27T01:32:03.040000+00:30")

_KINDS: dict[str, Any] = {
    "uuid": Uuid,
    "time": UtcDateTime,
    "text": String,
    "boolean": Boolean,
    "integer": (Integer, BigInteger),
}


@pytest.fixture
async def database(ready_url: str) -> AsyncIterator[Database]:
    database = Database(normalise_database_url(ready_url), EventBus())
    yield database
    await database.close()


@pytest.fixture
def store(ready_url: str) -> Iterator[SqliteStore | PostgresStore]:
    store = open_store(ready_url)
    yield store
    store.close()


def test_every_column_of_usage_is_written() -> None:
    columns = UsageRow.__table__.columns
    assert set(COLUMNS) == {column.name for column in columns}
    for name, kind in COLUMNS.items():
        if kind != "json":
            assert isinstance(columns[name].type, _KINDS[kind]), name
        else:
            assert isinstance(columns[name].type, type(Base.metadata.tables["bots"].columns["config"].type))


@pytest.mark.parametrize(
    ("model", "read", "left_out"),
    [
        (
            ProviderKey,
            {"id", *KeyRow._fields} - {"key_id"} | {"health", "cooled_until", "enabled", "deleted_at"},
            {
                "hint", "fingerprint", "notes", "state_reason", "state_detail", "last_used_at",
                "last_checked_at", "next_check_at", "created_at", "updated_at",
            },
        ),
        (
            BotToken,
            {"id", "token_hash", "bot_id", "expires_at", "revoked_at"},
            {"kind", "name", "hint", "created_at"},
        ),
        (
            Bot,
            {"id", "hostname", "owner_id", "config", "deleted_at"},
            {
                "owner_kind", "name", "desired", "revision", "sealed_operator_token", "node", "port", "state",
                "health", "code", "detail", "observed_at", "started_at", "failures", "retry_at", "created_at",
                "updated_at", "agent", "image", "previous_image", "applied", "proved_revision", "proved_at",
                "restoring",
            },
        ),
        (DataPlaneVersion, {"id", "version"}, set()),
    ],
)  # fmt: skip
def test_a_new_column_is_read_or_left_out_on_purpose(
    model: type[Base], read: set[str], left_out: set[str]
) -> None:
    assert read | left_out == {column.name for column in model.__table__.columns}
    assert not read & left_out


class TestUsage:
    async def test_what_the_store_writes_the_models_read(
        self, store: SqliteStore | PostgresStore, database: Database
    ) -> None:
        key = uuid7()
        full = a_record(
            at=NOW,
            key_id=key,
            key_label="main",
            streamed=True,
            status=529,
            error_code="overloaded",
            usage=Usage(
                input_tokens=10**12,
                output_tokens=0,
                cache_read_tokens=1,
                cache_write_tokens=2,
                reasoning_tokens=3,
                source="estimated",
                details={"audio_input_tokens": 7, "service_tier": 'fl"ex\\', "cost_usd": 0.25},
            ),
            duration_ms=1234.5678,
            first_byte_ms=0.4,
            attempts=[Attempt(key, 503, "overloaded"), Attempt(None, None, "no_base_url")],
            simulated=True,
        )
        bare = a_record(
            at=HALF_HOUR_EAST, dialect=None, model_asked=None, model_answered=None, usage=Usage(), attempts=[]
        )
        store.write(rows_of([full, bare]), ())
        one, other = await stored(database)
        assert one.id.version == 7
        assert one.id < other.id
        for record, row in ((full, one), (bare, other)):
            assert (row.owner_kind, row.owner_id) == ("user", record.owner_id)
            for name in (
                "trace_id", "bot_id", "hostname", "token_id", "vendor", "method", "endpoint", "dialect",
                "key_id", "key_label", "model_asked", "model_answered", "streamed", "status", "error_code",
            ):  # fmt: skip
                assert getattr(row, name) == getattr(record, name), name
            for name in ("input", "output", "cache_read", "cache_write", "reasoning"):
                assert getattr(row, f"{name}_tokens") == getattr(record.usage, f"{name}_tokens"), name
            assert (row.usage_source, row.details) == (record.usage.source, record.usage.details)
            assert (row.at, row.is_simulated) == (NOW, record.simulated)
        assert (one.duration_ms, one.first_byte_ms, other.first_byte_ms) == (1235, 0, None)
        assert one.attempts == [
            {"key_id": str(key), "status": 503, "reason": "overloaded"},
            {"key_id": None, "status": None, "reason": "no_base_url"},
        ]
        assert other.attempts == []

    async def test_hostile_values_fit_their_columns(
        self, store: SqliteStore | PostgresStore, database: Database
    ) -> None:
        hostile = a_record(
            trace_id="t" * 99,
            vendor="v" * 64,
            endpoint="/" + "x" * 5000,
            model_asked="a\x00b\ud800c" + "x" * 5000,
            model_answered="\n",
            method="M" * 99,
            error_code="e" * 99,
            usage=Usage(
                input_tokens=10**30,
                output_tokens=-5,
                reasoning_tokens=2**39,
                source="provider",
                details={"service_tier": "\x00\ud800" + "x" * 999, "images": 10**30, "cost_usd": math.nan},
            ),
            attempts=[Attempt(uuid7(), 500, "r\x00" * 99)],
        )
        store.write(rows_of([hostile]), ())
        (row,) = await stored(database)
        assert row.model_asked is not None
        assert row.model_asked.startswith("abcx")
        assert (row.input_tokens, row.output_tokens, row.reasoning_tokens) == (None, None, 2**39)
        assert row.details == {"service_tier": "x" * 62}

    async def test_a_batch_written_twice_counts_once(
        self, store: SqliteStore | PostgresStore, database: Database
    ) -> None:
        rows = rows_of([a_record(), a_record()])
        store.write(rows, ())
        store.write([*rows, *rows_of([a_record()])], ())
        assert len(await stored(database)) == 3

    async def test_one_row_that_cannot_be_stored_does_not_hold_up_the_others(
        self, store: SqliteStore | PostgresStore, database: Database
    ) -> None:
        rows = rows_of([a_record(status=status) for status in range(200, 230)])
        without_hostname: Row = (*rows[7][:6], NULL, *rows[7][7:])
        too_large: Row = (*rows[20][:17], 10**30, *rows[20][18:])
        bad = [*rows[:7], without_hostname, *rows[8:20], too_large, *rows[21:]]
        with pytest.raises(RowRefusedError):
            store.write(bad, ())
        assert await stored(database) == []
        refused: list[Row] = []
        write_all(store, bad, (), refused.append)
        assert refused == [without_hostname, too_large]
        assert [row.status for row in await stored(database)] == [
            *range(200, 207),
            *range(208, 220),
            *range(221, 230),
        ]

    def test_ids_ascend_also_when_many_are_made_at_once(self) -> None:
        ids = [str(row[0]) for _ in range(3) for row in rows_of([a_record()] * 3000)]
        assert ids == sorted(set(ids))
        assert {(UUID(one).version, UUID(one).variant) for one in ids} == {(7, RFC_4122)}


class TestReading:
    async def test_what_the_models_write_the_store_reads(
        self, store: SqliteStore | PostgresStore, database: Database
    ) -> None:
        bot, gone = _a_bot("scout"), _a_bot("gone", deleted_at=NOW)
        live, revoked = (
            _a_token(bot, b"\x00\xff" * 16, expires_at=NOW),
            _a_token(bot, b"r" * 32, revoked_at=NOW),
        )
        key = _a_key(
            tag="a", base_url="https://h.example", api_type="openai-chat", sealed_secret="v1.1.x.y", version=3
        )
        failed = _a_key(label="failed", health="failed")
        resting = _a_key(label="resting", cooled_until=NOW)
        others = [_a_key(label="off", enabled=False), _a_key(label="deleted", deleted_at=NOW)]
        async with database.transaction() as tx:
            tx.add_all([bot, gone, key, failed, resting, *others])
            await tx.flush()
            tx.add_all([live, revoked])
        reading = store.read()
        (token,) = reading.tokens
        assert (token.token_hash, UUID(token.token_id), UUID(token.bot_id)) == (
            live.token_hash,
            live.id,
            bot.id,
        )
        assert token.expires_at == "2026-11-27 01:02:03.040000"
        (known,) = reading.bots
        assert (UUID(known.bot_id), known.hostname, UUID(known.owner_id)) == (bot.id, "scout", bot.owner_id)
        assert '"vendor"' in known.providers
        assert known.tags.replace(" ", "") == '["a","b"]'
        assert [UUID(row.key_id) for row in reading.keys] == sorted([key.id, failed.id, resting.id])
        first = next(row for row in reading.keys if row.label == "main")
        assert (UUID(first.key_id), UUID(first.owner_id)) == (key.id, key.owner_id)
        assert first[3:] == ("openai", "main", "a", "https://h.example", "openai-chat", "v1.1.x.y", 3)
        assert first.owner_kind == "user"
        assert {(UUID(row.key_id), row.health, row.cooled_until) for row in reading.states} == {
            (failed.id, "failed", None),
            (resting.id, "active", "2026-11-27 01:02:03.040000"),
        }
        assert reading.version == store.version() == 1

    async def test_rows_that_did_not_change_read_the_same(
        self, store: SqliteStore | PostgresStore, database: Database
    ) -> None:
        bot = _a_bot("scout")
        async with database.transaction() as tx:
            tx.add_all([bot, _a_key()])
            await tx.flush()
            tx.add(_a_token(bot, b"h" * 32))
        assert store.read() == store.read()


class TestAway:
    async def test_a_server_that_is_gone_is_away_and_comes_back(self, ready_postgresql: str) -> None:
        store = open_store(ready_postgresql)
        assert store.version() == 1
        assert isinstance(store, PostgresStore)
        assert store._open is not None
        _end_session(ready_postgresql, store._open.info.backend_pid)
        with pytest.raises(StoreAwayError):
            store.version()
        assert store.version() == 1
        store.interrupt()
        with pytest.raises(StoreAwayError):
            store.write((), ())
        store.close()
        store.interrupt()
        assert store.write((), ()) == []
        store.close()

    def test_a_file_that_is_locked_is_away(self, ready_sqlite: str) -> None:
        store = open_store(ready_sqlite, patience=0.05)
        path = ready_sqlite.removeprefix("sqlite:///")
        rows = rows_of([a_record()])
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreAwayError, match="locked"):
            store.write(rows, ())
        assert store.version() == 1  # readers do not wait for writers
        blocker.execute("COMMIT")
        store.write(rows, ())
        blocker.close()
        store.close()

    def test_a_file_that_is_not_there_is_not_made(self, tmp_path: Path) -> None:
        path = tmp_path / "a b?c.sqlite3"
        store = open_store(f"sqlite:///{path}")
        with pytest.raises(StoreAwayError):
            store.version()
        assert not path.exists()

    async def test_a_table_that_is_missing_is_away(self, database_url: str) -> None:
        database = Database(database_url, EventBus())
        async with database.connection() as connection:
            await connection.exec_driver_sql("CREATE TABLE other (id INTEGER)")
        await database.close()
        store = open_store(database_url)
        with pytest.raises(StoreAwayError):
            store.write(rows_of([a_record()]), ())
        store.close()

    async def test_no_error_quotes_what_was_to_be_stored(self, ready_postgresql: str) -> None:
        store = open_store(ready_postgresql)
        row = rows_of([a_record(hostname="planted")])[0]
        for bad in ((*row[:3], "not a time", *row[4:]), (*row[:4], NULL, *row[5:])):
            with pytest.raises(RowRefusedError) as caught:
                store.write([bad], ())
            assert "planted" not in repr(caught.value)
            assert caught.value.__cause__ is None
        store.close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////tmp/a b/x.db",
        "sqlite:///file:x.db?mode=rw&uri=true",
        "postgresql://u:p%40w@h:5433/db?sslmode=require&connect_timeout=3",
        "postgresql://u@/db?host=/var/run/postgresql",
        "postgres://u@/db?host=a:1&host=b:2",
    ],
)
def test_a_url_means_to_the_driver_what_it_means_to_sqlalchemy(url: str) -> None:
    parsed = make_url(normalise_database_url(url))
    positional, named = parsed.get_dialect()().create_connect_args(parsed)
    driver = driver_arguments(normalise_database_url(url))
    assert driver == DriverArguments(driver.dialect, list(positional), dict(named))
    assert "p@w" not in repr(driver)


def test_another_database_is_refused() -> None:
    with pytest.raises(ValueError, match="mysql"):
        driver_arguments("mysql+pymysql://u@h/db")


def _end_session(url: str, pid: int) -> None:
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [pid])


def _a_bot(hostname: str, **change: Any) -> Bot:
    facts: dict[str, Any] = {
        "owner_kind": "user",
        "owner_id": uuid7(),
        "name": hostname,
        "hostname": hostname,
        "config": {"providers": [{"vendor": "openai", "models": ["m"]}], "tags": ["a", "b"], "persona": {}},
        "desired": "running",
        "revision": 1,
        "sealed_operator_token": "x",
        "agent": "builtin",
        "node": "here",
        "port": None,
        "state": "running",
        "health": "healthy",
        "failures": 0,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Bot(**{**facts, "id": uuid7(), **change})


def _a_token(bot: Bot, token_hash: bytes, **change: Any) -> BotToken:
    return BotToken(
        id=uuid7(),
        bot_id=bot.id,
        kind="client",
        name="t",
        token_hash=token_hash,
        hint="…",
        created_at=NOW - timedelta(days=1),
        **change,
    )


def _a_key(label: str = "main", **change: Any) -> ProviderKey:
    facts: dict[str, Any] = {
        "owner_kind": "user",
        "owner_id": uuid7(),
        "vendor": "openai",
        "label": label,
        "enabled": True,
        "notes": "",
        "health": "active",
        "created_at": NOW,
        "updated_at": NOW,
    }
    return ProviderKey(**{**facts, "id": uuid7(), **change})
