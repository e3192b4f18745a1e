"""Server-sent events, split by event and never by network chunk (WHATWG HTML, "Parsing an event stream")."""

import re
from typing import NamedTuple

# A blank line: an end of line followed at once by another. `\r` alone is an end of line only where no `\n`
# follows, or a lone CRLF would read as two.
_BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_END_OF_LINE = re.compile(rb"\r\n|\n|\r")
_LONGEST_BLANK_LINE = 4

DEFAULT_MAX_EVENT = 1 << 20


class Block(NamedTuple):
    """The bytes of one event with its blank line; `whole` False = too large to be read, only passed on."""

    raw: bytes
    whole: bool


class SseSplitter:
    """Cuts a byte stream into events; what it returns, joined, is exactly what it was fed.

    An event longer than `max_event` comes out in pieces marked as not whole, so that no stream makes it hold
    more than that. Which events are whole does not depend on how the bytes arrive.
    """

    def __init__(self, max_event: int = DEFAULT_MAX_EVENT) -> None:
        self._max = max_event
        self._pending = b""
        self._oversize = False

    def feed(self, data: bytes) -> list[Block]:
        """The events that these bytes complete."""
        blocks: list[Block] = []
        searched = max(0, len(self._pending) - _LONGEST_BLANK_LINE + 1)
        self._pending = self._pending + data if self._pending else data
        while (found := _BLANK_LINE.search(self._pending, searched)) is not None:
            if found.end() == len(self._pending) and self._pending.endswith(b"\r"):
                break  # the `\n` of this last CRLF may still be on its way
            raw, self._pending = self._pending[: found.end()], self._pending[found.end() :]
            blocks.append(Block(raw, whole=not self._oversize and len(raw) <= self._max))
            self._oversize = False
            searched = 0
        if len(self._pending) > self._max + _LONGEST_BLANK_LINE:
            # keep what may be the first half of the blank line
            cut = len(self._pending) - _LONGEST_BLANK_LINE
            blocks.append(Block(self._pending[:cut], whole=False))
            self._pending = self._pending[cut:]
            self._oversize = True
        return blocks

    def finish(self) -> Block | None:
        """What is left when the stream has ended; the standard drops it, a meter may still read it."""
        raw, self._pending = self._pending, b""
        if not raw:
            return None
        return Block(raw, whole=not self._oversize and len(raw) <= self._max)


def event_data(raw: bytes) -> bytes:
    """The data of an event: its `data` fields joined by line feeds; b"" when it has none."""
    if raw.startswith(b"data: ") and raw.endswith(b"\n\n") and raw.find(b"\n") == len(raw) - 2:
        return raw[6:-2] if not raw.endswith(b"\r\n\n") else raw[6:-3]
    lines = []
    for line in _END_OF_LINE.split(raw.removeprefix(b"\xef\xbb\xbf")):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value.removeprefix(b" "))
    return b"\n".join(lines)
