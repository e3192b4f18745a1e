"""OpenAI's usage, and what its imitators make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clawbot_manager.vendors.usage import Usage
from tests.vendors.dialects.reading import SSE, answer, read, sse, told


def chat(table: dict[str, Any], **more: Any) -> Usage:
    return read("openai-chat", answer(table, **more)).usage


def other(path: str, content: Any) -> Usage:
    return read("openai-other", json.dumps(content).encode(), path=path).usage


class TestChat:
    def test_all_of_it(self) -> None:
        usage = {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {
                "cached_tokens": 30,
                "cache_write_tokens": 20,
                "audio_tokens": 7,
                "image_tokens": 5,
                "text_tokens": 88,
            },
            "completion_tokens_details": {
                "reasoning_tokens": 9,
                "audio_tokens": 3,
                "accepted_prediction_tokens": 2,
                "rejected_prediction_tokens": 1,
            },
        }
        assert chat(usage, service_tier="flex") == told(
            *(100, 50, 30, 20, 9),
            audio_input_tokens=7,
            image_input_tokens=5,
            text_input_tokens=88,
            audio_output_tokens=3,
            accepted_prediction_tokens=2,
            rejected_prediction_tokens=1,
            service_tier="flex",
        )

    def test_zero_is_not_silence(self) -> None:
        zero = {"prompt_tokens": 0, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 0}}
        assert chat(zero) == told(0, 0, 0)
        for silent in ({}, None, {"prompt_tokens": None}, {"prompt_tokens": "7"}, {"prompt_tokens": -1}, [1]):
            assert chat(silent) == Usage()  # type: ignore[arg-type]
        assert read("openai-chat", b"{}").usage == Usage()

    def test_only_one_of_them(self) -> None:
        assert chat({"completion_tokens": 4}) == told(None, 4)

    def test_numbers_that_are_none(self) -> None:
        assert chat({"prompt_tokens": 3.0, "completion_tokens": 4, "total_tokens": True}) == told(3, 4)
        assert chat({"prompt_tokens": 1e300, "completion_tokens": 4}) == told(None, 4)

    @pytest.mark.parametrize("tier", ["default", "standard", "auto", None])
    def test_the_ordinary_is_not_noted(self, tier: str | None) -> None:
        details = {"audio_tokens": 0, "rejected_prediction_tokens": 0}
        usage = {"prompt_tokens": 1, "completion_tokens": 2, "completion_tokens_details": details}
        assert chat(usage, service_tier=tier) == told(1, 2)

    def test_the_last_of_them_counts(self) -> None:
        events = [
            {"model": "m", "choices": [], "usage": {"prompt_tokens": 1}},
            {"choices": [], "usage": {"prompt_tokens": 2}},
            {"choices": [], "usage": None},
        ]
        assert read("openai-chat", sse(events), SSE).usage == told(2)


class TestVendors:
    def test_deepseek(self) -> None:
        usage = {
            "prompt_tokens": 11,
            "completion_tokens": 7,
            "total_tokens": 18,
            "prompt_cache_hit_tokens": 3,
            "prompt_cache_miss_tokens": 8,
            "completion_tokens_details": {"reasoning_tokens": 2},
        }
        assert chat(usage) == told(11, 7, 3, None, 2)

    def test_moonshot(self) -> None:
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "cached_tokens": 1}
        assert chat(usage) == told(3, 4, 1)
        events = [{"model": "m"}, {"choices": [{"index": 0, "delta": {}, "usage": usage}]}]
        assert read("openai-chat", sse(events), SSE).usage == told(3, 4, 1)

    def test_groq(self) -> None:
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "queue_time": 0.1, "total_time": 0.2}
        events = [
            {"model": "m", "x_groq": {"id": "req_1"}},
            {"choices": [{"finish_reason": "stop"}], "x_groq": {"id": "req_1", "usage": usage}},
        ]
        assert read("openai-chat", sse(events), SSE).usage == told(3, 4)

    def test_perplexity(self) -> None:
        usage = {
            "prompt_tokens": 5,
            "completion_tokens": 7,
            "total_tokens": 35,
            "reasoning_tokens": 20,
            "citation_tokens": 3,
            "num_search_queries": 2,
            "search_context_size": "low",
            "cost": {"input_tokens_cost": 0.1, "total_cost": 0.25},
        }
        assert chat(usage) == told(
            *(5, 30, None, None, 20),
            citation_tokens=3,
            web_search_requests=2,
            search_context_size="low",
            cost_usd=0.25,
        )

    def test_openrouter(self) -> None:
        usage = {
            "prompt_tokens": 11,
            "completion_tokens": 7,
            "cost": 0.0125,
            "cost_details": {"upstream_inference_cost": 0.01},
            "is_byok": False,
            "prompt_tokens_details": {"cached_tokens": 0, "video_tokens": 6},
            "server_tool_use": {"web_search_requests": 1},
        }
        assert chat(usage) == told(
            *(11, 7, 0), cost_usd=0.0125, upstream_cost_usd=0.01, video_input_tokens=6, web_search_requests=1
        )

    def test_mistral_listens(self) -> None:
        usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_audio_seconds": 12}
        assert chat(usage) == told(9, 4, seconds=12)

    def test_venice_and_dashscope_write_caches(self) -> None:
        details = {"cached_tokens": 2, "cache_creation_input_tokens": 5}
        details |= {"cache_creation": {"ephemeral_5m_input_tokens": 5}}  # type: ignore[dict-item]
        usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": details}
        assert chat(usage) == told(9, 4, 2, 5, cache_write_5m_tokens=5)

    def test_minimax_refuses_in_a_200(self) -> None:
        body = {"choices": None, "usage": None, "base_resp": {"status_code": 1008, "status_msg": "no money"}}
        reading = read("openai-chat", json.dumps(body).encode())
        assert (reading.error, reading.usage) == ("1008", Usage())
        good = answer({"total_tokens": 9}, base_resp={"status_code": 0})
        assert read("openai-chat", good).error is None

    def test_minimax_has_no_delta_in_its_last_chunk(self) -> None:
        last = {"choices": [{"index": 0, "finish_reason": "stop"}], "usage": {"total_tokens": 9}}
        assert read("openai-chat", sse([{"model": "m"}, last]), SSE).usage == told(9)

    def test_doubao_bots(self) -> None:
        bots = {
            "model_usage": [
                {"name": "a", "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
                {"name": "b", "prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
            ],
            "action_usage": [{"name": "content_plugin", "search_count": 2}],
        }
        assert read("openai-chat", json.dumps({"model": "m", "bot_usage": bots}).encode()).usage == told(
            8, 5, web_search_requests=2
        )
        assert read("openai-chat", b'{"bot_usage":{"model_usage":5}}').usage == Usage()

    def test_azure_tells_filters_first(self) -> None:
        events: list[Any] = [
            {"choices": [], "model": "", "prompt_filter_results": [{"prompt_index": 0}]},
            {"choices": [{"delta": {"content": "x"}}], "model": "gpt", "usage": None},
            {"choices": [], "model": "gpt", "usage": {"prompt_tokens": 1, "completion_tokens": 2}},
        ]
        reading = read("openai-chat", sse(events, done=True), SSE)
        assert (reading.usage, reading.model) == (told(1, 2), "gpt")


class TestResponses:
    USAGE: dict[str, Any] = {  # noqa: RUF012
        "input_tokens": 11,
        "input_tokens_details": {
            "cached_tokens": 3,
            "cache_write_tokens": 4,
            "cache_write_tokens_details": {"ttl_30m_tokens": 4, "ttl_12h_tokens": 0},
        },
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 18,
    }

    def test_whole(self) -> None:
        body = answer(self.USAGE, status="completed", error=None, service_tier="priority", output=[{}])
        usage = told(11, 7, 3, 4, 2, cache_write_30m_tokens=4, service_tier="priority")
        assert read("openai-responses", body).usage == usage

    @pytest.mark.parametrize("kind", ["completed", "incomplete", "failed"])
    def test_closing_events(self, kind: str) -> None:
        begun = {"model": "m", "usage": None, "status": "in_progress", "max_output_tokens": None}
        error = {"code": "server_error", "message": "x"} if kind == "failed" else None
        events = [
            {"type": "response.created", "response": begun},
            {"type": "response.in_progress", "response": begun},
            {"type": "response.output_text.delta", "delta": "x"},
            {"type": f"response.{kind}", "response": {"model": "m", "usage": self.USAGE, "error": error}},
        ]
        reading = read("openai-responses", sse(events), SSE)
        assert reading.usage == told(11, 7, 3, 4, 2, cache_write_30m_tokens=4)
        assert reading.error == ("server_error" if kind == "failed" else None)

    def test_failed_without_usage(self) -> None:
        events = [{"type": "response.failed", "response": {"model": "m", "error": {"code": "x"}}}]
        assert read("openai-responses", sse(events), SSE).usage == Usage()

    @pytest.mark.parametrize("status", ["queued", "in_progress"])
    def test_in_the_background(self, status: str) -> None:
        """What it will cost is not to be guessed from an answer that only says it was taken."""
        body = json.dumps({"model": "m", "status": status, "background": True, "usage": None}).encode()
        reading = read("openai-responses", body)
        assert (reading.usage, reading.basis) == (Usage(), "nothing")

    def test_perplexity_and_openrouter(self) -> None:
        usage = {
            "input_tokens": 5,
            "output_tokens": 2,
            "cost": {"total_cost": 0.5, "currency": "USD"},
            "input_tokens_details": {"cache_read_input_tokens": 1, "cache_creation_input_tokens": 2},
        }
        assert read("openai-responses", answer(usage)).usage == told(5, 2, 1, 2, cost_usd=0.5)
        usage = {"input_tokens": 5, "output_tokens": 2, "cost": 0.1, "is_byok": True}
        assert read("openai-responses", answer(usage)).usage == told(5, 2, cost_usd=0.1)


class TestOthers:
    @pytest.mark.parametrize("path", ["/embeddings", "/deployments/d/embeddings"])
    def test_embeddings(self, path: str) -> None:
        body = {
            "data": [{"embedding": [1, 2]}],
            "model": "e",
            "usage": {"prompt_tokens": 4, "total_tokens": 4},
        }
        assert other(path, body) == told(4)

    def test_minimax_embeddings(self) -> None:
        body = {"vectors": [[1]], "total_tokens": 5, "base_resp": {"status_code": 0}}
        assert other("/embeddings", body) == told(5)

    @pytest.mark.parametrize(
        ("body", "usage"),
        [
            ({"usage": {"total_tokens": 9}}, told(9)),  # Jina's shape
            ({"usage": {"prompt_tokens": 9, "total_tokens": 9, "completion_tokens": 0}}, told(9, 0)),
            ({"usage": {"search_units": 1, "cost": 0.002}}, told(search_units=1, cost_usd=0.002)),
            ({"meta": {"billed_units": {"search_units": 2}}}, told(search_units=2)),
            ({"meta": {"tokens": {"input_tokens": 7, "output_tokens": 0}}}, told(7, 0)),  # SiliconFlow
        ],
    )
    def test_rerank(self, body: dict[str, Any], usage: Usage) -> None:
        assert other("/rerank", body) == usage

    def test_transcription_in_tokens(self) -> None:
        usage = {
            "type": "tokens",
            "input_tokens": 14,
            "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
            "output_tokens": 6,
            "total_tokens": 20,
        }
        counted = told(14, 6, text_input_tokens=4, audio_input_tokens=10)
        assert other("/audio/transcriptions", {"text": "x", "usage": usage}) == counted
        events = [
            {"type": "transcript.text.delta", "delta": "x"},
            {"type": "transcript.text.done", "text": "x", "usage": usage},
        ]
        assert read("openai-other", sse(events), SSE, path="/audio/transcriptions").usage == counted

    def test_transcription_in_seconds(self) -> None:
        body = {"text": "x", "duration": 8.47, "usage": {"type": "duration", "seconds": 9}}
        assert other("/audio/transcriptions", body) == told(seconds=9)
        assert other("/audio/transcriptions", {"text": "x", "duration": 8.47}) == told(seconds=8.47)
        event = {"type": "transcript.text.done", "usage": {"type": "duration", "seconds": 9}}
        assert read("openai-other", sse([event]), SSE, path="/audio/translations").usage == told(seconds=9)

    @pytest.mark.parametrize(
        ("body", "content_type"),
        [(b"Hello", "text/plain"), (b"1\n00:00:00,000 --> 00:00:01,000\nHi", "application/x-subrip")],
    )
    def test_transcription_as_text_tells_nothing(self, body: bytes, content_type: str) -> None:
        assert read("openai-other", body, content_type, path="/audio/transcriptions").usage == Usage()

    def test_speech(self) -> None:
        assert read("openai-other", b"\xff\xfb\x90", "audio/mpeg", path="/audio/speech").usage == Usage()
        events = [
            {"type": "speech.audio.delta", "audio": "AAAA"},
            {
                "type": "speech.audio.done",
                "usage": {"input_tokens": 3, "output_tokens": 90, "total_tokens": 93},
            },
        ]
        assert read("openai-other", sse(events), SSE, path="/audio/speech").usage == told(3, 90)
        minimax = {"data": {"audio": "00"}, "extra_info": {"usage_characters": 26}}
        assert other("/t2a_v2", minimax) == told(characters=26)

    def test_images(self) -> None:
        usage = {
            "input_tokens": 50,
            "output_tokens": 1056,
            "total_tokens": 1106,
            "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
            "output_tokens_details": {"text_tokens": 0, "image_tokens": 1056},
        }
        counted = {"text_input_tokens": 10, "image_input_tokens": 40, "image_output_tokens": 1056}
        body = {"data": [{"b64_json": "AA"}, {"b64_json": "BB"}], "usage": usage}
        assert other("/images/generations", body) == told(50, 1056, images=2, **counted)
        events = [
            {"type": "image_generation.partial_image", "b64_json": "AA"},
            {"type": "image_generation.completed", "b64_json": "AA", "usage": usage},
        ]
        assert read("openai-other", sse(events), SSE, path="/images/edits").usage == told(50, 1056, **counted)

    def test_images_by_the_piece(self) -> None:
        body = {"created": 1, "data": [{"url": "https://x"}] * 3}
        assert other("/images/generations", body) == told(images=3)
        doubao = {"data": [{}], "usage": {"generated_images": 1, "output_tokens": 16, "total_tokens": 16}}
        assert other("/images/generations", doubao) == told(None, 16, images=1)

    def test_completions(self) -> None:
        body = {
            "model": "m",
            "choices": [{"text": "x"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2},
        }
        for path in ("/completions", "/fim/completions", "/text/chatcompletion_v2"):
            assert other(path, body) == told(1, 2)

    def test_moderations_are_free_or_tell(self) -> None:
        assert other("/moderations", {"id": "modr-1", "results": []}) == Usage()
        assert other("/chat/moderations", {"usage": {"prompt_tokens": 4, "completion_tokens": 0}}) == told(
            4, 0
        )

    def test_pages(self) -> None:
        body = {
            "pages": [{}],
            "model": "mistral-ocr",
            "usage_info": {"pages_processed": 3, "doc_size_bytes": 9},
        }
        assert other("/ocr", body) == told(pages=3)
