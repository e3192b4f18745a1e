"""The data plane's store on PostgreSQL, by psycopg."""

import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import orjson
import psycopg

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
from clawbot_manager.control.dataplane.usage_rows import COLUMNS, Kind, Row

_CASTS: Mapping[Kind, str] = {
    "uuid": "(r ->> {})::uuid",
    "time": "(r ->> {})::timestamp AT TIME ZONE 'UTC'",
    "text": "r ->> {}",
    "integer": "(r ->> {})::bigint",
    "boolean": "(r ->> {})::integer::boolean",
    "json": "(r ->> {})::jsonb",
}
# One parameter for a whole batch: an array of arrays. Binding 30 values a row costs the proxy ten times that.
_INSERT = (
    f"INSERT INTO usage_records ({', '.join(COLUMNS)}) "
    f"SELECT {', '.join(_CASTS[kind].format(at) for at, kind in enumerate(COLUMNS.values()))} "
    "FROM jsonb_array_elements(%s::jsonb) AS batch (r) ON CONFLICT DO NOTHING"
)


def _hex(column: str) -> str:
    return f"encode(uuid_send({column}), 'hex')"


def _time(column: str) -> str:
    return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"


_TOKENS = (
    f"SELECT token_hash, {_hex('id')}, {_hex('bot_id')}, {_time('expires_at')} "
    "FROM bot_tokens WHERE revoked_at IS NULL"
)
_BOTS = (
    f"SELECT {_hex('id')}, hostname, {_hex('owner_id')}, config ->> 'tags', config ->> 'providers', "
    "config ->> 'egress' FROM bots WHERE deleted_at IS NULL"
)
_KEYS = (
    f"SELECT {_hex('id')}, owner_kind, {_hex('owner_id')}, vendor, label, tag, base_url, api_type, "
    "sealed_secret, version FROM provider_keys WHERE deleted_at IS NULL AND enabled ORDER BY id"
)
_STATES = (
    f"SELECT {_hex('id')}, version, health, {_time('cooled_until')} FROM provider_keys "
    "WHERE deleted_at IS NULL AND enabled AND (health <> 'active' OR cooled_until IS NOT NULL)"
)
_NEXT_BATCH = f"SELECT {_hex('id')}, body FROM usage_batches WHERE id > %s::uuid ORDER BY id LIMIT 1"
_WRITE_BATCH = store.WRITE_BATCH.replace("?", "%s")
_FORGET_BATCH = store.FORGET_BATCH.replace("?", "%s")
_LEAST_ID = "0" * 32
_TURN = store.TURN.replace("?", "%s").replace("owner_id,", f"{_hex('owner_id')},")
_PROLONG = store.PROLONG.replace("?", "%s")
_NOTE_USE = store.NOTE_USE.replace("?", "%s")
# all at once and in one order: processes that write news of the same keys must not wait for each other
_LOCK = "SELECT FROM provider_keys WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"

_REFUSED = (psycopg.DataError, psycopg.IntegrityError, orjson.JSONEncodeError)

# What a URL may set otherwise: a server that is gone must be noticed, and not only when a packet comes back.
_DEFAULTS = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "tcp_user_timeout": 10_000,
    "application_name": "clawbot-manager proxy",
}


class PostgresStore:
    """See `store.Store`."""

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = {**_DEFAULTS, **named}
        self._open: psycopg.Connection[Any] | None = None
        self._closing = threading.Lock()
        self._wire: socket.socket | None = None

    def version(self) -> int:
        """See `store.Store`."""
        with self._connected() as connection:
            return _version(connection)

    def read(self) -> Reading:
        """See `store.Store`."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as connection:
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
        with self._transaction("BEGIN") as connection:
            if rows:
                connection.execute(_INSERT, (orjson.dumps(rows).decode(),))
            if unpacked is not None:
                connection.execute(_FORGET_BATCH, (unpacked,))
            return _write_news(connection, news)

    def write_batch(self, batch: StoredBatch, news: Sequence[KeyNews]) -> list[Turned]:
        """See `store.Store`."""
        with self._transaction("BEGIN") as connection:
            connection.execute(_WRITE_BATCH, batch)
            return _write_news(connection, news)

    def next_batch(self, after: str) -> StoredBatch | None:
        """See `store.Store`."""
        with self._connected() as connection:
            found = connection.execute(_NEXT_BATCH, (after or _LEAST_ID,)).fetchone()
            return None if found is None else StoredBatch._make(found)

    def interrupt(self) -> None:
        """See `store.Store`."""
        with self._closing:
            if self._wire is not None:
                with suppress(OSError):
                    self._wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """See `store.Store`."""
        connection, self._open = self._open, None
        with self._closing:
            if self._wire is not None:
                self._wire.close()
                self._wire = None
        if connection is not None:
            connection.close()

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Any]]:
        try:
            yield self._open or self._connect()
        except _REFUSED as error:
            self.close()
            raise RowRefusedError(_words(error)) from None
        except psycopg.Error as error:
            self.close()
            raise StoreAwayError(_words(error)) from None

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[psycopg.Connection[Any]]:
        with self._connected() as connection:
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")

    def _connect(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = psycopg.connect(**self._named, autocommit=True)
        self._open = connection
        # A descriptor of our own, to end a call that hangs: the driver's may be closed by then, and its
        # number another's. A server that stands still takes no request to cancel; no time-out of TCP strikes.
        self._wire = socket.socket(fileno=os.dup(connection.fileno()))
        return connection


def _words(error: Exception) -> str:
    """What kind of error it was. The server's own text may quote what was to be stored."""
    code = getattr(error, "sqlstate", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def _version(connection: psycopg.Connection[Any]) -> int:
    found = connection.execute(store.VERSION).fetchone()
    return 0 if found is None else int(found[0])


def _write_news(connection: psycopg.Connection[Any], news: Sequence[KeyNews]) -> list[Turned]:
    if not news:
        return []
    connection.execute(_LOCK, ([one.key_id for one in news],))
    if uses := [(one.last_used_at, one.key_id, one.version) for one in news if one.last_used_at]:
        connection.cursor().executemany(_NOTE_USE, uses)
    turned: list[Turned] = []
    changed = False
    for one in news:
        if one.health is None:
            continue
        until, place = one.cooled_until, (one.key_id, one.version)
        state = (one.health, until, one.state_reason, one.state_detail, one.next_check_at, *place)
        found = connection.execute(_TURN, (*state, *store.better_than(one))).fetchone()
        if found is not None:
            if one.health != "active":
                turned.append(Turned(found[0], found[1], found[2], one))
            changed = True
        elif until is not None and connection.execute(_PROLONG, (*state, one.health, until)).rowcount:
            changed = True
    if changed:
        connection.execute(store.RAISE_VERSION)
    return turned
