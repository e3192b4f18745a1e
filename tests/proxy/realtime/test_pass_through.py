"""A WebSocket through the proxy: what is said at its opening, and every byte after it."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.typing import Subprotocol

from clawbot_manager.proxy.messages import RequestHead
from tests.proxy.realtime import provider as playing
from tests.proxy.realtime.provider import REALTIME_USAGE, SocketProvider
from tests.proxy.realtime.test_messages import wire
from tests.proxy.rig import SECRET, TOKEN, Rig, request
from tests.support.raw import Call, status_of, value_of, within

REALTIME = "/v1/openai/v1/realtime?model=m-asked"
AUTH = {"authorization": f"Bearer {TOKEN}"}
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
OPENS = (
    "connection: Upgrade",
    "upgrade: websocket",
    f"sec-websocket-key: {KEY}",
    "sec-websocket-version: 13",
)
SWITCHES = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def open_to(rig: Rig, target: str = REALTIME, **options: Any) -> connect:
    return connect(f"ws://127.0.0.1:{rig.server.port}{target}", **{"additional_headers": AUTH, **options})


def request_head(target: str) -> RequestHead:
    """As the transport understands it."""
    path, _, query = target.partition("?")
    headers = [(name.encode(), value.encode()) for name, _, value in (one.partition(": ") for one in OPENS)]
    return RequestHead("GET", path, query, [*headers, (b"authorization", f"Bearer {TOKEN}".encode())])


def asked(provider: SocketProvider) -> Request:
    (request,) = provider.seen
    return request


class TestTheOpening:
    async def test_what_goes_up(self, rig: Rig, provider: SocketProvider) -> None:
        headers = AUTH | {"OpenAI-Beta": "realtime=v1", "openai-organization": "org-1", "cookie": "a=b"}
        async with open_to(rig, additional_headers=headers) as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
        up = asked(provider)
        assert up.path == "/v1/realtime?model=m-asked"
        assert up.headers["authorization"] == f"Bearer {SECRET}"
        assert up.headers["openai-beta"] == "realtime=v1"
        assert up.headers["sec-websocket-key"] == socket.request.headers["sec-websocket-key"]  # type: ignore[union-attr]
        for name in ("sec-websocket-extensions", "openai-organization", "cookie"):
            assert name not in up.headers
        assert TOKEN not in str(up)

    async def test_what_comes_down(self, rig: Rig) -> None:
        async with open_to(rig) as socket:
            answer = socket.response
        assert answer is not None
        assert (answer.status_code, answer.reason_phrase) == (101, "Switching Protocols")
        assert answer.headers["x-clawbot-attempts"] == "1"
        assert answer.headers["x-clawbot-key"] == str(rig.keys.keys[0].key_id)
        assert "transfer-encoding" not in answer.headers

    @pytest.mark.parametrize(
        ("vendor", "target", "up", "header", "value"),
        [
            ("openai", "/realtime?model=m", "/v1/realtime?model=m", "authorization", f"Bearer {SECRET}"),
            (
                "openai",
                "/v1/realtime?intent=transcription",
                "/v1/realtime?intent=transcription",
                "authorization",
                f"Bearer {SECRET}",
            ),
            ("openai", "/v1/responses", "/v1/responses", "authorization", f"Bearer {SECRET}"),
            ("openai", "/v1/live/sessions", "/v1/live/sessions", "authorization", f"Bearer {SECRET}"),
            (
                "azure-openai",
                "/openai/realtime?api-version=2025-04-01-preview&deployment=d",
                "/openai/realtime?api-version=2025-04-01-preview&deployment=d",
                "api-key",
                SECRET,
            ),
            ("azure-openai", "/openai/v1/realtime?model=d", "/openai/v1/realtime?model=d", "api-key", SECRET),
            (
                "google",
                "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
                "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
                "x-goog-api-key",
                SECRET,
            ),
            (
                "dashscope",
                "/api-ws/v1/realtime?model=q",
                "/api-ws/v1/realtime?model=q",
                "authorization",
                f"Bearer {SECRET}",
            ),
            (
                "dashscope",
                "/api-ws/v1/inference/",
                "/api-ws/v1/inference/",
                "authorization",
                f"Bearer {SECRET}",
            ),
            ("zhipu", "/api/paas/v4/realtime", "/api/paas/v4/realtime", "authorization", f"Bearer {SECRET}"),
            ("stepfun", "/v1/realtime?model=s", "/v1/realtime?model=s", "authorization", f"Bearer {SECRET}"),
            (
                "mistral",
                "/v1/audio/transcriptions/realtime?model=v",
                "/v1/audio/transcriptions/realtime?model=v",
                "authorization",
                f"Bearer {SECRET}",
            ),
            ("custom", "/realtime?model=x", "/realtime?model=x", "authorization", f"Bearer {SECRET}"),
        ],
    )
    async def test_every_documented_place(
        self, rig: Rig, provider: SocketProvider, vendor: str, target: str, up: str, header: str, value: str
    ) -> None:
        async with open_to(rig, f"/v1/{vendor}{target}") as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
        assert asked(provider).path == up
        assert asked(provider).headers[header] == value
        assert len([one for one in asked(provider).headers.raw_items() if SECRET in one[1]]) == 1

    @pytest.mark.parametrize(
        ("vendor", "base_url", "target", "url"),
        [
            ("dashscope", None, "/api-ws/v1/realtime", "https://dashscope.aliyuncs.com/api-ws/v1/realtime"),
            (
                "dashscope",
                "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
                "/api-ws/v1/inference",
                "https://dashscope-intl.aliyuncs.com/api-ws/v1/inference",
            ),
            (
                "dashscope",
                "https://w.cn-beijing.maas.aliyuncs.com/api/v1",
                "/api-ws/v1/realtime",
                "https://w.cn-beijing.maas.aliyuncs.com/api-ws/v1/realtime",
            ),
            ("zhipu", None, "/realtime", "https://open.bigmodel.cn/api/paas/v4/realtime"),
            ("stepfun", None, "/realtime", "https://api.stepfun.com/v1/realtime"),
            ("openai", "https://eu.api.openai.com/v1", "/realtime", "https://eu.api.openai.com/v1/realtime"),
            (
                "azure-openai",
                "https://r.openai.azure.com",
                "/realtime",
                "https://r.openai.azure.com/openai/v1/realtime",
            ),
        ],
    )
    async def test_the_address_of_the_vendor(
        self, rig: Rig, vendor: str, base_url: str | None, target: str, url: str
    ) -> None:
        """Where the session would go, for keys that are not at the test's provider."""
        head = request_head(f"/v1/{vendor}{target}")
        route = rig.server.pipeline.socket(head)
        assert route.refusal is None
        (key,) = (one for one in rig.keys.keys if one.vendor == vendor)
        prepared = route.prepared(replace(key, base_url=base_url))
        assert f"{prepared.origin.scheme}://{prepared.netloc}{prepared.target}" == url


