"""The vendors' own SDKs, given nothing but the proxy's address and a bot token."""

from __future__ import annotations

from collections.abc import Callable

import anthropic
import ollama
import openai
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types as google_types

from tests.fakes.upstream import TEXT
from tests.proxy.conftest import SECRET, TOKEN, World


def no_token_left(world: World) -> None:
    assert world.upstream.seen
    for seen in world.upstream.seen:
        assert SECRET in seen.everything()
        assert TOKEN not in seen.everything()


def openai_client(world: World, token: str = TOKEN, vendor: str = "openai") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{world.url}/api/v1/{vendor}", api_key=token, max_retries=0)


def anthropic_client(world: World, token: str = TOKEN, vendor: str = "anthropic") -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=f"{world.url}/api/v1/{vendor}", api_key=token, max_retries=0)


def google_client(world: World, token: str = TOKEN, vendor: str = "google") -> genai.Client:
    options = google_types.HttpOptions(base_url=f"{world.url}/api/v1/{vendor}")
    return genai.Client(api_key=token, http_options=options)


def ollama_client(world: World, token: str = TOKEN, vendor: str = "ollama") -> ollama.AsyncClient:
    return ollama.AsyncClient(
        host=f"{world.url}/api/v1/{vendor}", headers={"Authorization": f"Bearer {token}"}
    )


class TestOpenAi:
    async def test_plain(self, world: World) -> None:
        world.add_key("openai")
        async with openai_client(world) as client:
            answer = await client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hi"}]
            )
        assert answer.choices[0].message.content == TEXT
        no_token_left(world)
        await world.settled()
        record = world.usage.records[0]
        assert record.status == 200
        assert record.usage.input_tokens == 11
        assert record.usage.cache_read_tokens == 3
        assert record.model_asked == "m"
        assert record.model_answered == "mock-1-0611"

    @pytest.mark.parametrize("asks", [True, False])
    async def test_stream(self, world: World, asks: bool) -> None:
        world.add_key("openai")
        text, usages = "", 0
        async with openai_client(world) as client:
            options = {"stream_options": {"include_usage": True}} if asks else {}
            stream = await client.chat.completions.create(
                model="m",
                messages=[{"role": "user", "content": "hi"}],
                stream=True,
                **options,  # type: ignore[call-overload]
            )
            async for chunk in stream:
                usages += chunk.usage is not None
                text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        assert text == TEXT
        assert usages == (1 if asks else 0)
        await world.settled()
        assert world.usage.records[0].usage.output_tokens == 7
        assert world.usage.records[0].streamed

    async def test_responses_and_models(self, world: World) -> None:
        world.add_key("openai")
        async with openai_client(world) as client:
            await client.responses.create(model="m", input="hi")
            models = await client.models.list()
        assert models.data[0].id == "mock-1"
        await world.settled(2)
        assert world.usage.records[0].usage.input_tokens == 11
        no_token_left(world)

    async def test_embeddings(self, world: World) -> None:
        world.add_key("openai")
        async with openai_client(world) as client:
            await client.embeddings.create(model="m", input="hi", encoding_format="float")
        await world.settled()
        assert world.usage.records[0].usage.input_tokens == 4

    async def test_azure(self, world: World) -> None:
        world.add_key("azure-openai")
        async with openai.AsyncAzureOpenAI(
            azure_endpoint=f"{world.url}/v1/azure-openai",
            api_key=TOKEN,
            api_version="2024-10-21",
            max_retries=0,
        ) as client:
            answer = await client.chat.completions.create(
                model="dep", messages=[{"role": "user", "content": "hi"}]
            )
        assert answer.choices[0].message.content == TEXT
        seen = world.upstream.seen[0]
        assert seen.path == "/openai/deployments/dep/chat/completions"
        assert seen.query == "api-version=2024-10-21"
        no_token_left(world)

    async def test_errors(self, world: World) -> None:
        async with openai_client(world, token="wrong") as client:
            with pytest.raises(openai.AuthenticationError) as wrong:
                await client.models.list()
        assert wrong.value.response.headers["x-clawbot-error"] == "token_invalid"
        async with openai_client(world, vendor="nobody") as client:
            with pytest.raises(openai.NotFoundError) as nobody:
                await client.models.list()
        assert nobody.value.code == "unknown_vendor"
        async with openai_client(world) as client:
            with pytest.raises(openai.NotFoundError) as no_key:
                await client.models.list()
        assert no_key.value.code == "no_key"


