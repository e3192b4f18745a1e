"""A client that leaves takes the request with it; what the answer cost is still learned where it can be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from clawbot_manager.proxy.messages import ProxyConfig
from tests.proxy.rig import CHAT, FILES, Rig, chat, request, until
from tests.support.raw import Call, RawClient, within

USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}\n\n'
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'

leaving = pytest.mark.parametrize("leave", [RawClient.close, RawClient.reset], ids=["close", "reset"])


def test_the_drain_is_shorter_than_a_second() -> None:
    assert ProxyConfig().drain_seconds < 1


class Watch:
    """A provider that answers as far as `pieces` go, then says what becomes of the connection."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces
        self.begun = asyncio.Event()
        self.gone = asyncio.Event()

    async def __call__(self, call: Call) -> None:
        await call.body()
        await call.send(*self._pieces)
        self.begun.set()
        await call.gone()
        self.gone.set()

    async def wait(self, event: asyncio.Event) -> None:
        async with within():
            await event.wait()


def head_of(kind: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: " + kind + b"\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@leaving
@pytest.mark.parametrize("ask", [chat(), chat(stream=True), request()], ids=["plain", "stream", "get"])
@pytest.mark.parametrize("before", range(3))
async def test_before_the_head(rig: Rig, leave: Any, ask: bytes, before: int) -> None:
    """On a fresh connection, and on one whose usual requests go a shorter way by now."""
    client = await rig.client()
    for _ in range(before):
        await client.send(ask)
        await client.answer()
    watch = rig.provider.answering = Watch()
    await client.send(ask)
    await watch.wait(watch.begun)
    leave(client)
    await watch.wait(watch.gone)
    record = (await rig.records(before + 1))[before]
    assert (record.status, record.error_code) == (499, "client_closed")
    assert rig.budgets.settled == rig.usage.records


@leaving
async def test_in_the_middle_of_a_plain_answer(rig: Rig, leave: Any) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\ncontent-type: application/json\r\n\r\n"
    watch = rig.provider.answering = Watch(head + b'{"a":')
    client = await rig.client()
    await client.send(chat())
    await client.head()
    leave(client)
    await watch.wait(watch.gone)
    record = (await rig.records())[0]
    assert (record.status, record.error_code) == (200, "client_closed")
    assert record.usage.source != "provider"


@leaving
async def test_in_the_middle_of_a_file(rig: Rig, leave: Any) -> None:
    watch = rig.provider.answering = Watch(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nabc")
    client = await rig.client()
    await client.send(request(target="/v1/openai/v1/files/f/content"))
    await client.head()
    leave(client)
    await watch.wait(watch.gone)
    assert (await rig.records())[0].error_code == "client_closed"


@leaving
async def test_usage_that_comes_soon_is_recorded(leave: Any) -> None:
    left = asyncio.Event()

    async def answer(call: Call) -> None:
        await call.body()
        await call.send(head_of(b"text/event-stream"), chunk(EVENT))
        async with within():
            await left.wait()
        await call.send(chunk(EVENT) * 3, chunk(USAGE), chunk(b"data: [DONE]\n\n"), chunk(b""))

    async with Rig().running(drain_seconds=20.0) as rig:
        rig.provider.answering = answer
        client = await rig.client()
        await client.send(chat(stream=True))
        await client.head()
        leave(client)
        await until(lambda: not rig.server.clients)
        left.set()
        record = (await rig.records())[0]
        assert (record.status, record.error_code) == (200, "client_closed")
        assert (record.usage.input_tokens, record.usage.output_tokens) == (11, 7)
        assert record.usage.source == "provider"


@leaving
async def test_usage_that_does_not_come_is_not_waited_for(rig: Rig, leave: Any) -> None:
    watch = rig.provider.answering = Watch(head_of(b"text/event-stream"), chunk(EVENT))
    client = await rig.client()
    await client.send(chat(stream=True))
    await client.head()
    leave(client)
    await watch.wait(watch.gone)
    record = (await rig.records())[0]
    assert record.error_code == "client_closed"
    assert record.usage.source != "provider"


async def test_a_long_answer_is_cut_by_its_bytes() -> None:
    """The drain is bounded in bytes too: nobody pays for a novel that nobody reads."""
    gone = asyncio.Event()

    async def answer(call: Call) -> None:
        await call.body()
        await call.send(head_of(b"text/event-stream"), chunk(EVENT))
        try:
            while True:
                await call.send(chunk(EVENT) * 100)
        finally:
            gone.set()

    async with Rig().running(drain_seconds=600.0, drain_bytes=100_000) as rig:
        rig.provider.answering = answer
        client = await rig.client()
        await client.send(chat(stream=True))
        await client.head()
        client.reset()
        async with within():
            await gone.wait()
        assert (await rig.records())[0].error_code == "client_closed"


@leaving
@pytest.mark.parametrize("framing", ["content-length: 1000", "transfer-encoding: chunked"])
async def test_during_an_upload(rig: Rig, leave: Any, framing: str) -> None:
    got = asyncio.Event()
    broke = asyncio.Event()

    async def answer(call: Call) -> None:
        try:
            async for _ in call.pieces():
                got.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            broke.set()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(request("POST", FILES, framing) + b"3\r\nabc\r\n")
    async with within():
        await got.wait()
    leave(client)
    async with within():
        await broke.wait()
    assert (await rig.records())[0].error_code == "client_closed"


@leaving
async def test_while_the_provider_does_not_take_the_upload(rig: Rig, leave: Any) -> None:
    """Nothing is read from the client then, and still its end is noticed."""
    released, gone = asyncio.Event(), asyncio.Event()

    async def answer(call: Call) -> None:
        await released.wait()
        await call.gone()
        gone.set()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(request("POST", FILES, f"content-length: {1 << 30}"))
    await until(lambda: rig.provider.heads)
    (connection,) = rig.connections
    unsent = client.writer.transport.get_write_buffer_size
    while not connection._paused:
        await client.send(b"x" * 65536)
        # not ahead of the proxy: what finds no room in the kernel when it stops reading stays unsent for ever
        await until(lambda: connection._paused or unsent() == 0)
    await until(lambda: unsent() == 0)
    leave(client)
    assert (await rig.records())[0].error_code == "client_closed"
    released.set()
    async with within():
        await gone.wait()


async def test_while_a_body_is_read_that_is_held(rig: Rig) -> None:
    client = await rig.client()
    await client.send(request("POST", CHAT, "content-length: 1000") + b"{")
    await until(lambda: rig.server._held > 0)
    client.close()
    assert (await rig.records())[0].error_code == "client_closed"
    assert rig.server._held == 0
    assert not rig.provider.heads


async def test_between_two_tries() -> None:
    """A retry that nobody waits for is not made."""

    async def answer(call: Call) -> None:
        await call.body()
        await call.answer(b"{}", status=b"503 Service Unavailable")

    async with Rig().running(backoff_first=600.0, backoff_most=600.0, failover_window=6000.0) as rig:
        rig.add_key("openai")
        rig.provider.answering = answer
        client = await rig.client()
        await client.send(chat())
        await until(lambda: rig.keys.reports)
        client.close()
        record = (await rig.records())[0]
        assert record.error_code == "client_closed"
        assert [attempt.status for attempt in record.attempts] == [503]
        assert len(rig.provider.heads) == 1


async def test_while_it_connects(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    connecting, cancelled = asyncio.Event(), asyncio.Event()

    async def stall(*_: Any, **__: Any) -> None:
        connecting.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    monkeypatch.setattr(type(rig.server.pool), "_open_at", stall)
    client = await rig.client()
    await client.send(chat())
    async with within():
        await connecting.wait()
    client.close()
    async with within():
        await cancelled.wait()
    assert (await rig.records())[0].error_code == "client_closed"
