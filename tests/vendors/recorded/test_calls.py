"""Each vendor's calls through the proxy, in front of a provider that refuses what the real one refuses."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from tests.fakes.upstream import RecordedUpstream
from tests.fakes.upstream.shapes import TEXT
from tests.fakes.upstream.vendors import RECORDED
from tests.proxy.conftest import SECRET, TOKEN, World
from tests.vendors.recorded.calls import (
    BODIES,
    CALLS,
    CHAT,
    COHERE,
    GOOGLE,
    MESSAGES,
    MODELS,
    NATIVE,
    OLLAMA,
    RESPONSES,
    Call,
)

# the transport that serves in production; what a vendor wants is not the transport's matter
pytestmark = pytest.mark.parametrize("world", ["wire"], indirect=True)

AUTH = {"authorization": f"Bearer {TOKEN}"}
Client = aiohttp.ClientSession
# input, output, read from cache, reasoning
TOLD: dict[str, tuple[int, int, int | None, int | None]] = {
    CHAT: (11, 7, 3, 2),
    RESPONSES: (11, 7, 3, 2),
    MESSAGES: (11, 7, 4, None),
    GOOGLE: (11, 7, 3, 2),
    COHERE: (5, 7, 3, None),
    OLLAMA: (11, 7, None, None),
    NATIVE: (11, 7, None, None),
}
TOLD_OF_CHAT: dict[str, tuple[int, int, int | None, int | None]] = {
    "moonshot": (11, 7, 3, None),
    "perplexity": (11, 7, None, 2),
}


def prepare(world: World, upstream: RecordedUpstream, call: Call) -> None:
    upstream.vendor = call.vendor
    world.keys.keys.clear()
    key = world.add_key(call.vendor, api_type=call.api_type)
    if call.base:
        world.keys.keys[0] = type(key)(
            key_id=key.key_id,
            owner_id=key.owner_id,
            vendor=key.vendor,
            label=key.label,
            secret=key.secret,
            base_url=f"{upstream.url}{call.base}",
            api_type=call.api_type,
        )


def check(world: World, upstream: RecordedUpstream, call: Call, *, streamed: bool) -> None:
    assert upstream.complaints == []
    seen = upstream.seen[0]
    arrives = call.arrives
    if streamed and call.dialect == GOOGLE:
        arrives = arrives.replace("generateContent", "streamGenerateContent")
    assert seen.path == arrives
    assert seen.everything().count(SECRET) == 1
    assert TOKEN not in seen.everything()
    (record,) = world.usage.records
    told = TOLD_OF_CHAT.get(call.vendor, TOLD[CHAT]) if call.dialect == CHAT else TOLD[call.dialect]
    usage = record.usage
    assert (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.reasoning_tokens,
    ) == told
    assert usage.source == "provider"
    assert (record.vendor, record.dialect, record.status) == (call.vendor, call.dialect, 200)
    assert record.error_code is None
    assert record.key_id == world.keys.keys[0].key_id
    if call.dialect not in (COHERE, NATIVE):
        assert record.model_answered == "mock-1-0611"
    assert [report.reason for report in world.keys.reports] == [None]


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_plain(world: World, upstream: RecordedUpstream, http: Client, call: Call) -> None:
    prepare(world, upstream, call)
    answer = await http.post(f"/api/v1/{call.vendor}{call.sent}", json=BODIES[call.dialect], headers=AUTH)
    body = await answer.read()
    assert (answer.status, upstream.complaints) == (200, []), body
    assert TEXT in body.decode()
    await world.settled()
    check(world, upstream, call, streamed=False)
    assert not world.usage.records[0].streamed
    assert upstream.seen[0].json() == BODIES[call.dialect]


@pytest.mark.parametrize("call", CALLS, ids=str)
async def test_stream(world: World, upstream: RecordedUpstream, http: Client, call: Call) -> None:
    prepare(world, upstream, call)
    body: dict[str, Any] = {**BODIES[call.dialect], "stream": True}
    sent, headers = call.sent, dict(AUTH)
    if call.dialect == GOOGLE:
        del body["stream"]
        sent = sent.replace("generateContent", "streamGenerateContent") + "?alt=sse"
    elif call.dialect == NATIVE:
        del body["stream"]
        headers["X-DashScope-SSE"] = "enable"
    answer = await http.post(f"/api/v1/{call.vendor}{sent}", json=body, headers=headers)
    received = await answer.read()
    assert (answer.status, upstream.complaints) == (200, []), received
    assert text_of(received, call.dialect) == TEXT
    await world.settled()
    check(world, upstream, call, streamed=True)
    if call.dialect == CHAT:
        check_asking(upstream, call, received)
    else:
        assert upstream.seen[0].json() == body


def check_asking(upstream: RecordedUpstream, call: Call, received: bytes) -> None:
    """Usage is asked for where only that brings it, and the chunk that comes of it is not shown."""
    telling = RECORDED[call.vendor].telling
    asked = telling in ("asked", "azure", "choice", "no delta")
    assert ("stream_options" in upstream.seen[0].json()) is asked
    events = [line[6:] for line in received.decode().splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    extra = [event for event in map(json.loads, events[:-1]) if not event["choices"] and event.get("usage")]
    assert len(extra) == (1 if telling == "extra" else 0)
    assert received.startswith(RECORDED[call.vendor].comments)


def text_of(received: bytes, dialect: str) -> str:
    """The text that a stream of the dialect carried."""
    if dialect == OLLAMA:
        return "".join(json.loads(line)["message"]["content"] for line in received.splitlines())
    lines = [line[5:].strip() for line in received.decode().splitlines() if line.startswith("data:")]
    events: list[Any] = [json.loads(line) for line in lines if line != "[DONE]"]
    if dialect == CHAT:
        choices = (event["choices"][0] for event in events if event["choices"])
        return "".join(choice.get("delta", {}).get("content") or "" for choice in choices)
    if dialect == RESPONSES:
        return "".join(event["delta"] for event in events if event["type"].endswith("text.delta"))
    if dialect == MESSAGES:
        deltas = (event["delta"] for event in events if event["type"] == "content_block_delta")
        return "".join(delta["text"] for delta in deltas)
    if dialect == GOOGLE:
        parts = (event["candidates"][0]["content"]["parts"] for event in events)
        return "".join(part["text"] for some in parts for part in some)
    if dialect == COHERE:
        messages = (event["delta"]["message"] for event in events if event["type"] == "content-delta")
        return "".join(message["content"]["text"] for message in messages)
    return str(events[-1]["output"]["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    ("vendor", "sent", "arrives"),
    [(vendor, *paths) for vendor, several in MODELS.items() for paths in several],
)
async def test_models(
    world: World, upstream: RecordedUpstream, http: Client, vendor: str, sent: str, arrives: str
) -> None:
    upstream.vendor = vendor
    world.add_key(vendor)
    answer = await http.get(f"/api/v1/{vendor}{sent}", headers=AUTH)
    body = await answer.text()
    assert (answer.status, upstream.complaints) == (200, []), body
    assert "mock-1" in body or "valid" in body
    assert upstream.seen[0].path == arrives
    assert upstream.seen[0].everything().count(SECRET) == 1
    await world.settled()
    assert world.usage.records[0].usage.input_tokens is None


@pytest.mark.parametrize("place", ["authorization", "x-api-key", "api-key", "x-goog-api-key", "?key="])
@pytest.mark.parametrize("vendor", ["openai", "anthropic", "google", "azure-openai", "deepseek"])
async def test_wherever_the_token_came(
    world: World, upstream: RecordedUpstream, http: Client, vendor: str, place: str
) -> None:
    """The key goes to the vendor's own place, and nothing is left in the place of the token."""
    upstream.vendor = vendor
    world.add_key(vendor)
    headers = {place: f"Bearer {TOKEN}" if place == "authorization" else TOKEN}
    params = {"key": TOKEN} if place == "?key=" else {}
    path = MODELS[vendor][0][0]
    answer = await http.get(f"/api/v1/{vendor}{path}", headers={} if params else headers, params=params)
    assert (answer.status, upstream.complaints) == (200, [])


