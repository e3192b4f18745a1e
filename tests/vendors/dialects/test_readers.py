"""Usage readers: the same reading however the bytes arrive, and never an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.vendors.dialects import DIALECTS, Reading, reader_for
from clawbot_manager.vendors.dialects.readers import JsonReader, NdjsonReader, SseReader
from clawbot_manager.vendors.dialects.sse import SseSplitter, event_data
from clawbot_manager.vendors.usage import Usage
from tests.fakes.upstream import chat_events, message_events


def sse(events: list[Any], end: str = "\n\n", done: bool = False) -> bytes:
    text = "".join(f"data: {json.dumps(event)}{end}" for event in events)
    return (text + (f"data: [DONE]{end}" if done else "")).encode()


def read(dialect: str, data: bytes, content_type: str, cuts: list[int] | None = None) -> Reading:
    reader = reader_for(DIALECTS[dialect].collector(), content_type)
    for piece in pieces(data, cuts or []):
        reader.feed(piece)
    return reader.finish()


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


CHAT = sse(chat_events({"model": "m-1"}, asked=True), done=True)
MESSAGES = sse(
    [
        *message_events({"type": "message", "model": "m-1"}),
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9, "input_tokens": 6}},
    ]
)
GOOGLE = sse(
    [
        {"usageMetadata": {"promptTokenCount": 3}, "modelVersion": "m-1"},
        {
            "candidates": [{"finishReason": "STOP"}],
            "modelVersion": "m-1",
            "usageMetadata": {
                "promptTokenCount": 10,
                "toolUsePromptTokenCount": 1,
                "candidatesTokenCount": 5,
                "thoughtsTokenCount": 2,
                "cachedContentTokenCount": 4,
            },
        },
    ],
    end="\r\n\r\n",
)
RESPONSES = sse(
    [
        {"type": "response.created", "response": {"model": "m-1"}},
        {
            "type": "response.incomplete",
            "response": {
                "model": "m-1",
                "status": "incomplete",
                "usage": {
                    "input_tokens": 11,
                    "output_tokens": 7,
                    "input_tokens_details": {"cached_tokens": 0},
                    "output_tokens_details": {"reasoning_tokens": 2},
                },
            },
        },
    ],
    end="\r\r",
)
OLLAMA = (
    b'{"model":"m-1","message":{"content":"a"},"done":false}\n'
    b'{"model":"m-1","done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":7}\n'
)
COHERE = sse(
    [
        {
            "type": "message-end",
            "delta": {
                "finish_reason": "COMPLETE",
                "usage": {"tokens": {"input_tokens": 1, "output_tokens": 2}},
            },
        }
    ]
)
DASHSCOPE = b"".join(
    b'data:{"usage":{"input_tokens":1,"output_tokens":%d}}\n\n' % output for output in (1, 4)
)

STREAMS = {
    "openai-chat": (CHAT, "text/event-stream"),
    "anthropic-messages": (MESSAGES, "text/event-stream; charset=utf-8"),
    "google-generatecontent": (GOOGLE, "text/event-stream"),
    "openai-responses": (RESPONSES, "text/event-stream"),
    "ollama": (OLLAMA, "application/x-ndjson"),
    "cohere-v2": (COHERE, "text/event-stream"),
    "dashscope-native": (DASHSCOPE, "text/event-stream"),
}
EXPECTED = {
    "openai-chat": Usage(11, 7, 3, None, 2, "provider"),
    "anthropic-messages": Usage(12, 9, 4, 2, None, "provider"),
    "google-generatecontent": Usage(11, 7, 4, None, 2, "provider"),
    "openai-responses": Usage(11, 7, 0, None, 2, "provider"),
    "ollama": Usage(11, 7, None, None, None, "provider"),
    "cohere-v2": Usage(1, 2, None, None, None, "provider"),
    "dashscope-native": Usage(1, 4, None, None, None, "provider"),
}


class TestStreams:
    @pytest.mark.parametrize("dialect", STREAMS)
    def test_usage(self, dialect: str) -> None:
        reading = read(dialect, *STREAMS[dialect])
        assert reading.usage == EXPECTED[dialect]
        if dialect not in ("cohere-v2", "dashscope-native"):
            assert reading.model == "m-1"

    @pytest.mark.parametrize("dialect", STREAMS)
    @given(cuts=st.lists(st.integers(min_value=0, max_value=5000), max_size=40))
    def test_any_split_reads_the_same(self, dialect: str, cuts: list[int]) -> None:
        data, content_type = STREAMS[dialect]
        assert read(dialect, data, content_type, cuts) == read(dialect, data, content_type)

    @pytest.mark.parametrize("dialect", STREAMS)
    def test_byte_by_byte(self, dialect: str) -> None:
        data, content_type = STREAMS[dialect]
        assert read(dialect, data, content_type, list(range(len(data)))).usage == EXPECTED[dialect]

    @pytest.mark.parametrize("dialect", DIALECTS)
    @pytest.mark.parametrize(
        "content_type", ["text/event-stream", "application/x-ndjson", "application/json", "audio/mpeg", ""]
    )
    @given(data=st.binary(max_size=300))
    def test_garbage(self, dialect: str, content_type: str, data: bytes) -> None:
        assert read(dialect, data, content_type).usage.source in ("none", "provider")

    @pytest.mark.parametrize("dialect", STREAMS)
    @given(
        content=st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "usage",
                            "choices",
                            "model",
                            "type",
                            "message",
                            "delta",
                            "response",
                            "error",
                            "candidates",
                        ]
                    ),
                    inner,
                    max_size=4,
                )
            ),
        )
    )
    def test_well_formed_nonsense(self, dialect: str, content: Any) -> None:
        read(dialect, sse([content]), "text/event-stream")
        read(dialect, json.dumps(content).encode(), "application/json")

    def test_error_inside_a_stream(self) -> None:
        event = {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}
        assert read("anthropic-messages", sse([event]), "text/event-stream").error == "overloaded_error"
        chunk = {"error": {"message": "gone", "code": 502}}
        assert read("openai-chat", sse([chunk]), "text/event-stream").error == "error"

    def test_complete_only_with_the_end_mark(self) -> None:
        assert read("openai-chat", CHAT, "text/event-stream").complete
        assert not read("openai-chat", CHAT[:-20], "text/event-stream").complete


class TestOpenAiQuirks:
    def test_zero_is_not_silence(self) -> None:
        body = b'{"usage":{"prompt_tokens":0,"completion_tokens":0}}'
        assert read("openai-chat", body, "application/json").usage == Usage(0, 0, source="provider")
        assert read("openai-chat", b"{}", "application/json").usage == Usage()

    def test_moonshot_in_the_choice(self) -> None:
        event = {"choices": [{"usage": {"prompt_tokens": 3, "completion_tokens": 4, "cached_tokens": 1}}]}
        assert read("openai-chat", sse([event]), "text/event-stream").usage == Usage(
            3, 4, 1, source="provider"
        )

    def test_groq_in_its_own_object(self) -> None:
        event = {"x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, "choices": []}
        assert read("openai-chat", sse([event]), "text/event-stream").usage.input_tokens == 3

    def test_perplexity_on_top(self) -> None:
        usage = {"prompt_tokens": 5, "completion_tokens": 7, "reasoning_tokens": 20, "total_tokens": 32}
        body = json.dumps({"usage": usage}).encode()
        reading = read("openai-chat", body, "application/json")
        assert (reading.usage.output_tokens, reading.usage.reasoning_tokens) == (27, 20)

    def test_usage_null_between(self) -> None:
        events = [
            {"model": "m", "choices": [], "usage": {"prompt_tokens": 1}},
            {"choices": [], "usage": None},
        ]
        assert read("openai-chat", sse(events), "text/event-stream").usage.input_tokens == 1

    def test_embeddings(self) -> None:
        body = b'{"data":[{"embedding":[1,2]}],"model":"e","usage":{"prompt_tokens":4,"total_tokens":4}}'
        assert read("openai-other", body, "application/json").usage.input_tokens == 4


class TestBounds:
    def test_large_event_is_dropped_and_the_next_is_read(self) -> None:
        reader = SseReader(DIALECTS["openai-chat"].collector(), max_event=100)
        large = b"data: " + b"x" * 1000 + b"\n\n"
        small = b'data: {"usage":{"prompt_tokens":1}}\n\n'
        for piece in pieces(large + small, list(range(0, 1100, 7))):
            reader.feed(piece)
            assert len(reader._splitter._pending) <= 120
        assert reader.finish().usage.input_tokens == 1

    def test_large_line_is_dropped(self) -> None:
        reader = NdjsonReader(DIALECTS["ollama"].collector(), max_line=100)
        for piece in pieces(b"x" * 1000 + b"\n" + b'{"eval_count":2}', list(range(0, 1100, 7))):
            reader.feed(piece)
        assert reader.finish().usage.output_tokens == 2

    @given(cuts=st.lists(st.integers(min_value=0, max_value=300_000), max_size=9))
    def test_large_body_keeps_its_tail(self, cuts: list[int]) -> None:
        reader = JsonReader(DIALECTS["openai-other"].collector(), max_body=1000)
        body = b'{"data":"' + b"x" * 250_000 + b'","usage":{"prompt_tokens":4}}'
        for piece in pieces(body, cuts):
            reader.feed(piece)
        assert reader.finish().usage.input_tokens == 4

    def test_compressed_answer_is_not_read(self) -> None:
        reader = reader_for(DIALECTS["openai-chat"].collector(), "application/json", "gzip")
        reader.feed(b"\x1f\x8b")
        assert reader.finish().usage.source == "none"

    def test_json_array_of_chunks(self) -> None:
        body = json.dumps([{"usageMetadata": {"promptTokenCount": n}} for n in (1, 5)]).encode()
        assert read("google-generatecontent", body, "application/json").usage.input_tokens == 5


class TestSse:
    @given(
        data=st.binary(max_size=200) | st.text("ab:\n\r data", max_size=80).map(str.encode),
        cuts=st.lists(st.integers(min_value=0, max_value=200), max_size=20),
        size=st.integers(min_value=4, max_value=40),
    )
    def test_nothing_is_lost(self, data: bytes, cuts: list[int], size: int) -> None:
        splitter = SseSplitter(size)
        blocks = [block for piece in pieces(data, cuts) for block in splitter.feed(piece)]
        rest = splitter.finish()
        assert b"".join([*(one.raw for one in blocks), rest.raw if rest else b""]) == data

    @given(
        data=st.text("ab:\n\r data", max_size=80).map(str.encode),
        cuts=st.lists(st.integers(min_value=0, max_value=200), max_size=20),
        size=st.integers(min_value=4, max_value=40),
    )
    def test_whole_events_do_not_depend_on_the_split(self, data: bytes, cuts: list[int], size: int) -> None:
        def whole(places: list[int]) -> list[bytes]:
            splitter = SseSplitter(size)
            blocks = [block for piece in pieces(data, places) for block in splitter.feed(piece)]
            rest = splitter.finish()
            found = [event_data(one.raw) for one in [*blocks, *([rest] if rest else [])] if one.whole]
            return [one for one in found if one]

        assert whole(cuts) == whole([])

    @pytest.mark.parametrize(
        ("raw", "data"),
        [
            (b"data: a\n\n", b"a"),
            (b"data:a\n\n", b"a"),
            (b"data: a\ndata: b\n\n", b"a\nb"),
            (b": comment\r\nevent: x\r\ndata: a\r\n\r\n", b"a"),
            (b"\xef\xbb\xbfdata: a\r\r", b"a"),
            (b": keep-alive\n\n", b""),
            (b"data\n\n", b""),
        ],
    )
    def test_event_data(self, raw: bytes, data: bytes) -> None:
        assert event_data(raw) == data
