"""Errors that come inside an answer of 200: the client gets them as they are, and the row tells of them."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.fakes.upstream import Canned, RecordedUpstream
from tests.proxy.conftest import TOKEN, World
from tests.vendors.recorded.calls import BODIES, CHAT, COHERE, GOOGLE, MESSAGES, OLLAMA, RESPONSES

pytestmark = pytest.mark.parametrize("world", ["wire"], indirect=True)

AUTH = {"authorization": f"Bearer {TOKEN}"}
SSE, NDJSON = "text/event-stream", "application/x-ndjson"


def sse(*events: Any, named: bool = False) -> bytes:
    """Events as they stand on the wire."""
    names = (f"event: {event['type']}\n" if named else "" for event in events)
    return "".join(
        f"{name}data: {json.dumps(event)}\n\n" for name, event in zip(names, events, strict=True)
    ).encode()


_CHUNK = {"id": "1", "model": "mock-1", "choices": [{"index": 0, "delta": {"content": "He"}}]}
_CUT = {
    **_CHUNK,
    "error": {"code": 502, "message": "Provider disconnected"},
    "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
}
_START = {
    "type": "message_start",
    "message": {"id": "1", "model": "mock-1", "usage": {"input_tokens": 11, "output_tokens": 1}},
}
_BUSY = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
_FAILED = {
    "type": "response.failed",
    "sequence_number": 1,
    "response": {
        "id": "1",
        "model": "mock-1",
        "status": "failed",
        "error": {"code": "server_error", "message": "x"},
    },
}
_LINES = (
    {"model": "mock-1", "message": {"role": "assistant", "content": "He"}, "done": False},
    {"error": "llama runner process has terminated"},
)
_GOOGLE = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


@pytest.mark.parametrize(
    ("vendor", "dialect", "path", "content_type", "body"),
    [
        ("openrouter", CHAT, "/api/v1/chat/completions", SSE, sse(_CHUNK, _CUT)),
        ("openai", CHAT, "/chat/completions", SSE, sse(_CHUNK, {"error": {"type": "server_error"}})),
        ("openai", RESPONSES, "/responses", SSE, sse(_FAILED, named=True)),
        ("anthropic", MESSAGES, "/v1/messages", SSE, sse(_START, _BUSY, named=True)),
        ("moonshot", MESSAGES, "/anthropic/v1/messages", SSE, sse(_START, _BUSY, named=True)),
        ("google", GOOGLE, "/v1beta/models/m:streamGenerateContent?alt=sse", SSE, sse(_GOOGLE)),
        (
            "ollama",
            OLLAMA,
            "/api/chat",
            NDJSON,
            "".join(json.dumps(line) + "\n" for line in _LINES).encode(),
        ),
    ],
)
async def test_told(
    world: World,
    upstream: RecordedUpstream,
    http: aiohttp.ClientSession,
    vendor: str,
    dialect: str,
    path: str,
    content_type: str,
    body: bytes,
) -> None:
    upstream.vendor = vendor
    world.add_key(vendor)
    upstream.canned.append(Canned(200, body, {"content-type": content_type}))
    asked = {**BODIES[dialect], "stream": True}
    answer = await http.post(f"/api/v1/{vendor}{path}", json=asked, headers=AUTH)
    assert (answer.status, await answer.read()) == (200, body)
    await world.settled()
    (record,) = world.usage.records
    assert (record.status, record.error_code) == (200, "error_in_answer")
    if dialect == MESSAGES:
        assert record.usage.input_tokens == 11


async def test_comments_and_an_event_without_space(
    world: World, upstream: RecordedUpstream, http: aiohttp.ClientSession
) -> None:
    """Keep-alive comments, CRLF, `data:` without a space, and one event over two lines."""
    upstream.vendor = "deepseek"
    world.add_key("deepseek")
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    last = json.dumps({"id": "1", "model": "mock-1", "choices": [], "usage": usage}, indent=1)
    lines = "".join(f"data:{line}\r\n" for line in last.splitlines())
    body = f": keep-alive\r\n\r\ndata:{json.dumps(_CHUNK)}\r\n\r\n{lines}\r\ndata:[DONE]\r\n\r\n".encode()
    upstream.canned.append(Canned(200, body, {"content-type": SSE}))
    asked = {**BODIES[CHAT], "stream": True, "stream_options": {"include_usage": True}}
    answer = await http.post("/api/v1/deepseek/chat/completions", json=asked, headers=AUTH)
    assert await answer.read() == body
    await world.settled()
    usage_row = world.usage.records[0].usage
    assert (usage_row.input_tokens, usage_row.output_tokens) == (11, 7)


async def test_cohere_ends_with_an_error(
    world: World, upstream: RecordedUpstream, http: aiohttp.ClientSession
) -> None:
    upstream.vendor = "cohere"
    world.add_key("cohere")
    end = {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "the model failed"}}
    body = sse(end, named=True)
    upstream.canned.append(Canned(200, body, {"content-type": SSE}))
    answer = await http.post("/api/v1/cohere/v2/chat", json={**BODIES[COHERE], "stream": True}, headers=AUTH)
    assert await answer.read() == body
    await world.settled()
    assert world.usage.records[0].error_code == "error_in_answer"
