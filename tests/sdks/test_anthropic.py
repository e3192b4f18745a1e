"""Anthropic's SDK, with Anthropic and with the vendors that have a door of its shape."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest

from tests.fakes.upstream import RecordedUpstream
from tests.sdks.common import (
    ASK,
    CUT,
    PICTURE,
    SCHEMA,
    SECRET,
    TEXT,
    TOKEN,
    TOOL,
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

DOORS = (
    ("anthropic", ""),
    ("deepseek", "/anthropic"),
    ("azure-openai", "/anthropic"),
    ("openrouter", "/api"),
    ("fireworks", "/inference"),
    ("zhipu", "/api/anthropic"),
    ("moonshot", "/anthropic"),
    ("dashscope", "/apps/anthropic"),
    ("stepfun", ""),
    ("doubao", "/api/compatible"),
    ("minimax", "/anthropic"),
    ("hunyuan", ""),
    ("siliconflow", ""),
    ("ollama", ""),
)
doors = pytest.mark.parametrize(("vendor", "base"), DOORS)
TOOLS: list[Any] = [{"name": TOOL, "description": "The weather in a city.", "input_schema": SCHEMA}]


def client_of(url: str, token: str = TOKEN) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=url, api_key=token, max_retries=0)


@doors
async def test_plain_and_stream(world: World, upstream: RecordedUpstream, vendor: str, base: str) -> None:
    async with client_of(play(world, upstream, vendor) + base) as client:
        message = await client.messages.create(model="m", max_tokens=9, messages=ASK)
        assert message.content[0].type == "text"
        assert message.content[0].text == TEXT
        async with client.messages.stream(model="m", max_tokens=9, messages=ASK) as stream:
            assert await stream.get_final_text() == TEXT
    for usage in await settled(world, upstream, 2):
        assert (usage.cache_read_tokens, usage.cache_write_tokens) == (4, 2)
    assert [record.streamed for record in world.usage.records] == [False, True]
    assert {record.dialect for record in world.usage.records} == {"anthropic-messages"}


@doors
async def test_tools(world: World, upstream: RecordedUpstream, vendor: str, base: str) -> None:
    async with client_of(play(world, upstream, vendor) + base) as client:
        message = await client.messages.create(model="m", max_tokens=9, messages=ASK, tools=TOOLS)
        block: Any = message.content[0]
        assert (block.type, block.name, block.input) == ("tool_use", TOOL, {"city": "Köln"})
        async with client.messages.stream(model="m", max_tokens=9, messages=ASK, tools=TOOLS) as stream:
            final: Any = (await stream.get_final_message()).content[0]
        assert (final.name, final.input) == (TOOL, {"city": "Köln"})
        result = {"type": "tool_result", "tool_use_id": block.id, "content": "rain"}
        said: list[Any] = [
            *ASK,
            {"role": "assistant", "content": message.content},
            {"role": "user", "content": [result]},
        ]
        last = await client.messages.create(model="m", max_tokens=9, messages=said, tools=TOOLS)
    assert last.stop_reason == "end_turn"
    assert upstream.seen[-1].json()["messages"][-1]["content"] == [result]
    await settled(world, upstream, 3)


async def test_from_a_thread_and_with_a_bearer_token(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "anthropic")

    def ask() -> Any:
        with anthropic.Anthropic(base_url=url, auth_token=TOKEN, max_retries=0) as client:
            return client.messages.create(model="m", max_tokens=9, messages=ASK).content[0]

    assert (await asyncio.to_thread(ask)).text == TEXT
    assert upstream.seen[0].header("x-api-key") == SECRET
    assert upstream.seen[0].header("authorization") is None
    await settled(world, upstream)


async def test_picture_counting_models_and_files(world: World, upstream: RecordedUpstream) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    see: list[Any] = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    async with client_of(play(world, upstream, "anthropic")) as client:
        await client.messages.create(model="m", max_tokens=9, messages=see)
        assert upstream.seen[0].json()["messages"] == see
        assert (await client.messages.count_tokens(model="m", messages=ASK)).input_tokens == 11
        assert (await client.models.list()).data[0].id == "mock-1"
        content = bytes(range(256)) * 300
        made = await client.beta.files.upload(file=("a b.bin", content, "application/octet-stream"))
        assert upstream.shelf.files[made.id][2] == content
        assert [one.id for one in (await client.beta.files.list()).data] == [made.id]
        assert await (await client.beta.files.download(made.id)).read() == content
        await client.beta.files.delete(made.id)
    assert not upstream.shelf.files
    assert upstream.complaints == []
    await world.settled(7)
    counted = [record.usage.input_tokens for record in world.usage.records]
    assert counted == [11, None, None, None, None, None, None]


async def test_errors(world: World, upstream: RecordedUpstream) -> None:
    url = f"{world.url}/api/v1/anthropic"

    async def refused(error: type[anthropic.APIStatusError], token: str = TOKEN) -> anthropic.APIStatusError:
        async with client_of(url, token) as client:
            with pytest.raises(error) as caught:
                await client.messages.create(model="m", max_tokens=9, messages=ASK)
        return caught.value

    await refused(anthropic.AuthenticationError, WRONG)
    no_key = await refused(anthropic.NotFoundError)
    assert no_key.response.headers["x-clawbot-error"] == "no_key"
    play(world, upstream, "anthropic")
    too_many(upstream)
    slow = await refused(anthropic.RateLimitError)
    assert slow.response.headers["retry-after"] == "7"
    bad_request(upstream)
    await refused(anthropic.BadRequestError)
    await world.settled(3)
    codes = [record.error_code for record in world.usage.records]
    assert codes == ["no_key", "rate_limited", "bad_request"]


@doors
async def test_broken_stream(world: World, upstream: RecordedUpstream, vendor: str, base: str) -> None:
    async with client_of(play(world, upstream, vendor) + base) as client:
        with pytest.raises((anthropic.APIError, *CUT)):
            async with client.messages.stream(model="break", max_tokens=9, messages=ASK) as stream:
                await stream.get_final_text()
    await broken(world)
