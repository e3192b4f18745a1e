"""Server-sent events, split by event."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.vendors.dialects.sse import Block, SseSplitter, event_data, events, is_one_event
from tests.vendors.dialects.reading import pieces

STREAM = st.text("ab:\n\r data", max_size=80).map(str.encode)
CUTS = st.lists(st.integers(min_value=0, max_value=200), max_size=20)


def split(data: list[bytes], size: int) -> list[Block]:
    splitter = SseSplitter(size)
    blocks = [block for piece in data for block in splitter.feed(piece)]
    return [*blocks, *splitter.finish()]


def whole_events(data: list[bytes], size: int) -> list[bytes]:
    """The data of the events that can be read; what is too large may also be in a whole block."""
    found = [
        event_data(event)
        for block in split(data, size)
        if block.whole
        for event in events(block.raw)
        if len(event.lstrip(b"\r\n")) <= size
    ]
    return [one for one in found if one]


class TestSplitter:
    @given(data=st.binary(max_size=200) | STREAM, cuts=CUTS, size=st.integers(min_value=4, max_value=40))
    def test_nothing_is_lost(self, data: bytes, cuts: list[int], size: int) -> None:
        assert b"".join(block.raw for block in split(pieces(data, cuts), size)) == data

    @given(data=STREAM, cuts=CUTS, size=st.integers(min_value=20, max_value=40))
    def test_events_do_not_depend_on_the_split(self, data: bytes, cuts: list[int], size: int) -> None:
        assert whole_events(pieces(data, cuts), size) == whole_events([data], size)

    @given(data=STREAM, cuts=CUTS)
    def test_as_the_standard_has_it(self, data: bytes, cuts: list[int]) -> None:
        """By lines of any of the three kinds, an event ending at an empty one."""
        expected, said = [], []
        for line in [*re.split(rb"\r\n|\n|\r", data), b""]:
            if line.startswith(b"data:") or line == b"data":
                said.append(line[5:].removeprefix(b" "))
            elif not line and said:
                expected.append(b"\n".join(said))
                said = []
        assert whole_events(pieces(data, cuts), 1 << 20) == [one for one in expected if one]

    def test_a_line_end_that_may_go_on(self) -> None:
        """`\\r` at the end of a piece may be half of `\\r\\n`."""
        splitter = SseSplitter()
        assert splitter.feed(b"data: a\r\r") == []
        assert splitter.feed(b"\ndata: b\r\n\r\n") == [Block(b"data: a\r\r\ndata: b\r\n\r\n", whole=True)]
        assert splitter.idle

    def test_idle_between_events_only(self) -> None:
        splitter = SseSplitter(20)
        for data, idle in ((b"data: a", False), (b"\n\n", True), (b"x" * 30, False), (b"\n\n", True)):
            splitter.feed(data)
            assert splitter.idle is idle

    def test_holds_no_more_than_one_event(self) -> None:
        splitter = SseSplitter(1000)
        for _ in range(10_000):
            splitter.feed(b"data: and never an end")
            assert len(splitter._pending) <= 1100

    @pytest.mark.parametrize("part", [b"d", b"\n", b"\r", b"\r\n", b"a\n", b"data: x\r"])
    def test_tiny_pieces_of_a_huge_event_take_linear_time(self, part: bytes) -> None:
        """In quadratic time this would run into the time limit of all tests."""
        splitter = SseSplitter(2 << 20)
        splitter.feed(b"data: " + b"x" * (1 << 20))
        passed = sum(len(block.raw) for _ in range(200_000) for block in splitter.feed(part))
        passed += sum(len(block.raw) for block in splitter.finish())
        assert passed == (1 << 20) + 6 + 200_000 * len(part)


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        (b"data: a\n\n", b"a"),
        (b"data:a\n\n", b"a"),
        (b"data:  a\n\n", b" a"),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b": comment\r\nevent: x\r\ndata: a\r\n\r\n", b"a"),
        (b"\xef\xbb\xbfdata: a\r\r", b"a"),
        (b": keep-alive\n\n", b""),
        (b"data\n\n", b""),
        (b"datax: a\n\n", b""),
        (b"\n", b""),
        (b"", b""),
    ],
)
def test_event_data(raw: bytes, data: bytes) -> None:
    assert event_data(raw) == data


@given(
    data=STREAM | st.lists(st.sampled_from([b"data: a", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n"])).map(b"".join)
)
def test_one_event(data: bytes) -> None:
    """It says yes only to what is cut behind its last byte, and nowhere else."""
    if is_one_event(data):
        assert split([data], 1 << 20) == [Block(data, whole=True)]
        assert len([one for one in events(data.lstrip(b"\r\n")) if one]) <= 1


@pytest.mark.parametrize(
    ("data", "one"),
    [
        (b"data: a\n\n", True),
        (b"event: x\ndata: a\n\n", True),
        (b"data: a\r\n\r\n", True),
        (b"id: 1\r\ndata: a\r\n\r\n", True),
        (b"data: a\n\ndata: b\n\n", False),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", False),
        (b"data: a\r\rdata: b\n\n", False),
        (b"data: a\n\r\ndata: b\r\n\r\n", False),
        (b"data: a\n", False),
        (b"data: a", False),
        (b"", False),
    ],
)
def test_one_event_or_not(data: bytes, one: bool) -> None:
    assert is_one_event(data) is one
