"""Messages are read out of the bytes that pass, whatever the bytes are and however they arrive."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from clawbot_manager.proxy.websocket import GOING_AWAY, MessageReader

DATA = (Opcode.TEXT, Opcode.BINARY)


def wire(opcode: int, data: bytes = b"", *, fin: bool = True, masked: bool = False) -> bytes:
    """A frame as the library writes it."""
    return bytes(Frame(Opcode(opcode), data, fin=fin).serialize(mask=masked, extensions=[]))


def pieces_of(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    ends = [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    start = 0
    for end in ends:
        yield data[start:end]
        start = end


def read(data: bytes, cuts: list[int], *, masked: bool = False, most: int = 1000) -> tuple[object, ...]:
    """All that a reader tells."""
    reader = MessageReader(masked=masked, most=most)
    messages = [message for piece in pieces_of(data, cuts) for message in reader.feed(piece)]
    return messages, reader.close_code, reader.is_lost, reader.at_boundary, reader.needs


@st.composite
def conversations(draw: st.DrawFn) -> tuple[bool, list[bytes], list[bytes]]:
    """Who sends, the frames (with control frames inside of fragmented messages), and the messages."""
    masked = draw(st.booleans())
    controls = st.sampled_from(
        [wire(Opcode.PING, b"p", masked=masked), wire(Opcode.PONG, bytes(125), masked=masked)]
    )
    frames: list[bytes] = []
    messages = draw(st.lists(st.lists(st.binary(max_size=400), min_size=1, max_size=4), max_size=5))
    for parts in messages:
        opcode = draw(st.sampled_from(DATA))
        for number, part in enumerate(parts):
            frames += draw(st.lists(controls, max_size=2))
            kind = opcode if number == 0 else Opcode.CONT
            frames.append(wire(kind, part, fin=number == len(parts) - 1, masked=masked))
    return masked, frames, [b"".join(parts) for parts in messages]


CUTS = st.lists(st.integers(min_value=0, max_value=5000), max_size=40)


class TestMessages:
    @given(conversation=conversations(), cuts=CUTS)
    def test_any_split_gives_the_messages(
        self, conversation: tuple[bool, list[bytes], list[bytes]], cuts: list[int]
    ) -> None:
        masked, frames, messages = conversation
        data = b"".join(frames)
        assert read(data, cuts, masked=masked, most=5000) == (messages, None, False, True, 2)

    @given(conversation=conversations(), cuts=CUTS, most=st.integers(min_value=0, max_value=800))
    def test_longer_ones_are_left_out(
        self, conversation: tuple[bool, list[bytes], list[bytes]], cuts: list[int], most: int
    ) -> None:
        masked, frames, messages = conversation
        kept = [one for one in messages if len(one) <= most]
        assert read(b"".join(frames), cuts, masked=masked, most=most)[0] == kept

    @given(data=st.binary(max_size=600), cuts=CUTS, masked=st.booleans())
    def test_any_split_of_garbage_reads_the_same(self, data: bytes, cuts: list[int], masked: bool) -> None:
        assert read(data, cuts, masked=masked) == read(data, [], masked=masked)

    @pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
    @pytest.mark.parametrize("masked", [False, True])
    def test_every_form_of_length(self, size: int, masked: bool) -> None:
        message = bytes(range(256)) * (size // 256) + bytes(size % 256)
        data = wire(Opcode.BINARY, message, masked=masked) * 2
        assert read(data, [7], masked=masked, most=size)[0] == [message, message]


class TestBoundaries:
    @given(conversation=conversations())
    def test_between_frames_and_nowhere_else(
        self, conversation: tuple[bool, list[bytes], list[bytes]]
    ) -> None:
        masked, frames, _ = conversation
        reader = MessageReader(masked=masked)
        for frame in frames:
            assert reader.at_boundary
            for at in range(len(frame)):
                assert 0 < reader.needs <= len(frame) - at
                reader.feed(frame[at : at + 1])
                assert reader.at_boundary is (at == len(frame) - 1)

    @given(conversation=conversations())
    def test_what_it_needs_leads_there(self, conversation: tuple[bool, list[bytes], list[bytes]]) -> None:
        masked, frames, messages = conversation
        reader, data, found = MessageReader(masked=masked), b"".join(frames), []
        while data:
            size = reader.needs
            found += reader.feed(data[:size])
            data = data[size:]
        assert found == messages
        assert reader.at_boundary


class TestClose:
    def test_its_code(self) -> None:
        assert read(wire(Opcode.CLOSE, b"\x03\xe8bye"), [3])[1] == 1000
        assert read(wire(Opcode.CLOSE), [])[1] == 1005
        assert read(GOING_AWAY, [2])[1] == 1001
        assert read(wire(Opcode.CLOSE, b"\x0f\xa0", masked=True), [], masked=True)[1] == 4000


BROKEN = {
    "compressed": b"\xc1\x01x",
    "reserved opcode": b"\x83\x00",
    "reserved control": b"\x8b\x00",
    "a fragmented ping": b"\x09\x00",
    "a long ping": b"\x89\x7e\x00\x80" + bytes(128),
    "a masked server": wire(Opcode.TEXT, b"x", masked=True),
    "an unending length": b"\x82\x7f" + b"\xff" * 8,
    "a continuation of nothing": wire(Opcode.CONT, b"x"),
    "a message inside a message": wire(Opcode.TEXT, b"x", fin=False) + wire(Opcode.TEXT, b"y"),
}


class TestHostile:
    @pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
    def test_what_breaks_the_protocol_is_read_no_further(self, broken: bytes) -> None:
        good = wire(Opcode.TEXT, b"good")
        for cuts in ([], [len(good) + 1], list(range(len(good + broken)))):
            messages, _, is_lost, at_boundary, needs = read(good + broken + good, cuts)
            assert messages == [b"good"]
            assert is_lost
            assert not at_boundary
            assert needs != 0

    def test_a_client_must_mask(self) -> None:
        assert read(wire(Opcode.TEXT, b"x"), [], masked=True)[2] is True

    @pytest.mark.parametrize("kind", ["one frame without end", "fragments without end", "many small ones"])
    def test_memory_is_bounded(self, kind: str) -> None:
        most = 1 << 20
        reader = MessageReader(masked=False, most=most)
        if kind == "one frame without end":
            reader.feed(b"\x81\x7f\x00\x00\x01" + bytes(5))
            piece = bytes(1 << 16)
        elif kind == "fragments without end":
            reader.feed(wire(Opcode.TEXT, b"{", fin=False))
            piece = wire(Opcode.CONT, bytes(1 << 16), fin=False)
        else:
            piece = wire(Opcode.TEXT, b"{}") * 100
        tracemalloc.start()
        for _ in range(200):
            reader.feed(piece)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held < 2 * most
        assert not reader.is_lost
