"""Who is slow slows the other side down; the proxy holds a little and no more."""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import Any

import pytest

from tests.proxy.rig import FILES, Rig, chat, request, until
from tests.support.raw import Call, within

PIECE = random.Random(3).randbytes(64 << 10)
PIECES = 1600  # 100 MiB: far more than all buffers of two connections
HELD = 2 << 20


def held(rig: Rig) -> int:
    """Bytes that the proxy has taken from one side and not given to the other."""
    clients = [one._transport for one in rig.connections]
    upstreams = [one.transport for one in rig.server.pool._all]
    return sum(one.get_write_buffer_size() for one in (*clients, *upstreams) if one is not None)


@pytest.mark.parametrize("framing", ["counted", "chunked", "events"])
async def test_a_client_that_reads_nothing_stops_the_provider(rig: Rig, framing: str) -> None:
    sent = 0

    async def answer(call: Call) -> None:
        nonlocal sent
        await call.body()
        if framing == "counted":
            await call.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(PIECE) * PIECES))
        else:
            kind = b"text/event-stream" if framing == "events" else b"audio/wav"
            await call.begin(b"content-type: " + kind)
        for _ in range(PIECES):
            await (call.send(PIECE) if framing == "counted" else call.chunk(PIECE))
            sent += len(PIECE)
        if framing != "counted":
            await call.chunk(b"")

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat(stream=True) if framing == "events" else request())
    await until(lambda: any(one.is_paused for one in rig.server.pool._all))
    assert held(rig) < HELD
    await client.head()
    await until(lambda: any(one.is_paused for one in rig.server.pool._all))
    assert held(rig) < HELD
    assert sent < len(PIECE) * PIECES / 2
    digest, wanted = hashlib.sha256(), hashlib.sha256()
    for _ in range(PIECES):
        wanted.update(PIECE)
    if framing == "counted":
        for _ in range(PIECES):
            digest.update(await client.exactly(len(PIECE)))
            assert held(rig) < HELD
    else:
        while piece := await client.chunk():
            digest.update(piece)
            assert held(rig) < HELD
    assert digest.digest() == wanted.digest()


@pytest.mark.parametrize("framing", ["counted", "chunked"])
async def test_a_provider_that_reads_nothing_stops_the_client(rig: Rig, framing: str) -> None:
    released = asyncio.Event()
    digest = hashlib.sha256()

    async def answer(call: Call) -> None:
        await released.wait()
        async for piece in call.pieces():
            digest.update(piece)
        await call.answer()

    rig.provider.answering = answer
    client = await rig.client()
    how = f"content-length: {len(PIECE) * PIECES}" if framing == "counted" else "transfer-encoding: chunked"
    await client.send(request("POST", FILES, how))
    taken = 0

    async def upload() -> None:
        nonlocal taken
        for _ in range(PIECES):
            data = PIECE if framing == "counted" else b"%x\r\n%b\r\n" % (len(PIECE), PIECE)
            await client.send(data)
            taken += len(PIECE)
        if framing == "chunked":
            await client.send(b"0\r\n\r\n")

    async with asyncio.TaskGroup() as group:
        group.create_task(upload())
        await until(lambda: rig.provider.heads)
        await until(lambda: all(one._paused for one in rig.connections))
        assert held(rig) < HELD
        assert taken < len(PIECE) * PIECES / 2
        released.set()
    await client.answer()
    wanted = hashlib.sha256()
    for _ in range(PIECES):
        wanted.update(PIECE)
    assert digest.digest() == wanted.digest()


async def test_requests_wait_while_answers_are_not_taken(rig: Rig) -> None:
    """Somebody who pipelines and reads nothing gets no more than fits on the way."""
    body = PIECE * 16
    asked = 300

    async def answer(call: Call) -> None:
        await call.answer(body)

    rig.provider.answering = answer
    client = await rig.client()
    client.writer.write(request() * asked)
    await until(lambda: any(one._stuck for one in rig.connections))
    for number in range(asked):
        _, got = await client.answer()
        assert got == body, number
        assert held(rig) < len(body) + HELD
        assert len(rig.provider.heads) - number < 60


@pytest.mark.parametrize("leave", ["client", "provider"])
async def test_a_stop_in_the_middle_of_a_pause(rig: Rig, leave: str) -> None:
    """A paused side that goes away ends the exchange like any other."""
    calls: list[Call] = []
    ended = asyncio.Event()

    async def answer(call: Call) -> None:
        calls.append(call)
        await call.begin(b"content-type: audio/wav")
        try:
            while True:
                await call.chunk(PIECE)
        finally:
            ended.set()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(request())
    await until(lambda: any(one.is_paused for one in rig.server.pool._all))
    if leave == "client":
        client.reset()
    else:
        calls[0].reset()
        await client.head()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.chunks()
    async with within():
        await ended.wait()
    wanted: Any = {"client": "client_closed", "provider": "upstream_broken"}[leave]
    assert (await rig.records())[0].error_code == wanted
