"""A provider that breaks is seen as broken: never as a clean end, and never as an answer twice begun."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.proxy.rig import CHAT, FILES, Rig, chat, request
from tests.support.raw import Call, RawClient, status_of, value_of, within

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
HALF = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
)
Breaking = Callable[[Call], Awaitable[None]]


async def close(call: Call) -> None:
    call.writer.close()


async def reset(call: Call) -> None:
    call.reset()


async def half_close(call: Call) -> None:
    call.writer.write_eof()


async def bad_chunk(call: Call) -> None:
    await call.send(b"zz\r\n")


async def chunk_cut_short(call: Call) -> None:
    await call.send(b"ff\r\nabc")
    call.writer.close()


async def ended(client: RawClient) -> bool:
    """Read to the end; whether it looked like one: with a last chunk, or with all of the length."""
    try:
        head = await client.head()
        length = value_of(head, b"content-length")
        if length is not None:
            await client.exactly(int(length))
        else:
            await client.chunks()
    except (asyncio.IncompleteReadError, ConnectionError):
        return False
    return True


breaks = pytest.mark.parametrize("how", [close, reset, half_close, bad_chunk, chunk_cut_short])


@breaks
async def test_a_stream(rig: Rig, how: Breaking) -> None:
    rig.add_key("openai", "sk-another-key-that-must-not-be-tried")

    async def answer(call: Call) -> None:
        await call.body()
        await call.send(HALF)
        await how(call)
        await call.gone()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat(stream=True))
    assert not await ended(client)
    record = (await rig.records())[0]
    assert (record.status, record.error_code) == (200, "upstream_broken")
    assert record.usage.source != "provider"
    assert len(rig.provider.heads) == 1
    assert len(record.attempts) == 1


@pytest.mark.parametrize("how", [close, reset, half_close])
@pytest.mark.parametrize("kind", [b"application/json", b"audio/mpeg"])
async def test_an_answer_of_known_length(rig: Rig, how: Breaking, kind: bytes) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\ncontent-type: " + kind + b"\r\n\r\n{")
        await how(call)
        await call.gone()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat())
    assert not await ended(client)
    assert (await rig.records())[0].error_code == "upstream_broken"


async def test_a_reset_where_only_the_end_tells_the_end(rig: Rig) -> None:
    """An answer without a length ends with the connection, cleanly or not."""

    async def answer(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\n\r\nabc")
        call.reset()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(request())
    assert not await ended(client)
    assert (await rig.records())[0].error_code == "upstream_broken"


async def test_a_client_of_http_1_0_sees_a_reset(rig: Rig) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.send(HALF)
        call.reset()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat().replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    await client.head()
    with pytest.raises(ConnectionError):
        await client.rest()
    assert (await rig.records())[0].error_code == "upstream_broken"


async def test_a_body_that_stalls() -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.send(HALF)
        await call.gone()

    async with Rig().running(read_timeout=0.2) as rig:
        rig.provider.answering = answer
        client = await rig.client()
        await client.send(chat(stream=True))
        assert not await ended(client)
        assert (await rig.records())[0].error_code == "upstream_timeout"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nx-half: "])
async def test_a_head_that_stalls(said: bytes) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.send(said)
        await call.gone()

    async with Rig().running(read_timeout=0.2) as rig:
        rig.provider.answering = answer
        client = await rig.client()
        await client.send(chat())
        head, _ = await client.answer()
        assert status_of(head) == 504
        assert value_of(head, b"x-clawbot-error") == b"upstream_timeout"
        assert (await rig.records())[0].error_code == "upstream_timeout"


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 99 Low\r\n\r\n",
        b"HTTP/1.1 600 High\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-a: 1\r\n folded\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-nul: \0\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * (70 << 10),
        b"",
    ],
)
async def test_what_is_no_answer(rig: Rig, said: bytes) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.send(said)
        call.writer.close()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat())
    head, _ = await client.answer()
    assert (status_of(head), value_of(head, b"x-clawbot-error")) == (502, b"upstream_broken")
    assert (await rig.records())[0].error_code == "upstream_broken"


async def test_during_an_upload(rig: Rig) -> None:
    """A body that is streamed can't be sent twice: the client is told, whatever keys are left."""
    rig.add_key("openai", "sk-another-key-that-must-not-be-tried")

    async def answer(call: Call) -> None:
        call.reset()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(request("POST", FILES, "transfer-encoding: chunked") + b"3\r\nabc\r\n")
    head = await client.head()
    assert value_of(head, b"x-clawbot-error") == b"upstream_broken"
    assert (await rig.records())[0].error_code == "upstream_broken"
    assert len(rig.provider.heads) == 1


async def test_an_early_error_during_an_upload(rig: Rig) -> None:
    """A provider may refuse before it has read everything; its words reach the client."""

    async def answer(call: Call) -> None:
        await call.answer(b'{"error":"too large"}', status=b"413 Content Too Large")
        await call.gone()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(request("POST", FILES, f"content-length: {1 << 20}") + b"x" * 1000)
    head, body = await client.answer()
    assert (status_of(head), body) == (413, b'{"error":"too large"}')
    assert (await rig.records())[0].status == 413


async def test_an_answer_left_over_is_not_taken_for_the_next(rig: Rig) -> None:
    """What a provider sends unasked goes with its connection."""
    said = asyncio.Event()

    async def answer(call: Call) -> None:
        await call.body()
        await call.answer(b'{"for":"the first"}')
        if len(rig.provider.heads) == 1:
            await call.send(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged")
        said.set()

    rig.provider.answering = answer
    for _ in range(3):
        client = await rig.client()
        await client.send(chat())
        assert (await client.answer())[1] == b'{"for":"the first"}'
        async with within():
            await said.wait()


async def test_more_than_the_length_is_not_passed_on(rig: Rig) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}forged")

    rig.provider.answering = answer
    client = await rig.client()
    for _ in range(2):
        await client.send(chat())
        assert (await client.answer())[1] == b"{}"
    assert rig.provider.accepted == 2


async def test_a_connection_that_was_closed_meanwhile_costs_nothing(rig: Rig) -> None:
    """The provider closes a waiting connection just when the next request is sent on it."""

    async def answer(call: Call) -> None:
        if len(rig.provider.heads) == 2:
            call.reset()
            return
        await call.body()
        await call.answer()

    rig.provider.answering = answer
    client = await rig.client()
    for _ in range(3):
        await client.send(request("POST", CHAT, body=b'{"model":"m"}'))
        head, _ = await client.answer()
        assert status_of(head) == 200
        assert value_of(head, b"x-clawbot-attempts") == b"1"
