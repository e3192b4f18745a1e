"""Finished requests as rows of `usage_records`, for writers that know no ORM.

A row is a tuple in the order of `COLUMNS`, of plain values that SQLite takes as they are and JSON can carry:
ids are 32 hexadecimal digits, times UTC as `YYYY-MM-DD HH:MM:SS.ffffff`, JSON columns text, booleans 0 or 1.
"""

import math
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal
from uuid import UUID

import msgspec
import orjson

from clawbot_manager.proxy.ports import Attempt, UsageRecord

Kind = Literal["uuid", "time", "text", "integer", "boolean", "json"]
Value = str | int | float | None
Row = tuple[Value, ...]

# Python's sqlite3 looks None up in a registry of adapters, at 1 us each, and a third of a row is NULL. A NaN
# goes the short way; SQLite stores it as NULL (sqlite.org/floatingpoint.html), JSON writes it as null.
NULL = math.nan

COLUMNS: Mapping[str, Kind] = MappingProxyType(
    {
        "id": "uuid",
        "owner_kind": "text",
        "owner_id": "uuid",
        "at": "time",
        "trace_id": "text",
        "bot_id": "uuid",
        "hostname": "text",
        "token_id": "uuid",
        "vendor": "text",
        "method": "text",
        "endpoint": "text",
        "dialect": "text",
        "key_id": "uuid",
        "key_label": "text",
        "model_asked": "text",
        "model_answered": "text",
        "streamed": "boolean",
        "status": "integer",
        "error_code": "text",
        "input_tokens": "integer",
        "output_tokens": "integer",
        "cache_read_tokens": "integer",
        "cache_write_tokens": "integer",
        "reasoning_tokens": "integer",
        "usage_source": "text",
        "duration_ms": "integer",
        "first_byte_ms": "integer",
        "attempts": "json",
        "is_simulated": "boolean",
        "details": "json",
    }
)

_MOST_TOKENS = 10**12
_MOST_KNOWN = 10_000


class _Texts(dict[str | None, Value]):
    """What becomes of the values of a column: as they come, but at most `limit` printable characters.

    Most values come again and again, so each is looked at once.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __missing__(self, value: str | None) -> Value:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        known = self[value] = _text(value, self._limit)
        return known


class _Ids(dict[int, tuple[str, str, str]]):
    """Owner, bot and token in hexadecimal, by the token: it is one bot's and that one owner's, for good."""

    def of(self, record: UsageRecord) -> tuple[str, str, str]:
        token_id = record.token_id
        known = self.get(token_id.int)
        if known is not None:
            return known
        if len(self) >= _MOST_KNOWN:
            self.clear()
        known = self[token_id.int] = (record.owner_id.hex, record.bot_id.hex, token_id.hex)
        return known


class _Keys(dict[int, tuple[int | None, str, str]]):
    """A key's id in hexadecimal, and the JSON of its one attempt that ended with this status."""

    def of(self, key_id: UUID, status: int | None) -> tuple[int | None, str, str]:
        known = self.get(key_id.int)
        if known is not None and known[0] == status:
            return known
        if len(self) >= _MOST_KNOWN:
            self.clear()
        known = (status, key_id.hex, f"[{_attempt_text(Attempt(key_id, status))}]")
        self[key_id.int] = known
        return known


