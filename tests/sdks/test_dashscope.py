"""DashScope's SDK: the native API, streamed by a header."""

from __future__ import annotations

import asyncio
from typing import Any

import dashscope
import pytest
from dashscope.aigc.generation import AioGeneration
from dashscope.api_entities.aio_session import close_shared_aio_session
from dashscope.api_entities.http_request import close_shared_sync_session

from tests.fakes.upstream import RecordedUpstream
from tests.sdks.common import (
    ASK,
    PICTURE,
    TEXT,
    TOKEN,
    TOOL,
    TOOLS,
    WRONG,
    World,
    arguments,
    bad_request,
    over_the_wire,
    play,
    settled,
    too_many,
)

pytestmark = over_the_wire


async def ask(url: str, token: str = TOKEN, **options: Any) -> Any:
    """The synchronous client, in a thread; its session is closed afterwards."""

    def run() -> Any:
        given: dict[str, Any] = {"model": "m", "messages": ASK, "result_format": "message", **options}
        try:
            answer: Any = dashscope.Generation.call(api_key=token, base_address=url, **given)
            return list(answer) if options.get("stream") else answer
        finally:
            close_shared_sync_session()

    return await asyncio.to_thread(run)


@pytest.mark.parametrize("base", ["", "/api/v1"])
async def test_plain_and_stream(world: World, upstream: RecordedUpstream, base: str) -> None:
    url = play(world, upstream, "dashscope") + base
    answer = await ask(url)
    assert answer.output.choices[0].message.content == TEXT
    pieces = await ask(url, stream=True)
    assert pieces[-1].output.choices[0].message.content == TEXT
    assert upstream.seen[1].header("x-dashscope-sse") == "enable"
    await settled(world, upstream, 2)
    assert {record.dialect for record in world.usage.records} == {"dashscope-native"}


async def test_asynchronous(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "dashscope")
    try:
        answer: Any = await AioGeneration.call(
            model="m", messages=ASK, result_format="message", api_key=TOKEN, base_address=url
        )
        assert answer.output.choices[0].message.content == TEXT
    finally:
        await close_shared_aio_session()
    await settled(world, upstream)


async def test_tools(world: World, upstream: RecordedUpstream) -> None:
    answer = await ask(play(world, upstream, "dashscope"), tools=TOOLS)
    (call,) = answer.output.choices[0].message.tool_calls
    assert call["function"]["name"] == TOOL
    arguments(call["function"]["arguments"])
    await settled(world, upstream)


async def test_picture(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "dashscope")
    see = [{"role": "user", "content": [{"image": f"data:image/png;base64,{PICTURE}"}, {"text": "what?"}]}]

    def run() -> Any:
        try:
            return dashscope.MultiModalConversation.call(
                model="m", messages=see, api_key=TOKEN, base_address=url
            )
        finally:
            close_shared_sync_session()

    answer = await asyncio.to_thread(run)
    assert answer.output.choices[0].message.content == TEXT
    assert PICTURE in upstream.seen[0].body.decode()
    assert upstream.seen[0].path.endswith("/multimodal-generation/generation")
    await settled(world, upstream)


async def test_embeddings(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "dashscope") + "/api/v1"

    def run() -> Any:
        try:
            return dashscope.TextEmbedding.call(model="m", input="hi", api_key=TOKEN, base_address=url)
        finally:
            close_shared_sync_session()

    answer = await asyncio.to_thread(run)
    assert answer.output["embeddings"][0]["embedding"] == [0.5, 0.25]
    await world.settled()
    assert upstream.complaints == []


async def test_errors(world: World, upstream: RecordedUpstream) -> None:
    """This SDK raises nothing: the status and the code are in its answer."""
    url = f"{world.url}/api/v1/dashscope"
    wrong = await ask(url, WRONG)
    assert (wrong.status_code, wrong.code) == (401, "token_invalid")
    no_key = await ask(url)
    assert (no_key.status_code, no_key.code) == (404, "no_key")
    play(world, upstream, "dashscope")
    too_many(upstream)
    assert (await ask(url)).status_code == 429
    bad_request(upstream)
    assert (await ask(url)).status_code == 400
    await world.settled(3)
    codes = [record.error_code for record in world.usage.records]
    assert codes == ["no_key", "rate_limited", "bad_request"]
