"""What a dialect is: the shape of the requests, the answers, the usage and the errors of one API."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import msgspec
import orjson

from clawbot_manager.vendors.dialects.requests import RequestFacts
from clawbot_manager.vendors.records import DialectId
from clawbot_manager.vendors.usage import NOTHING, Details, Usage

# What can be said of a call whose answer tells no usage: "text" = tokens of both sides, from their sizes;
# "input" = those of the request; "characters" = the text that the request wants spoken; "nothing".
Basis = Literal["text", "input", "characters", "nothing"]


class Reading:
    """What an answer said. `error` = it told of an error inside.

    `usage` may lack counts when the answer was cut; `at_least` is what it said of the output before its end.
    `passed` counts the bytes that told nothing but text, and `sample` is how they begin: with `basis` and
    `said`, the fields with the text, they make the estimate.
    """

    basis: Basis = "nothing"
    said: tuple[str, ...] = ("text", "content")
    usage: Usage = NOTHING
    model: str | None = None
    error: str | None = None
    at_least: int = 0
    passed: int = 0
    sample: bytes = b""


class Fields(msgspec.Struct, gc=False):
    """The top-level fields that most collectors read; the rest of a body is skipped undecoded."""

    model: Any = None
    usage: Any = None
    error: Any = None


class Collector(Reading):
    """Gathers one answer's facts out of its decoded JSON: the whole body, or event by event.

    `marks`: an event without any of them tells nothing, once the collector is `settled`, which it is when the
    beginning of the stream has told what only the beginning tells. `event` and `whole` decode what matters of
    an event and of a whole answer. `tables` names the objects with counts, to be found in a body that is
    no whole JSON. `stands`: an event with one of these marks, and without the second of `marks`, which is
    that of errors, stands for all before it; only the last one is decoded. `said` is for streams,
    `said_whole` for whole answers, where they differ.
    """

    marks: ClassVar[tuple[bytes, ...]] = (b'_tokens"', b'"error"')
    event: ClassVar[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Fields)
    whole: ClassVar[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Fields)
    tables: ClassVar[tuple[str, ...]] = ("usage",)
    said_whole: ClassVar[tuple[str, ...]] = ()
    basis: Basis = "text"
    settled: bool = True
    stands: ClassVar[tuple[bytes, ...]] = ()

    @property
    def reading(self) -> Reading:
        """What was gathered so far."""
        return self

    def wants(self, data: bytes) -> bool:
        """Whether an event is worth decoding: a cheap look at its bytes."""
        return not self.settled or has_mark(data, self.marks)

    @abstractmethod
    def take(self, content: Any) -> None:
        """The decoded fields of an event, or of a whole answer."""

    def take_usual(self, data: bytes) -> bool:  # noqa: ARG002 - most read events in one way only
        """Take an event that `stands` for those before it, if it is one that a quicker way understands."""
        return False


def has_mark(data: bytes, marks: Iterable[bytes]) -> bool:
    """Whether one of the marks is in the data.

    By `rfind`: it is twice as fast as `in`, which first takes the mark for a number and catches its own
    error, and as `find`; and counts stand at the end.
    """
    for mark in marks:  # noqa: SIM110 - three times as fast as `any`
        if data.rfind(mark) >= 0:
            return True
    return False


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """An error of the proxy's own: a true HTTP status, a stable code, a sentence that says what to do."""

    status: int
    code: str
    message: str
    trace_id: str


class Dialect(ABC):
    """One API shape. Stateless: instances are shared.

    `version` says where a path carries its version: "base" = the base URL has it, "none" = nowhere,
    otherwise it is the path's default. Paths come without base path and version (`/chat/completions`).
    """

    id: ClassVar[DialectId]
    version: ClassVar[str]
    default_headers: ClassVar[tuple[tuple[str, str], ...]] = ()

    @abstractmethod
    def matches(self, method: str, path: str) -> bool:
        """Whether a request is of this dialect."""

    @abstractmethod
    def facts(self, path: str, body: bytes) -> RequestFacts:
        """Model and stream flag; a body that is not understood gives none, it is the upstream's matter."""

    @abstractmethod
    def collector(self, path: str = "") -> Collector:
        """A fresh collector for one answer to a request of that path."""

    def glance(self, path: str, body: bytes) -> tuple[str | None, Usage] | None:  # noqa: ARG002 - see below
        """The model and the usage of a whole JSON answer without an error, where a quicker way than
        `collector` can tell; else None, as for most.
        """
        return None

    def asks_usage(self, path: str) -> bool:  # noqa: ARG002 - most have nothing to ask with
        """Whether `stream_options.include_usage` makes a stream of that path tell its usage."""
        return False

    def takes_forms(self, path: str) -> bool:  # noqa: ARG002 - most take JSON everywhere
        """Whether the path takes multipart forms, which are passed up unread."""
        return False

    @abstractmethod
    def error_body(self, error: ErrorFacts) -> bytes:
        """The error as this dialect's SDK expects it."""


_MOST = 1e15


def number(value: Any) -> int | None:
    """A count; None for what is none: absent, negative, no number."""
    if type(value) is int and value >= 0:
        return value
    if type(value) is float and 0 <= value < _MOST:
        return int(value)
    return None


def rows(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none when it is no list."""
    return [one for one in value if type(one) is dict] if type(value) is list else []


def count(table: Any, *path: str) -> int | None:
    """The number at a path inside nested objects; None when absent or not a count."""
    for step in path:
        if not isinstance(table, dict):
            return None
        table = table.get(step)
    return number(table)


def first_count(table: Any, *paths: tuple[str, ...]) -> int | None:
    """The first of several places that says something."""
    for path in paths:
        if (found := count(table, *path)) is not None:
            return found
    return None


def total(*parts: int | None) -> int | None:
    """The sum of what was said; None when nothing was."""
    said = [part for part in parts if part is not None]
    return sum(said) if said else None


def text(table: Any, *path: str) -> str | None:
    """The text at a path inside nested objects, or None."""
    for step in path:
        if not isinstance(table, dict):
            return None
        table = table.get(step)
    return table if isinstance(table, str) else None


# How the usual case is called: nothing to note
ORDINARY = ("default", "standard", "auto", "on_demand", "ON_DEMAND", "not_available")
_LONGEST_WORD = 64
# A field's name, and under which name it goes into the details; an object's name, and its fields. A field
# that is an object with one vendor and a number with another has "" for the number.
Names = Mapping[str, "str | Names"]


def note(details: Details, table: dict[str, Any], names: Names) -> None:
    """Add to the details what the table has under these names: numbers above 0, words out of the ordinary."""
    for name, value in table.items():
        if not value:
            continue
        place = names.get(name)
        if place is None:
            continue
        kind = type(value)
        if kind is dict:
            if type(place) is dict:
                note(details, value, place)
            continue
        if type(place) is dict:
            place = place.get("")
        if type(place) is not str:
            continue
        if kind is int or kind is float:
            if 0 < value < _MOST:
                details[place] = value
        elif kind is str and value not in ORDINARY:
            details[place] = value[:_LONGEST_WORD]


def encode(body: dict[str, Any]) -> bytes:
    """Compact JSON."""
    return orjson.dumps(body)
