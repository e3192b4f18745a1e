"""Sans-IO usage readers: fed with the bytes that pass, they tell what the answer cost.

They never raise, hold bounded memory, look at each byte a fixed number of times, and give the same reading
however the bytes were split. Most of what passes tells nothing and must cost next to nothing: whole events
without a mark of their dialect are not even taken apart.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from clawbot_manager.vendors.dialects.base import Collector, Dialect, Reading, has_mark
from clawbot_manager.vendors.dialects.bodies import JsonReader
from clawbot_manager.vendors.dialects.inflate import INFLATED, InflatingReader
from clawbot_manager.vendors.dialects.sse import (
    DEFAULT_MAX_EVENT,
    Block,
    SseSplitter,
    event_data,
    events,
    is_one_event,
    marked,
)
from clawbot_manager.vendors.dialects.tables import Ends

SAMPLE = 4 << 10
_LONGEST_BEGINNING = 256  # events; what has not told its model by then will not
_BLANK = re.compile(rb"[\r\n]++")

_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/stream+json")
_OPAQUE = ("audio/", "image/", "video/", "font/", "application/zip")


class UsageReader(Protocol):
    """Reads one answer."""

    def feed(self, data: bytes) -> None:
        """More bytes of the answer's body."""
        ...

    def finish(self) -> Reading:
        """What the answer said; the body has ended, or broke off. Called once."""
        ...


class OpaqueReader:
    """For bodies that tell no usage in a form that can be read: counts their bytes."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def feed(self, data: bytes) -> None:
        """Nothing to learn but its size."""
        self._collector.passed += len(data)

    def finish(self) -> Reading:
        """No usage."""
        return self._collector


class StreamReader:
    """What the readers of streams share: a collector, and a sample of the text that passes."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._room = SAMPLE if collector.basis == "text" else 0
        self._sample: list[bytes] = []
        self._unsettled = _LONGEST_BEGINNING
        self._large: Ends | None = None

    def _pass_by(self, data: bytes) -> None:
        """Bytes that tell nothing but text."""
        self._collector.passed += len(data)
        if self._room > 0:
            self._keep_some(data)

    def _keep_some(self, data: bytes) -> None:
        """For the sample, which is not full yet."""
        data = data[: self._room]
        self._room -= len(data)
        self._sample.append(data)

    def _part(self, data: bytes, *, ends: bool) -> None:
        """A part of an event that is too large to be decoded: a picture is in it, and counts at its ends."""
        self._pass_by(data)
        if self._large is None:
            self._large = Ends()
        self._large.feed(data)
        if ends:
            self._large.read(self._collector)
            self._large = None

    def _take(self, data: bytes) -> None:
        """The JSON of an event."""
        self._unsettled -= 1
        if self._unsettled == 0:
            self._collector.settled = True
        try:
            content = self._collector.event.decode(data)
        except (ValueError, RecursionError):
            return
        self._collector.take(content)

    def _finished(self) -> Reading:
        if self._large is not None:
            self._large.read(self._collector)
        self._collector.sample = b"".join(self._sample)
        return self._collector