async def test_google_streams_an_array_without_sse(
    world: World, upstream: RecordedUpstream, http: Client
) -> None:
    upstream.vendor = "google"
    world.add_key("google")
    answer = await http.post(
        "/api/v1/google/v1beta/models/m:streamGenerateContent", json=BODIES[GOOGLE], headers=AUTH
    )
    assert [chunk["modelVersion"] for chunk in await answer.json()] == ["mock-1-0611"] * 2
    await world.settled()
    usage = world.usage.records[0].usage
    assert (usage.input_tokens, usage.output_tokens) == (11, 7)


async def test_what_the_client_asks_for_is_passed_on(
    world: World, upstream: RecordedUpstream, http: Client
) -> None:
    """A client's own `stream_options` reach the vendor as they are, and so does the vendor's answer."""
    for vendor, status in (("openai", 200), ("groq", 200), ("mistral", 422), ("cohere", 400)):
        upstream.vendor = vendor
        world.add_key(vendor)
        body = {**BODIES[CHAT], "stream": True, "stream_options": {"include_usage": True}}
        answer = await http.post(f"/api/v1/{vendor}/chat/completions", json=body, headers=AUTH)
        received = await answer.read()
        assert answer.status == status
        assert upstream.seen[-1].json() == body
        if vendor == "openai":
            assert b'"completion_tokens": 7' in received


