"""What every SDK's tests ask and look at."""

from __future__ import annotations

import base64
import json
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest

from clawbot_manager.vendors.usage import Usage
from tests.fakes.upstream import Canned, RecordedUpstream
from tests.fakes.upstream.openai_shapes import ARGUMENTS, TOOL
from tests.fakes.upstream.shapes import TEXT
from tests.proxy.conftest import SECRET, TOKEN, World

__all__ = ["ARGUMENTS", "PICTURE", "SECRET", "TEXT", "TOKEN", "TOOL", "World"]

# the transport that serves in production
over_the_wire = pytest.mark.parametrize("world", ["wire"], indirect=True)

# what the SDKs' HTTP clients raise when an answer breaks off
CUT: tuple[type[Exception], ...] = (httpx.HTTPError, httpx2.HTTPError, aiohttp.ClientError)
WRONG = "cbm-a-token-that-nobody-has"
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 64).decode()
ASK: list[Any] = [{"role": "user", "content": "hi"}]
SEE: list[Any] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "what is this?"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
        ],
    }
]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": TOOL,
            "description": "The weather in a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
]


def play(world: World, upstream: RecordedUpstream, vendor: str) -> str:
    """Let the provider be this vendor, with one key; gives the base URL for an SDK."""
    upstream.vendor = vendor
    world.add_key(vendor)
    return f"{world.url}/api/v1/{vendor}"


async def settled(
    world: World, upstream: RecordedUpstream, count: int = 1, *, told: tuple[int | None, int | None] = (11, 7)
) -> list[Usage]:
    """The rows of that many requests, each with this input and output; no vendor had anything against one."""
    await world.settled(count)
    assert upstream.complaints == []
    assert len(world.usage.records) == count
    for seen in upstream.seen:
        assert seen.everything().count(SECRET) == 1
        assert TOKEN not in seen.everything()
    for record in world.usage.records:
        assert (record.status, record.error_code) == (200, None)
        assert (record.usage.input_tokens, record.usage.output_tokens) == told
        assert record.vendor == upstream.vendor
    return [record.usage for record in world.usage.records]


def too_many(upstream: RecordedUpstream) -> None:
    """The provider's next answer: too many requests."""
    body = {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}
    headers = {"content-type": "application/json", "retry-after": "7"}
    upstream.canned.append(Canned(429, json.dumps(body).encode(), headers))


def bad_request(upstream: RecordedUpstream) -> None:
    """The provider's next answer: the request is wrong."""
    body = {"error": {"message": "Invalid value for 'x'", "type": "invalid_request_error"}}
    upstream.canned.append(Canned(400, json.dumps(body).encode()))


async def broken(world: World) -> None:
    """The row of a stream that broke off."""
    await world.settled()
    record = world.usage.records[0]
    assert record.status == 200
    assert record.error_code == "upstream_broken"


def arguments(text: str) -> Any:
    """A tool call's arguments, as they must come."""
    assert json.loads(text) == json.loads(ARGUMENTS)
    return json.loads(text)
