"""SDKs of one family: OpenAI's own, with several vendors, and those made by the same generator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fireworks
import groq
import openai
import perplexity
import pytest
import together
import volcenginesdkarkruntime as ark  # type: ignore[import-untyped]
from volcenginesdkarkruntime import _exceptions as ark_errors

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


@dataclass(frozen=True)
class Sdk:
    """One SDK with one vendor: how its clients are made, and what its errors are called."""

    vendor: str
    name: str
    sync: Callable[..., Any]
    asynchronous: Callable[..., Any]
    errors: Any
    prefix: str = ""
    embeds: bool = True
    files: str | None = None
    base: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.vendor}"

    def client(self, url: str, token: str = TOKEN, *, sync: bool = False) -> Any:
        """A client that is told the proxy's address and a bot token, and not to try again by itself."""
        make = self.sync if sync else self.asynchronous
        if self.name == "azure":
            return make(azure_endpoint=url, api_key=token, api_version="2024-10-21", max_retries=0)
        return make(base_url=url + self.base, api_key=token, max_retries=0)

    def error(self, name: str) -> type[Exception]:
        """The SDK's error of that name."""
        found = getattr(self.errors, self.prefix + name)
        assert isinstance(found, type)
        assert issubclass(found, Exception)
        return found


def _openai(vendor: str, base: str = "", *, embeds: bool = True, files: str | None = None) -> Sdk:
    return Sdk(
        vendor,
        "openai",
        openai.OpenAI,
        openai.AsyncOpenAI,
        openai,
        base=base,
        embeds=embeds,
        files=files,
    )


SDKS = (
    _openai("openai", files="content"),
    _openai("openai", "/v1", files="content"),
    Sdk("azure-openai", "azure", openai.AzureOpenAI, openai.AsyncAzureOpenAI, openai),
    _openai("azure-openai", "/openai/v1", files="content"),
    _openai("deepseek", embeds=False),
    _openai("google", "/v1beta/openai", embeds=False),
    _openai("moonshot", "/v1", embeds=False, files="content"),
    _openai("dashscope", "/compatible-mode/v1", files="content"),
    _openai("minimax", "/v1", embeds=False),
    _openai("hunyuan", "/v1", embeds=False),
    _openai("siliconflow", "/v1"),
    _openai("stepfun", "/v1", embeds=False),
    _openai("yi", "/v1", embeds=False),
    _openai("baichuan", "/v1"),
    _openai("venice", "/api/v1"),
    _openai("custom", "/v1"),
    Sdk("groq", "groq", groq.Groq, groq.AsyncGroq, groq, files="content"),
    Sdk("together", "together", together.Together, together.AsyncTogether, together),
    Sdk("fireworks", "fireworks", fireworks.Fireworks, fireworks.AsyncFireworks, fireworks, embeds=False),
    Sdk(
        "perplexity",
        "perplexity",
        perplexity.Perplexity,
        perplexity.AsyncPerplexity,
        perplexity,
        embeds=False,
    ),
    Sdk("doubao", "ark", ark.Ark, ark.AsyncArk, ark_errors, prefix="Ark", files="retrieve"),
)
sdks = pytest.mark.parametrize("sdk", SDKS, ids=str)
with_embeddings = pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk.embeds], ids=str)
with_files = pytest.mark.parametrize("sdk", [sdk for sdk in SDKS if sdk.files], ids=str)


