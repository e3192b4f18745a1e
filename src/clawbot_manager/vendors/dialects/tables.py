"""Finding the objects with counts in what cannot be decoded as a whole: cut, too large, or not quite JSON."""

import json
import re
from collections import deque
from functools import lru_cache

import msgspec

from clawbot_manager.vendors.dialects.base import Collector

EDGE = 64 << 10  # counts stand within so many bytes of the beginning or the end
LENIENT = json.JSONDecoder(strict=False)
_LONGEST_TABLE = 16 << 10
_MOST_TABLES = 32
_MODEL = re.compile(rb'"model(?:Version)?"\s*+:\s*+"([^"\\]{1,200})"')


def read_tables(collector: Collector, part: bytes) -> None:
    """Give the collector the objects with counts, whatever is around them; the last one of them counts.

    A text cannot be taken for one: its quotation marks are escaped.
    """
    if collector.model is None and (model := _MODEL.search(part)) is not None:
        collector.model = model.group(1).decode("utf-8", "replace")
    for found in deque(_tables(collector.tables).finditer(part), maxlen=_MOST_TABLES):
        told = part[found.end() : found.end() + _LONGEST_TABLE].decode("utf-8", "replace")
        try:
            value, _ = LENIENT.raw_decode(told)
        except (ValueError, RecursionError):
            continue
        collector.take(msgspec.convert({found.group(1).decode(): value}, collector.whole.type))


class Ends:
    """The beginning and the end of something large that comes in parts."""

    def __init__(self) -> None:
        self._head = b""
        self._tail = b""

    def feed(self, part: bytes) -> None:
        """The next part."""
        if len(self._head) < EDGE:
            self._head += part[: EDGE - len(self._head)]
        self._tail = (self._tail + part[-EDGE:])[-EDGE:]

    def read(self, collector: Collector) -> None:
        """Give the collector what stands at either end."""
        read_tables(collector, self._head)
        read_tables(collector, self._tail)


@lru_cache(maxsize=64)
def _tables(names: tuple[str, ...]) -> "re.Pattern[bytes]":
    return re.compile(rb'"(' + "|".join(names).encode() + rb')"\s*+:\s*+(?=[{0-9])')
