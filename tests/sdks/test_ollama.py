"""Ollama's SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ollama
import pytest

from tests.fakes.upstream import RecordedUpstream
from tests.sdks.common import (
    ASK,
    CUT,
    PICTURE,
    TEXT,
    TOKEN,
    TOOL,
    TOOLS,
    WRONG,
    World,
    bad_request,
    broken,
    over_the_wire,
    play,
    settled,
    too_many,
)

pytestmark = over_the_wire


@asynccontextmanager
async def client_of(url: str, token: str = TOKEN) -> AsyncIterator[Any]:
    client = ollama.AsyncClient(host=url, headers={"Authorization": f"Bearer {token}"})
    try:
        yield client
    finally:
        await client._client.aclose()


async def test_plain_and_stream(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "ollama")) as client:
        answer = await client.chat(model="m", messages=ASK)
        assert answer.message.content == TEXT
        parts = [part async for part in await client.chat(model="m", messages=ASK, stream=True)]
        assert "".join(part.message.content or "" for part in parts) == TEXT
    await settled(world, upstream, 2)
    assert [record.streamed for record in world.usage.records] == [False, True]


async def test_from_a_thread(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "ollama")

    def ask() -> Any:
        client = ollama.Client(host=url, headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            return client.chat(model="m", messages=ASK).message.content
        finally:
            client._client.close()

    assert await asyncio.to_thread(ask) == TEXT
    await settled(world, upstream)


async def test_tools(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "ollama")) as client:
        answer = await client.chat(model="m", messages=ASK, tools=TOOLS)
        (call,) = answer.message.tool_calls
        assert (call.function.name, call.function.arguments) == (TOOL, {"city": "Köln"})
        calls: list[Any] = []
        async for part in await client.chat(model="m", messages=ASK, tools=TOOLS, stream=True):
            calls += part.message.tool_calls or []
        assert [one.function.name for one in calls] == [TOOL]
    await settled(world, upstream, 2)


async def test_picture_embeddings_and_models(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "ollama")) as client:
        see = [{"role": "user", "content": "what is this?", "images": [PICTURE]}]
        assert (await client.chat(model="m", messages=see)).message.content == TEXT
        assert upstream.seen[0].json()["messages"][0]["images"] == [PICTURE]
        assert list((await client.embed(model="m", input="hi")).embeddings[0]) == [0.5, 0.25]
        assert (await client.list()).models[0].model == "mock-1"
    assert upstream.complaints == []
    await world.settled(3)
    assert [record.usage.input_tokens for record in world.usage.records] == [11, 4, None]


async def test_errors(world: World, upstream: RecordedUpstream) -> None:
    async def refused(status: int, token: str = TOKEN) -> None:
        async with client_of(f"{world.url}/api/v1/ollama", token) as client:
            with pytest.raises(ollama.ResponseError) as caught:
                await client.chat(model="m", messages=ASK)
        assert caught.value.status_code == status

    await refused(401, WRONG)
    await refused(404)
    play(world, upstream, "ollama")
    too_many(upstream)
    await refused(429)
    bad_request(upstream)
    await refused(400)
    await world.settled(3)
    codes = [record.error_code for record in world.usage.records]
    assert codes == ["no_key", "rate_limited", "bad_request"]


async def test_broken_stream(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "ollama")) as client:
        with pytest.raises((*CUT, ollama.ResponseError, ValueError)):
            async for _ in await client.chat(model="break", messages=ASK, stream=True):
                pass
    await broken(world)
