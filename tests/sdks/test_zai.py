"""Zhipu's SDK; it has a synchronous client only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from zai import ZaiClient, ZhipuAiClient
from zai.core import _errors as errors

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


async def use(url: str, what: Callable[[Any], Any], token: str = TOKEN, make: Any = ZaiClient) -> Any:
    """Run something with a client in a thread."""

    def run() -> Any:
        with make(base_url=url, api_key=token, max_retries=0) as client:
            return what(client)

    return await asyncio.to_thread(run)


def ask(client: Any) -> Any:
    return client.chat.completions.create(model="m", messages=ASK).choices[0].message.content


@pytest.mark.parametrize("make", [ZaiClient, ZhipuAiClient])
@pytest.mark.parametrize("base", ["", "/api/paas/v4"])
async def test_plain_and_stream(world: World, upstream: RecordedUpstream, base: str, make: Any) -> None:
    url = play(world, upstream, "zhipu") + base
    assert await use(url, ask, make=make) == TEXT

    def stream(client: Any) -> str:
        chunks = client.chat.completions.create(model="m", messages=ASK, stream=True)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    assert await use(url, stream, make=make) == TEXT
    await settled(world, upstream, 2)


async def test_tools(world: World, upstream: RecordedUpstream) -> None:
    def tools(client: Any) -> Any:
        answer = client.chat.completions.create(model="m", messages=ASK, tools=TOOLS)
        chunks = client.chat.completions.create(model="m", messages=ASK, tools=TOOLS, stream=True)
        calls = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or []]
        return answer.choices[0].message.tool_calls[0].function, calls

    whole, pieces = await use(play(world, upstream, "zhipu"), tools)
    assert whole.name == TOOL
    arguments(whole.arguments)
    arguments("".join(piece.function.arguments or "" for piece in pieces))
    await settled(world, upstream, 2)


async def test_picture_and_embeddings(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "zhipu")
    await use(url, lambda client: client.chat.completions.create(model="m", messages=SEE))
    assert PICTURE in upstream.seen[0].body.decode()
    embedded = await use(url, lambda client: client.embeddings.create(model="m", input="hi"))
    assert embedded.data[0].embedding == [0.5, 0.25]
    await world.settled(2)
    assert upstream.complaints == []
    assert [record.usage.input_tokens for record in world.usage.records] == [11, 4]


async def test_files(world: World, upstream: RecordedUpstream) -> None:
    content = bytes(range(256)) * 300

    def files(client: Any) -> None:
        made = client.files.create(file=("a.jsonl", content), purpose="batch")
        assert upstream.shelf.files[made.id] == ("a.jsonl", "batch", content)
        assert [one.id for one in client.files.list().data] == [made.id]
        assert client.files.content(made.id).content == content
        client.files.delete(made.id)

    await use(play(world, upstream, "zhipu"), files)
    assert not upstream.shelf.files
    await settled(world, upstream, 4, told=(None, None))


async def test_errors(world: World, upstream: RecordedUpstream) -> None:
    url = f"{world.url}/api/v1/zhipu"

    async def refused(error: type[errors.APIStatusError], status: int, token: str = TOKEN) -> None:
        with pytest.raises(error) as caught:
            await use(url, ask, token)
        assert caught.value.status_code == status

    await refused(errors.APIAuthenticationError, 401, WRONG)
    await refused(errors.APIStatusError, 404)
    play(world, upstream, "zhipu")
    too_many(upstream)
    await refused(errors.APIReachLimitError, 429)
    bad_request(upstream)
    await refused(errors.APIRequestFailedError, 400)
    await world.settled(3)
    codes = [record.error_code for record in world.usage.records]
    assert codes == ["no_key", "rate_limited", "bad_request"]


async def test_broken_stream(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "zhipu")
    with pytest.raises((errors.ZaiError, *CUT)):
        await use(
            url,
            lambda client: list(client.chat.completions.create(model="break", messages=ASK, stream=True)),
        )
    await broken(world)
