"""Streams of every dialect: the same reading however the bytes arrive, and never an exception."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.vendors.dialects import DIALECTS, AnythingCollector, reader_for
from clawbot_manager.vendors.usage import Usage
from tests.fakes.upstream import chat_events, message_events
from tests.vendors.dialects.reading import JSON, NDJSON, SSE, facts, ndjson, pieces, read, sse

WORDS = ("Hello ", "from", ' the "mock"\n', "你好", "\u00e9t\u00e9")

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
        *({"candidates": [{"content": {"parts": [{"text": word}]}}]} for word in WORDS),
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
        {"type": "response.created", "response": {"model": "m-1", "max_output_tokens": None}},
        *({"type": "response.output_text.delta", "delta": word} for word in WORDS),
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
OLLAMA = ndjson(
    [
        *({"model": "m-1", "message": {"content": word}, "done": False} for word in WORDS),
        {"model": "m-1", "done": True, "done_reason": "stop", "prompt_eval_count": 11, "eval_count": 7},
    ]
)
COHERE = sse(
    [
        *({"type": "content-delta", "delta": {"message": {"content": {"text": word}}}} for word in WORDS),
        {
            "type": "message-end",
            "delta": {
                "finish_reason": "COMPLETE",
                "usage": {"tokens": {"input_tokens": 1, "output_tokens": 2}},
            },
        },
    ]
)
DASHSCOPE = b"".join(
    b'id:%d\ndata:{"usage":{"input_tokens":1,"output_tokens":%d}}\n\n' % (output, output) for output in (1, 4)
)

STREAMS = {
    "openai-chat": (CHAT, SSE),
    "anthropic-messages": (MESSAGES, "text/event-stream; charset=utf-8"),
    "google-generatecontent": (GOOGLE, SSE),
    "openai-responses": (RESPONSES, SSE),
    "ollama": (OLLAMA, NDJSON),
    "cohere-v2": (COHERE, SSE),
    "dashscope-native": (DASHSCOPE, SSE),
}
EXPECTED = {
    "openai-chat": Usage(11, 7, 3, None, 2, "provider"),
    "anthropic-messages": Usage(12, 9, 4, 2, None, "provider"),
    "google-generatecontent": Usage(11, 7, 4, None, 2, "provider", {"tool_input_tokens": 1}),
    "openai-responses": Usage(11, 7, 0, None, 2, "provider"),
    "ollama": Usage(11, 7, None, None, None, "provider"),
    "cohere-v2": Usage(1, 2, None, None, None, "provider"),
    "dashscope-native": Usage(1, 4, None, None, None, "provider"),
}
CUTS = st.lists(st.integers(min_value=0, max_value=5000), max_size=40)


@pytest.mark.parametrize("dialect", STREAMS)
class TestStreams:
    def test_usage(self, dialect: str) -> None:
        reading = read(dialect, *STREAMS[dialect])
        assert reading.usage == EXPECTED[dialect]
        assert reading.error is None
        if dialect not in ("cohere-v2", "dashscope-native"):
            assert reading.model == "m-1"

    @given(cuts=CUTS, length=st.integers(min_value=0))
    def test_any_split_reads_the_same(self, dialect: str, cuts: list[int], length: int) -> None:
        """Of the whole stream, and of one that is cut anywhere: also what its estimate is made of."""
        data, content_type = STREAMS[dialect]
        data = data[: length % (len(data) + 1)] if length % 3 else data
        assert facts(read(dialect, pieces(data, cuts), content_type)) == facts(
            read(dialect, data, content_type)
        )

    def test_byte_by_byte(self, dialect: str) -> None:
        data, content_type = STREAMS[dialect]
        assert read(dialect, pieces(data, list(range(len(data)))), content_type).usage == EXPECTED[dialect]

    def test_event_by_event(self, dialect: str) -> None:
        """As live streams come: most events are passed over without a look inside."""
        data, content_type = STREAMS[dialect]
        ends = [
            at + 1 for at, byte in enumerate(data) if byte in b"\r\n" and data[at + 1 : at + 2] not in b"\r\n"
        ]
        assert read(dialect, pieces(data, ends), content_type).usage == EXPECTED[dialect]

    def test_many_times_over(self, dialect: str) -> None:
        """In one burst, and with counts again and again: the last ones stand."""
        data, content_type = STREAMS[dialect]
        assert read(dialect, data * 40, content_type).usage == EXPECTED[dialect]

    @given(cuts=CUTS)
    def test_packed(self, dialect: str, cuts: list[int]) -> None:
        data, content_type = STREAMS[dialect]
        packed = pieces(gzip.compress(data), cuts)
        assert facts(read(dialect, packed, content_type, encoding="gzip")) == facts(
            read(dialect, data, content_type)
        )

    @given(
        content=st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            *("usage", "choices", "model", "type", "message", "delta", "response", "error"),
                            *("candidates", "usageMetadata", "promptTokenCount", "promptTokensDetails"),
                            *("prompt_tokens", "prompt_tokens_details", "cached_tokens", "cost", "meta"),
                            *("input_tokens", "iterations", "cache_creation", "bot_usage", "model_usage"),
                            *("billed_units", "x_groq", "base_resp", "status_code", "total_tokens", "code"),
                        ]
                    ),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=12,
        )
    )
    def test_well_formed_nonsense(self, dialect: str, content: Any) -> None:
        assert read(dialect, sse([content]), SSE).usage.source in ("none", "provider")
        assert read(dialect, ndjson([content]), NDJSON).usage.source in ("none", "provider")
        assert read(dialect, json.dumps(content).encode()).usage.source in ("none", "provider")


class TestGarbage:
    @pytest.mark.parametrize("dialect", DIALECTS)
    @pytest.mark.parametrize("content_type", [SSE, NDJSON, JSON, "audio/mpeg", "text/plain", ""])
    @given(
        data=st.binary(max_size=300)
        | st.text('data: {"usage":"prompt_tokens":1}\n\r\0\x7f', max_size=120).map(str.encode),
        encoding=st.sampled_from(["", "gzip", "deflate", "br"]),
        cuts=CUTS,
    )
    def test_tells_nothing(
        self, dialect: str, content_type: str, data: bytes, encoding: str, cuts: list[int]
    ) -> None:
        whole = read(dialect, data, content_type, encoding=encoding)
        assert whole.usage.source in ("none", "provider")
        cut = read(dialect, pieces(data, cuts), content_type, encoding=encoding)
        # how much of broken zlib data comes out depends on how it goes in: only what was told must not
        told = 4 if encoding else None
        assert facts(cut)[:told] == facts(whole)[:told]

    @pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r", "\n\r\n"])
    def test_between_good_events(self, end: str) -> None:
        events = [
            b"data: {",
            b"data: \xff\xfe",
            b": \0",
            b"data: [1,2]",
            b'event: usage _tokens"',
            b"data: " + b"[" * 9999,
        ]
        data = end.encode().join([*events, sse(chat_events({"model": "m-1"}, asked=True), end=end)])
        for cut in range(0, len(data), 97):
            assert read("openai-chat", pieces(data, [cut]), SSE).usage == EXPECTED["openai-chat"]


class TestErrorsInside:
    @pytest.mark.parametrize(
        ("dialect", "event", "error"),
        [
            ("anthropic-messages", {"type": "error", "error": {"type": "api_error"}}, "api_error"),
            ("openai-chat", {"error": {"message": "gone", "code": 502}}, "error"),
            ("openai-chat", {"error": {"type": "server_error"}}, "server_error"),
            ("openai-chat", {"choices": None, "base_resp": {"status_code": 1008}}, "1008"),
            ("openai-responses", {"type": "error", "code": "rate_limit", "message": "x"}, "rate_limit"),
            (
                "openai-responses",
                {"type": "response.failed", "response": {"error": {"code": "server_error"}}},
                "server_error",
            ),
            ("google-generatecontent", {"error": {"status": "INTERNAL"}}, "INTERNAL"),
            ("cohere-v2", {"type": "message-end", "delta": {"error": "too slow"}}, "error"),
            ("ollama", {"error": "model crashed"}, "error"),
            ("dashscope-native", {"code": "Throttling", "message": "x"}, "Throttling"),
        ],
    )  # fmt: skip
    def test_told(self, dialect: str, event: dict[str, Any], error: str) -> None:
        data = ndjson([event]) if dialect == "ollama" else sse([event])
        assert read(dialect, data, NDJSON if dialect == "ollama" else SSE).error == error

    def test_the_word_in_a_text_is_none(self) -> None:
        said = {
            "model": "m",
            "choices": [{"delta": {"content": 'an "error" and "usage": {"prompt_tokens": 9}'}}],
        }
        reading = read("openai-chat", [sse([said]), sse([said])], SSE)
        assert (reading.error, reading.usage) == (None, Usage())


class TestWhatIsPassedBy:
    def test_not_taken_apart(self) -> None:
        """Whole events without a mark are not decoded once the beginning is known: not even broken ones."""
        chunk = sse([{"model": "m-1", "choices": []}])
        reading = read("openai-chat", [chunk, b"data: {broken\n\n" * 1000], SSE)
        assert reading.passed == len(chunk) + 15_000
        assert len(reading.sample) == 4096

    def test_model_in_the_second_chunk(self) -> None:
        """Azure's first chunk has filter results only."""
        events = [{"model": "", "choices": []}, {"model": "m-1", "choices": []}, {"model": "m-2"}]
        assert read("openai-chat", pieces(sse(events), [0]), SSE).model == "m-1"

    def test_no_model_at_all(self) -> None:
        chunks = sse([{"choices": []}] * 100)
        reading = read("openai-chat", [chunks, sse([{"model": "late"}])], SSE)
        assert reading.model is None

    def test_counts_before_the_text(self) -> None:
        """A provider that tells its usage first."""
        events = [{"model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}, {"choices": [{}]}]
        assert read("openai-chat", sse(events), SSE).usage == Usage(3, 4, source="provider")


class TestAnything:
    @pytest.mark.parametrize(
        ("content", "usage"),
        [
            ({"usage": {"prompt_tokens": 1, "completion_tokens": 2}}, Usage(1, 2, source="provider")),
            ({"response": {"usage": {"input_tokens": 1}}}, Usage(1, source="provider")),
            ({"usageMetadata": {"promptTokenCount": 4}}, Usage(4, source="provider")),
            ({"meta": {"billed_units": {"input_tokens": 3}}}, Usage(3, source="provider")),
            ({"delta": {"usage": {"billed_units": {"output_tokens": 3}}}}, Usage(None, 3, source="provider")),
            ({"id": "file-1", "bytes": 12, "usage": None, "meta": {"x": 1}}, Usage()),
        ],
    )
    def test_whatever_the_shape(self, content: dict[str, Any], usage: Usage) -> None:
        for data, content_type in ((json.dumps(content).encode(), JSON), (sse([content]), SSE)):
            reader = reader_for(AnythingCollector(), content_type)
            reader.feed(data)
            assert reader.finish().usage == usage
