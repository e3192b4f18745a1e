"""What only real sockets show, on both loops: resets, half-closed ones, bytes unread, the server's end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.proxy.rig import CHAT, FILES, Rig, chat, request, until
from tests.proxy.wire.strict import read_answers
from tests.services import nginx
from tests.support.raw import Call, RawClient, status_of, value_of, within

STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """The proxy, on a loop that takes no failure of a callback for granted."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
    async with Rig().running() as rig:
        yield rig
    assert not failures


class TestHalfClosed:
    """A client that ends its side before it has its answer gets none, from nginx as from us."""

    async def gone(self, provider: asyncio.Event, client: RawClient) -> bytes:
        async with within():
            await provider.wait()
            client.writer.write_eof()
            return await client.reader.read()

    async def test_ours(self, rig: Rig) -> None:
        asked, left = asyncio.Event(), asyncio.Event()

        async def answering(call: Call) -> None:
            await call.body()
            asked.set()
            await call.gone()
            left.set()

        rig.provider.answering = answering
        client = await rig.client()
        await client.send(chat())
        assert await self.gone(asked, client) == b""
        async with within():
            await left.wait()
        assert (await rig.records())[0].error_code == "client_closed"

    async def test_nginx(self, passing_nginx: nginx.Passing) -> None:
        asked, left = asyncio.Event(), asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            asked.set()
            await reader.read()
            left.set()
            writer.close()

        passing_nginx.upstream.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(serve, passing_nginx.upstream)
        client = RawClient(*await asyncio.open_unix_connection(passing_nginx.listening))
        await client.send(request())
        assert await self.gone(asked, client) == b""
        async with within():
            await left.wait()
        client.close()
        server.close()


class TestBytesUnread:
    """A refusal is read by its client, however much that was still sending: a close would take it away."""

    @pytest.mark.parametrize(
        ("head", "body", "status"),
        [
            (request("POST", CHAT, f"content-length: {33 << 20}"), b"x" * (33 << 20), 413),
            (request("POST", CHAT, "transfer-encoding: chunked"), b"2300000\r\n" + b"x" * (35 << 20), 413),
            (request("GET", FILES, "x: " + "y" * (1 << 20))[:-4], b"z" * (4 << 20), 431),
            (request("GET", FILES, "no colon")[:-4] + b"\r\nnone\r\n\r\n", b"z" * (4 << 20), 400),
            (request("GET", "/nobody"), b"z" * (4 << 20), 404),
            (request("POST", "/v1/nobody/x", f"content-length: {8 << 20}"), b"z" * (8 << 20), 404),
        ],
    )
    async def test_refused(self, rig: Rig, head: bytes, body: bytes, status: int) -> None:
        client = await rig.client()
        await client.send(head)
        async with within():
            await client.send(body)
            answers, rest = read_answers(await client.reader.read(), ["POST"], closed=True)
        assert [(one.status, one.whole) for one in answers] == [(status, True)]
        assert not rest

    async def test_refused_by_the_provider(self, rig: Rig) -> None:
        async def answering(call: Call) -> None:
            await call.answer(b"no", status=b"403 Forbidden")
            await call.gone()

        rig.provider.answering = answering
        client = await rig.client()
        await client.send(request("POST", FILES, f"content-length: {64 << 20}"))
        async with within():
            await client.send(b"x" * (64 << 20))
        head, body = await client.answer()
        assert (status_of(head), body) == (403, b"no")


class TestResets:
    async def test_in_the_midst_of_everything(self, rig: Rig) -> None:
        """Clients that vanish at any moment leave nothing behind: no failure, no connection, no open book."""

        async def answering(call: Call) -> None:
            await call.body()
            await call.send(STREAM)
            for number in range(50):
                await call.chunk(b'data: {"n":%d}\n\n' % number)
            await call.chunk(b"")

        rig.provider.answering = answering
        for number in range(40):
            client = await rig.client()
            await client.send(chat(stream=True) + chat(stream=True)[: number * 7])
            if number % 2:
                await client.head()
            for _ in range(number % 5):
                await asyncio.sleep(0)
            client.reset() if number % 3 else client.close()
        await until(lambda: not rig.server.clients)
        await until(lambda: rig.budgets.admitted == len(rig.usage.records) == len(rig.budgets.settled))

    async def test_of_providers(self, rig: Rig) -> None:
        async def answering(call: Call) -> None:
            await call.body()
            await call.send(STREAM)
            await call.chunk(b"data: {}\n\n")
            call.reset()

        rig.provider.answering = answering
        for _ in range(10):
            client = await rig.client()
            await client.send(chat(stream=True))
            await client.head()
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await client.chunks()
        assert [one.error_code for one in await rig.records(10)] == ["upstream_broken"] * 10