class TestAnthropic:
    async def test_plain_and_stream(self, world: World) -> None:
        world.add_key("anthropic")
        async with anthropic_client(world) as client:
            message = await client.messages.create(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            )
            assert message.content[0].type == "text"
            assert message.content[0].text == TEXT
            async with client.messages.stream(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
            ) as stream:
                assert await stream.get_final_text() == TEXT
        no_token_left(world)
        assert all(seen.header("x-api-key") == SECRET for seen in world.upstream.seen)
        assert all(seen.header("authorization") is None for seen in world.upstream.seen)
        await world.settled(2)
        for record in world.usage.records:
            assert (record.usage.input_tokens, record.usage.output_tokens) == (11, 7)
            assert (record.usage.cache_read_tokens, record.usage.cache_write_tokens) == (4, 2)

    async def test_errors(self, world: World) -> None:
        async def ask(client: anthropic.AsyncAnthropic) -> None:
            async with client:
                await client.messages.create(
                    model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
                )

        with pytest.raises(anthropic.AuthenticationError):
            await ask(anthropic_client(world, token="wrong"))
        with pytest.raises(anthropic.NotFoundError):
            await ask(anthropic_client(world, vendor="nobody"))
        with pytest.raises(anthropic.NotFoundError) as no_key:
            await ask(anthropic_client(world))
        assert no_key.value.response.headers["x-clawbot-error"] == "no_key"


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
class TestGoogle:
    async def test_plain_and_stream(self, world: World) -> None:
        world.add_key("google")
        client = google_client(world)
        answer = await client.aio.models.generate_content(model="gemini-x", contents="hi")
        assert answer.text == TEXT
        parts = [
            chunk.text or ""
            async for chunk in await client.aio.models.generate_content_stream(
                model="gemini-x", contents="hi"
            )
        ]
        assert "".join(parts) == TEXT
        await client.aio.aclose()
        no_token_left(world)
        await world.settled(2)
        for record in world.usage.records:
            assert (record.usage.input_tokens, record.usage.output_tokens) == (11, 7)
            assert record.model_asked == "gemini-x"

    async def test_errors(self, world: World) -> None:
        for client, status in (
            (google_client(world, token="wrong"), 401),
            (google_client(world, vendor="nobody"), 404),
            (google_client(world), 404),
        ):
            with pytest.raises(google_errors.ClientError) as refused:
                await client.aio.models.generate_content(model="gemini-x", contents="hi")
            assert refused.value.code == status
            await client.aio.aclose()


class TestOllama:
    async def test_plain_and_stream(self, world: World) -> None:
        world.add_key("ollama")
        client = ollama_client(world)
        answer = await client.chat(model="m", messages=[{"role": "user", "content": "hi"}])
        assert answer.message.content == TEXT
        text = ""
        async for part in await client.chat(
            model="m", messages=[{"role": "user", "content": "hi"}], stream=True
        ):
            text += part.message.content or ""
        assert text == TEXT
        await client._client.aclose()
        no_token_left(world)
        await world.settled(2)
        assert [record.usage.output_tokens for record in world.usage.records] == [7, 7]

    async def test_errors(self, world: World) -> None:
        makers: list[tuple[Callable[[], ollama.AsyncClient], int]] = [
            (lambda: ollama_client(world, token="wrong"), 401),
            (lambda: ollama_client(world, vendor="nobody"), 404),
            (lambda: ollama_client(world), 404),
        ]
        for make, status in makers:
            client = make()
            with pytest.raises(ollama.ResponseError) as refused:
                await client.chat(model="m", messages=[{"role": "user", "content": "hi"}])
            assert refused.value.status_code == status
            await client._client.aclose()
