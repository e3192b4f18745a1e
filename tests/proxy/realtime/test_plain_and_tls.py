"""What must hold whether a provider is reached plainly or by TLS, as all real ones are."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import Opcode

from tests.proxy.realtime import provider as playing
from tests.proxy.realtime.provider import REALTIME_USAGE, SocketProvider
from tests.proxy.realtime.sessions import HELD, PIECE, Raw, held, opened_raw, tunnels
from tests.proxy.realtime.test_messages import wire
from tests.proxy.realtime.test_pass_through import OPENS, REALTIME, SWITCHES, open_to, read_until
from tests.proxy.rig import Rig, request, until
from tests.support.certificates import Authority
from tests.support.raw import Call, RawClient, within

HELLO = wire(Opcode.TEXT, b"hello")


@pytest.fixture(params=["plain", "tls"])
def authority(request: pytest.FixtureRequest, tmp_path: Path) -> Authority | None:
    """Who vouches for the provider; None: it speaks no TLS."""
    return Authority(tmp_path) if request.param == "tls" else None


@pytest.fixture
def served(authority: Authority | None) -> ssl.SSLContext | None:
    return authority.server("127.0.0.1") if authority else None


@pytest.fixture
def trusts(authority: Authority | None) -> ssl.SSLContext | None:
    return authority.trusting() if authority else None


@pytest.fixture
async def provider(served: ssl.SSLContext | None) -> AsyncIterator[SocketProvider]:
    async with SocketProvider().serving(served) as provider:
        yield provider


@pytest.fixture
async def rig(provider: SocketProvider, trusts: ssl.SSLContext | None) -> AsyncIterator[Rig]:
    rig = Rig()
    rig.add_key("openai", base_url=provider.url)
    async with rig.running(trusts=trusts, session_idle=30.0):
        yield rig


@pytest.fixture
async def raw(served: ssl.SSLContext | None, trusts: ssl.SSLContext | None) -> AsyncIterator[Rig]:
    async with Rig().running(served=served, trusts=trusts, session_idle=30.0) as rig:
        yield rig


@pytest.mark.parametrize("authority", ["tls"], indirect=True)
async def test_messages_of_every_size_in_both_directions(rig: Rig) -> None:
    made = random.Random(5)
    async with open_to(rig, max_size=None) as socket:
        for size in (0, 1, 126, 65536, 1 << 20, 5 << 20):
            data = made.randbytes(size)
            await socket.send(data)
            assert await socket.recv() == data
        await (await socket.ping())
    (record,) = await rig.records()
    assert (record.status, record.error_code) == (101, None)


@pytest.mark.parametrize(
    ("leave", "said"),
    [(RawClient.close, b""), (RawClient.reset, b""), (RawClient.close, HELLO)],
    ids=["close", "reset", "close after a message"],
)
async def test_the_client_leaves_without_a_word(raw: Rig, leave: Any, said: bytes) -> None:
    provider = Raw(said)
    client = await opened_raw(raw, provider)
    assert await client.exactly(len(said)) == said
    leave(client)
    await provider.wait()
    (record,) = await raw.records()
    assert (record.status, record.error_code) == (101, "client_closed")
    assert raw.budgets.settled == [record]
    assert not raw.server.clients


async def test_the_provider_leaves_in_the_middle_of_a_message(rig: Rig, provider: SocketProvider) -> None:
    async def break_off(socket: ServerConnection) -> None:
        socket.transport.write(wire(Opcode.TEXT, b"never whole")[:5])
        socket.transport.close()

    provider.playing = break_off
    async with open_to(rig) as socket:
        with pytest.raises(ConnectionClosedError):
            await socket.recv()
    assert socket.close_code == 1006
    (record,) = await rig.records()
    assert (record.status, record.error_code) == (101, "upstream_broken")


async def test_a_shutdown(rig: Rig, provider: SocketProvider) -> None:
    provider.playing = playing.openai
    async with open_to(rig) as socket:
        await socket.send('{"type":"response.create"}')
        await read_until(socket, b'"response.done"')
        closing = asyncio.create_task(rig.server.close(20.0))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        async with within():
            await closing
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    await until(lambda: provider.close_codes == [1001])
    await until(lambda: provider.open == 0)
    (record,) = await rig.records()
    assert (record.status, record.error_code) == (101, "aborted")
    assert record.usage.input_tokens == REALTIME_USAGE["input_tokens"]


async def test_a_client_that_reads_nothing_stops_the_provider(raw: Rig) -> None:
    sent, pieces = 0, 1600

    async def pour(call: Call) -> None:
        nonlocal sent
        await call.send(SWITCHES)
        for _ in range(pieces):
            await call.send(PIECE)
            sent += 1
        call.writer.close()
        await call.writer.wait_closed()

    raw.provider.answering = pour
    client = await raw.client()
    await client.send(request("GET", REALTIME, *OPENS))
    await client.head()
    await until(lambda: any(not one._provider.transport.is_reading() for one in tunnels(raw)))
    assert held(raw) < HELD
    assert sent < pieces / 2
    for _ in range(pieces):
        assert await client.exactly(len(PIECE)) == PIECE
        assert held(raw) < HELD
    assert await client.rest() == b""


async def test_a_provider_that_reads_nothing_stops_the_client(raw: Rig) -> None:
    released = asyncio.Event()
    piece, pieces, taken = wire(Opcode.BINARY, bytes(64 << 10), masked=True), 1600, 0

    async def wait(call: Call) -> None:
        await call.send(SWITCHES)
        await released.wait()
        for _ in range(pieces):
            assert await call.reader.readexactly(len(piece)) == piece
        call.writer.close()
        await call.writer.wait_closed()

    raw.provider.answering = wait
    client = await raw.client()
    await client.send(request("GET", REALTIME, *OPENS))
    await client.head()

    async def pour() -> None:
        nonlocal taken
        for _ in range(pieces):
            await client.send(piece)
            taken += 1

    async with asyncio.TaskGroup() as group:
        group.create_task(pour())
        await until(lambda: any(not one._client.transport.is_reading() for one in tunnels(raw)))
        assert held(raw) < HELD
        assert taken < pieces / 2
        released.set()
    assert await client.rest() == b""
