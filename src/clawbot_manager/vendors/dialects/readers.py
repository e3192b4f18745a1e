"""Sans-IO usage readers: fed with the bytes that pass, they tell what the answer cost.

They never raise, hold bounded memory, and give the same reading however the bytes were split.
"""

import json
import re
from typing import Any, Protocol

import msgspec

from clawbot_manager.vendors.dialects.base import Collector, Reading
from clawbot_manager.vendors.dialects.sse import DEFAULT_MAX_EVENT, SseSplitter, event_data

DEFAULT_MAX_BODY = 8 << 20
_TAIL = 64 << 10
_USAGE_AT = re.compile(rb'"(usage|usageMetadata)"\s*:\s*(?=\{)')


class UsageReader(Protocol):
    """Reads one answer."""

    def feed(self, data: bytes) -> None:
        """More bytes of the answer's body."""
        ...

    def finish(self) -> Reading:
        """What the answer said; the body has ended, or broke off."""
        ...


class NullReader:
    """For answers that tell no usage: audio, pictures, plain text."""

    def feed(self, data: bytes) -> None:
        """Nothing to learn."""

    def finish(self) -> Reading:
        """No usage."""
        return Reading()


class SseReader:
    """Server-sent events of JSON objects."""

    def __init__(self, collector: Collector, max_event: int = DEFAULT_MAX_EVENT) -> None:
        self._collector = collector
        self._splitter = SseSplitter(max_event)

    def feed(self, data: bytes) -> None:
        """More bytes of the stream."""
        for block in self._splitter.feed(data):
            if block.whole:
                _take(self._collector, event_data(block.raw))

    def finish(self) -> Reading:
        """What the events said."""
        block = self._splitter.finish()
        if block is not None and block.whole:
            _take(self._collector, event_data(block.raw))
        return self._collector.reading


class NdjsonReader:
    """One JSON object a line."""

    def __init__(self, collector: Collector, max_line: int = DEFAULT_MAX_EVENT) -> None:
        self._collector = collector
        self._max = max_line
        self._pending = b""
        self._oversize = False

    def feed(self, data: bytes) -> None:
        """More bytes of the stream."""
        *lines, rest = (self._pending + data).split(b"\n")
        for line in lines:
            self._line(line)
        self._pending = rest
        if len(rest) > self._max:
            self._pending = b""
            self._oversize = True

    def finish(self) -> Reading:
        """What the lines said."""
        self._line(self._pending)
        return self._collector.reading

    def _line(self, line: bytes) -> None:
        if not self._oversize and len(line) <= self._max:
            _take(self._collector, line.strip())
        self._oversize = False


class _Whole(msgspec.Struct, gc=False):
    """The top-level fields that any collector reads; the rest of a body is skipped undecoded."""

    usage: Any = None
    model: Any = None
    choices: Any = None
    x_groq: Any = None
    status: Any = None
    stop_reason: Any = None
    finish_reason: Any = None
    type: Any = None
    error: Any = None
    usageMetadata: Any = None  # noqa: N815 - the field's name on the wire
    modelVersion: Any = None  # noqa: N815
    candidates: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    done: Any = None
    done_reason: Any = None
    meta: Any = None


class JsonReader:
    """One JSON body. Beyond `max_body` only its tail is kept, where usage stands in most dialects."""

    def __init__(self, collector: Collector, max_body: int = DEFAULT_MAX_BODY) -> None:
        self._collector = collector
        self._max = max_body
        self._body = bytearray()
        self._oversize = False

    def feed(self, data: bytes) -> None:
        """More bytes of the body."""
        self._body += data
        if len(self._body) > self._max:
            self._oversize = True
        if self._oversize and len(self._body) > 2 * _TAIL:
            del self._body[: len(self._body) - _TAIL]

    def finish(self) -> Reading:
        """What the body said."""
        reading = self._collector.reading
        if self._oversize:
            self._read_tail(bytes(self._body[-_TAIL:]))
            return reading
        try:
            if self._body.lstrip()[:1] == b"[":
                for item in msgspec.json.decode(self._body, type=list[_Whole]):
                    self._collector.take(_said(item))
            else:
                self._collector.take(_said(msgspec.json.decode(self._body, type=_Whole)))
            reading.complete = True
        except (msgspec.DecodeError, RecursionError):
            pass
        return reading

    def _read_tail(self, tail: bytes) -> None:
        for found in _USAGE_AT.finditer(tail):
            try:
                value, _ = json.JSONDecoder().raw_decode(tail[found.end() :].decode("utf-8", "replace"))
            except (ValueError, RecursionError):
                continue
            self._collector.take({found.group(1).decode(): value})


def _said(whole: _Whole) -> dict[str, Any]:
    return {name: value for name in _Whole.__struct_fields__ if (value := getattr(whole, name)) is not None}


def _take(collector: Collector, data: bytes) -> None:
    if not data:
        return
    if collector.end_mark(data):
        collector.reading.complete = True
        return
    if not collector.wants(data):
        return
    try:
        content = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return
    if isinstance(content, dict):
        collector.take(content)


def reader_for(collector: Collector, content_type: str, content_encoding: str = "") -> UsageReader:
    """The reader for an answer of this content type; a compressed one (not asked for) can't be read."""
    if content_encoding.strip().lower() not in ("", "identity"):
        return NullReader()
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "text/event-stream":
        return SseReader(collector)
    if media_type in ("application/x-ndjson", "application/ndjson", "application/jsonl"):
        return NdjsonReader(collector)
    if media_type == "application/json" or media_type.endswith("+json"):
        return JsonReader(collector)
    return NullReader()
