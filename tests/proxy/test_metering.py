"""Asking for usage, and hiding what the client did not ask for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.proxy.metering import UsageChunkHider, ask_for_usage


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

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"stream_options":"x"}', b"[" * 100_000])
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


class TestHider:
    @given(
        events=st.lists(
            st.sampled_from(
                [
                    b'data: {"choices":[{"delta":{}}],"usage":null}\n\n',
                    b": keep-alive\n\n",
                    b"\n\n",
                    b'data: {"choices":[],"usage":{"prompt_tokens":1}}\r\n\r\n',
                    b"data: [DONE]\n\n",
                    b'data: not json with "usage" and "choices"\n\n',
                ]
            ),
            max_size=8,
        ),
        cuts=st.lists(st.integers(min_value=0, max_value=400), max_size=30),
    )
    def test_the_rest_is_byte_identical(self, events: list[bytes], cuts: list[int]) -> None:
        data = b"".join(events)
        places = sorted({cut % (len(data) + 1) for cut in cuts})
        hider = UsageChunkHider()
        out = b"".join(hider.feed(data[a:b]) for a, b in zip([0, *places], [*places, len(data)], strict=True))
        out += hider.finish()
        assert out.replace(b"\n", b"").replace(b"\r", b"") == b"".join(
            one for one in events if b"prompt_tokens" not in one
        ).replace(b"\n", b"").replace(b"\r", b"")
