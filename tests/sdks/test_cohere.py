"""Cohere's SDK, second version of its API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import cohere
import pytest
from cohere.errors import BadRequestError, NotFoundError, TooManyRequestsError, UnauthorizedError

from tests.fakes.upstream import Canned, RecordedUpstream
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
    broken,
    over_the_wire,
    play,
    settled,
)

pytestmark = over_the_wire
# the provider reads 11 tokens and bills 5
BILLED = (5, 7)


def client_of(url: str, token: str = TOKEN) -> cohere.AsyncClientV2:
    return cohere.AsyncClientV2(api_key=token, base_url=url, max_retries=0)


async def test_plain_and_stream(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "cohere")) as client:
        answer: Any = await client.chat(model="m", messages=ASK)
        assert answer.message.content[0].text == TEXT
        text = ""
        async for event in client.chat_stream(model="m", messages=ASK):
            some: Any = event
            text += some.delta.message.content.text if some.type == "content-delta" else ""
        assert text == TEXT
    for usage in await settled(world, upstream, 2, told=BILLED):
        assert usage.cache_read_tokens == 3
    assert [record.streamed for record in world.usage.records] == [False, True]


async def test_from_a_thread(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "cohere")

    def ask() -> Any:
        with cohere.ClientV2(api_key=TOKEN, base_url=url, max_retries=0) as client:
            answer: Any = client.chat(model="m", messages=ASK)
            return answer.message.content[0].text

    assert await asyncio.to_thread(ask) == TEXT
    await settled(world, upstream, told=BILLED)


async def test_tools(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "cohere")) as client:
        answer: Any = await client.chat(model="m", messages=ASK, tools=TOOLS)
        (call,) = answer.message.tool_calls
        assert call.function.name == TOOL
        arguments(call.function.arguments)
        text = ""
        async for event in client.chat_stream(model="m", messages=ASK, tools=TOOLS):
            some: Any = event
            if some.type == "tool-call-delta":
                text += some.delta.message.tool_calls.function.arguments
        arguments(text)
    await settled(world, upstream, 2, told=BILLED)


async def test_picture_embeddings_and_models(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "cohere")) as client:
        await client.chat(model="m", messages=SEE)
        assert PICTURE in upstream.seen[0].body.decode()
        embedded: Any = await client.embed(
            model="m", texts=["hi"], input_type="search_query", embedding_types=["float"]
        )
        assert embedded.embeddings.float_ == [[0.5, 0.25]]
        listed: Any = await client.models.list()
        assert listed.models[0].name == "mock-1"
    assert upstream.complaints == []
    await world.settled(3)
    assert world.usage.records[0].usage.input_tokens == BILLED[0]


async def test_errors(world: World, upstream: RecordedUpstream) -> None:
    async def refused(error: type[Exception], token: str = TOKEN) -> Any:
        async with client_of(f"{world.url}/api/v1/cohere", token) as client:
            with pytest.raises(error) as caught:
                await client.chat(model="m", messages=ASK)
        return caught.value

    await refused(UnauthorizedError, WRONG)
    assert (await refused(NotFoundError)).headers["x-clawbot-error"] == "no_key"
    play(world, upstream, "cohere")
    headers = {"content-type": "application/json", "retry-after": "7"}
    upstream.canned.append(Canned(429, json.dumps({"message": "too fast"}).encode(), headers))
    assert (await refused(TooManyRequestsError)).headers["retry-after"] == "7"
    upstream.canned.append(Canned(400, json.dumps({"message": "invalid request"}).encode()))
    assert (await refused(BadRequestError)).body == {"message": "invalid request"}
    await world.settled(3)
    codes = [record.error_code for record in world.usage.records]
    assert codes == ["no_key", "rate_limited", "bad_request"]


async def test_broken_stream(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "cohere")) as client:
        with pytest.raises(CUT):
            async for _ in client.chat_stream(model="break", messages=ASK):
                pass
    await broken(world)
