"""Nothing is buffered: each event is with the client before the provider makes the next one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from tests.proxy.rig import FILES, Rig, chat, request
from tests.support.raw import Call, RawClient, within

ROUNDS = 20


def sse(number: int) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": {"content": f"n{number}"}}]}
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def ndjson(number: int) -> bytes:
    return b'{"message":{"content":"n%d"},"done":false}\n' % number


def with_crlf(number: int) -> bytes:
    return b'event: delta\r\ndata: {"type":"x","n":%d}\r\n\r\n' % number


def with_comment(number: int) -> bytes:
    return b": OPENROUTER PROCESSING %d\n\n" % number


async def exchange_events(rig: Rig, ask: bytes, kind: bytes, event: Callable[[int], bytes]) -> None:
    """The provider sends an event only when the client has confirmed the one before."""
    confirmed: asyncio.Queue[int] = asyncio.Queue()

    async def answer(call: Call) -> None:
        await call.body()
        await call.begin(b"content-type: " + kind)
        for number in range(ROUNDS):
            await call.chunk(event(number))
            async with within():
                assert await confirmed.get() == number
        await call.chunk(b"")

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(ask)
    await client.head()
    for number in range(ROUNDS):
        await arrives(client, event(number))
        confirmed.put_nowait(number)
    assert await client.chunk() == b""


async def arrives(client: RawClient, wanted: bytes) -> None:
    """Read chunks until they are exactly these bytes."""
    got = b""
    while len(got) < len(wanted):
        piece = await client.chunk()
        assert piece, got
        got += piece
    assert got == wanted


@pytest.mark.parametrize("event", [sse, with_crlf, with_comment])
@pytest.mark.parametrize("asks", [True, False])
async def test_server_sent_events(rig: Rig, event: Callable[[int], bytes], asks: bool) -> None:
    """With usage asked for by the client, and with usage that the proxy asks for and hides."""
    options = {"stream_options": {"include_usage": True}} if asks else {}
    await exchange_events(rig, chat(stream=True, **options), b"text/event-stream", event)


async def test_ndjson(rig: Rig) -> None:
    rig.add_key("ollama")
    ask = request("POST", "/v1/ollama/api/chat", "content-type: application/json", body=b'{"model":"m"}')
    await exchange_events(rig, ask, b"application/x-ndjson", ndjson)


async def test_what_nobody_knows(rig: Rig) -> None:
    await exchange_events(rig, request(), b"audio/pcm", lambda number: bytes([number]) * 3)


async def test_half_an_event_is_not_held_when_nothing_is_hidden(rig: Rig) -> None:
    """A client that asked for usage itself gets every byte as it comes."""
    ask = chat(stream=True, stream_options={"include_usage": True})
    await exchange_events(rig, ask, b"text/event-stream", lambda number: b"data: %d" % number)


async def test_the_head_comes_before_any_byte_of_the_body(rig: Rig) -> None:
    released = asyncio.Event()

    async def answer(call: Call) -> None:
        await call.body()
        await call.begin(b"content-type: text/event-stream")
        async with within():
            await released.wait()
        await call.chunk(b"")

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat(stream=True))
    await client.head()
    released.set()
    assert await client.chunk() == b""


async def test_uploads_are_not_held_either(rig: Rig) -> None:
    """The client sends a piece only when the provider has got the one before."""
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(call: Call) -> None:
        async for piece in call.pieces():
            arrived.put_nowait(piece)
        await call.answer()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(request("POST", FILES, "transfer-encoding: chunked"))
    for number in range(ROUNDS):
        piece = b"piece %d" % number
        await client.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        async with within():
            assert await arrived.get() == piece
    await client.send(b"0\r\n\r\n")
    await client.answer()


async def test_an_answer_that_begins_during_the_upload(rig: Rig) -> None:
    """Both directions at once: a transcription may answer while the audio still comes."""

    async def answer(call: Call) -> None:
        await call.begin(b"content-type: application/octet-stream")
        async for piece in call.pieces():
            await call.chunk(piece)
        await call.chunk(b"")

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(request("POST", FILES, "transfer-encoding: chunked") + b"5\r\nfirst\r\n")
    await client.head()
    assert await client.chunk() == b"first"
    for number in range(ROUNDS):
        piece = b"echo %d" % number
        await client.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        assert await client.chunk() == piece
    await client.send(b"0\r\n\r\n")
    assert await client.chunk() == b""