@sdks
async def test_plain(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    async with sdk.client(play(world, upstream, sdk.vendor)) as client:
        answer = await client.chat.completions.create(model="m", messages=ASK)
    assert answer.choices[0].message.content == TEXT
    await settled(world, upstream)
    record = world.usage.records[0]
    assert (record.model_asked, record.model_answered) == ("m", "mock-1-0611")
    assert (record.dialect, record.streamed) == ("openai-chat", False)


@sdks
async def test_from_a_thread(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    """The synchronous client."""
    url = play(world, upstream, sdk.vendor)

    def ask() -> tuple[Any, str]:
        with sdk.client(url, sync=True) as client:
            plain = client.chat.completions.create(model="m", messages=ASK).choices[0].message.content
            chunks = list(client.chat.completions.create(model="m", messages=ASK, stream=True))
        return plain, streamed_text(chunks)

    assert await asyncio.to_thread(ask) == (TEXT, TEXT)
    await settled(world, upstream, 2)


@sdks
async def test_stream(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    async with sdk.client(play(world, upstream, sdk.vendor)) as client:
        stream = await client.chat.completions.create(model="m", messages=ASK, stream=True)
        chunks = [chunk async for chunk in stream]
    assert streamed_text(chunks) == TEXT
    await settled(world, upstream)
    assert world.usage.records[0].streamed


def streamed_text(chunks: list[Any]) -> str:
    """The text of a stream's chunks."""
    deltas = (chunk.choices[0].delta for chunk in chunks if chunk.choices)
    return "".join(delta.content or "" for delta in deltas if delta is not None)


@sdks
async def test_tools(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    """A tool is offered and called, and its result sent back."""
    async with sdk.client(play(world, upstream, sdk.vendor)) as client:
        create = client.chat.completions.create
        options = {"tools": TOOLS} if sdk.name != "perplexity" else {"extra_body": {"tools": TOOLS}}
        answer = await create(model="m", messages=ASK, **options)
        (call,) = answer.choices[0].message.tool_calls
        assert call.function.name == TOOL
        arguments(call.function.arguments)
        given = {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function"}], "content": ""}
        given["tool_calls"][0]["function"] = {"name": TOOL, "arguments": call.function.arguments}  # type: ignore[index]
        result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
        answer = await create(model="m", messages=[*ASK, given, result], **options)
    assert answer.choices[0].message.content == TEXT
    assert upstream.seen[0].json()["tools"] == TOOLS
    assert upstream.seen[1].json()["messages"][-1] == result
    await settled(world, upstream, 2)


@sdks
async def test_streamed_tools(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    async with sdk.client(play(world, upstream, sdk.vendor)) as client:
        options = {"tools": TOOLS} if sdk.name != "perplexity" else {"extra_body": {"tools": TOOLS}}
        stream = await client.chat.completions.create(model="m", messages=ASK, stream=True, **options)
        names, text = [], ""
        async for chunk in stream:
            delta = chunk.choices[0].delta if chunk.choices else None
            for call in (delta.tool_calls or []) if delta is not None else []:
                names += [call.function.name] if call.function.name else []
                text += call.function.arguments or ""
    assert names == [TOOL]
    arguments(text)
    await settled(world, upstream)


@sdks
async def test_picture(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    async with sdk.client(play(world, upstream, sdk.vendor)) as client:
        answer = await client.chat.completions.create(model="m", messages=SEE)
    assert answer.choices[0].message.content == TEXT
    assert upstream.seen[0].json()["messages"] == SEE
    assert PICTURE in upstream.seen[0].body.decode()
    await settled(world, upstream)


@with_embeddings
async def test_embeddings(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    async with sdk.client(play(world, upstream, sdk.vendor)) as client:
        options = {} if sdk.name == "together" else {"encoding_format": "float"}
        answer = await client.embeddings.create(model="m", input="hi", **options)
    assert answer.data[0].embedding == [0.5, 0.25]
    await settled(world, upstream, told=(4, None))
    assert world.usage.records[0].dialect == "openai-other"


@with_files
async def test_files(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    """Uploaded as a form, listed, fetched byte for byte, and deleted."""
    content = bytes(range(256)) * 300
    purpose = "user_data" if sdk.name == "ark" else "batch"
    async with sdk.client(play(world, upstream, sdk.vendor)) as client:
        made = await client.files.create(file=("a b.jsonl", content), purpose=purpose)
        assert upstream.shelf.files[made.id] == ("a b.jsonl", purpose, content)
        listed = await client.files.list()
        assert [one.id for one in listed.data] == [made.id]
        if sdk.files == "content":
            fetched = await client.files.content(made.id)
            assert await fetched.read() == content if sdk.name == "groq" else fetched.content == content
        else:
            assert (await client.files.retrieve(made.id)).id == made.id
        assert (await client.files.delete(made.id)).deleted
    assert not upstream.shelf.files
    await settled(world, upstream, 4, told=(None, None))


@sdks
async def test_errors(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    url = f"{world.url}/api/v1/{sdk.vendor}"

    async def refused(name: str, token: str = TOKEN) -> Any:
        async with sdk.client(url, token) as client:
            with pytest.raises(sdk.error(name)) as caught:
                await client.chat.completions.create(model="m", messages=ASK)
        return caught.value

    wrong = await refused("AuthenticationError", WRONG)
    assert wrong.response.headers["x-clawbot-error"] == "token_invalid"
    no_key = await refused("NotFoundError")
    assert no_key.response.headers["x-clawbot-error"] == "no_key"
    assert not upstream.seen
    play(world, upstream, sdk.vendor)
    too_many(upstream)
    slow = await refused("RateLimitError")
    assert slow.response.headers["retry-after"] == "7"
    bad_request(upstream)
    bad = await refused("BadRequestError")
    assert "Invalid value for 'x'" in str(bad)
    await world.settled(3)
    assert [record.status for record in world.usage.records] == [404, 429, 400]
    codes = [record.error_code for record in world.usage.records]
    assert codes == ["no_key", "rate_limited", "bad_request"]
    assert [report.retry_after for report in world.keys.reports] == [7.0, None]


@sdks
async def test_broken_stream(world: World, upstream: RecordedUpstream, sdk: Sdk) -> None:
    """A stream that breaks off upstream never looks finished."""
    async with sdk.client(play(world, upstream, sdk.vendor)) as client:
        stream = await client.chat.completions.create(model="break", messages=ASK, stream=True)
        with pytest.raises((sdk.error("APIError"), *CUT)):
            [chunk async for chunk in stream]
    await broken(world)
