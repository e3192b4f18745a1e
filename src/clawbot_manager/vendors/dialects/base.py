"""What a dialect is: the shape of the requests, the answers, the usage and the errors of one API."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import msgspec
import orjson

from clawbot_manager.vendors.records import DialectId
from clawbot_manager.vendors.usage import Usage


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What the proxy needs to know of a request; `asks_usage` is the client's own `include_usage`."""

    model: str | None = None
    stream: bool = False
    asks_usage: bool | None = None


@dataclass(slots=True)
class Reading:
    """What the answer said. `complete` = its own end mark was seen; `error` = it told of an error inside."""

    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    finish: str | None = None
    error: str | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """An error of the proxy's own: a true HTTP status, a stable code, a sentence that says what to do."""

    status: int
    code: str
    message: str
    trace_id: str


class Collector(Protocol):
    """Gathers one answer's facts out of its decoded JSON: the whole body, or event by event."""

    reading: Reading

    def wants(self, data: bytes) -> bool:
        """Whether an event is worth decoding: a cheap look at its bytes."""
        ...

    def take(self, content: dict[str, Any]) -> None:
        """One decoded object of the answer."""
        ...

    def end_mark(self, data: bytes) -> bool:
        """Whether this is an end mark that is not JSON, such as `[DONE]`."""
        ...


class BaseCollector:
    """A collector that decodes everything and knows no end mark."""

    def __init__(self) -> None:
        self.reading = Reading()

    def wants(self, data: bytes) -> bool:
        """Everything."""
        return bool(data)

    def end_mark(self, data: bytes) -> bool:
        """The mark that OpenAI's streams end with; the others send none."""
        return data == b"[DONE]"


class Dialect(ABC):
    """One API shape. Stateless: instances are shared.

    `version` says where a path carries its version: "base" = the base URL has it, "none" = nowhere,
    otherwise it is the path's default.
    """

    id: ClassVar[DialectId]
    version: ClassVar[str]
    default_headers: ClassVar[tuple[tuple[str, str], ...]] = ()

    @abstractmethod
    def matches(self, method: str, path: str) -> bool:
        """Whether a request is of this dialect; `path` comes without base path and version."""

    @abstractmethod
    def facts(self, path: str, body: bytes) -> RequestFacts:
        """Model and stream flag; a body that is not understood gives none, it is the upstream's matter."""

    @abstractmethod
    def collector(self) -> Collector:
        """A fresh collector for one answer."""

    @abstractmethod
    def error_body(self, error: ErrorFacts) -> bytes:
        """The error as this dialect's SDK expects it."""


class _RequestFields(msgspec.Struct, gc=False):
    model: Any = None
    stream: Any = None
    stream_options: Any = None


def json_facts(body: bytes, *, stream_default: bool = False) -> RequestFacts:
    """`model`, `stream` and `stream_options.include_usage` of a JSON body."""
    try:
        fields = msgspec.json.decode(body, type=_RequestFields)
    except (msgspec.DecodeError, RecursionError):
        return RequestFacts()
    options = fields.stream_options
    asks = options.get("include_usage") if isinstance(options, dict) else None
    return RequestFacts(
        model=fields.model if isinstance(fields.model, str) else None,
        stream=stream_default if fields.stream is None else fields.stream is True,
        asks_usage=asks if isinstance(asks, bool) else None,
    )


def count(table: Any, *path: str) -> int | None:
    """The number at a path inside nested objects; None when absent or not a count."""
    for step in path:
        if not isinstance(table, dict):
            return None
        table = table.get(step)
    if isinstance(table, bool) or not isinstance(table, (int, float)) or table < 0:
        return None
    return int(table)


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


def encode(body: dict[str, Any]) -> bytes:
    """Compact JSON."""
    return orjson.dumps(body)


StreamFormat = Literal["json", "sse", "ndjson"]
