"""The reader of bodies that are one JSON value, and of what should be one: cut, too large, or not quite
JSON.
"""

from functools import lru_cache
from types import GenericAlias
from typing import Any

import msgspec

from clawbot_manager.vendors.dialects.base import Collector, Reading
from clawbot_manager.vendors.dialects.tables import EDGE, LENIENT, read_tables

DEFAULT_MAX_BODY = 1 << 20


class JsonReader:
    """One JSON body. Beyond `max_body` only its beginning and its end are kept: counts stand there."""

    def __init__(self, collector: Collector, max_body: int = DEFAULT_MAX_BODY) -> None:
        self._collector = collector
        self._max = max_body
        self._body: bytes | bytearray = b""
        self._head = b""
        self._size = 0

    def feed(self, data: bytes) -> None:
        """More bytes of the body."""
        size = self._size = self._size + len(data)
        if size == len(data):
            self._body = data
        elif type(self._body) is bytearray:
            self._body += data
        else:
            self._body = bytearray(self._body) + data
        if size > self._max:
            self._shorten()

    def finish(self) -> Reading:
        """What the body said."""
        collector, body = self._collector, self._body
        if self._head:
            read_tables(collector, self._head)
            read_tables(collector, bytes(body[-EDGE:]))
        elif body:
            try:
                collector.take(collector.whole.decode(body))
            except (ValueError, RecursionError):
                self._read_broken(bytes(body))
        if collector.usage.source == "none" and collector.error is None:
            collector.passed = self._size
            beginning = self._head or bytes(body)
            if collector.basis == "text" and _is_text(beginning):
                collector.said = collector.said_whole or collector.said
                collector.sample = beginning
        return collector

    def _shorten(self) -> None:
        if not self._head:
            self._head = bytes(self._body[:EDGE])
        if len(self._body) > 2 * EDGE:
            self._body = bytearray(self._body[-EDGE:])

    def _read_broken(self, body: bytes) -> None:
        """Something is not as it should be."""
        collector = self._collector
        try:
            if body.lstrip()[:1] == b"[":
                for item in _list_decoder(collector.whole).decode(body):
                    collector.take(item)
                return
            if body.rstrip()[-1:] == b"}":  # NaN and the like
                content = LENIENT.decode(body.decode("utf-8", "replace"))
                collector.take(msgspec.convert(content, collector.whole.type))
                return
        except (ValueError, RecursionError):
            pass
        read_tables(collector, body)


def _is_text(body: bytes) -> bool:
    """Whether fields are to be found in it: no other form than JSON, if need be as events."""
    return body.lstrip()[:1] in (b"{", b"[") or body[:8].lstrip().startswith(
        (b"data:", b"event:", b"id:", b":")
    )


@lru_cache(maxsize=64)
def _list_decoder(one: msgspec.json.Decoder[Any]) -> msgspec.json.Decoder[list[Any]]:
    return msgspec.json.Decoder(GenericAlias(list, (one.type,)))