async def test_options_without_stream(world: World, upstream: RecordedUpstream, http: Client) -> None:
    world.add_key("openai")
    body = {**BODIES[CHAT], "stream_options": {"include_usage": True}}
    answer = await http.post("/api/v1/openai/chat/completions", json=body, headers=AUTH)
    assert answer.status == 400
    assert "only allowed when 'stream'" in await answer.text()


async def test_azure_needs_its_version(world: World, upstream: RecordedUpstream, http: Client) -> None:
    upstream.vendor = "azure-openai"
    world.add_key("azure-openai")
    for path, status in (
        ("/openai/deployments/dep/chat/completions", 404),
        ("/openai/deployments/dep/chat/completions?api-version=2024-10-21", 200),
        ("/openai/v1/chat/completions?api-version=2024-10-21", 404),
        ("/openai/v1/chat/completions", 200),
    ):
        answer = await http.post(f"/api/v1/azure-openai{path}", json=BODIES[CHAT], headers=AUTH)
        assert answer.status == status, path


async def test_anthropic_versions(world: World, upstream: RecordedUpstream, http: Client) -> None:
    """The client's version goes on; without one the elder is filled in, which knows `temperature`."""
    upstream.vendor = "anthropic"
    world.add_key("anthropic")
    body = {**BODIES[MESSAGES], "temperature": 0.5}
    for version, status in ((None, 200), ("2023-06-01", 200), ("2026-10-21", 400)):
        headers = AUTH if version is None else {**AUTH, "anthropic-version": version}
        answer = await http.post("/api/v1/anthropic/v1/messages", json=body, headers=headers)
        assert answer.status == status


async def test_anthropic_counts_tokens(world: World, upstream: RecordedUpstream, http: Client) -> None:
    upstream.vendor = "anthropic"
    world.add_key("anthropic")
    answer = await http.post(
        "/api/v1/anthropic/v1/messages/count_tokens", json=BODIES[MESSAGES], headers=AUTH
    )
    assert (answer.status, await answer.json()) == (200, {"input_tokens": 11})
    await world.settled()
    assert world.usage.records[0].usage.input_tokens is None


@pytest.mark.parametrize("with_key", [True, False])
async def test_ollama_with_and_without_a_key(
    world: World, upstream: RecordedUpstream, http: Client, with_key: bool
) -> None:
    upstream.vendor = "ollama"
    world.add_key("ollama", SECRET if with_key else "")
    answer = await http.post("/api/v1/ollama/api/chat", json=BODIES[OLLAMA], headers=AUTH)
    assert answer.status == 200
    assert upstream.seen[0].header("authorization") == (f"Bearer {SECRET}" if with_key else None)
