"""Engines and transactions. One request or job is one transaction; events leave only with its commit."""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, make_url, text
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)

from clawbot_manager.infra.events.bus import EventBus

_PATIENCE = 30  # seconds for another writer of an SQLite file


class Transaction(AsyncSession):
    """A session of one transaction that also collects the events to tell after its commit, and the acts."""

    def tell(self, happened: object) -> None:
        """Publish this event once the transaction has been committed, and never when it is not."""
        self.info.setdefault("events", []).append(happened)

    def record(self, act: object) -> None:
        """Have this act stored with the transaction, right before its commit; see `Database.keep_acts`."""
        self.info.setdefault("acts", []).append(act)


KeepActs = Callable[[Transaction, list[Any]], Awaitable[None]]


class Database:
    """One database, and optionally a read replica for read-only transactions."""

    def __init__(self, url: str, bus: EventBus, *, read_url: str | None = None, pool_size: int = 10) -> None:
        self.url = url
        self._bus = bus
        self._keep_acts: KeepActs | None = None
        self._engine = _engine(url, pool_size)
        if read_url or (self.dialect == "sqlite" and _is_file(make_url(url))):
            self._read_engine = _engine(read_url or url, pool_size, read_only=True)
        else:
            self._read_engine = self._engine
        self._write = async_sessionmaker(self._engine, class_=Transaction, expire_on_commit=False)
        self._read = async_sessionmaker(
            self._read_engine.execution_options(postgresql_readonly=True),
            class_=Transaction,
            expire_on_commit=False,
        )

    def keep_acts(self, keep: KeepActs) -> None:
        """What stores the acts of every transaction from now on."""
        self._keep_acts = keep

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
                if (acts := session.info.pop("acts", None)) and self._keep_acts is not None:
                    await self._keep_acts(session, acts)
            for happened in session.info.pop("events", []):
                await self._bus.publish(happened)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A transaction that only reads (a write is refused); on SQLite it never waits for a writer."""
        async with self._read() as session, session.begin():
            yield session

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """A bare connection in a transaction, for migrations and bulk inserts."""
        async with self._engine.begin() as connection:
            yield connection

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database that is one."""
        parsed = make_url(self.url)
        return Path(parsed.database or "") if self.dialect == "sqlite" and _is_file(parsed) else None

    async def own_connection(self) -> AsyncConnection:
        """A bare connection for the caller to keep and to close, outside any transaction."""
        connection = await self._engine.connect()
        return await connection.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[AsyncConnection]:
        """A bare connection to the database itself, not its replica, that does not wait for a writer."""
        engine = self._read_engine if self.dialect == "sqlite" else self._engine
        async with engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def schema_change(self) -> AsyncIterator[AsyncConnection]:
        """A bare connection in a transaction that may rebuild tables.

        SQLite can change most of a table only by a copy, and dropping the original would delete, by cascade,
        every row that refers to it: foreign keys are off meanwhile, and checked before the commit.
        """
        if self.dialect != "sqlite":
            async with self.connection() as connection:
                yield connection
            return
        async with self._engine.connect() as connection:
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.execute("PRAGMA foreign_keys=OFF")  # without effect once a transaction is open
            try:
                async with connection.begin():
                    yield connection
                    broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
                    if broken:
                        raise RuntimeError(f"rows of {sorted({row[0] for row in broken})} refer to nothing")
            finally:
                await raw.execute("PRAGMA foreign_keys=ON")

    async def ping(self) -> None:
        """Return when the database answers; raises SQLAlchemy's own error when not."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Give back all connections."""
        await self._engine.dispose()
        if self._read_engine is not self._engine:
            await self._read_engine.dispose()


def _engine(url: str, pool_size: int, *, read_only: bool = False) -> AsyncEngine:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_pre_ping=True,
            hide_parameters=True,  # errors are logged; what was being stored must not be
            connect_args={"connect_timeout": 10},
        )
    engine = create_async_engine(url, hide_parameters=True, connect_args={"timeout": _PATIENCE})
    if _is_file(parsed):
        path = Path(parsed.database or "")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        event.listen(engine.sync_engine, "do_connect", partial(_make_private_file, path))
    event.listen(engine.sync_engine, "connect", partial(_prepare_sqlite, read_only=read_only))
    event.listen(engine.sync_engine, "begin", partial(_begin_sqlite, read_only=read_only))
    return engine


def _is_file(url: URL) -> bool:
    return bool(url.database) and url.database != ":memory:" and not str(url.database).startswith("file:")


def _make_private_file(path: Path, *_arguments: Any) -> None:
    # SQLite would make it readable for everybody; its -wal and -shm files get the mode of this one.
    # O_EXCL: a database that exists must never be opened here. Closing any descriptor of it drops all POSIX
    # locks that SQLite holds on it in this process (sqlite.org/howtocorrupt.html, section 2.2).
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _prepare_sqlite(connection: Any, _record: Any, *, read_only: bool) -> None:
    connection.isolation_level = None  # we send BEGIN ourselves, see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_PATIENCE * 1000}")
    _turn_to_wal(cursor)
    pragmas = ["synchronous=NORMAL", "foreign_keys=ON"]
    for pragma in [*pragmas, "query_only=ON"] if read_only else pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _turn_to_wal(cursor: Any) -> None:
    # Only the first connection to a new file changes anything. To others that try meanwhile SQLite answers
    # "locked" without asking the busy handler (sqlite.org/c3ref/busy_handler.html: to wait there could be a
    # deadlock), so processes that start at once on a new file must wait by themselves.
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.01)


def _begin_sqlite(connection: Any, *, read_only: bool) -> None:
    # A deferred transaction that reads first cannot become a writer once another one has committed
    # (SQLITE_BUSY_SNAPSHOT, no waiting): take the write lock at the start of every writing transaction.
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