class RowMaker:
    """Makes rows. For one thread at a time."""

    def __init__(self) -> None:
        self._ids_of = _Ids().of
        self._key = _Keys().of
        self._names = _Texts(64)  # host names, error codes
        self._vendors = _Texts(40)  # dialects too
        self._methods = _Texts(16)
        self._endpoints = _Texts(300)
        self._labels = _Texts(100)
        self._models = _Texts(200)

    def rows(self, records: Sequence[UsageRecord], first_id: str) -> list[Row]:
        """A row for each record, ids from this one on. What a client or a provider sent fits its column."""
        return list(map(self._row, records, ids_from(first_id, len(records))))

    def _row(self, record: UsageRecord, row_id: str) -> Row:
        usage, trace_id = record.usage, record.trace_id
        counted, cached = usage.input_tokens, usage.cache_read_tokens
        answered, written, thought = usage.output_tokens, usage.cache_write_tokens, usage.reasoning_tokens
        owner, bot, token = self._ids_of(record)
        _, key, attempts = self._key_of(record)
        first_byte, most = record.first_byte_ms, _MOST_TOKENS
        return (
            row_id,
            "user",
            owner,
            _time(record.at),
            trace_id if len(trace_id) <= 64 and trace_id.isprintable() else _text(trace_id, 64),
            bot,
            self._names[record.hostname],
            token,
            self._vendors[record.vendor],
            self._methods[record.method],
            self._endpoints[record.endpoint],
            self._vendors[record.dialect],
            key,
            self._labels[record.key_label],
            self._models[record.model_asked],
            self._models[record.model_answered],
            1 if record.streamed else 0,
            record.status,
            self._names[record.error_code],
            # what a provider claims beyond any count is as good as nothing said
            counted if counted is not None and 0 <= counted <= most else NULL,
            answered if answered is not None and 0 <= answered <= most else NULL,
            cached if cached is not None and 0 <= cached <= most else NULL,
            written if written is not None and 0 <= written <= most else NULL,
            thought if thought is not None and 0 <= thought <= most else NULL,
            usage.source,
            round(record.duration_ms),
            NULL if first_byte is None else round(first_byte),
            attempts,
            1 if record.simulated else 0,
            NULL if usage.details is None else _details(usage.details),
        )

    def _key_of(self, record: UsageRecord) -> tuple[object, Value, str]:
        """The key's id, and the attempts as JSON: nearly always one, with that key."""
        key_id, attempts = record.key_id, record.attempts
        if len(attempts) == 1 and key_id is not None:
            (only,) = attempts
            if only.reason is None and (only.key_id is key_id or only.key_id == key_id):
                return self._key(key_id, only.status)
        text = f"[{','.join(map(_attempt_text, attempts))}]"
        return None, NULL if key_id is None else key_id.hex, text


class IdMaker:
    """Ids of rows: UUIDv7 in hexadecimal, each greater than those before it (RFC 9562 section 6.2, method 1).

    48 bits of milliseconds, 12 of a counter that runs over into them, 60 of randomness. For one thread.
    """

    def __init__(self) -> None:
        self._tick = 0

    def first_of(self, count: int) -> str:
        """The first of so many new ids; `ids_from` tells the others."""
        tick = max((time.time_ns() // 1_000_000) << 12, self._tick)
        self._tick = tick + count
        return f"{_begin(tick):016x}8{os.urandom(8).hex()[1:]}"


def ids_from(first: str, count: int) -> list[str]:
    """So many ids that `IdMaker` has given at once: they have their randomness in common."""
    begin, end = int(first[:16], 16), first[16:]
    tick = begin >> 16 << 12 | begin & 0xFFF
    return [f"{_begin(one):016x}{end}" for one in range(tick, tick + count)]


def _begin(tick: int) -> int:
    """The first half of an id."""
    return tick >> 12 << 16 | 0x7000 | tick & 0xFFF


_encode = msgspec.json.Encoder().encode
_LENGTH = len('"2026-11-27T01:02:03.040000Z"')


def _time(at: datetime) -> str:
    """As SQLAlchemy stores it in SQLite. `isoformat` takes five times as long."""
    text = _encode(at)
    if len(text) == _LENGTH and text[-2:] == b'Z"':
        return text[1:27].decode().replace("T", " ")
    return at.astimezone(UTC).isoformat(" ", "microseconds")[:26]


def _text(value: str | None, limit: int) -> Value:
    """At most `limit` printable characters: PostgreSQL takes no NUL, and no database a lone surrogate."""
    if value is None:
        return NULL
    if len(value) <= limit and value.isprintable():
        return value
    return "".join(filter(str.isprintable, value[:limit]))


def _attempt_text(attempt: Attempt) -> str:
    reason = None if attempt.reason is None else _text(attempt.reason, 64)
    key_id = None if attempt.key_id is None else str(attempt.key_id)
    return orjson.dumps({"key_id": key_id, "status": attempt.status, "reason": reason}).decode()


def _details(details: Mapping[str, int | float | str]) -> str:
    """As JSON that every database takes; what cannot be true is left out."""
    clean = {
        name: _text(value, 64) if isinstance(value, str) else value
        for name, value in details.items()
        if isinstance(value, str) or -_MOST_TOKENS <= value <= _MOST_TOKENS
    }
    return orjson.dumps(clean).decode()