class SseReader(StreamReader):
    """Server-sent events of JSON objects."""

    def __init__(self, collector: Collector, max_event: int = DEFAULT_MAX_EVENT) -> None:
        super().__init__(collector)
        self._splitter = SseSplitter(max_event)
        self._max = max_event
        self._latest = b""

    def feed(self, data: bytes) -> None:
        """More bytes of the stream."""
        collector = self._collector
        if data[-2:] == b"\n\n" and self._splitter.idle and collector.settled:
            for mark in collector.marks:
                if data.rfind(mark) >= 0:
                    break
            else:
                collector.passed += len(data)
                if self._room > 0:
                    self._keep_some(data)
                return
        if self._splitter.idle and is_one_event(data):
            self._event(data)
            return
        for block in self._splitter.feed(data):
            self._block(block)

    def finish(self) -> Reading:
        """What the events said."""
        for block in self._splitter.finish():
            self._block(block)
        self._take_latest()
        return self._finished()

    def _block(self, block: Block) -> None:
        raw = block.raw
        if not block.whole:
            self._take_latest()
            self._part(raw, ends=block.ends)
        elif raw.find(b"\r") >= 0:
            for event in events(raw):
                self._event(event)
        else:
            self._search(raw)

    def _search(self, raw: bytes) -> None:
        """Complete events whose lines end in line feeds: those with a mark are found, not come upon."""
        start = self._beginning(raw)
        rest = raw[start:] if start else raw
        passed = 0
        for begin, end in marked(rest, self._collector.marks):
            if begin > passed:
                self._pass_by(rest[passed:begin])
            self._event(rest[begin:end])
            passed = end
        if passed < len(rest):
            self._pass_by(rest[passed:] if passed else rest)

    def _beginning(self, raw: bytes) -> int:
        """Read the events until the collector is settled; gives where the next one begins."""
        start = 0
        while not self._collector.settled and start < len(raw):
            if (blank := _BLANK.match(raw, start)) is not None:
                self._pass_by(blank.group())
                start = blank.end()
                continue
            end = raw.find(b"\n\n", start)
            end = len(raw) if end < 0 else end + 2
            self._event(raw[start:end])
            start = end
        return start

    def _event(self, raw: bytes) -> None:
        if raw[0] in b"\r\n":
            event = raw.lstrip(b"\r\n")
            self._pass_by(raw[: len(raw) - len(event)])
            if not event:
                return
            raw = event
        collector = self._collector
        if len(raw) > self._max:
            self._take_latest()
            self._part(raw, ends=True)
        elif not has_mark(raw, collector.marks):
            if not collector.settled:
                self._take(event_data(raw))
            self._pass_by(raw)
        elif collector.settled and has_mark(raw, collector.stands) and raw.rfind(collector.marks[1]) < 0:
            self._latest = raw
        else:
            self._take_latest()
            self._take(event_data(raw))

    def _take_latest(self) -> None:
        if self._latest:
            data, self._latest = event_data(self._latest), b""
            if not self._collector.take_usual(data):
                self._take(data)


class NdjsonReader(StreamReader):
    """One JSON object a line."""

    def __init__(self, collector: Collector, max_line: int = DEFAULT_MAX_EVENT) -> None:
        super().__init__(collector)
        self._max = max_line
        self._pending = bytearray()
        self._oversize = False

    def feed(self, data: bytes) -> None:
        """More bytes of the stream."""
        pending = self._pending
        if data[-1:] == b"\n" and not pending and not self._oversize and not self._collector.wants(data):
            self._pass_by(data)
            return
        end = data.rfind(b"\n") + 1
        if end:
            lines = bytes(pending) + data[:end]
            pending.clear()
            for line in lines.split(b"\n")[:-1]:
                self._line(line + b"\n")
        pending += data[end:]
        if len(pending) > self._max:
            self._part(bytes(pending), ends=False)
            pending.clear()
            self._oversize = True

    def finish(self) -> Reading:
        """What the lines said."""
        if self._pending:
            self._line(bytes(self._pending))
        return self._finished()

    def _line(self, raw: bytes) -> None:
        if self._oversize or len(raw) > self._max + 1:
            self._oversize = False
            self._part(raw, ends=True)
            return
        marked = has_mark(raw, self._collector.marks)
        if marked or not (self._collector.settled or raw.isspace()):
            self._take(raw)
        if not marked:
            self._pass_by(raw)


def reader_for(collector: Collector, content_type: str, content_encoding: str = "") -> UsageReader:
    """The reader for an answer of this content type; a compressed one (not asked for) is unpacked on the
    way.
    """
    kind, encoding = _kind(content_type, content_encoding)
    if encoding == "identity":
        return kind(collector)
    return InflatingReader(kind(collector)) if encoding in INFLATED else OpaqueReader(collector)


def read_whole(dialect: Dialect, path: str, content_type: str, body: bytes) -> Reading:
    """What a whole answer says that came in one piece and is not compressed. `Dialect.glance` is quicker."""
    reader = reader_for(dialect.collector(path), content_type)
    reader.feed(body)
    return reader.finish()


@lru_cache(maxsize=256)
def _kind(content_type: str, content_encoding: str) -> tuple[Callable[[Collector], UsageReader], str]:
    """Which reader, and the compression. A type that is not known may well be JSON, as may none at all."""
    media_type = content_type.partition(";")[0].strip().lower()
    encoding = content_encoding.strip().lower() or "identity"
    if media_type == "text/event-stream":
        return SseReader, encoding
    if media_type in _NDJSON:
        return NdjsonReader, encoding
    return (OpaqueReader if media_type.startswith(_OPAQUE) else JsonReader), encoding
