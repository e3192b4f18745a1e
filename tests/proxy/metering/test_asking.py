"""Asking for usage, and hiding what the client did not ask for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.proxy.metering import UsageChunkHider, ask_for_usage
from tests.vendors.dialects.reading import pieces


class TestAsk:
    @pytest.mark.parametrize(
        ("body", "asked"),
        [
            (b'{"a":1}', b'{"stream_options":{"include_usage":true},"a":1}'),
            (b' \n{ "a" : 1 }', b' \n{"stream_options":{"include_usage":true}, "a" : 1 }'),
            (b"{}", b'{"stream_options":{"include_usage":true}}'),
        ],
    )
    def test_inserted(self, body: bytes, asked: bytes) -> None:
        assert ask_for_usage(body) == asked

    @pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"other": 1}])
    def test_merged(self, options: Any) -> None:
        asked = ask_for_usage(json.dumps({"a": 1.0, "stream_options": options}).encode())
        assert asked is not None
        assert json.loads(asked) == {"a": 1.0, "stream_options": {**(options or {}), "include_usage": True}}

    @pytest.mark.parametrize(
        ("body", "asked"),
        [
            (b'{"a":NaN}', b'{"stream_options":{"include_usage":true},"a":NaN}'),
            (b'{"a":1,}', b'{"stream_options":{"include_usage":true},"a":1,}'),
            (b'{"a":"\xff"}', b'{"stream_options":{"include_usage":true},"a":"\xff"}'),
            (b'{"a":1} more', b'{"stream_options":{"include_usage":true},"a":1} more'),
        ],
    )
    def test_inserted_into_what_lenient_parsers_read(self, body: bytes, asked: bytes) -> None:
        assert ask_for_usage(body) == asked

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{",
            b'{"stream_options":"x"}',
            b"[" * 100_000,
            b'{"a":NaN,"stream_options":{}}',
            b'/* { */ {"a":1}',
            '{"a":1}'.encode("utf-16"),
            b'\xef\xbb\xbf{"a":1}',
        ],
    )
    def test_left_alone(self, body: bytes) -> None:
        assert ask_for_usage(body) is None

    @given(
        content=st.dictionaries(
            st.text(max_size=8), st.recursive(st.integers() | st.text(), st.lists, max_leaves=5)
        )
    )
    def test_only_this_changes(self, content: dict[str, Any]) -> None:
        content.pop("stream_options", None)
        asked = ask_for_usage(json.dumps(content).encode())
        assert asked is not None
        assert json.loads(asked) == {**content, "stream_options": {"include_usage": True}}


CHUNK = b'data: {"choices":[{"delta":{"content":"x"}}],"usage":null}'
EXTRA = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
OTHERS = (
    CHUNK,
    b": keep-alive",
    b"data: [DONE]",
    b'data: not json with "usage" and "choices":[] and prompt_tokens"',
    b'event: usage\ndata: {"choices":[],"usage":null,"x":"_tokens\\""}',
    b'data: {"choices":[{"usage":{"prompt_tokens":1}}]}',
    b'data: {"choices":[],"usage":{}}',
    b'data: {"choices":[],"max_tokens":1}',
    b"data: \xff\x00",
)
EXTRAS = (
    EXTRA,
    b'id: 1\ndata: {"usage": {"prompt_tokens": 1},\ndata:  "choices": [ ]}',
    b'data:{"choices":[],"usage":{"total_tokens":1}}',
)


def hidden(data: list[bytes]) -> bytes:
    hider = UsageChunkHider()
    return b"".join(hider.feed(piece) for piece in data) + hider.finish()


class TestHider:
    @given(
        events=st.lists(st.sampled_from([*OTHERS, *EXTRAS]), max_size=12),
        cuts=st.lists(st.integers(min_value=0, max_value=1500), max_size=40),
        end=st.sampled_from([b"\n\n", b"\r\n\r\n", b"\n\r\n"]),
        left=st.sampled_from([b"", b"data: cut", CHUNK[:-3]]),
    )
    def test_all_but_the_extra_chunk_is_byte_identical(
        self, events: list[bytes], cuts: list[int], end: bytes, left: bytes
    ) -> None:
        data = b"".join(event + end for event in events) + left
        shown = b"".join(event + end for event in events if event not in EXTRAS) + left
        assert hidden(pieces(data, cuts)) == shown

    @given(data=st.binary(max_size=300), cuts=st.lists(st.integers(min_value=0, max_value=300), max_size=20))
    def test_garbage_passes(self, data: bytes, cuts: list[int]) -> None:
        assert hidden(pieces(data, cuts)) == data

    def test_what_ends_the_stream_is_looked_at_too(self) -> None:
        """The last blank line may be missing."""
        assert hidden([CHUNK + b"\n\n" + EXTRA]) == CHUNK + b"\n\n"

    def test_events_are_not_held_back(self) -> None:
        hider = UsageChunkHider()
        for _ in range(3):
            assert hider.feed(CHUNK + b"\n\n") == CHUNK + b"\n\n"
        assert hider.feed(CHUNK[:9]) == b""
        assert hider.feed(CHUNK[9:] + b"\n\n" + CHUNK) == CHUNK + b"\n\n"

    def test_large_events_are_not_waited_for(self) -> None:
        """A picture in a chunk: it cannot be the extra one, so its parts go on as they come."""
        hider = UsageChunkHider()
        part = b"x" * 10_000
        passed = len(hider.feed(b'data: {"choices":[],"usage":{"_tokens":1},"image":"'))
        for _ in range(1000):
            passed += len(hider.feed(part))
            assert len(hider._splitter._pending) < 80_000
        assert passed > 9_900_000
        end = hider.feed(b'"}\n\n' + EXTRA + b"\n\n" + CHUNK + b"\n\n")
        assert end.endswith(b'"}\n\n' + CHUNK + b"\n\n")

    @pytest.mark.parametrize("part", [b"d", b"\n", b"\r", EXTRA + b"\n\n", EXTRA + b"\r\n\r\n"])
    def test_linear_time(self, part: bytes) -> None:
        """In quadratic time this would run into the time limit of all tests."""
        whole = part * (1 << 19 if len(part) == 1 else 5000)
        assert hidden([whole]) == (whole if len(part) == 1 else b"")
        assert hidden([part] * 50_000) == (part * 50_000 if len(part) == 1 else b"")
