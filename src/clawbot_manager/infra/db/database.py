"""Engines and transactions. One request or job is one transaction; events leave only with its commit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event, make_url, text
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from clawbot_manager.infra.events.bus import EventBus

_READ_ONLY = "clawbot_read_only"


class Transaction(AsyncSession):
    """A session of one transaction that also collects the events to tell after its commit."""

    def tell(self, happened: object) -> None:
        """Publish this event once the transaction has been committed, and never when it is not."""
        self.info.setdefault("events", []).append(happened)


class Database:
    """One database, and optionally a read replica for read-only transactions."""

    def __init__(self, url: str, bus: EventBus, *, read_url: str | None = None, pool_size: int = 10) -> None:
        self.url = url
        self._bus = bus
        self._engine = _engine(url, pool_size)
        self._read_engine = _engine(read_url, pool_size) if read_url else self._engine
        self._write = async_sessionmaker(self._engine, class_=Transaction, expire_on_commit=False)
        self._read = async_sessionmaker(
            self._read_engine.execution_options(**{_READ_ONLY: True}),
            class_=Transaction,
            expire_on_commit=False,
        )

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """A writing transaction: committed at the end, rolled back on any error, then the events are told."""
        async with self._write() as session:
            async with session.begin():
                yield session
            for happened in session.info.pop("events", []):
                await self._bus.publish(happened)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A transaction that only reads; on SQLite it never waits for a writer."""
        async with self._read() as session, session.begin():
            yield session

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A bare connection in a transaction, for migrations and bulk inserts."""
        async with self._engine.begin() as connection:
            yield connection

    async def ping(self) -> None:
        """Return when the database answers; raises SQLAlchemy's own error when not."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Give back all connections."""
        await self._engine.dispose()
        if self._read_engine is not self._engine:
            await self._read_engine.dispose()


def _engine(url: str, pool_size: int) -> AsyncEngine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10},
        )
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url, connect_args={"timeout": 30})
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we send BEGIN ourselves, see _begin_sqlite
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    # A deferred transaction that reads first cannot become a writer once another one has committed
    # (SQLITE_BUSY_SNAPSHOT, no waiting): take the write lock at the start of every writing transaction.
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
