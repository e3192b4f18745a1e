"""The simulated provider."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clawbot_manager.vendors import simulator
from clawbot_manager.vendors.dialects import DIALECTS, reader_for


def ask(question: str, *, persona: str = "", **more: Any) -> tuple[int, bytes]:
    messages = [{"role": "system", "content": persona}, {"role": "user", "content": question}]
    body = json.dumps({"model": "simulated-small", "messages": messages, **more}).encode()
    answered = simulator.answer("POST", "/v1/chat/completions", body)
    return answered.status, b"".join(piece.data for piece in answered.pieces)


def test_plain() -> None:
    status, body = ask("What is the weather?", persona="# You are Pip, a cheerful penguin.\nMore.")
    content = json.loads(body)
    said = content["choices"][0]["message"]["content"]
    assert status == 200
    assert said.startswith("[Simulated answer]")
    assert "What is the weather?" in said
    assert "Pip" in said
    assert content["usage"]["total_tokens"] > content["usage"]["completion_tokens"] > 10


def test_chinese() -> None:
    _, body = ask("你好，介绍一下你自己", persona="小助手")
    said = json.loads(body)["choices"][0]["message"]["content"]
    assert said.startswith("【模拟回答】")
    assert "小助手" in said


@pytest.mark.parametrize("asks", [True, False])
def test_stream(asks: bool) -> None:
    _, body = ask("hello there", stream=True, stream_options={"include_usage": asks})
    reader = reader_for(DIALECTS["openai-chat"].collector(), "text/event-stream")
    reader.feed(body)
    reading = reader.finish()
    assert body.endswith(b"data: [DONE]\n\n")
    assert b'"finish_reason":"stop"' in body
    assert (reading.usage.source == "provider") is asks


def test_parts() -> None:
    _, body = ask([{"type": "text", "text": "part one"}, {"type": "image_url"}])  # type: ignore[arg-type]
    assert "part one" in body.decode()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/chat/completions", b"nonsense", 400),
        ("POST", "/chat/completions", b'{"model":"\xff","messages":[{"role":"user"}]}', 400),
        ("POST", "/chat/completions", b'{"messages":[]}', 400),
        ("POST", "/chat/completions", b'{"messages":[{"role":"user"}]}', 400),
        ("POST", "/v1/messages", b"{}", 404),
        ("GET", "/models", b"", 200),
        ("GET", "/v1/models/simulated-large", b"", 200),
        ("GET", "/models/other", b"", 404),
    ],
)
def test_other_requests(method: str, path: str, body: bytes, status: int) -> None:
    answered = simulator.answer(method, path, body)
    assert answered.status == status
    assert json.loads(b"".join(piece.data for piece in answered.pieces))