class TestTheToken:
    @pytest.mark.parametrize(
        ("headers", "query"),
        [
            ({"authorization": f"Bearer {TOKEN}"}, ""),
            ({"api-key": TOKEN}, ""),
            ({"x-goog-api-key": TOKEN}, ""),
            ({"x-api-key": TOKEN}, ""),
            ({}, f"?key={TOKEN}"),
            ({}, f"?alt=ws&key={TOKEN}&x=1"),
        ],
    )
    async def test_where_it_may_stand(
        self, rig: Rig, provider: SocketProvider, headers: dict[str, str], query: str
    ) -> None:
        async with open_to(rig, f"/v1/openai/v1/realtime{query}", additional_headers=headers):
            pass
        assert TOKEN not in str(asked(provider))
        assert asked(provider).headers["authorization"] == f"Bearer {SECRET}"

    async def test_as_a_subprotocol(self, rig: Rig, provider: SocketProvider) -> None:
        offered = ["realtime", f"openai-insecure-api-key.{TOKEN}", "openai-beta.realtime-v1"]
        protocols = [Subprotocol(one) for one in offered]
        async with open_to(rig, subprotocols=protocols, additional_headers={}) as socket:
            assert socket.subprotocol == "realtime"
        assert asked(provider).headers["sec-websocket-protocol"] == "realtime, openai-beta.realtime-v1"
        assert TOKEN not in str(asked(provider))

    @pytest.mark.parametrize(
        ("others", "chosen"), [(["realtime"], "realtime"), ([], f"openai-insecure-api-key.{TOKEN}")]
    )
    async def test_the_answer_is_valid_though_the_provider_chose_none(
        self, rig: Rig, provider: SocketProvider, others: list[str], chosen: str
    ) -> None:
        provider.subprotocols = ()
        protocols = [Subprotocol(one) for one in (*others, f"openai-insecure-api-key.{TOKEN}")]
        async with open_to(rig, subprotocols=protocols, additional_headers={}) as socket:
            assert socket.subprotocol == chosen
        assert TOKEN not in str(asked(provider))


