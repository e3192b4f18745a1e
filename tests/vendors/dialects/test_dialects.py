"""Recognising a dialect, wording errors."""

from __future__ import annotations

import json

import pytest

from clawbot_manager.vendors.dialects import DIALECTS, Dialect, ErrorFacts, dialect_named, recognise
from clawbot_manager.vendors.dialects.openai import is_usage_chunk


class TestRecognise:
    @pytest.mark.parametrize(
        ("path", "dialect"),
        [
            ("/chat/completions", "openai-chat"),
            ("/deployments/d/chat/completions", "openai-chat"),
            ("/sonar", "openai-chat"),
            ("/responses", "openai-responses"),
            ("/responses/compact", "openai-responses"),
            ("/agent", "openai-responses"),
            ("/messages", "anthropic-messages"),
            ("/messages/count_tokens", "anthropic-messages"),
            ("/models/gemini-4:generateContent", "google-generatecontent"),
            ("/models/gemini-4:streamGenerateContent", "google-generatecontent"),
            ("/tunedModels/t:generateContent", "google-generatecontent"),
            ("/models/imagen:predict", "google-generatecontent"),
            ("/interactions", "google-generatecontent"),
            ("/api/chat", "ollama"),
            ("/api/generate", "ollama"),
            ("/embeddings", "openai-other"),
            ("/deployments/d/embeddings", "openai-other"),
            ("/completions", "openai-other"),
            ("/fim/completions", "openai-other"),
            ("/rerank", "openai-other"),
            ("/audio/speech", "openai-other"),
            ("/audio/transcriptions", "openai-other"),
            ("/images/edits", "openai-other"),
            ("/moderations", "openai-other"),
            ("/ocr", "openai-other"),
            ("/t2a_v2", "openai-other"),
            ("/chat", "cohere-v2"),
            ("/embed", "cohere-v2"),
            ("/services/aigc/text-generation/generation", "dashscope-native"),
            ("/services/embeddings/text-embedding/text-embedding", "dashscope-native"),
            ("/services/rerank/text-rerank/text-rerank", "dashscope-native"),
        ],
    )
    def test_known(self, path: str, dialect: str) -> None:
        found = recognise("POST", path)
        assert found is not None
        assert found.id == dialect
        assert found.collector(path).usage.source == "none"

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/models"),
            ("GET", "/chat/completions"),
            ("GET", "/responses/resp_1"),
            ("POST", "/files"),
            ("POST", "/threads/t/messages"),
            ("POST", "/audio/voices"),
            ("POST", "/responses/resp_1/cancel"),
        ],
    )
    def test_unknown(self, method: str, path: str) -> None:
        assert recognise(method, path) is None

    def test_by_name(self) -> None:
        assert dialect_named("ollama").id == "ollama"
        assert dialect_named(None).id == dialect_named("no such").id == "openai-chat"

    @pytest.mark.parametrize(
        ("path", "asked"),
        [
            ("/chat/completions", True),
            ("/completions", True),
            ("/deployments/d/completions", True),
            ("/fim/completions", False),
            ("/responses", False),
            ("/messages", False),
            ("/models/m:streamGenerateContent", False),
            ("/api/chat", False),
            ("/chat", False),
            ("/embeddings", False),
        ],
    )
    def test_who_is_asked_for_usage(self, path: str, asked: bool) -> None:
        dialect = recognise("POST", path)
        assert dialect is not None
        assert dialect.asks_usage(path) is asked

    @pytest.mark.parametrize(
        ("path", "forms"),
        [
            ("/audio/transcriptions", True),
            ("/images/edits", True),
            ("/deployments/d/audio/translations", True),
            ("/embeddings", False),
            ("/chat/completions", False),
            ("/responses", False),
        ],
    )
    def test_who_takes_forms(self, path: str, forms: bool) -> None:
        dialect = recognise("POST", path)
        assert dialect is not None
        assert dialect.takes_forms(path) is forms


class TestErrors:
    @pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda one: one.id)
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 502, 503, 504])
    def test_json_with_the_message(self, dialect: Dialect, status: int) -> None:
        body = dialect.error_body(ErrorFacts(status, "a_code", "Say this.", "trace"))
        assert "Say this." in json.dumps(json.loads(body))

    def test_anthropic(self) -> None:
        body = DIALECTS["anthropic-messages"].error_body(ErrorFacts(401, "token_invalid", "No.", "t"))
        assert json.loads(body)["error"]["type"] == "authentication_error"

    def test_google(self) -> None:
        body = DIALECTS["google-generatecontent"].error_body(ErrorFacts(404, "no_key", "No.", "t"))
        error = json.loads(body)["error"]
        assert (error["code"], error["status"]) == (404, "NOT_FOUND")
        assert error["details"][0]["reason"] == "NO_KEY"


@pytest.mark.parametrize(
    ("content", "extra"),
    [
        ({"choices": [], "usage": {"prompt_tokens": 1}}, True),
        ({"choices": [], "usage": None, "prompt_filter_results": []}, False),
        ({"choices": [{}], "usage": {"prompt_tokens": 1}}, False),
        ([], False),
    ],
)
def test_is_usage_chunk(content: object, extra: bool) -> None:
    assert is_usage_chunk(content) is extra
