"""What a session used: the sum of what its messages say, by each API's own rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode

from clawbot_manager.proxy.session import SessionMeter
from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.dialects import DIALECTS, ErrorFacts, Reading
from clawbot_manager.vendors.dialects.realtime import SESSION_DIALECTS
from clawbot_manager.vendors.usage import Usage
from tests.proxy.realtime.provider import REALTIME_USAGE
from tests.proxy.realtime.test_messages import CUTS, pieces_of, wire

Event = dict[str, Any]


def frames(*events: Event | bytes, close: bytes = b"\x03\xe8") -> bytes:
    """The events as a server sends them, with all that may come in between."""
    sent = []
    for number, event in enumerate(events):
        data = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
        half = len(data) // 2
        if number % 2:
            sent.append(wire(Opcode.TEXT, data[:half], fin=False))
            sent.append(wire(Opcode.PING, b"usage"))
            sent.append(wire(Opcode.CONT, data[half:]))
        else:
            sent.append(wire(Opcode.BINARY if number % 4 else Opcode.TEXT, data))
    return b"".join(sent) + (wire(Opcode.CLOSE, close) if close else b"")


def read(dialect: str, data: bytes, cuts: list[int] | None = None) -> Reading:
    meter = SessionMeter(SESSION_DIALECTS[dialect].session())
    for piece in pieces_of(data, cuts or []):
        meter.feed(piece)
    return meter.finish()


def usage_of(dialect: str, *events: Event | bytes) -> Usage:
    return read(dialect, frames(*events)).usage


def response(kind: str = "response.done", **fields: Any) -> Event:
    return {"type": kind, "response": {"object": "realtime.response", "status": "completed", **fields}}


SESSION: Event = {"type": "session.created", "session": {"type": "realtime", "model": "gpt-realtime"}}
BEGUN = response("response.created", status="in_progress", usage=None)
AUDIO: Event = {"type": "response.output_audio.delta", "delta": "UklGR" * 400}
TRANSCRIBED: Event = {
    "type": "conversation.item.input_audio_transcription.completed",
    "transcript": 'he said "usage"',
    "usage": {
        "type": "tokens",
        "input_tokens": 22,
        "output_tokens": 13,
        "total_tokens": 35,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 22},
    },
}


class TestOpenAi:
    def test_the_sum_of_the_responses(self) -> None:
        done = response(usage=REALTIME_USAGE)
        reading = read("openai-realtime", frames(SESSION, BEGUN, AUDIO, done, BEGUN, AUDIO, done))
        assert reading.model == "gpt-realtime"
        assert reading.error is None
        assert reading.usage == Usage(
            input_tokens=264,
            output_tokens=242,
            cache_read_tokens=128,
            source="provider",
            details={
                "text_input_tokens": 238,
                "text_output_tokens": 60,
                "text_cache_read_tokens": 120,
                "audio_input_tokens": 26,
                "audio_output_tokens": 182,
                "audio_cache_read_tokens": 8,
                "responses": 2,
            },
        )

    def test_a_transcription_is_in_the_sum_and_apart(self) -> None:
        usage = usage_of("openai-realtime", SESSION, TRANSCRIBED, BEGUN, response(usage=REALTIME_USAGE))
        assert (usage.input_tokens, usage.output_tokens) == (132 + 22, 121 + 13)
        assert usage.details is not None
        assert usage.details["transcription_input_tokens"] == 22
        assert usage.details["transcription_output_tokens"] == 13
        assert usage.details["audio_input_tokens"] == 13
        assert usage.details["responses"] == 1

    def test_a_transcription_by_the_second(self) -> None:
        events = [TRANSCRIBED | {"usage": {"type": "duration", "seconds": 2.5}}] * 2
        assert usage_of("openai-realtime", *events) == Usage(
            source="provider", details={"transcription_seconds": 5.0}
        )

    def test_a_response_that_was_cut_is_told_of(self) -> None:
        usage = usage_of("openai-realtime", BEGUN, response(usage=REALTIME_USAGE), BEGUN, AUDIO)
        assert usage.details is not None
        assert (usage.details["responses"], usage.details["responses_unfinished"]) == (1, 1)

    def test_nothing_told_is_not_zero(self) -> None:
        assert usage_of("openai-realtime", SESSION, AUDIO) == Usage()
        assert usage_of("openai-realtime", response(usage=None)) == Usage()
        assert usage_of("openai-realtime", response(usage={"input_tokens": 0, "output_tokens": 0})) == Usage(
            0, 0, source="provider", details={"responses": 1}
        )

    @pytest.mark.parametrize("kind", ["response.completed", "response.incomplete", "response.failed"])
    def test_responses_over_a_websocket(self, kind: str) -> None:
        done = response(
            kind,
            model="gpt-6",
            usage={
                "input_tokens": 10,
                "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
                "output_tokens": 8,
                "output_tokens_details": {"reasoning_tokens": 5},
                "total_tokens": 18,
            },
        )
        reading = read("openai-realtime", frames(BEGUN, done, BEGUN, done))
        assert reading.model == "gpt-6"
        assert reading.usage == Usage(20, 16, 8, 4, 10, "provider", {"responses": 2})

    @pytest.mark.parametrize(
        "said", ['{"type":"response.output_text.delta"', '"type":"a.delta"', "usage", '"usage"', ".delta"]
    )
    def test_no_words_of_a_user_hide_the_counts(self, said: str) -> None:
        done = response("response.completed", usage=REALTIME_USAGE)
        event = {
            "event_id": said,
            "type": done["type"],
            "response": {"instructions": said, **done["response"]},
        }
        assert usage_of("openai-realtime", event).input_tokens == 132

    def test_a_live_session(self) -> None:
        """Its seconds are totals so far; what it delegates is counted by its own events."""
        nested = {"type": "response.event", "event": response("response.completed", usage=REALTIME_USAGE)}
        seconds: list[Event] = [
            {"type": "session.usage.updated", "usage": {"seconds": 1.5}},
            {"type": "session.usage.updated", "usage": {"seconds": 4.0}},
            {"type": "session.closed", "reason": "close_requested", "usage": {"seconds": 6.5}},
        ]
        usage = usage_of("openai-realtime", seconds[0], nested, seconds[1], seconds[2])
        assert (usage.input_tokens, usage.output_tokens, usage.source) == (132, 121, "provider")
        assert usage.details is not None
        assert usage.details["seconds"] == 6.5

    def test_mistrals_transcription(self) -> None:
        usage = {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14, "prompt_audio_seconds": 3}
        done = {"type": "transcription.done", "model": "voxtral", "text": "hi", "usage": usage}
        reading = read("openai-realtime", frames(done))
        assert reading.model == "voxtral"
        assert reading.usage == Usage(5, 9, source="provider", details={"seconds": 3, "responses": 1})

    def test_speech_by_the_character(self) -> None:
        """Qwen's speech synthesis has OpenAI's events, and another unit."""
        usage = usage_of(
            "dashscope-realtime", response(usage={"characters": 12}), response(usage={"characters": 3})
        )
        assert usage == Usage(source="provider", details={"characters": 15, "responses": 2})

    def test_errors(self) -> None:
        error = {"type": "error", "error": {"type": "invalid_request_error", "code": "no_such_item"}}
        assert read("openai-realtime", frames(error)).error == "no_such_item"
        failed = response(status="failed", status_details={"error": {"code": "rate_limit_exceeded"}})
        assert read("openai-realtime", frames(failed)).error == "rate_limit_exceeded"


GOOGLE_COUNTS: Event = {
    "promptTokenCount": 522,
    "responseTokenCount": 42,
    "totalTokenCount": 564,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 332},
        {"modality": "AUDIO", "tokenCount": 165},
        {"modality": "NEW", "tokenCount": 1},
    ],
    "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 42}],
    "thoughtsTokenCount": 136,
    "toolUsePromptTokenCount": 8,
    "cachedContentTokenCount": 100,
    "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 100}],
}


class TestGoogle:
    def test_each_turn_counts(self) -> None:
        first = {"serverContent": {"turnComplete": True}, "usageMetadata": GOOGLE_COUNTS}
        second = {"toolCall": {}, "usageMetadata": {"promptTokenCount": 600, "responseTokenCount": 1}}
        audio = {"serverContent": {"modelTurn": {"parts": [{"inlineData": {"data": "AAAA"}}]}}}
        assert usage_of("google-live", {"setupComplete": {}}, audio, first, audio, second) == Usage(
            input_tokens=522 + 8 + 600,
            output_tokens=42 + 136 + 1,
            cache_read_tokens=100,
            reasoning_tokens=136,
            source="provider",
            details={
                "text_input_tokens": 332,
                "audio_input_tokens": 165,
                "audio_output_tokens": 42,
                "text_cache_read_tokens": 100,
                "tool_input_tokens": 8,
                "responses": 2,
            },
        )

    def test_it_tells_errors_by_its_close_frame(self) -> None:
        data = frames({"setupComplete": {}}, close=b"\x03\xefAPI key not valid")
        assert read("google-live", data).error == "close_1007"


class TestDashScope:
    @staticmethod
    def event(task: str, name: str = "result-generated", **payload: Any) -> Event:
        return {"header": {"task_id": task, "event": name, "attributes": {}}, "payload": payload}

    def test_the_last_of_each_task(self) -> None:
        usage = usage_of(
            "dashscope-tasks",
            self.event("a", "task-started"),
            self.event("a", usage={"characters": 10}),
            bytes(500),
            self.event("a", usage={"characters": 25}),
            self.event("a", "task-finished", usage={"characters": 25}),
            self.event("b", usage=None),
            self.event("b", usage={"duration": 3}),
            self.event("b", usage={"duration": 7}),
            self.event("b", "task-finished", output={}),
            self.event("c", usage={"input_tokens": 4, "output_tokens": 2}),
            self.event("c", usage={"input_tokens": 4, "output_tokens": 9}),
        )
        assert usage == Usage(
            4, 9, source="provider", details={"characters": 25, "seconds": 7, "responses": 3}
        )

    def test_more_tasks_than_are_remembered(self) -> None:
        events = [self.event(str(task), usage={"characters": 1}) for task in range(400)]
        usage = usage_of("dashscope-tasks", *events)
        assert usage.details == {"characters": 400, "responses": 400}

    def test_a_failure(self) -> None:
        failed: Event = {"header": {"event": "task-failed", "error_code": "InvalidParameter"}, "payload": {}}
        assert read("dashscope-tasks", frames(failed)).error == "InvalidParameter"


SESSIONS = {
    "openai-realtime": frames(SESSION, BEGUN, AUDIO, response(usage=REALTIME_USAGE), TRANSCRIBED, BEGUN),
    "dashscope-realtime": frames(SESSION, BEGUN, response(usage={"characters": 5})),
    "dashscope-tasks": frames(
        *(TestDashScope.event("a", usage={"input_tokens": 4, "output_tokens": count}) for count in range(4))
    ),
    "google-live": frames({"setupComplete": {}}, *({"usageMetadata": GOOGLE_COUNTS} for _ in range(3))),
}


NAMES = (
    *("type", "event", "response", "usage", "usageMetadata", "payload", "header", "session", "error"),
    *("input_tokens", "seconds", "input_token_details", "promptTokensDetails", "model"),
)


class TestEveryDialect:
    @pytest.mark.parametrize("dialect", SESSION_DIALECTS)
    @given(cuts=CUTS)
    def test_any_split_reads_the_same(self, dialect: str, cuts: list[int]) -> None:
        whole, split = read(dialect, SESSIONS[dialect]), read(dialect, SESSIONS[dialect], cuts)
        assert whole.usage.source == "provider"
        assert (split.usage, split.model, split.error) == (whole.usage, whole.model, whole.error)

    @pytest.mark.parametrize("dialect", SESSION_DIALECTS)
    @given(
        content=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(NAMES),
                    inner
                    | st.sampled_from(
                        ("response.done", "response.created", "response.event", "session.closed", "error")
                    ),
                    max_size=4,
                )
            ),
            max_leaves=12,
        )
    )
    def test_any_json(self, dialect: str, content: Any) -> None:
        data = json.dumps(content).encode()
        reading = read(dialect, frames(data, data, b'{"usage":', b"[" * 5000))
        assert reading.usage.source in ("none", "provider")
        for number in (reading.usage.input_tokens, reading.usage.output_tokens):
            assert number is None or number >= 0

    @pytest.mark.parametrize("dialect", SESSION_DIALECTS.values(), ids=SESSION_DIALECTS)
    def test_errors_are_worded_as_the_vendors_own(self, dialect: Any) -> None:
        body = json.loads(dialect.error_body(ErrorFacts(503, "a_code", "Say this.", "trace")))
        assert "Say this." in json.dumps(body)

    def test_no_path_alone_makes_a_session(self) -> None:
        paths = {path for vendor in load_catalog().vendors.values() for path in vendor.sockets}
        assert paths
        assert not [
            one
            for one in (*DIALECTS.values(), *SESSION_DIALECTS.values())
            for path in paths
            if one.matches("GET", path)
        ]

    def test_the_catalogue_knows_them(self) -> None:
        named = {one for vendor in load_catalog().vendors.values() for one in vendor.sockets.values()}
        assert named == set(SESSION_DIALECTS)


class TestTheModel:
    @pytest.mark.parametrize(
        ("dialect", "message", "model"),
        [
            ("google-live", {"setup": {"model": "models/gemini-live"}}, "gemini-live"),
            ("google-live", {"realtime_input": {}}, None),
            (
                "dashscope-tasks",
                {"header": {"action": "run-task"}, "payload": {"model": "cosyvoice"}},
                "cosyvoice",
            ),
            ("openai-realtime", {"type": "response.create", "model": "gpt-6", "input": "hi"}, "gpt-6"),
            ("openai-realtime", {"type": "session.start", "session": {"model": "gpt-live"}}, "gpt-live"),
            ("openai-realtime", {"type": "input_audio_buffer.append", "audio": "AA"}, None),
        ],
    )
    def test_in_a_message_of_the_client(self, dialect: str, message: Event, model: str | None) -> None:
        assert SESSION_DIALECTS[dialect].asked_model(message) == model