async def test_connections_to_the_provider_are_kept(rig: Rig) -> None:
    """One for a client that asks one thing after the other, whatever it asks and however it is answered."""

    async def answering(call: Call) -> None:
        await call.body()
        if b"chat" in call.target:
            await call.begin()
            await call.chunk(b"{}")
            await call.chunk(b"")
        elif call.line.startswith(b"HEAD"):
            await call.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
        else:
            await call.answer()

    rig.provider.answering = answering
    client = await rig.client()
    for _ in range(5):
        await client.send(request())
        await client.answer()
        await client.send(chat())
        await client.answer()
        await client.send(request("HEAD"))
        assert value_of(await client.head(), b"content-length") == b"9"
    assert rig.provider.accepted == 1
    assert len(rig.provider.heads) == 15


async def test_time_outs_happen_by_themselves() -> None:
    async with Rig().running(idle_timeout=0.02, head_timeout=0.02) as rig:
        idle, half = await rig.client(), await rig.client()
        await half.send(request()[:-5])
        assert await idle.rest() == b""
        assert status_of(await half.rest()) == 408


class TestEndOfTheServer:
    async def test_idle_connections(self, rig: Rig) -> None:
        client = await rig.client()
        await client.send(request())
        await client.answer()
        port = rig.server.port
        await rig.server.close(20.0)
        assert await client.rest() == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    async def test_answers_are_given_to_their_end(self, rig: Rig) -> None:
        go_on = asyncio.Event()

        async def answering(call: Call) -> None:
            await call.body()
            await call.send(STREAM)
            await call.chunk(b"data: half\n\n")
            await go_on.wait()
            await call.chunk(b"data: whole\n\n")
            await call.chunk(b"")

        rig.provider.answering = answering
        client = await rig.client()
        await client.send(chat(stream=True))
        await client.head()
        assert await client.chunk() == b"data: half\n\n"
        closing = asyncio.get_running_loop().create_task(rig.server.close(20.0))
        await until(lambda: rig.server.is_closing)
        go_on.set()
        assert await client.chunks() == b"data: whole\n\n"
        await closing
        assert [one.error_code for one in rig.usage.records] == [None]

    async def test_what_does_not_end_is_cut_and_recorded(self, rig: Rig) -> None:
        """In whatever state it was: nothing that was admitted is missing in the books."""

        async def answering(call: Call) -> None:
            await call.body()
            if b"silent" in call.target:
                await call.gone()
            await call.send(STREAM)
            await call.chunk(b'data: {"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n')
            await call.gone()

        rig.provider.answering = answering
        clients = [await rig.client() for _ in range(4)]
        await clients[0].send(chat(stream=True))
        await clients[1].send(request("POST", FILES, "transfer-encoding: chunked") + b"3\r\none\r\n")
        await clients[2].send(request("GET", "/v1/openai/v1/silent"))
        await clients[3].send(request("POST", CHAT, "content-length: 10") + b"half")
        assert status_of(await clients[0].head()) == 200
        await until(lambda: len(rig.provider.heads) == 3 and rig.budgets.admitted == 4)
        await rig.server.close(0.01)
        assert sorted(one.error_code or "" for one in rig.usage.records) == ["client_closed"] * 4
        assert len(rig.budgets.settled) == 4
        assert len(rig.server.pool) == 0

    async def test_cut_is_seen_where_the_end_is_the_end(self, rig: Rig) -> None:
        """HTTP/1.0 would take an orderly close for the end of the answer."""

        async def answering(call: Call) -> None:
            await call.body()
            await call.begin()
            await call.chunk(b"half")
            await call.gone()

        rig.provider.answering = answering
        client = await rig.client()
        await client.send(request().replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        await client.head()
        assert await client.exactly(4) == b"half"
        await rig.server.close(0.01)
        with pytest.raises(ConnectionResetError):
            await client.rest()

    async def test_what_is_read_on_for_its_usage(self, rig: Rig) -> None:
        """A client that left before does not take its request out of the books either."""

        async def answering(call: Call) -> None:
            await call.body()
            await call.send(STREAM)
            await call.chunk(b"data: {}\n\n")
            await call.gone()

        rig.provider.answering = answering
        client = await rig.client()
        await client.send(chat(stream=True))
        await client.head()
        client.reset()
        await until(lambda: not rig.server.clients)
        await rig.server.close(0.01)
        assert [one.error_code for one in rig.usage.records] == ["client_closed"]
