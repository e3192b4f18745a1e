"""One port for the proxy and the control plane: each request to its own, whatever was on its connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from clawbot_manager.app.connections import ControlProtocol, first_protocol
from clawbot_manager.proxy.app import ProxyApp
from clawbot_manager.proxy.forward import UpstreamClient
from tests.proxy.rig import FILES, Rig, chat, request, until
from tests.proxy.wire.strict import Got, read_answers
from tests.support.raw import RawClient, within

Scope = MutableMapping[str, Any]
CONTROL = b"GET /api/health HTTP/1.1\r\nhost: h\r\n\r\n"
POSTING = b"POST /api/things HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n12345"


@dataclass
class Both:
    """The proxy in front of a control plane on uvicorn; `by` notes who has served each request."""

    rig: Rig
    port: int = 0
    state: ServerState = field(default_factory=ServerState)
    by: list[str] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    clients: list[RawClient] = field(default_factory=list)

    async def connect(self) -> RawClient:
        client = await RawClient.connect(self.port)
        self.clients.append(client)
        return client

    async def app(
        self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """What stands behind: other paths, and the proxy's own if they get here."""
        if ProxyApp.serves(scope["path"]):
            self.by.append("asgi")
            await self._proxy(scope, receive, send)
            return
        self.by.append("control")
        if scope["path"] == "/api/slow":
            await self.go_on.wait()
        body = b"control"
        if scope["path"] != "/api/early":
            while (message := await receive()).get("more_body"):
                body += message["body"]
            body += message.get("body", b"")
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _proxy(self, scope: Scope, receive: Any, send: Any) -> None:
        async with UpstreamClient(self.rig.policy, self.rig.config) as client:
            await ProxyApp(self.rig.server.pipeline, client)(scope, receive, send)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        config = uvicorn.Config(self.app, interface="asgi3", log_config=None, lifespan="off", ws="none")
        config.load()
        make = first_protocol(self.rig.server)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: make(config, self.state, {}, loop), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        yield
        server.close()
        for client in self.clients:
            client.reset()
            await client.writer.wait_closed()
        for connection in list(self.state.connections):
            connection.shutdown()
        await asyncio.gather(*self.state.tasks)


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    async with Rig().running() as rig:
        both = Both(rig)
        async with both.serving():
            yield both


async def hear(client: RawClient, *methods: str) -> list[Got]:
    """The answers to requests of these methods."""
    data = b""
    async with within():
        while True:
            piece = await client.reader.read(1 << 16)
            assert piece, data
            data += piece
            answers, rest = read_answers(data, methods, closed=False)
            if len(answers) == len(methods) and answers[-1].whole:
                assert not rest
                return answers


async def test_there_and_back(both: Both) -> None:
    """Again and again on one connection, and each request is served where it belongs."""
    client = await both.connect()
    for _ in range(3):
        for data in (CONTROL, POSTING, request(), chat(), chat()):
            await client.send(data)
            (answer,) = await hear(client, data.split(b" ")[0].decode())
            assert answer.status == 200
            assert answer.body.startswith(b"control") is (data in (CONTROL, POSTING))
    assert both.by == ["control", "control"] * 3
    assert len(both.rig.provider.heads) == 9
    assert both.rig.provider.accepted == 1
    assert len(both.rig.usage.records) == 9


async def test_all_in_one_write(both: Both) -> None:
    """What is behind a request of the control plane in the same write is served by its protocol, in order."""
    client = await both.connect()
    await client.send(request() + CONTROL + chat() + POSTING + CONTROL)
    answers = await hear(client, "GET", "GET", "POST", "POST", "GET")
    assert [one.body for one in answers] == [b"{}", b"control", b"{}", b"control12345", b"control"]
    await client.send(request())
    assert (await hear(client, "GET"))[0].body == b"{}"
    assert both.by == ["control", "asgi", "control", "control"]


async def test_a_head_in_two_pieces(both: Both) -> None:
    """Half a request that came with the one before stays where it is, and is served there."""
    client = await both.connect()
    await client.send(CONTROL + request()[:30])
    assert (await hear(client, "GET"))[0].body == b"control"
    await client.send(request()[30:])
    assert (await hear(client, "GET"))[0].body == b"{}"
    assert both.by == ["control", "asgi"]
    await client.send(chat())
    assert (await hear(client, "POST"))[0].body == b"{}"
    assert both.by == ["control", "asgi"]


async def test_not_while_an_answer_is_awaited(both: Both) -> None:
    client = await both.connect()
    await client.send(CONTROL.replace(b"health", b"slow"))
    await until(lambda: both.by)
    await client.send(request())
    await until(
        lambda: any(isinstance(one, ControlProtocol) and one.pipeline for one in both.state.connections)
    )
    both.go_on.set()
    answers = await hear(client, "GET", "GET")
    assert [one.body for one in answers] == [b"control", b"{}"]
    assert both.by == ["control", "asgi"]


async def test_not_in_the_midst_of_a_body(both: Both) -> None:
    """An answer that came before the body's end does not make the rest of the body a request."""
    client = await both.connect()
    hidden = request("GET", "/v1/openai/v1/hidden")
    head = b"POST /api/early HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % len(hidden)
    await client.send(head)
    assert (await hear(client, "POST"))[0].body == b"control"
    await client.send(hidden)
    await client.send(request())
    assert (await hear(client, "GET"))[0].body == b"{}"
    assert [one.target for one in both.rig.provider.heads] == [b"/v1/models"]


async def test_uploads_after_it(both: Both) -> None:
    client = await both.connect()
    await client.send(CONTROL)
    await hear(client, "GET")
    await client.send(request("POST", FILES, "transfer-encoding: chunked"))
    await client.send(b"3\r\none\r\n")
    await client.send(b"0\r\n\r\n" + CONTROL)
    answers = await hear(client, "POST", "GET")
    assert [one.body for one in answers] == [b"{}", b"control"]


async def test_connections_are_counted_once(both: Both) -> None:
    """At each moment a connection is one's or the other's, so that both can end theirs."""
    client = await both.connect()
    await client.send(request())
    await hear(client, "GET")
    assert (len(both.rig.server.clients), len(both.state.connections)) == (1, 0)
    await client.send(CONTROL)
    await hear(client, "GET")
    assert (len(both.rig.server.clients), len(both.state.connections)) == (0, 1)
    await client.send(request())
    await hear(client, "GET")
    assert (len(both.rig.server.clients), len(both.state.connections)) == (1, 0)


async def test_not_back_to_a_proxy_that_ends(both: Both) -> None:
    client = await both.connect()
    await client.send(CONTROL)
    await hear(client, "GET")
    await both.rig.server.close(0.1)
    await client.send(CONTROL)
    await hear(client, "GET")
    assert not both.rig.server.clients
