"""Mistral's SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mistralai.client import Mistral, errors
from mistralai.client.utils import RetryConfig

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


def client_of(url: str, token: str = TOKEN) -> Mistral:
    return Mistral(api_key=token, server_url=url, retry_config=ONCE)


async def test_plain_and_stream(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "mistral")) as client:
        answer: Any = await client.chat.complete_async(model="m", messages=ASK)
        assert answer.choices[0].message.content == TEXT
        text = ""
        async for event in await client.chat.stream_async(model="m", messages=ASK):
            text += str(event.data.choices[0].delta.content or "")
        assert text == TEXT
    await settled(world, upstream, 2)
    assert [record.streamed for record in world.usage.records] == [False, True]


async def test_from_a_thread(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "mistral")

    def ask() -> Any:
        with client_of(url) as client:
            answer: Any = client.chat.complete(model="m", messages=ASK)
            return answer.choices[0].message.content

    assert await asyncio.to_thread(ask) == TEXT
    await settled(world, upstream)


async def test_tools(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "mistral")) as client:
        answer: Any = await client.chat.complete_async(model="m", messages=ASK, tools=TOOLS)
        (call,) = answer.choices[0].message.tool_calls
        assert call.function.name == TOOL
        arguments(call.function.arguments)
        text = ""
        async for event in await client.chat.stream_async(model="m", messages=ASK, tools=TOOLS):
            for one in event.data.choices[0].delta.tool_calls or []:
                text += str(one.function.arguments)
        arguments(text)
    await settled(world, upstream, 2)


async def test_picture(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "mistral")) as client:
        await client.chat.complete_async(model="m", messages=SEE)
    assert PICTURE in upstream.seen[0].body.decode()
    await settled(world, upstream)


async def test_embeddings_and_models(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "mistral")) as client:
        embedded = await client.embeddings.create_async(model="m", inputs=["hi"])
        assert embedded.data[0].embedding == [0.5, 0.25]
        models: Any = await client.models.list_async()
        assert models.data[0].id == "mock-1"
    await world.settled(2)
    assert upstream.complaints == []
    assert world.usage.records[0].usage.input_tokens == 4


async def test_files(world: World, upstream: RecordedUpstream) -> None:
    content = bytes(range(256)) * 300
    async with client_of(play(world, upstream, "mistral")) as client:
        file: Any = {"file_name": "a b.jsonl", "content": content}
        made = await client.files.upload_async(file=file, purpose="batch")
        assert upstream.shelf.files[made.id][2] == content
        assert [one.id for one in (await client.files.list_async()).data] == [made.id]
        fetched = await client.files.download_async(file_id=made.id)
        assert await fetched.aread() == content
        assert (await client.files.delete_async(file_id=made.id)).deleted
    await settled(world, upstream, 4, told=(None, None))


async def test_errors(world: World, upstream: RecordedUpstream) -> None:
    async def refused(status: int, token: str = TOKEN) -> errors.MistralError:
        async with client_of(f"{world.url}/api/v1/mistral", token) as client:
            with pytest.raises(errors.MistralError) as caught:
                await client.chat.complete_async(model="m", messages=ASK)
        assert caught.value.status_code == status
        return caught.value

    await refused(401, WRONG)
    assert (await refused(404)).headers["x-clawbot-error"] == "no_key"
    play(world, upstream, "mistral")
    too_many(upstream)
    assert (await refused(429)).headers["retry-after"] == "7"
    bad_request(upstream)
    assert "Invalid value" in (await refused(400)).body
    await world.settled(3)
    codes = [record.error_code for record in world.usage.records]
    assert codes == ["no_key", "rate_limited", "bad_request"]


async def test_broken_stream(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "mistral")) as client:
        with pytest.raises(CUT):
            async for _ in await client.chat.stream_async(model="break", messages=ASK):
                pass
    await broken(world)
