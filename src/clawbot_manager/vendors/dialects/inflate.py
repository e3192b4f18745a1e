"""Reading a copy of a compressed answer, within bounds: a few bytes can unpack to gigabytes."""

import zlib
from typing import Protocol

from clawbot_manager.vendors.dialects.base import Reading

INFLATED = frozenset(("gzip", "x-gzip", "deflate"))
MOST_INFLATED = 16 << 20
_AT_ONCE = 64 << 10


class _Reader(Protocol):
    def feed(self, data: bytes) -> None: ...
    def finish(self) -> Reading: ...


class InflatingReader:
    """Unpacks gzip and deflate (with zlib's frame or without) for another reader.

    It stops after `most` bytes, or when the data is broken; what was read until then counts.
    """

    def __init__(self, reader: _Reader, most: int = MOST_INFLATED) -> None:
        self._reader = reader
        self._left = most
        self._begun = b""
        self._unpack: zlib._Decompress | None = None

    def feed(self, data: bytes) -> None:
        """More bytes of the compressed body."""
        if self._left <= 0:
            return
        if self._unpack is None:
            data = self._begun + data
            if len(data) < 2:
                self._begun = data
                return
            self._unpack = zlib.decompressobj(_frame(data))
        try:
            while data and self._left > 0:
                unpack = self._unpack
                piece = unpack.decompress(data, min(_AT_ONCE, self._left))
                self._left -= len(piece)
                if piece:
                    self._reader.feed(piece)
                data = unpack.unconsumed_tail
                if unpack.eof:
                    data = unpack.unused_data
                    self._unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip may have several members
        except zlib.error:
            self._left = 0

    def finish(self) -> Reading:
        """What the other reader read."""
        return self._reader.finish()


def _frame(data: bytes) -> int:
    """How zlib is to take what begins so: `deflate` is sent with zlib's frame (RFC 1950), and without."""
    framed = data[:2] == b"\x1f\x8b" or (data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0)
    return zlib.MAX_WBITS | 32 if framed else -zlib.MAX_WBITS
