"""What the SDKs offer besides chats: each call arrives where its vendor serves it, byte for byte."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import cohere
import dashscope
import groq
import ollama
import openai
import perplexity
import pytest
import together
import volcenginesdkarkruntime as ark  # type: ignore[import-untyped]
from dashscope.api_entities.http_request import close_shared_sync_session
from google import genai
from google.genai import types
from mistralai.client import Mistral
from openrouter import OpenRouter
from zai import ZaiClient

from tests.fakes.upstream import RecordedUpstream
from tests.fakes.upstream.strict import SOUND
from tests.sdks.common import ASK, TEXT, TOKEN, World, over_the_wire, play

pytestmark = [
    over_the_wire,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]


async def arrived(world: World, upstream: RecordedUpstream, *paths: str) -> None:
    """These requests came, nobody had anything against them, and each has its row."""
    assert upstream.complaints == []
    assert [f"{seen.method} {seen.path}" for seen in upstream.seen] == list(paths)
    assert all(TOKEN not in seen.everything() for seen in upstream.seen)
    await world.settled(len(paths))
    assert {record.status for record in world.usage.records} <= {200, 302}


async def test_openai_uploads_in_parts(world: World, upstream: RecordedUpstream) -> None:
    content = bytes(range(256)) * 500
    async with openai.AsyncOpenAI(base_url=play(world, upstream, "openai"), api_key=TOKEN) as client:
        done = await client.uploads.upload_file_chunked(
            file=content,
            filename="big.bin",
            bytes=len(content),
            mime_type="application/octet-stream",
            purpose="user_data",
            part_size=50_000,
        )
    assert done.status == "completed"
    assert upstream.shelf.files["file-1"][2] == content
    part = "POST /v1/uploads/up-1/parts"
    await arrived(world, upstream, "POST /v1/uploads", part, part, part, "POST /v1/uploads/up-1/complete")


async def test_openai_tells_our_headers(world: World, upstream: RecordedUpstream) -> None:
    async with openai.AsyncOpenAI(base_url=play(world, upstream, "openai"), api_key=TOKEN) as client:
        raw = await client.chat.completions.with_raw_response.create(model="m", messages=ASK)
    await world.settled()
    record = world.usage.records[0]
    assert raw.headers["x-clawbot-trace-id"] == record.trace_id
    assert raw.headers["x-clawbot-key"] == str(record.key_id)
    assert raw.headers["x-clawbot-attempts"] == "1"
    assert float(raw.headers["x-clawbot-overhead-ms"]) >= 0


async def test_azure_by_its_dated_api(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "azure-openai")
    client = openai.AsyncAzureOpenAI(
        azure_endpoint=url, api_key=TOKEN, api_version="2025-04-01-preview", max_retries=0
    )
    async with client:
        answer = await client.responses.create(model="m", input="hi")
        assert answer.output_text == TEXT
        made = await client.images.generate(model="dep", prompt="a cat")
        assert made.data is not None
        assert [model.id async for model in client.models.list()] == ["mock-1"]
    await arrived(
        world,
        upstream,
        "POST /openai/responses",
        "POST /openai/deployments/dep/images/generations",
        "GET /openai/models",
    )
    assert {seen.query for seen in upstream.seen} == {"api-version=2025-04-01-preview"}


async def test_cohere(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "cohere")
    async with cohere.AsyncClientV2(api_key=TOKEN, base_url=url) as client:
        ranked = await client.rerank(model="m", query="hi", documents=["hi", "ho"])
        assert ranked.results[0].relevance_score == 0.9
        tokens = await client.tokenize(text="hi", model="m", offline=False)
        assert tokens.tokens == [1, 2]
        data = io.BytesIO(b"a,b\n1,2\n")
        made = await client.datasets.create(name="d", type="embed-input", data=("d.csv", data, "text/csv"))
        assert made.id == "ds-1"
    async with cohere.AsyncClient(api_key=TOKEN, base_url=url) as old:
        await old.rerank(model="m", query="hi", documents=["hi"])
    await arrived(
        world, upstream, "POST /v2/rerank", "POST /v1/tokenize", "POST /v1/datasets", "POST /v1/rerank"
    )
    assert b"a,b\n1,2\n" in upstream.seen[2].body


async def test_google_embeddings(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "google")
    client = genai.Client(api_key=TOKEN, http_options=types.HttpOptions(base_url=url, api_version="v1beta"))
    try:
        embedded = await client.aio.models.embed_content(model="m", contents="hi")
    finally:
        await client.aio.aclose()
        client.close()
    assert embedded.embeddings is not None
    assert embedded.embeddings[0].values == [0.5, 0.25]
    assert upstream.seen[0].path in ("/v1beta/models/m:batchEmbedContents", "/v1beta/models/m:embedContent")


async def test_mistral(world: World, upstream: RecordedUpstream) -> None:
    async with Mistral(api_key=TOKEN, server_url=play(world, upstream, "mistral")) as client:
        filled: Any = await client.fim.complete_async(model="m", prompt="def f(", suffix="return 1")
        assert filled.choices[0].message.content == TEXT
        agent: Any = await client.agents.complete_async(agent_id="ag-1", messages=ASK)
        assert agent.choices[0].message.content == TEXT
        judged = await client.classifiers.moderate_async(model="m", inputs=["hi"])
        assert judged.id == "modr-1"
        document: Any = {"type": "document_url", "document_url": "https://example.com/a.pdf"}
        read = await client.ocr.process_async(model="m", document=document)
        assert read.usage_info.pages_processed == 2
    await arrived(
        world,
        upstream,
        "POST /v1/fim/completions",
        "POST /v1/agents/completions",
        "POST /v1/moderations",
        "POST /v1/ocr",
    )
    told = [(one.usage.input_tokens, one.usage.output_tokens) for one in world.usage.records[:2]]
    assert told == [(11, 7), (11, 7)]


async def test_groq(world: World, upstream: RecordedUpstream) -> None:
    async with groq.AsyncGroq(base_url=play(world, upstream, "groq"), api_key=TOKEN) as client:
        spoken = await client.audio.speech.create(model="m", voice="v", input="hi", response_format="wav")
        assert await spoken.read() == SOUND
        translated = await client.audio.translations.create(model="m", file=("a.wav", SOUND))
        assert translated.text == TEXT
        await client.models.retrieve("openai/gpt-oss-20b")
    model = upstream.seen.pop()
    assert model.path.replace("%2F", "/") == "/openai/v1/models/openai/gpt-oss-20b"
    await world.settled(3)
    await arrived(world, upstream, "POST /openai/v1/audio/speech", "POST /openai/v1/audio/translations")
    assert SOUND in upstream.seen[1].body


async def test_together(world: World, upstream: RecordedUpstream) -> None:
    async with together.AsyncTogether(base_url=play(world, upstream, "together"), api_key=TOKEN) as client:
        made: Any = await client.images.generate(model="m", prompt="a cat")
        assert made.data[0].b64_json == "AAAA"
        ranked: Any = await client.rerank.create(model="m", query="hi", documents=["hi"])
        assert ranked.results[0].index == 0
        heard: Any = await client.audio.transcriptions.create(file=("a.wav", SOUND))
        assert heard.text == TEXT
    await arrived(
        world, upstream, "POST /v1/images/generations", "POST /v1/rerank", "POST /v1/audio/transcriptions"
    )


async def test_together_uploads_where_the_provider_says(
    world: World, upstream: RecordedUpstream, tmp_path: Path
) -> None:
    """Together's files go to a store of signed addresses: past the proxy, and without any token."""
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps({"text": "hi"}) + "\n")
    async with together.AsyncTogether(base_url=play(world, upstream, "together"), api_key=TOKEN) as client:
        made = await client.files.upload(file, purpose="fine-tune", check=False)
    assert made.id == "file-1"
    assert upstream.shelf.files["file-1"][2] == file.read_bytes()
    begun, stored, done = upstream.seen
    assert (begun.path, stored.path, done.path) == (
        "/v1/files",
        "/storage/file-1",
        "/v1/files/file-1/preprocess",
    )
    assert TOKEN not in stored.everything()
    await world.settled(2)
    assert [record.status for record in world.usage.records] == [302, 200]


