"""Google's SDK."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from tests.fakes.upstream import Canned, RecordedUpstream
from tests.sdks.common import (
    CUT,
    PICTURE,
    SCHEMA,
    SECRET,
    TEXT,
    TOKEN,
    TOOL,
    WRONG,
    World,
    broken,
    over_the_wire,
    play,
    settled,
)

pytestmark = [
    over_the_wire,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]


@asynccontextmanager
async def client_of(url: str, token: str = TOKEN, version: str | None = None) -> AsyncIterator[Any]:
    options = types.HttpOptions(base_url=url, api_version=version)
    client = genai.Client(api_key=token, http_options=options)
    try:
        yield client.aio.models
    finally:
        await client.aio.aclose()
        client.close()


@pytest.mark.parametrize("version", [None, "v1beta", "v1"])
async def test_plain_and_stream(world: World, upstream: RecordedUpstream, version: str | None) -> None:
    async with client_of(play(world, upstream, "google"), version=version) as models:
        answer = await models.generate_content(model="gemini-x", contents="hi")
        assert answer.text == TEXT
        stream = await models.generate_content_stream(model="gemini-x", contents="hi")
        assert "".join([chunk.text or "" async for chunk in stream]) == TEXT
    for usage in await settled(world, upstream, 2):
        assert (usage.cache_read_tokens, usage.reasoning_tokens) == (3, 2)
    assert {record.model_asked for record in world.usage.records} == {"gemini-x"}
    if version is not None:
        assert upstream.seen[0].path.startswith(f"/{version}/")
    assert upstream.seen[1].query == "alt=sse"
    assert upstream.seen[0].header("x-goog-api-key") == SECRET


async def test_from_a_thread(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "google")

    def ask() -> Any:
        client = genai.Client(api_key=TOKEN, http_options=types.HttpOptions(base_url=url))
        try:
            return client.models.generate_content(model="gemini-x", contents="hi").text
        finally:
            client.close()

    assert await asyncio.to_thread(ask) == TEXT
    await settled(world, upstream)


async def test_tools(world: World, upstream: RecordedUpstream) -> None:
    declared = types.FunctionDeclaration(name=TOOL, description="w", parameters_json_schema=SCHEMA)
    manual = types.AutomaticFunctionCallingConfig(disable=True)
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])], automatic_function_calling=manual
    )
    async with client_of(play(world, upstream, "google")) as models:
        answer = await models.generate_content(model="m", contents="hi", config=config)
        (call,) = answer.function_calls
        assert (call.name, call.args) == (TOOL, {"city": "Köln"})
        calls: list[Any] = []
        async for chunk in await models.generate_content_stream(model="m", contents="hi", config=config):
            calls += chunk.function_calls or []
        assert [one.args for one in calls] == [{"city": "Köln"}]
    assert upstream.seen[0].json()["tools"][0]["functionDeclarations"][0]["name"] == TOOL
    await settled(world, upstream, 2)


async def test_picture_tokens_and_models(world: World, upstream: RecordedUpstream) -> None:
    raw = base64.b64decode(PICTURE)
    async with client_of(play(world, upstream, "google")) as models:
        part = types.Part.from_bytes(data=raw, mime_type="image/png")
        await models.generate_content(model="m", contents=["what is this?", part])
        sent = upstream.seen[0].json()["contents"][0]["parts"][1]["inlineData"]["data"]
        assert base64.urlsafe_b64decode(sent.replace("+", "-").replace("/", "_")) == raw
        assert (await models.count_tokens(model="m", contents="hi")).total_tokens == 11
        assert [model.name async for model in await models.list()] == ["models/mock-1"]
    assert upstream.complaints == []
    await world.settled(3)
    assert world.usage.records[0].usage.input_tokens == 11


async def test_errors(world: World, upstream: RecordedUpstream) -> None:
    url = f"{world.url}/api/v1/google"

    async def refused(status: int, token: str = TOKEN) -> errors.ClientError:
        async with client_of(url, token) as models:
            with pytest.raises(errors.ClientError) as caught:
                await models.generate_content(model="m", contents="hi")
        assert caught.value.code == status
        return caught.value

    assert (await refused(401, WRONG)).status == "UNAUTHENTICATED"
    assert (await refused(404)).status == "NOT_FOUND"
    play(world, upstream, "google")
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}
    slow = {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED", "details": [retry]}
    upstream.canned.append(Canned(429, json.dumps({"error": slow}).encode()))
    assert (await refused(429)).status == "RESOURCE_EXHAUSTED"
    bad = {"code": 400, "message": "Invalid JSON", "status": "INVALID_ARGUMENT"}
    upstream.canned.append(Canned(400, json.dumps({"error": bad}).encode()))
    assert (await refused(400)).message == "Invalid JSON"
    await world.settled(3)
    codes = [record.error_code for record in world.usage.records]
    assert codes == ["no_key", "rate_limited", "bad_request"]
    assert world.keys.reports[0].retry_after == 34.0


async def test_broken_stream(world: World, upstream: RecordedUpstream) -> None:
    async with client_of(play(world, upstream, "google")) as models:
        with pytest.raises((*CUT, errors.APIError)):
            async for _ in await models.generate_content_stream(model="break", contents="hi"):
                pass
    await broken(world)


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
async def test_files(world: World, upstream: RecordedUpstream) -> None:
    """An upload in parts comes back to the proxy, although its address is told by the provider."""
    content = bytes(range(256)) * 40_000  # more than one part
    url = play(world, upstream, "google")
    client = genai.Client(api_key=TOKEN, http_options=types.HttpOptions(base_url=url))
    try:
        made = await client.aio.files.upload(file=io.BytesIO(content), config={"mime_type": "text/plain"})
        assert made.name == "files/file-1"
        assert upstream.google_files.files["file-1"] == content
        again = await asyncio.to_thread(
            client.files.upload, file=io.BytesIO(content[:9]), config={"mime_type": "text/plain"}
        )
        assert again.name == "files/file-2"
        assert [one.name async for one in await client.aio.files.list()] == [made.name, again.name]
        assert (await client.aio.files.get(name=again.name)).size_bytes == 9
        assert await client.aio.files.download(file=made.name) == content
        await client.aio.files.delete(name=made.name)
    finally:
        await client.aio.aclose()
        client.close()
    assert list(upstream.google_files.files) == ["file-2"]
    await settled(world, upstream, 9, told=(None, None))
