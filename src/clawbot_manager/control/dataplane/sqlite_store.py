"""The data plane's store on SQLite, by the standard library's driver."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from clawbot_manager.control.dataplane import store
from clawbot_manager.control.dataplane.news import KeyNews
from clawbot_manager.control.dataplane.store import (
    BotRow,
    KeyRow,
    Reading,
    RowRefusedError,
    StateRow,
    StoreAwayError,
    StoredBatch,
    TokenRow,
    Turned,
)
from clawbot_manager.control.dataplane.usage_rows import COLUMNS, Row

_INSERT = (
    f"INSERT INTO usage_records ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))}) "
    "ON CONFLICT DO NOTHING"
)
_NEXT_BATCH = "SELECT id, body FROM usage_batches WHERE id > ? ORDER BY id LIMIT 1"
_TOKENS = "SELECT token_hash, id, bot_id, expires_at FROM bot_tokens WHERE revoked_at IS NULL"
_BOTS = (
    "SELECT id, hostname, owner_id, json_extract(config, '$.tags'), json_extract(config, '$.providers'), "
    "json_extract(config, '$.egress') FROM bots WHERE deleted_at IS NULL"
)
_KEYS = (
    "SELECT id, owner_kind, owner_id, vendor, label, tag, base_url, api_type, sealed_secret, version "
    "FROM provider_keys WHERE deleted_at IS NULL AND enabled ORDER BY id"
)
_STATES = (
    "SELECT id, version, health, cooled_until FROM provider_keys "
    "WHERE deleted_at IS NULL AND enabled AND (health <> 'active' OR cooled_until IS NOT NULL)"
)

# The driver's words for values that it or the table will not have; all its others may pass.
_REFUSED = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
    UnicodeEncodeError,
)


class SqliteStore:
    """See `store.Store`. `patience` is how long to wait for another writer, in seconds."""

    def __init__(self, positional: Sequence[str], named: Mapping[str, Any], *, patience: float) -> None:
        self._positional = positional
        self._named = named
        self._patience = patience
        self._open: sqlite3.Connection | None = None

    def version(self) -> int:
        """See `store.Store`."""
        with self._connected() as connection:
            return _version(connection)

    def read(self) -> Reading:
        """See `store.Store`."""
        with self._transaction("BEGIN") as connection:
            return Reading(
                version=_version(connection),
                tokens=list(map(TokenRow._make, connection.execute(_TOKENS))),
                bots=list(map(BotRow._make, connection.execute(_BOTS))),
                keys=list(map(KeyRow._make, connection.execute(_KEYS))),
                states=list(map(StateRow._make, connection.execute(_STATES))),
            )

    def write(
        self, rows: Sequence[Row], news: Sequence[KeyNews], *, unpacked: str | None = None
    ) -> list[Turned]:
        """See `store.Store`."""
        # a transaction that reads first cannot become a writer once another has written: lock at the start
        with self._transaction("BEGIN IMMEDIATE") as connection:
            connection.executemany(_INSERT, rows)
            if unpacked is not None:
                connection.execute(store.FORGET_BATCH, (unpacked,))
            return _write_news(connection, news)

    def write_batch(self, batch: StoredBatch, news: Sequence[KeyNews]) -> list[Turned]:
        """See `store.Store`."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            connection.execute(store.WRITE_BATCH, batch)
            return _write_news(connection, news)

    def next_batch(self, after: str) -> StoredBatch | None:
        """See `store.Store`."""
        with self._connected() as connection:
            found = connection.execute(_NEXT_BATCH, (after,)).fetchone()
            return None if found is None else StoredBatch._make(found)

    def interrupt(self) -> None:
        """See `store.Store`."""
        connection = self._open
        if connection is not None:
            with suppress(sqlite3.ProgrammingError):  # closed meanwhile
                connection.interrupt()

    def close(self) -> None:
        """See `store.Store`."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._open = self._open or self._connect()
            yield connection
        except _REFUSED as error:
            self.close()
            raise RowRefusedError(str(error)) from error
        except sqlite3.Error as error:
            self.close()
            raise StoreAwayError(str(error)) from error

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._connected() as connection:
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        (path,), named = self._positional, {**self._named}
        if not named.get("uri"):
            # never make the file: an empty database would hide that the right one is gone
            path = f"file:{quote(path)}?mode=rw"
            named["uri"] = True
        named.update(isolation_level=None, check_same_thread=False, timeout=self._patience)
        connection: sqlite3.Connection = sqlite3.connect(path, **named)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection


def _version(connection: sqlite3.Connection) -> int:
    found = connection.execute(store.VERSION).fetchone()
    return 0 if found is None else int(found[0])


def _write_news(connection: sqlite3.Connection, news: Sequence[KeyNews]) -> list[Turned]:
    uses = [(_time(one.last_used_at), one.key_id.hex, one.version) for one in news if one.last_used_at]
    connection.executemany(store.NOTE_USE, uses)
    turned: list[Turned] = []
    changed = False
    for one in news:
        if one.health is None:
            continue
        until, place = _time(one.cooled_until), (one.key_id.hex, one.version)
        state = (one.health, until, one.state_reason, one.state_detail, _time(one.next_check_at), *place)
        found = connection.execute(store.TURN, (*state, *store.better_than(one))).fetchone()
        if found is not None:
            if one.health != "active":
                turned.append(Turned(found[0], found[1], found[2], one))
            changed = True
        elif until is not None and connection.execute(store.PROLONG, (*state, one.health, until)).rowcount:
            changed = True
    if changed:
        connection.execute(store.RAISE_VERSION)
    return turned


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(" ", "microseconds")[:26]
