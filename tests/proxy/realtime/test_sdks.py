"""The vendors' own SDKs, unchanged, through the proxy."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from dashscope.audio.qwen_omni import MultiModality, OmniRealtimeCallback, OmniRealtimeConversation
from dashscope.audio.tts_v2 import SpeechSynthesizer
from google import genai
from google.genai import types
from mistralai.client import Mistral
from openai import AsyncAzureOpenAI, AsyncOpenAI, OpenAI
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_sync

from clawbot_manager.vendors.usage import Usage
from tests.proxy.realtime import provider as playing
from tests.proxy.realtime.provider import REALTIME_USAGE, SocketProvider, say
from tests.proxy.realtime.tls import tls_in_front_of
from tests.proxy.rig import TOKEN, Rig
from tests.support.certificates import Authority
from tests.support.raw import within

REALTIME = Usage(
    input_tokens=132,
    output_tokens=121,
    cache_read_tokens=64,
    source="provider",
    details={
        "text_input_tokens": 119,
        "text_output_tokens": 30,
        "text_cache_read_tokens": 60,
        "audio_input_tokens": 13,
        "audio_output_tokens": 91,
        "audio_cache_read_tokens": 4,
        "responses": 1,
    },
)


def base(rig: Rig, vendor: str, path: str = "", scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{rig.server.port}/api/v1/{vendor}{path}"


def openai_client(rig: Rig) -> AsyncOpenAI:
    return AsyncOpenAI(api_key=TOKEN, base_url=base(rig, "openai", "/v1"))


async def recorded(rig: Rig) -> tuple[str, str | None, Usage]:
    """Dialect, model and usage of the one session."""
    (record,) = await rig.records()
    assert (record.status, record.error_code) == (101, None)
    assert record.dialect is not None
    return record.dialect, record.model_asked, record.usage


class TestOpenAi:
    async def test_realtime(self, rig: Rig, provider: SocketProvider) -> None:
        provider.playing = playing.openai
        async with (
            within(),
            openai_client(rig) as client,
            client.realtime.connect(model="gpt-realtime") as connection,
        ):
            await connection.session.update(session={"type": "realtime", "instructions": "be short"})
            await connection.response.create()
            said = []
            async for event in connection:
                if event.type == "response.output_text.delta":
                    said.append(event.delta)
                if event.type == "response.done":
                    assert event.response.usage is not None
                    assert event.response.usage.input_tokens == 132
                    break
        assert said == ["hi"]
        assert await recorded(rig) == ("openai-realtime", "gpt-realtime", REALTIME)

    # the SDK opens it in a way that websockets 17 does not like any more
    @pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager:DeprecationWarning")
    async def test_realtime_without_asyncio(self, rig: Rig, provider: SocketProvider) -> None:
        provider.playing = playing.openai

        def talk() -> int | None:
            with (
                OpenAI(api_key=TOKEN, base_url=base(rig, "openai", "/v1")) as client,
                client.realtime.connect(model="gpt-realtime") as connection,
            ):
                connection.response.create()
                for event in connection:
                    if event.type == "response.done":
                        return event.response.usage.output_tokens if event.response.usage else None
            return None

        assert await asyncio.to_thread(talk) == 121
        assert await recorded(rig) == ("openai-realtime", "gpt-realtime", REALTIME)

    async def test_responses(self, rig: Rig, provider: SocketProvider) -> None:
        async def respond(socket: ServerConnection) -> None:
            async for message in socket:
                asked = json.loads(message)
                assert asked["type"] == "response.create"
                answer = {"id": "resp_1", "object": "response", "model": asked["model"], "output": []}
                await say(socket, type="response.created", sequence_number=0, response=answer)
                usage = {
                    "input_tokens": 7,
                    "input_tokens_details": {"cached_tokens": 2},
                    "output_tokens": 5,
                    "output_tokens_details": {"reasoning_tokens": 3},
                    "total_tokens": 12,
                }
                done = answer | {"status": "completed", "usage": usage}
                await say(socket, type="response.completed", sequence_number=1, response=done)

        provider.playing = respond
        async with within(), openai_client(rig) as client, client.responses.connect() as connection:
            for _ in range(2):
                await connection.response.create(model="gpt-6", input="hi")
                async for event in connection:
                    if event.type == "response.completed":
                        break
        usage = Usage(14, 10, 4, None, 6, "provider", {"responses": 2})
        assert await recorded(rig) == ("openai-realtime", "gpt-6", usage)

    async def test_live(self, rig: Rig, provider: SocketProvider) -> None:
        async def live(socket: ServerConnection) -> None:
            started = json.loads(await socket.recv())
            assert started["type"] == "session.start"
            await say(socket, type="session.usage.updated", event_id="e1", usage={"seconds": 1.5})
            await socket.recv()
            await say(
                socket,
                type="session.closed",
                event_id="e2",
                reason="close_requested",
                session={},
                usage={"seconds": 4.25},
            )

        provider.playing = live
        async with within(), openai_client(rig) as client, client.live.connect() as connection:
            await connection.send({"type": "session.start", "session": {"model": "gpt-live"}})
            async for event in connection:
                if event.type == "session.usage.updated":
                    await connection.send({"type": "session.close"})
                if event.type == "session.closed":
                    assert event.usage.seconds == 4.25
                    break
        assert await recorded(rig) == (
            "openai-realtime",
            "gpt-live",
            Usage(source="provider", details={"seconds": 4.25}),
        )

    async def test_azure(self, rig: Rig, provider: SocketProvider) -> None:
        provider.playing = playing.openai
        client = AsyncAzureOpenAI(
            api_key=TOKEN,
            api_version="2025-04-01-preview",
            azure_endpoint=base(rig, "azure-openai"),
            websocket_base_url=base(rig, "azure-openai", "/openai", "ws"),
        )
        async with client, within(), client.realtime.connect(model="my-deployment") as connection:
            await connection.response.create()
            async for event in connection:
                if event.type == "response.done":
                    break
        assert (
            provider.seen[0].path
            == "/openai/realtime?api-version=2025-04-01-preview&deployment=my-deployment"
        )
        assert await recorded(rig) == ("openai-realtime", "my-deployment", REALTIME)

    async def test_a_refusal_is_an_exception(self, rig: Rig) -> None:
        rig.budgets.limit = "tokens_per_day"
        async with AsyncOpenAI(api_key=TOKEN, base_url=base(rig, "openai", "/v1")) as client:
            with pytest.raises(InvalidStatus) as caught:
                async with client.realtime.connect(model="gpt-realtime"):
                    pass
        assert caught.value.response.status_code == 429


class TestGoogle:
    async def test_live(
        self, rig: Rig, provider: SocketProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its client insists on TLS; the messages are JSON in binary frames."""
        counts = {
            "promptTokenCount": 9,
            "responseTokenCount": 4,
            "totalTokenCount": 13,
            "responseTokensDetails": [{"modality": "TEXT", "tokenCount": 4}],
        }

        async def live(socket: ServerConnection) -> None:
            assert json.loads(await socket.recv())["setup"]["model"] == "models/gemini-live"
            await socket.send(b'{"setupComplete": {"sessionId": "s"}}')
            async for _ in socket:
                part = {"serverContent": {"modelTurn": {"parts": [{"text": "hello"}]}}}
                await socket.send(json.dumps(part).encode())
                end = {"serverContent": {"turnComplete": True}, "usageMetadata": counts}
                await socket.send(json.dumps(end).encode())

        provider.playing = live
        authority = Authority(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        async with tls_in_front_of(rig.server.port, authority.server("127.0.0.1")) as port:
            options = types.HttpOptions(
                base_url=f"https://127.0.0.1:{port}/api/v1/google", api_version="v1beta"
            )
            client = genai.Client(api_key=TOKEN, http_options=options)
            async with within(), client.aio.live.connect(model="gemini-live", config={}) as session:
                for _ in range(2):
                    await session.send_realtime_input(text="hi")
                    said = [message.text async for message in session.receive()]
                    assert "hello" in said
            await client.aio.aclose()
            client.close()
        usage = Usage(18, 8, source="provider", details={"text_output_tokens": 8, "responses": 2})
        assert await recorded(rig) == ("google-live", "gemini-live", usage)
        assert provider.seen[0].headers["x-goog-api-key"]
        assert TOKEN not in str(provider.seen[0])


class TestDashScope:
    async def test_realtime(self, rig: Rig, provider: SocketProvider) -> None:
        provider.playing = playing.openai
        done = threading.Event()

        class Callback(OmniRealtimeCallback):
            def on_event(self, message: Any) -> None:
                if message["type"] == "response.done":
                    done.set()

        def talk() -> bool:
            conversation = OmniRealtimeConversation(
                model="qwen-omni-realtime",
                callback=Callback(),
                api_key=TOKEN,
                url=base(rig, "dashscope", "/api-ws/v1/realtime", "ws"),
            )
            conversation.connect()
            conversation.update_session(output_modalities=[MultiModality.TEXT], voice="Cherry")
            conversation.create_response()
            heard = done.wait(20)
            conversation.close()
            return heard

        assert await asyncio.to_thread(talk)
        assert provider.seen[0].path == "/api-ws/v1/realtime?model=qwen-omni-realtime"
        assert await recorded(rig) == ("dashscope-realtime", "qwen-omni-realtime", REALTIME)

    async def test_speech(self, rig: Rig, provider: SocketProvider, monkeypatch: pytest.MonkeyPatch) -> None:
        sound = bytes(range(256)) * 40

        async def speak(socket: ServerConnection) -> None:
            task = json.loads(await socket.recv())["header"]["task_id"]

            async def event(name: str, **payload: Any) -> None:
                await say(socket, header={"task_id": task, "event": name, "attributes": {}}, payload=payload)

            await event("task-started")
            async for message in socket:
                asked = json.loads(message)
                if asked["header"]["action"] == "continue-task":
                    await event("result-generated", output={"type": "sentence-begin"})
                    await socket.send(sound)
                    await event("result-generated", usage={"characters": 6})
                if asked["header"]["action"] == "finish-task":
                    await event("task-finished", output={}, usage={"characters": 11})

        provider.playing = speak
        monkeypatch.setattr("dashscope.api_key", TOKEN)

        def synthesize() -> bytes:
            url = base(rig, "dashscope", "/api-ws/v1/inference", "ws")
            synthesizer = SpeechSynthesizer(model="cosyvoice-v3", voice="longxiaochun", url=url)
            spoken: bytes = synthesizer.call("hello world", timeout_millis=20_000)
            return spoken

        assert await asyncio.to_thread(synthesize) == sound
        usage = Usage(source="provider", details={"characters": 11, "responses": 1})
        assert await recorded(rig) == ("dashscope-tasks", "cosyvoice-v3", usage)


class TestMistral:
    async def test_transcription(self, rig: Rig, provider: SocketProvider) -> None:
        async def transcribe(socket: ServerConnection) -> None:
            form = {"encoding": "pcm_s16le", "sample_rate": 16000}
            session = {"request_id": "r", "model": "voxtral-realtime", "audio_format": form}
            await say(socket, type="session.created", session=session)
            async for message in socket:
                if json.loads(message)["type"] == "input_audio.end":
                    usage = {
                        "prompt_tokens": 5,
                        "completion_tokens": 9,
                        "total_tokens": 14,
                        "prompt_audio_seconds": 3,
                    }
                    await say(
                        socket,
                        type="transcription.done",
                        model="voxtral-realtime",
                        text="hi",
                        language="en",
                        segments=[],
                        usage=usage,
                    )

        async def audio() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield base64.b64decode("AAAA") * 100

        provider.playing = transcribe
        async with Mistral(api_key=TOKEN, server_url=base(rig, "mistral")) as client:
            stream = client.audio.realtime.transcribe_stream(audio(), "voxtral-realtime")
            async with within():
                kinds = [type(event).__name__ async for event in stream]
        assert kinds[-1] == "TranscriptionStreamDone"
        usage = Usage(5, 9, source="provider", details={"seconds": 3, "responses": 1})
        assert await recorded(rig) == ("openai-realtime", "voxtral-realtime", usage)


class TestWebsockets:
    async def test_asyncio(self, rig: Rig, provider: SocketProvider) -> None:
        provider.playing = playing.openai
        async with connect(
            base(rig, "openai", "/v1/realtime?model=m", "ws"), additional_headers={"api-key": TOKEN}
        ) as socket:
            await socket.send('{"type":"response.create"}')
            assert await usage_in(socket) == REALTIME_USAGE
        assert await recorded(rig) == ("openai-realtime", "m", REALTIME)

    async def test_threads(self, rig: Rig) -> None:
        def talk() -> str | bytes:
            url = base(rig, "openai", f"/v1/realtime?model=m&key={TOKEN}", "ws")
            with connect_sync(url, compression=None) as socket:
                socket.send("hello")
                return socket.recv()

        assert await asyncio.to_thread(talk) == "hello"
        assert await recorded(rig) == ("openai-realtime", "m", Usage())


async def usage_in(socket: ClientConnection) -> Any:
    async with within():
        async for message in socket:
            event = json.loads(message)
            if event["type"] == "response.done":
                return event["response"]["usage"]
    raise AssertionError
