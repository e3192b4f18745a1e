"""The Responses API, by the SDKs that have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import openai
import perplexity
import pytest
import volcenginesdkarkruntime as ark  # type: ignore[import-untyped]

from tests.fakes.upstream import RecordedUpstream
from tests.sdks.common import (
    CUT,
    PICTURE,
    SCHEMA,
    TEXT,
    TOKEN,
    TOOL,
    World,
    arguments,
    broken,
    over_the_wire,
    play,
    settled,
)

pytestmark = over_the_wire
TOOLS: list[Any] = [{"type": "function", "name": TOOL, "parameters": SCHEMA, "strict": False}]


@dataclass(frozen=True)
class Sdk:
    """One SDK with one vendor."""

    vendor: str
    make: Any
    base: str = ""

    def __str__(self) -> str:
        return f"{self.make.__name__} {self.vendor}"

    def client(self, url: str) -> Any:
        return self.make(base_url=url + self.base, api_key=TOKEN, max_retries=0)


SDKS = (
    Sdk("openai", openai.AsyncOpenAI),
    Sdk("azure-openai", openai.AsyncOpenAI, "/openai/v1"),
    Sdk("deepseek", openai.AsyncOpenAI),
    Sdk("groq", openai.AsyncOpenAI, "/openai/v1"),
    Sdk("openrouter", openai.AsyncOpenAI, "/api/v1"),
    Sdk("fireworks", openai.AsyncOpenAI, "/inference/v1"),
    Sdk("zhipu", openai.AsyncOpenAI, "/api/v1"),
    Sdk("dashscope", openai.AsyncOpenAI, "/compatible-mode/v1"),
    Sdk("venice", openai.AsyncOpenAI, "/api/v1"),
    Sdk("ollama", openai.AsyncOpenAI, "/v1"),
    Sdk("custom", openai.AsyncOpenAI, "/v1"),
    Sdk("perplexity", perplexity.AsyncPerplexity),
    Sdk("doubao", ark.AsyncArk),
)
sdks = pytest.mark.parametrize("sdk", SDKS, ids=str)


@sdks
async def test_plain_and_stream(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    async with sdk.client(play(world, upstream, sdk.vendor)) as client:
        answer = await client.responses.create(model="m", input="hi")
        assert answer.output[0].content[0].text == TEXT
        stream = await client.responses.create(model="m", input="hi", stream=True)
        events = [event async for event in stream]
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == TEXT
    assert events[-1].type == "response.completed"
    for usage in await settled(world, upstream, 2):
        assert (usage.cache_read_tokens, usage.reasoning_tokens) == (3, 2)
    assert {record.dialect for record in world.usage.records} == {"openai-responses"}
    assert [record.streamed for record in world.usage.records] == [False, True]
    assert all("stream_options" not in seen.json() for seen in upstream.seen)


@sdks
async def test_tools(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    async with sdk.client(play(world, upstream, sdk.vendor)) as client:
        answer = await client.responses.create(model="m", input="hi", tools=TOOLS)
        assert answer.output[0].name == TOOL
        arguments(answer.output[0].arguments)
        text = ""
        async for event in await client.responses.create(model="m", input="hi", tools=TOOLS, stream=True):
            if event.type == "response.function_call_arguments.delta":
                text += event.delta
        arguments(text)
    await settled(world, upstream, 2)


async def test_picture(world: World, upstream: RecordedUpstream) -> None:
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": "auto"}
    async with SDKS[0].client(play(world, upstream, "openai")) as client:
        await client.responses.create(model="m", input=[{"role": "user", "content": [picture]}])
    assert upstream.seen[0].json()["input"][0]["content"] == [picture]
    await settled(world, upstream)


@sdks
async def test_broken_stream(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    async with sdk.client(play(world, upstream, sdk.vendor)) as client:
        with pytest.raises((openai.APIError, perplexity.APIError, *CUT)):
            async for _ in await client.responses.create(model="break", input="hi", stream=True):
                pass
    await broken(world)