async def test_perplexity(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "perplexity")
    async with perplexity.AsyncPerplexity(base_url=url, api_key=TOKEN) as client:
        await client.contextualized_embeddings.create(model="pplx-embed-context-v1-0.6b", input=[["hi"]])
    await arrived(world, upstream, "POST /v1/contextualizedembeddings")
    assert world.usage.records[0].usage.input_tokens == 4


async def test_openrouter(world: World, upstream: RecordedUpstream) -> None:
    async with OpenRouter(api_key=TOKEN, server_url=play(world, upstream, "openrouter")) as client:
        ranked: Any = await client.rerank.rerank_async(model="m", query="hi", documents=["hi"])
        assert ranked.results[0].index == 0
    await arrived(world, upstream, "POST /api/v1/rerank")


async def test_zai(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "zhipu")

    def use() -> tuple[Any, Any]:
        with ZaiClient(base_url=url, api_key=TOKEN, max_retries=0) as client:
            made = client.images.generations(model="m", prompt="a cat")
            heard = client.audio.transcriptions.create(model="m", file=("a.wav", SOUND))
            return made, heard

    made, heard = await asyncio.to_thread(use)
    assert made.data[0].b64_json == "AAAA"
    assert heard.text == TEXT
    base = "/api/paas/v4"
    await arrived(world, upstream, f"POST {base}/images/generations", f"POST {base}/audio/transcriptions")


async def test_dashscope(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "dashscope") + "/api/v1"

    def use() -> Any:
        try:
            return dashscope.TextReRank.call(
                model="m", query="hi", documents=["hi"], api_key=TOKEN, base_address=url
            )
        finally:
            close_shared_sync_session()

    ranked = await asyncio.to_thread(use)
    assert ranked.output.results[0].relevance_score == 0.9
    await arrived(world, upstream, "POST /api/v1/services/rerank/text-rerank/text-rerank")


async def test_ark(world: World, upstream: RecordedUpstream) -> None:
    async with ark.AsyncArk(base_url=play(world, upstream, "doubao"), api_key=TOKEN, max_retries=0) as client:
        bot = await client.bot_chat.completions.create(model="bot-1", messages=ASK)
        assert bot.choices[0].message.content == TEXT
        made = await client.images.generate(model="m", prompt="a cat")
        assert made.data[0].b64_json == "AAAA"
        embedded = await client.multimodal_embeddings.create(
            model="m", input=[{"type": "text", "text": "hi"}], encoding_format="float"
        )
        assert embedded is not None
    await arrived(
        world,
        upstream,
        "POST /api/v3/bots/chat/completions",
        "POST /api/v3/images/generations",
        "POST /api/v3/embeddings/multimodal",
    )
    assert world.usage.records[0].usage.output_tokens == 7


async def test_ollama(world: World, upstream: RecordedUpstream) -> None:
    url = play(world, upstream, "ollama")
    client = ollama.AsyncClient(host=url, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        said = await client.generate(model="m", prompt="hi")
        assert said.response == TEXT
    finally:
        await client._client.aclose()
    await arrived(world, upstream, "POST /api/generate")
    assert world.usage.records[0].usage.output_tokens == 7
