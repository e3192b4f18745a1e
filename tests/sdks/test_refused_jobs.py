"""Work whose cost no answer tells is refused in words of ours, in each SDK's own class."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import cohere
import groq
import ollama
import openai
import pytest
import together
import volcenginesdkarkruntime as ark  # type: ignore[import-untyped]
from cohere.errors import NotFoundError as CohereNotFoundError
from google import genai
from google.genai import errors as google_errors
from google.genai import types
from mistralai.client import Mistral
from mistralai.client import errors as mistral_errors
from volcenginesdkarkruntime._exceptions import ArkNotFoundError  # type: ignore[import-untyped]
from zai import ZaiClient
from zai.core import _errors as zai_errors

from tests.fakes.upstream import RecordedUpstream
from tests.sdks.common import ASK, TOKEN, World, over_the_wire, play

pytestmark = [
    over_the_wire,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]

Job = Callable[[str], Awaitable[Any]]


async def _openai(url: str) -> Any:
    async with openai.AsyncOpenAI(base_url=url, api_key=TOKEN, max_retries=0) as client:
        return await client.batches.create(
            input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
        )


async def _fine_tuning(url: str) -> Any:
    async with openai.AsyncOpenAI(base_url=url, api_key=TOKEN, max_retries=0) as client:
        return await client.fine_tuning.jobs.create(model="m", training_file="file-1")


async def _anthropic(url: str) -> Any:
    async with anthropic.AsyncAnthropic(base_url=url, api_key=TOKEN, max_retries=0) as client:
        params: Any = {"model": "m", "max_tokens": 9, "messages": ASK}
        return await client.messages.batches.create(requests=[{"custom_id": "1", "params": params}])


async def _google(url: str) -> Any:
    client = genai.Client(api_key=TOKEN, http_options=types.HttpOptions(base_url=url))
    try:
        return await client.aio.batches.create(model="m", src="files/file-1")
    finally:
        await client.aio.aclose()
        client.close()


async def _mistral(url: str) -> Any:
    async with Mistral(api_key=TOKEN, server_url=url) as client:
        return await client.batch.jobs.create_async(
            input_files=["file-1"], model="m", endpoint="/v1/chat/completions"
        )


async def _groq(url: str) -> Any:
    async with groq.AsyncGroq(base_url=url, api_key=TOKEN, max_retries=0) as client:
        return await client.batches.create(
            input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
        )


async def _together(url: str) -> Any:
    async with together.AsyncTogether(base_url=url, api_key=TOKEN, max_retries=0) as client:
        return await client.batches.create(input_file_id="file-1", endpoint="/v1/chat/completions")


async def _cohere(url: str) -> Any:
    async with cohere.AsyncClientV2(api_key=TOKEN, base_url=url, max_retries=0) as client:
        return await client.embed_jobs.create(model="m", dataset_id="ds-1", input_type="search_document")


async def _ark(url: str) -> Any:
    async with ark.AsyncArk(base_url=url, api_key=TOKEN, max_retries=0) as client:
        return await client.batch.chat.completions.create(model="m", messages=ASK)


async def _zai(url: str) -> Any:
    def use() -> Any:
        with ZaiClient(base_url=url, api_key=TOKEN, max_retries=0) as client:
            return client.chat.asyncCompletions.create(model="m", messages=ASK)

    return await asyncio.to_thread(use)


async def _ollama(url: str) -> Any:
    client = ollama.AsyncClient(host=url, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        return await client.pull("m")
    finally:
        await client._client.aclose()


JOBS: tuple[tuple[str, Job, type[Exception]], ...] = (
    ("openai", _openai, openai.NotFoundError),
    ("openai", _fine_tuning, openai.NotFoundError),
    ("anthropic", _anthropic, anthropic.NotFoundError),
    ("google", _google, google_errors.ClientError),
    ("mistral", _mistral, mistral_errors.MistralError),
    ("groq", _groq, groq.NotFoundError),
    ("together", _together, together.NotFoundError),
    ("cohere", _cohere, CohereNotFoundError),
    ("doubao", _ark, ArkNotFoundError),
    ("zhipu", _zai, zai_errors.APIStatusError),
    ("ollama", _ollama, ollama.ResponseError),
)


@pytest.mark.parametrize(("vendor", "job", "error"), JOBS, ids=lambda one: getattr(one, "__name__", one))
async def test_refused(
    world: World, upstream: RecordedUpstream, vendor: str, job: Job, error: type[Exception]
) -> None:
    url = play(world, upstream, vendor)
    with pytest.raises(error) as caught:
        await job(url)
    told = f"{caught.value} {getattr(caught.value, 'body', '')} {getattr(caught.value, 'message', '')}"
    assert "The proxy does not serve this path" in told
    assert not upstream.seen
    await world.settled()
    record = world.usage.records[0]
    assert (record.status, record.error_code) == (404, "path_not_served")
