"""OpenRouter's SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from openrouter import OpenRouter, errors
from openrouter.utils import RetryConfig

from tests.fakes.upstream import RecordedUpstream
from tests.sdks.common import (
    ASK,
    CUT,
    PICTURE,
    SEE,
    TEXT,
    TOKEN,
    TOOL,
    TOOLS,
    WRONG,
    World,
    arguments,
    bad_request,
    broken,
    over_the_wire,
    play,
    settled,
    too_many,
)

pytestmark = over_the_wire
ONCE: Any = RetryConfig("none", None, False)  # type: ignore[arg-type]


def client_of(url: str, token: str = TOKEN) -> OpenRouter:
    return OpenRouter(api_key=token, server_url=url, retry_config=ONCE)


@pytest.mark.parametrize("base", ["", "/api/v1"])
async def test_plain_and_stream(world: World, upstream: RecordedUpstream, base: str) -> None:
    async with client_of(play(world, upstream, "openrouter") + base) as client:
        answer: Any = await client.chat.send_async(model="m", messages=ASK)
        assert answer.choices[0].message.content == TEXT
        text, stream = "", await client.chat.send_async(model="m", messages=ASK, stream=True)
        async for chunk in stream:
            text += str(chunk.choices[0].delta.content or "") if chunk.choices else ""
        assert text == TEXT
    await settled(world, upstream, 2)


async def test_from_a_thread(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "openrouter")

    def ask() -> Any:
        with client_of(url) as client:
            answer: Any = client.chat.send(model="m", messages=ASK)
            return answer.choices[0].message.content

    assert await asyncio.to_thread(ask) == TEXT
    await settled(world, upstream)


async def test_tools(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "openrouter")) as client:
        answer: Any = await client.chat.send_async(model="m", messages=ASK, tools=TOOLS)
        (call,) = answer.choices[0].message.tool_calls
        assert call.function.name == TOOL
        arguments(call.function.arguments)
        text, stream = "", await client.chat.send_async(model="m", messages=ASK, tools=TOOLS, stream=True)
        async for chunk in stream:
            delta: Any = chunk.choices[0].delta if chunk.choices else None
            for one in (delta.tool_calls or []) if delta is not None else []:
                text += one.function.arguments or ""
        arguments(text)
    await settled(world, upstream, 2)


async def test_picture_and_embeddings(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "openrouter")) as client:
        await client.chat.send_async(model="m", messages=SEE)
        assert PICTURE in upstream.seen[0].body.decode()
        embedded: Any = await client.embeddings.generate_async(model="m", input="hi")
        assert embedded.data[0].embedding == [0.5, 0.25]
    await world.settled(2)
    assert upstream.complaints == []
    assert [record.usage.input_tokens for record in world.usage.records] == [11, 4]


async def test_errors(world: World, upstream: RecordedUpstream) -> None:
    async def refused(status: int, token: str = TOKEN) -> errors.OpenRouterError:
        async with client_of(f"{world.url}/api/v1/openrouter", token) as client:
            with pytest.raises(errors.OpenRouterError) as caught:
                await client.chat.send_async(model="m", messages=ASK)
        assert caught.value.status_code == status
        return caught.value

    await refused(401, WRONG)
    assert (await refused(404)).headers["x-clawbot-error"] == "no_key"
    play(world, upstream, "openrouter")
    too_many(upstream)
    assert (await refused(429)).headers["retry-after"] == "7"
    bad_request(upstream)
    assert "Invalid value" in (await refused(400)).body
    await world.settled(3)
    codes = [record.error_code for record in world.usage.records]
    assert codes == ["no_key", "rate_limited", "bad_request"]


async def test_broken_stream(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "openrouter")) as client:
        with pytest.raises(CUT):
            async for _ in await client.chat.send_async(model="break", messages=ASK, stream=True):
                pass
    await broken(world)
