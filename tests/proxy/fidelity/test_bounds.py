"""What one client, and all together, can make the proxy hold: in bytes and in time."""

from __future__ import annotations

import asyncio

import pytest

from tests.proxy.rig import CHAT, FILES, TOKEN, Rig, chat, request, until
from tests.support.raw import Call, RawClient, status_of, value_of

KIB = 1 << 10
JSON = "content-type: application/json"


async def code_of(client: RawClient) -> tuple[int, bytes | None]:
    head, _ = await client.answer()
    return status_of(head), value_of(head, b"x-clawbot-error")


async def drip(client: RawClient, rig: Rig, data: bytes) -> bytes:
    """Send a byte each time the proxy has swept, until it answers; gives the answer's head."""
    reading = asyncio.ensure_future(client.head())
    for one in data * 100:
        if reading.done():
            break
        await client.send(bytes((one,)))
        await rig.swept()
    return await reading


class TestHeads:
    @pytest.mark.parametrize("piece", [b"x", b"x: y\r\n"], ids=["one-line", "many-lines"])
    async def test_size(self, rig: Rig, piece: bytes) -> None:
        client = await rig.client()
        await client.send(request()[:-2] + b"x-long: ")
        await client.send(piece * (80 * KIB // len(piece)))
        assert await code_of(client) == (431, b"head_too_large")
        assert await client.rest() == b""

    async def test_size_of_a_line_that_never_ends(self, rig: Rig) -> None:
        client = await rig.client()
        client.writer.write(b"GET /v1/openai/" + b"x" * (200 * KIB))
        assert await code_of(client) == (431, b"head_too_large")

    async def test_the_largest_that_fits(self, rig: Rig) -> None:
        async def answer(call: Call) -> None:
            await call.answer()

        rig.provider.answering = answer
        client = await rig.client()
        await client.send(request("GET", "/v1/openai/v1/x", "x-long: " + "y" * (14 * KIB)))
        assert await code_of(client) == (200, None)

    async def test_silence(self) -> None:
        async with Rig().running(head_timeout=0.2) as rig:
            client = await rig.client()
            await client.send(request()[:-3])
            assert (await code_of(client))[0] == 408
            assert await client.rest() == b""

    async def test_one_byte_now_and_then(self) -> None:
        """A head has its time as a whole: dripping does not hold a connection open for hours."""
        async with Rig().running(head_timeout=0.4) as rig:
            client = await rig.client()
            assert status_of(await drip(client, rig, b"GET /v1/openai/v1/models HTTP/1.1\r\nx: y")) == 408

    async def test_a_connection_that_says_nothing(self) -> None:
        async with Rig().running(idle_timeout=0.2) as rig:
            client = await rig.client()
            assert await client.rest() == b""
            await client_used_once(rig)

    async def test_a_slow_head_that_comes_in_time(self, rig: Rig) -> None:
        client = await rig.client()
        for one in request():
            await client.send(bytes((one,)))
            await asyncio.sleep(0)
        assert await code_of(client) == (200, None)


async def client_used_once(rig: Rig) -> None:
    client = await rig.client()
    await client.send(request())
    assert await code_of(client) == (200, None)
    assert await client.rest() == b""


class TestBodies:
    async def test_the_largest(self) -> None:
        async with Rig().running(max_buffered_body=100 * KIB) as rig:
            client = await rig.client()
            await client.send(request("POST", CHAT, JSON, body=b"x" * (100 * KIB)))
            assert await code_of(client) == (200, None)
            await client.send(request("POST", CHAT, JSON, f"content-length: {100 * KIB + 1}"))
            assert await code_of(client) == (413, b"body_too_large")
            assert rig.server._held == 0

    async def test_one_that_grows_past_it(self) -> None:
        async with Rig().running(max_buffered_body=100 * KIB) as rig:
            client = await rig.client()
            await client.send(request("POST", CHAT, JSON, "transfer-encoding: chunked"))
            for _ in range(11):
                await client.send(b"2800\r\n" + b"x" * 0x2800 + b"\r\n")
            assert await code_of(client) == (413, b"body_too_large")
            await until(lambda: rig.server._held == 0)

    async def test_a_streamed_one_has_no_such_bound(self) -> None:
        async with Rig().running(max_buffered_body=100 * KIB) as rig:
            client = await rig.client()
            await client.send(request("POST", FILES, body=b"x" * (500 * KIB)))
            assert await code_of(client) == (200, None)

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_all_together(self, chunked: bool) -> None:
        """Bodies that are held share one room; who finds it full is told to come back."""
        async with Rig().running(max_buffered_body=64 * KIB, max_buffered_total=200 * KIB) as rig:
            half = b"x" * (60 * KIB)
            how = "transfer-encoding: chunked" if chunked else f"content-length: {61 * KIB}"
            begun = b"%x\r\n%b\r\n" % (len(half), half) if chunked else half
            holders = [await rig.client() for _ in range(3)]
            for holder in holders:
                await holder.send(request("POST", CHAT, JSON, how) + begun)
            await until(lambda: rig.server._held >= len(holders) * len(half))
            late = await rig.client()
            await late.send(request("POST", CHAT, JSON, how) + begun)
            head, _ = await late.answer()
            assert (status_of(head), value_of(head, b"x-clawbot-error")) == (503, b"no_room")
            assert value_of(head, b"retry-after") is not None
            assert rig.server._held <= 200 * KIB
            await small_one(rig)  # small bodies that come in one piece still pass
            holders[0].close()
            await until(lambda: rig.server._held < 2.5 * len(half))
            again = await rig.client()
            rest = b"400\r\n" + b"x" * KIB + b"\r\n0\r\n\r\n" if chunked else b"x" * KIB
            await again.send(request("POST", CHAT, JSON, how) + begun + rest)
            assert await code_of(again) == (200, None)
            for holder in holders[1:]:
                holder.close()
            await until(lambda: rig.server._held == 0)

    async def test_room_is_given_back_however_it_ends(self, rig: Rig) -> None:
        async def answer(call: Call) -> None:
            await call.body()
            number = len(rig.provider.heads)
            if number % 3 == 0:
                call.reset()
            elif number % 3 == 1:
                await call.answer(status=b"500 Oops")
            else:
                await call.answer()

        rig.provider.answering = answer
        for number in range(12):
            client = await rig.client()
            data = request("POST", CHAT, JSON, body=b"x" * (300 * KIB))
            await client.send(data[: len(data) // (1 + number % 2)])
            if number % 2 == 0:
                await client.answer()
            client.close()
        await until(lambda: rig.server._held == 0 and not rig.server.clients)

    async def test_silence(self) -> None:
        async with Rig().running(head_timeout=0.2) as rig:
            client = await rig.client()
            await client.send(request("POST", CHAT, JSON, "content-length: 100") + b"{")
            assert (await code_of(client))[0] == 408
            assert rig.server._held == 0
            assert (await rig.records())[0].error_code is not None

    async def test_one_byte_now_and_then(self) -> None:
        """A body that is held has its time as a whole, by its size: its room is not for keeps."""
        async with Rig().running(head_timeout=0.4) as rig:
            client = await rig.client()
            await client.send(request("POST", CHAT, JSON, f"content-length: {10 << 20}"))
            assert status_of(await drip(client, rig, b'{"model": "m"}')) == 408
            await until(lambda: rig.server._held == 0)

    async def test_a_streamed_one_may_take_its_time(self) -> None:
        """Nothing is held for it, so only silence ends it."""
        async with Rig().running(head_timeout=0.4) as rig:
            client = await rig.client()
            await client.send(request("POST", FILES, "content-length: 8"))
            for one in b"12345678":
                await rig.swept(0.15)
                await client.send(bytes((one,)))
            assert await code_of(client) == (200, None)


async def small_one(rig: Rig) -> None:
    client = await rig.client()
    await client.send(chat())
    assert await code_of(client) == (200, None)


DEEP = b'{"model":"m","stream":true,"usage":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
LONG = b'{"model":"' + b"m" * 300_000 + b'","messages":' + b"9" * 300_000 + b"}"
CUT = b'{"model":"m","stream":true,"messages":[{"role":'


@pytest.mark.parametrize("body", [DEEP, LONG, CUT, b"\xff" * 1000, b"", b"null", b"[" * 1000], ids=range(7))
async def test_bodies_that_no_parser_likes_pass_as_they_are(rig: Rig, body: bytes) -> None:
    """Both ways: what the proxy reads of a body is its own matter, and never the client's."""
    got: list[bytes] = []

    async def answer(call: Call) -> None:
        got.append(await call.body())
        await call.answer(body, JSON.encode())

    rig.provider.answering = answer
    client = await rig.client()
    for _ in range(3):
        await client.send(request("POST", CHAT, JSON, body=body))
        head, back = await client.answer()
        assert (status_of(head), back, got[-1]) == (200, body, body)
    assert len(await rig.records(3)) == 3


async def test_answers_of_a_provider_are_bounded_too(rig: Rig) -> None:
    """A head without end is none; see test_breaking for the rest."""

    async def answer(call: Call) -> None:
        await call.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await call.send(b"x-more: " + b"y" * 1000 + b"\r\n")

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(request())
    assert await code_of(client) == (502, b"upstream_broken")


async def test_a_token_is_not_kept_for_what_is_refused(rig: Rig) -> None:
    """The refusal of a head that is too large says nothing of it."""
    client = await rig.client()
    client.writer.write(request()[:-2] + b"x: " + b"y" * (80 * KIB))
    head, body = await client.answer()
    assert status_of(head) == 431
    assert TOKEN.encode() not in head + body
