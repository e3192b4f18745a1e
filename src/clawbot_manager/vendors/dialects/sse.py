"""Server-sent events, split by event and never by network chunk (WHATWG HTML, "Parsing an event stream")."""

from collections.abc import Iterator
from typing import NamedTuple

_BLANK = frozenset((b"\n", b"\r\n", b"\r"))
_LONGEST_END = 4  # `\r\n\r\n`: the end of a line, and a blank one
_BOM = b"\xef\xbb\xbf"

DEFAULT_MAX_EVENT = 1 << 20


class Block(NamedTuple):
    """Bytes of a stream: complete events, or (`whole` False) a part of one that is too large to be read, the
    last one if it `ends` it.
    """

    raw: bytes
    whole: bool
    ends: bool = True


class SseSplitter:
    """Cuts a byte stream behind complete events; what it returns, joined, is exactly what it was fed.

    An event longer than `max_event` comes out in parts that are not whole, so that no stream makes it hold
    more than that; that an event is larger without coming in parts is for the reader of a block to see. Each
    byte is looked at and copied a fixed number of times, however small the pieces are.
    """

    def __init__(self, max_event: int = DEFAULT_MAX_EVENT) -> None:
        self._max = max_event
        self._pending = bytearray()
        self._oversize = False
        self.idle = True  # nothing is held, and no event is under way

    def feed(self, data: bytes) -> list[Block]:
        """The events that these bytes complete."""
        pending = self._pending
        if pending:
            start = max(0, len(pending) - _LONGEST_END + 1)
            pending += data
            end = _last_end(pending, start)
            raw = bytes(pending[:end])
            del pending[:end]
        elif data.endswith((b"\n\n", b"\r\n\r\n")):
            raw = data
        else:
            end = _last_end(data, 0)
            raw = data[:end]
            pending += data[end:]
        blocks = self._complete(raw) if raw else []
        if len(pending) > self._max + _LONGEST_END:
            cut = len(pending) - _LONGEST_END  # keep what may be the first half of the event's end
            blocks.append(Block(bytes(pending[:cut]), whole=False, ends=False))
            del pending[:cut]
            self._oversize = True
        self.idle = not pending and not self._oversize
        return blocks

    def finish(self) -> list[Block]:
        """What is left when the stream has ended; the standard drops it, a meter may still read it."""
        raw = bytes(self._pending)
        self._pending.clear()
        return self._complete(raw) if raw else []

    def _complete(self, raw: bytes) -> list[Block]:
        if not self._oversize:
            return [Block(raw, whole=True)]
        self._oversize = False
        tail = next(events(raw))
        rest = raw[len(tail) :]
        return [Block(tail, whole=False), *([Block(rest, whole=True)] if rest else [])]


def events(raw: bytes) -> Iterator[bytes]:
    """Complete events, one by one, each with its blank line."""
    if raw.find(b"\r") < 0:
        start = 0
        while (at := raw.find(b"\n\n", start)) >= 0:
            yield raw[start : at + 2]
            start = at + 2
        if start < len(raw):
            yield raw[start:]
        return
    lines: list[bytes] = []
    for line in raw.splitlines(keepends=True):
        lines.append(line)
        if line in _BLANK and len(lines) > 1:
            yield b"".join(lines)
            lines = []
    if lines:
        yield b"".join(lines)


def is_one_event(data: bytes) -> bool:
    """Whether the bytes are exactly one complete event whose lines all end in the same of the two usual
    ways.
    """
    if data[-2:] == b"\n\n":
        return data.find(b"\n\n") == len(data) - 2 and data.find(b"\r") < 0
    return (
        data[-4:] == b"\r\n\r\n"
        and data.find(b"\n\r") == len(data) - 3
        and data.find(b"\n\n") < 0
        and data.find(b"\r\r") < 0
    )


def marked(raw: bytes, marks: tuple[bytes, ...]) -> list[tuple[int, int]]:
    """Where complete events with a mark begin and end, whose lines end in line feeds. From behind, where
    marks mostly are; and no part is searched twice for the same mark.
    """
    found: list[tuple[int, int]] = []
    start = len(raw)
    places = [raw.rfind(mark) for mark in marks]
    while (at := max(places)) >= 0:
        end = raw.find(b"\n\n", at)
        end = len(raw) if end < 0 else end + 2
        start = raw.rfind(b"\n\n", 0, at)
        start = 0 if start < 0 else start + 2
        found.append((start, end))
        for number, place in enumerate(places):
            if place >= start:
                places[number] = raw.rfind(marks[number], 0, start)
    found.reverse()
    return found


def event_data(raw: bytes) -> bytes:
    """The data of an event: its `data` fields joined by line feeds; b"" when it has none."""
    lines = raw.splitlines()
    if raw.startswith(_BOM):
        lines[0] = lines[0][len(_BOM) :]
    if len(lines) == 2 and lines[0].startswith(b"data: "):
        return lines[0][6:]
    data = []
    for line in lines:
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
    return b"\n".join(data)


def _last_end(data: bytes | bytearray, start: int) -> int:
    """Where the last complete event ends, 0 when none is complete; none was when `data` ended at `start` +
    3.
    """
    if data.find(b"\r", start) < 0:
        at = data.rfind(b"\n\n", start)
        return at + 2 if at >= 0 else 0
    end = len(data)
    lines = data[start:].splitlines(keepends=True)
    if lines[-1].endswith(b"\r"):
        end -= len(lines.pop())  # the `\n` of this last CRLF may still be on its way
    while len(lines) > 1:  # the first line may have begun before `start`
        line = lines.pop()
        if bytes(line) in _BLANK:
            return end
        end -= len(line)
    return 0
