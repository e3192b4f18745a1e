"""Recognising a dialect, reading requests, wording errors."""

from __future__ import annotations

import json

import pytest

from clawbot_manager.vendors.dialects import DIALECTS, ErrorFacts, RequestFacts, recognise
from clawbot_manager.vendors.dialects.openai import is_usage_chunk


class TestRecognise:
    @pytest.mark.parametrize(
        ("method", "path", "dialect"),
        [
            ("POST", "/chat/completions", "openai-chat"),
            ("POST", "/deployments/d/chat/completions", "openai-chat"),
            ("POST", "/responses", "openai-responses"),
            ("POST", "/messages", "anthropic-messages"),
            ("POST", "/messages/count_tokens", "anthropic-messages"),
            ("POST", "/models/gemini-4:generateContent", "google-generatecontent"),
            ("POST", "/models/gemini-4:streamGenerateContent", "google-generatecontent"),
            ("POST", "/api/chat", "ollama"),
            ("POST", "/embeddings", "openai-other"),
            ("POST", "/chat", "cohere-v2"),
            ("POST", "/services/aigc/text-generation/generation", "dashscope-native"),
        ],
    )
    def test_known(self, method: str, path: str, dialect: str) -> None:
        found = recognise(method, path)
        assert found is not None
        assert found.id == dialect

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/models"),
            ("GET", "/chat/completions"),
            ("POST", "/files"),
            ("POST", "/threads/t/messages"),
        ],
    )
    def test_unknown(self, method: str, path: str) -> None:
        assert recognise(method, path) is None


class TestFacts:
    def test_body(self) -> None:
        body = b'{"model":"m","stream":true,"stream_options":{"include_usage":false},"x":[1,{"y":2}]}'
        assert DIALECTS["openai-chat"].facts("/chat/completions", body) == RequestFacts("m", True, False)

    def test_google_in_the_path(self) -> None:
        facts = DIALECTS["google-generatecontent"].facts("/models/a%2Eb:streamGenerateContent", b"")
        assert facts == RequestFacts("a.b", True)

    def test_ollama_streams_unless_told(self) -> None:
        ollama = DIALECTS["ollama"]
        assert ollama.facts("/api/chat", b'{"model":"m"}').stream
        assert not ollama.facts("/api/chat", b'{"model":"m","stream":false}').stream
        assert not ollama.facts("/api/embed", b'{"model":"m"}').stream

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model":1,"stream":"yes"}', b"[" * 100_000])
    def test_nonsense(self, body: bytes) -> None:
        assert DIALECTS["openai-chat"].facts("/chat/completions", body) == RequestFacts()


class TestErrors:
    @pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda one: one.id)
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 502, 503, 504])
    def test_json_with_the_message(self, dialect: object, status: int) -> None:
        body = dialect.error_body(ErrorFacts(status, "a_code", "Say this.", "trace"))  # type: ignore[attr-defined]
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
