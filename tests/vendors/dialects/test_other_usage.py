"""Usage of the dialects that are not OpenAI's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clawbot_manager.vendors.usage import Usage
from tests.fakes.upstream import message_events
from tests.vendors.dialects.reading import JSON, NDJSON, SSE, answer, ndjson, read, sse, told


class TestAnthropic:
    TABLE: dict[str, Any] = {  # noqa: RUF012
        "input_tokens": 5,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 3,
        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1},
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 6},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
        "service_tier": "priority",
        "speed": "fast",
        "inference_geo": "us",
    }
    DETAILS: dict[str, Any] = {  # noqa: RUF012
        "cache_write_5m_tokens": 2,
        "cache_write_1h_tokens": 1,
        "web_search_requests": 2,
        "service_tier": "priority",
        "speed": "fast",
        "inference_geo": "us",
    }

    def test_caches_are_besides_the_input(self) -> None:
        body = answer(self.TABLE, type="message", stop_reason="end_turn")
        assert read("anthropic-messages", body).usage == told(12, 9, 4, 3, 6, **self.DETAILS)

    def test_zero_is_not_silence(self) -> None:
        assert read("anthropic-messages", answer({"input_tokens": 0, "output_tokens": 0})).usage == told(0, 0)
        assert read("anthropic-messages", answer({"input_tokens": None})).usage == Usage()

    def test_counts_are_cumulative(self) -> None:
        start = {**self.TABLE, "output_tokens": 1}
        events = [
            {"type": "message_start", "message": {"model": "m", "usage": start}},
            {"type": "content_block_delta", "delta": {"text": "x"}},
            {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 4}},
            {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9, "input_tokens": 6}},
            {"type": "message_stop"},
        ]
        reading = read("anthropic-messages", sse(events), SSE)
        assert reading.usage == told(13, 9, 4, 3, 6, **self.DETAILS)

    def test_the_start_tells_no_output(self) -> None:
        """What it says of the output is a placeholder: cut here, the output is not known."""
        reading = read("anthropic-messages", sse(message_events({"model": "m"})[:5]), SSE)
        assert reading.usage == told(11, None, 4, 2)
        assert reading.at_least == 1

    def test_zeros_where_nothing_is_repeated(self) -> None:
        events = [
            {
                "type": "message_start",
                "message": {"model": "m", "usage": {"input_tokens": 7, "output_tokens": 0}},
            },
            {"type": "message_delta", "usage": {"input_tokens": 0, "output_tokens": 5}},
        ]
        assert read("anthropic-messages", sse(events), SSE).usage == told(7, 5)

    def test_counts_only_at_the_end(self) -> None:
        events = [
            {
                "type": "message_start",
                "message": {"model": "m", "usage": {"input_tokens": 0, "output_tokens": 0}},
            },
            {"type": "message_delta", "usage": {"input_tokens": 7, "output_tokens": 5}},
        ]
        assert read("anthropic-messages", sse(events), SSE).usage == told(7, 5)

    def test_work_of_other_calls_is_added(self) -> None:
        """`iterations`: a compaction and an advisor are not in the counts of the message."""
        besides = {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 3}
        besides |= {"cache_creation_input_tokens": 0}
        table = {"input_tokens": 5, "output_tokens": 9, "iterations": [
            {"type": "message", "input_tokens": 5, "output_tokens": 9},
            {"type": "compaction", **besides},
            {"type": "advisor_message", "model": "x", **besides},
        ]}  # fmt: skip
        assert read("anthropic-messages", answer(table)).usage == told(211, 49, 6, 0)

    @pytest.mark.parametrize("path", ["/messages/count_tokens", "/messages/batches"])
    def test_counting_is_free(self, path: str) -> None:
        reading = read("anthropic-messages", b'{"input_tokens":11}', path=path)
        assert (reading.usage, reading.basis) == (Usage(), "nothing")


class TestGoogle:
    TABLE: dict[str, Any] = {  # noqa: RUF012
        "promptTokenCount": 100,
        "cachedContentTokenCount": 40,
        "candidatesTokenCount": 50,
        "thoughtsTokenCount": 20,
        "toolUsePromptTokenCount": 7,
        "totalTokenCount": 177,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 60},
            {"modality": "IMAGE", "tokenCount": 30},
            {"modality": "AUDIO", "tokenCount": 10},
        ],
        "cacheTokensDetails": [{"modality": "VIDEO", "tokenCount": 40}],
        "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 50}],
        "trafficType": "PROVISIONED_THROUGHPUT",
        "serviceTier": "standard",
    }
    USAGE = told(
        *(107, 70, 40, None, 20),
        tool_input_tokens=7,
        text_input_tokens=60,
        image_input_tokens=30,
        audio_input_tokens=10,
        video_cache_read_tokens=40,
        traffic_type="PROVISIONED_THROUGHPUT",
    )

    def test_thoughts_and_tools_are_besides(self) -> None:
        body = json.dumps({"usageMetadata": self.TABLE, "modelVersion": "g"}).encode()
        reading = read("google-generatecontent", body)
        assert (reading.usage, reading.model) == (self.USAGE, "g")

    def test_array_of_chunks(self) -> None:
        """Without `alt=sse` a stream is one JSON array; cut short, what was told counts."""
        chunks = [{"usageMetadata": {"promptTokenCount": 1}}, {"usageMetadata": self.TABLE}, {"x": "y" * 99}]
        body = json.dumps(chunks).encode()
        path = "/models/m:streamGenerateContent"
        assert read("google-generatecontent", body, path=path).usage == self.USAGE
        assert read("google-generatecontent", body[:-20], path=path).usage == self.USAGE
        assert read("google-generatecontent", body[:60], path=path).usage == told(1)

    @pytest.mark.parametrize("call", ["embedContent", "batchEmbedContents"])
    def test_vectors(self, call: str) -> None:
        path = f"/models/m:{call}"
        assert read("google-generatecontent", b'{"embedding":{"values":[1]}}', path=path).usage == Usage()
        body = b'{"embeddings":[],"usageMetadata":{"promptTokenCount":4}}'
        assert read("google-generatecontent", body, path=path).usage == told(4)

    def test_pictures(self) -> None:
        body = b'{"predictions":[{"bytesBase64Encoded":"AA"},{"bytesBase64Encoded":"BB"}]}'
        assert read("google-generatecontent", body, path="/models/imagen:predict").usage == told(images=2)

    def test_counting_is_free(self) -> None:
        body = b'{"totalTokens":11,"usageMetadata":{"promptTokenCount":11}}'
        reading = read("google-generatecontent", body, path="/models/m:countTokens")
        assert (reading.usage, reading.basis) == (Usage(), "nothing")

    def test_interactions(self) -> None:
        table = {
            "total_input_tokens": 10,
            "total_tool_use_tokens": 2,
            "total_output_tokens": 5,
            "total_thought_tokens": 3,
            "total_cached_tokens": 4,
            "input_tokens_by_modality": [
                {"modality": "text", "tokens": 4},
                {"modality": "image", "tokens": 6},
            ],
        }
        usage = told(*(12, 8, 4, None, 3), tool_input_tokens=2, text_input_tokens=4, image_input_tokens=6)
        whole = {"model": "g", "status": "completed", "usage": table}
        assert read("google-generatecontent", json.dumps(whole).encode(), path="/interactions").usage == usage
        events = [
            {"event_type": "interaction.created", "interaction": {"model": "g"}},
            {"event_type": "content.delta", "delta": {"text": "x"}},
            {"event_type": "interaction.completed", "interaction": whole},
        ]
        reading = read("google-generatecontent", sse(events), SSE, path="/interactions")
        assert (reading.usage, reading.model) == (usage, "g")
        begun = read("google-generatecontent", b'{"status":"in_progress"}', path="/interactions")
        assert (begun.usage, begun.basis) == (Usage(), "nothing")


class TestCohere:
    def test_billed_units_are_paid_for(self) -> None:
        table = {
            "billed_units": {
                "input_tokens": 5.0,
                "output_tokens": 7.0,
                "search_units": 1,
                "classifications": 2,
            },
            "tokens": {"input_tokens": 11.0, "output_tokens": 7.0},
            "cached_tokens": 3,
        }
        usage = told(5, 7, 3, search_units=1, classifications=2, real_input_tokens=11)
        assert read("cohere-v2", answer(table)).usage == usage
        event = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": table}}
        assert read("cohere-v2", sse([event]), SSE).usage == usage

    def test_version_1(self) -> None:
        meta = {"billed_units": {"input_tokens": 5, "output_tokens": 7}, "tokens": {"input_tokens": 5}}
        assert read("cohere-v2", json.dumps({"text": "x", "meta": meta}).encode()).usage == told(5, 7)
        lines = [
            {"event_type": "text-generation", "text": "x"},
            {"event_type": "stream-end", "response": {"text": "x", "meta": meta}},
        ]
        for content_type in (NDJSON, "application/stream+json"):
            assert read("cohere-v2", ndjson(lines), content_type).usage == told(5, 7)

    @pytest.mark.parametrize(
        ("units", "usage"),
        [
            ({"input_tokens": 4}, told(4)),
            ({"images": 1, "image_tokens": 9}, told(9, images=1, image_input_tokens=9)),
            ({"classifications": 3}, told(classifications=3)),
            ({}, Usage()),
        ],
    )
    def test_embed(self, units: dict[str, int], usage: Usage) -> None:
        body = json.dumps({"embeddings": {"float": [[1]]}, "meta": {"billed_units": units}}).encode()
        assert read("cohere-v2", body, path="/embed").usage == usage


class TestOllama:
    @pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
    def test_counts(self, path: str) -> None:
        done = {"model": "m", "done": True, "prompt_eval_count": 11, "eval_count": 7, "eval_duration": 5}
        assert read("ollama", json.dumps(done).encode(), path=path).usage == told(11, 7)
        lines = [{"model": "m", "response": "x", "done": False}, done]
        assert read("ollama", ndjson(lines), NDJSON, path=path).usage == told(11, 7)

    def test_a_count_of_zero_is_left_out(self) -> None:
        assert read("ollama", b'{"model":"m","done":true,"eval_count":7}').usage == told(None, 7)

    def test_vectors(self) -> None:
        body = b'{"model":"m","embeddings":[[1]],"prompt_eval_count":4}'
        assert read("ollama", body, path="/api/embed").usage == told(4)
        assert read("ollama", b'{"embedding":[1]}', path="/api/embeddings").usage == Usage()


class TestDashScope:
    GENERATION = "/services/aigc/multimodal-generation/generation"

    @pytest.mark.parametrize(
        ("path", "table", "usage"),
        [
            (
                GENERATION,
                {
                    "input_tokens": 1275,
                    "output_tokens": 9,
                    "total_tokens": 1284,
                    "image_tokens": 1247,
                    "input_tokens_details": {"text_tokens": 28, "image_tokens": 1247},
                    "output_tokens_details": {"text_tokens": 9, "reasoning_tokens": 4},
                    "prompt_tokens_details": {"cached_tokens": 8},
                },
                told(
                    *(1275, 9, 8, None, 4),
                    image_input_tokens=1247,
                    text_input_tokens=28,
                    text_output_tokens=9,
                ),
            ),
            (
                "/services/aigc/text-generation/generation",
                {"input_tokens": 5, "output_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2}},
                told(5, 7, 2),
            ),
            ("/services/embeddings/text-embedding/text-embedding", {"total_tokens": 4}, told(4)),
            (
                "/services/embeddings/multimodal-embedding/multimodal-embedding",
                {"input_tokens": 16, "image_tokens": 896, "output_tokens": 1, "total_tokens": 913},
                told(912, 1, image_input_tokens=896),
            ),
            ("/services/rerank/text-rerank/text-rerank", {"total_tokens": 79}, told(79)),
            ("/services/aigc/text2image/image-synthesis", {"image_count": 2}, told(images=2)),
            (GENERATION, {"characters": 12}, told(characters=12)),
            (GENERATION, {"seconds": 3}, told(seconds=3)),
        ],
    )
    def test_services(self, path: str, table: dict[str, Any], usage: Usage) -> None:
        body = json.dumps({"output": {}, "usage": table, "request_id": "1"}).encode()
        assert read("dashscope-native", body, path=path).usage == usage

    def test_only_pictures_and_sound_are_not_guessed(self) -> None:
        for path, basis in (
            ("/services/aigc/text2image/image-synthesis", "nothing"),
            ("/services/rerank/text-rerank/text-rerank", "input"),
            (self.GENERATION, "text"),
        ):
            assert read("dashscope-native", b"{}", JSON, path=path).basis == basis