class TestTheBytes:
    async def test_messages_of_every_size_in_both_directions(self, rig: Rig) -> None:
        made = random.Random(5)
        async with open_to(rig, max_size=None) as socket:
            for size in (0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 5 << 20):
                data = made.randbytes(size)
                await socket.send(data)
                assert await socket.recv() == data
            await socket.send(["frag", "ment", "ed"])
            assert await socket.recv() == "fragmented"

    async def test_pings_pass_both_ways(self, rig: Rig, provider: SocketProvider) -> None:
        async def ping_back(socket: ServerConnection) -> None:
            await socket.recv()
            await (await socket.ping(b"from the provider"))
            await socket.send("ponged")

        provider.playing = ping_back
        async with open_to(rig) as socket:
            await (await socket.ping(b"from the client"))
            await socket.send("now you")
            assert await socket.recv() == "ponged"

    async def test_not_one_is_changed(self, raw: Rig) -> None:
        """Any bytes, valid or not, framed by nobody: they go as they came."""
        made = random.Random(7)
        up, down = made.randbytes(3 << 20), made.randbytes(3 << 20)
        received = hashlib.sha256()

        async def switch(call: Call) -> None:
            await call.send(SWITCHES + down[:100], down[100:101], down[101:])
            left = len(up)
            while left:
                piece = await call.reader.read(1 << 16)
                assert piece
                received.update(piece)
                left -= len(piece)
            call.writer.close()
            await call.writer.wait_closed()

        raw.provider.answering = switch
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS) + up[:1000])
        assert status_of(await client.head()) == 101
        client.writer.write(up[1000:])
        assert await client.exactly(len(down)) == down
        assert await client.rest() == b""
        assert received.digest() == hashlib.sha256(up).digest()

    async def test_an_accept_that_nobody_else_could_know(self, raw: Rig) -> None:
        async def switch(call: Call) -> None:
            assert call.header(b"sec-websocket-key") == KEY.encode()
            assert call.header(b"connection") == b"Upgrade"
            await call.send(SWITCHES[:-2] + b"Sec-WebSocket-Accept: mine\r\nX-Thing: 1\r\n\r\n")
            await call.gone()

        raw.provider.answering = switch
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS))
        head = await client.head()
        assert value_of(head, b"sec-websocket-accept") == b"mine"
        assert value_of(head, b"x-thing") == b"1"
        assert value_of(head, b"upgrade") == b"websocket"
        assert value_of(head, b"connection") == b"Upgrade"


class TestTheKey:
    async def test_it_does_not_come_down(self, rig: Rig, provider: SocketProvider) -> None:
        async def blab(socket: ServerConnection) -> None:
            await socket.send(f"your key is {SECRET}, is it not {SECRET}?")
            await socket.send(SECRET.encode()[:-1])

        provider.playing = blab
        async with open_to(rig) as socket:
            stars = "*" * len(SECRET)
            assert await socket.recv() == f"your key is {stars}, is it not {stars}?"
            assert await socket.recv() == SECRET.encode()[:-1]

    async def test_nor_in_two_reads(self, raw: Rig) -> None:
        frame = wire(Opcode.TEXT, f"a {SECRET} b".encode())
        at = frame.index(SECRET.encode()) + 7

        async def blab(call: Call) -> None:
            await call.send(SWITCHES)
            await call.reader.readexactly(1)
            await call.send(frame[:at])
            await call.reader.readexactly(1)
            await call.send(frame[at:])
            await call.gone()

        raw.provider.answering = blab
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS) + b"1")
        await client.head()
        await client.exactly(4)
        await client.send(b"2")
        assert await client.exactly(len(frame) - 4) == frame[4:].replace(SECRET.encode(), b"*" * len(SECRET))

    async def test_a_message_that_ends_like_a_key_begins_is_not_kept(self, raw: Rig) -> None:
        frame = wire(Opcode.BINARY, b"sound " + SECRET.encode()[:3])

        async def play(call: Call) -> None:
            await call.send(SWITCHES + frame)
            await call.gone()

        raw.provider.answering = play
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS))
        await client.head()
        assert await client.exactly(len(frame)) == frame


class TestTheRecord:
    async def test_one_row_for_a_session(self, rig: Rig, provider: SocketProvider) -> None:
        provider.playing = playing.openai
        async with open_to(rig) as socket:
            for _ in range(3):
                await socket.send('{"type":"response.create"}')
                await read_until(socket, b'"response.done"')
            assert not rig.usage.records
        (record,) = await rig.records()
        assert rig.budgets.settled == [record]
        assert (record.status, record.streamed, record.error_code) == (101, True, None)
        assert (record.vendor, record.method, record.endpoint) == ("openai", "GET", "/realtime")
        assert (record.dialect, record.model_asked, record.model_answered) == (
            "openai-realtime",
            "m-asked",
            "m-real",
        )
        assert record.usage.source == "provider"
        assert record.usage.input_tokens == 3 * REALTIME_USAGE["input_tokens"]  # type: ignore[operator]
        assert record.usage.cache_read_tokens == 3 * 64
        assert record.usage.details is not None
        assert record.usage.details["responses"] == 3
        assert record.first_byte_ms is not None
        assert [(one.status, one.reason) for one in record.attempts] == [(101, None)]

    async def test_a_session_without_usage_says_so(self, rig: Rig) -> None:
        async with open_to(rig, "/v1/custom/realtime") as socket:
            await socket.send("hello")
            await socket.recv()
        (record,) = await rig.records()
        assert (record.status, record.usage.source, record.model_asked) == (101, "none", None)

    async def test_the_providers_close_code_is_told(self, rig: Rig, provider: SocketProvider) -> None:
        async def refuse(socket: ServerConnection) -> None:
            await socket.close(1008, "no")

        provider.playing = refuse
        async with open_to(rig) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "no")
        (record,) = await rig.records()
        assert (record.status, record.error_code) == (101, "error_in_answer")


async def read_until(socket: ClientConnection, mark: bytes) -> None:
    async with within():
        while mark not in await socket.recv(decode=False):
            pass
