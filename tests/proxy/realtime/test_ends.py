"""How sessions end: each side takes the other along, and what is under way is told and counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode

from clawbot_manager.proxy.websocket import GOING_AWAY
from clawbot_manager.vendors.usage import Usage
from tests.fakes.ports import bot
from tests.proxy.realtime.provider import SocketProvider
from tests.proxy.realtime.sessions import PIECE, Raw, opened_raw, stop_reading, tunnels
from tests.proxy.realtime.test_messages import wire
from tests.proxy.realtime.test_pass_through import OPENS, REALTIME, SWITCHES, open_to
from tests.proxy.rig import SECRET, TOKEN, Rig, request, until
from tests.support.raw import Call, within


class TestTheClientLeaves:
    async def test_in_order(self, rig: Rig, provider: SocketProvider) -> None:
        async with open_to(rig) as socket:
            await socket.close(4001, "bye")
        assert socket.close_code == 4001
        await until(lambda: provider.open == 0)
        (record,) = await rig.records()
        assert (record.status, record.error_code) == (
            101,
            "error_in_answer",
        )  # the client's own code, given back
        await until(lambda: not rig.server.clients)

    async def test_before_the_provider_has_switched(self, raw: Rig) -> None:
        seen, gone = asyncio.Event(), asyncio.Event()

        async def wait(call: Call) -> None:
            seen.set()
            await call.gone()
            gone.set()

        raw.provider.answering = wait
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS))
        async with within():
            await seen.wait()
            client.reset()
            await gone.wait()
        (record,) = await raw.records()
        assert (record.status, record.error_code, record.usage) == (499, "client_closed", Usage())

    async def test_usage_that_is_on_its_way_is_still_counted(self, raw: Rig) -> None:
        done = wire(Opcode.TEXT, b'{"type":"response.done","response":{"usage":{"input_tokens":11}}}')
        begun = wire(Opcode.TEXT, b'{"type":"response.created","response":{}}')
        provider = Raw(begun)
        client = await opened_raw(raw, provider)
        await client.exactly(len(begun))
        client.reset()
        await until(lambda: all(one._client.transport is None for one in tunnels(raw)))
        assert provider.call is not None
        await provider.call.send(done)
        await provider.wait()
        (record,) = await raw.records()
        assert (record.usage.input_tokens, record.error_code) == (11, "client_closed")

    async def test_while_the_provider_takes_nothing(self, raw: Rig) -> None:
        """Nothing is read from the client then, and still its leaving is seen."""
        left = asyncio.Event()

        async def deaf(call: Call) -> None:
            stop_reading(call)
            await call.send(SWITCHES)
            await left.wait()

        raw.provider.answering = deaf
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS))
        await client.head()
        client.writer.write(PIECE * 300)
        await until(lambda: any(not one._client.transport.is_reading() for one in tunnels(raw)))
        client.reset()
        await until(lambda: not raw.server.clients)
        left.set()
        (record,) = await raw.records()
        assert record.error_code == "client_closed"


class TestTheProviderLeaves:
    async def test_in_order(self, rig: Rig, provider: SocketProvider) -> None:
        async def leave(socket: ServerConnection) -> None:
            await socket.send("bye")
            await socket.close(1000, "done")

        provider.playing = leave
        async with open_to(rig) as socket:
            assert await socket.recv() == "bye"
            with pytest.raises(ConnectionClosed):
                await socket.recv()
            assert (socket.close_code, socket.close_reason) == (1000, "done")
        (record,) = await rig.records()
        assert (record.status, record.error_code) == (101, None)
        await until(lambda: not rig.server.clients)

    async def test_what_the_mask_held_back_still_comes(self, raw: Rig) -> None:
        frame = wire(Opcode.TEXT, b"a message that ends early " + SECRET.encode()[:4] + b"more")[:-4]

        async def break_off(call: Call) -> None:
            await call.send(SWITCHES + frame)
            call.writer.close()
            await call.writer.wait_closed()

        raw.provider.answering = break_off
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS))
        await client.head()
        assert await client.rest() == frame


class TestTheServerEndsIt:
    async def test_a_shutdown_in_the_middle_of_a_frame(self, raw: Rig) -> None:
        frame = wire(Opcode.TEXT, b"a whole message")
        provider = Raw(frame[:7])
        client = await opened_raw(raw, provider)
        assert await client.exactly(7) == frame[:7]
        closing = asyncio.create_task(raw.server.close(20.0))
        await until(lambda: all(one._ending_since is not None for one in tunnels(raw)))
        assert provider.call is not None
        await provider.call.send(frame[7:] + wire(Opcode.TEXT, b"too late"))
        assert await client.exactly(len(frame) - 7 + len(GOING_AWAY)) == frame[7:] + GOING_AWAY
        answer = wire(Opcode.CLOSE, b"\x03\xe9", masked=True)
        await client.send(answer)
        assert await provider.call.reader.readexactly(0) == b""
        provider.call.writer.close()
        assert await client.rest() == b""
        async with within():
            await closing

    async def test_a_shutdown_that_nobody_heeds(self, raw: Rig) -> None:
        provider = Raw()
        client = await opened_raw(raw, provider)
        async with within():
            await raw.server.close(0.05)
        assert await client.rest() == GOING_AWAY
        await provider.wait()
        (record,) = await raw.records()
        assert record.error_code == "aborted"

    async def test_a_session_that_opens_during_a_shutdown(self, raw: Rig) -> None:
        seen, go = asyncio.Event(), asyncio.Event()

        async def switch(call: Call) -> None:
            seen.set()
            await go.wait()
            await call.send(SWITCHES)
            await call.gone()

        raw.provider.answering = switch
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS))
        async with within():
            await seen.wait()
            closing = asyncio.create_task(raw.server.close(20.0))
            await until(lambda: raw.server.is_closing)
            go.set()
            await client.head()
            assert await client.exactly(len(GOING_AWAY)) == GOING_AWAY
            client.close()
            await closing

    async def test_the_provider_has_said_goodbye_already(self, raw: Rig) -> None:
        goodbye = wire(Opcode.CLOSE, b"\x03\xe8")
        provider = Raw(goodbye)
        client = await opened_raw(raw, provider)
        assert await client.exactly(len(goodbye)) == goodbye
        async with within():
            await raw.server.close(0.05)
        assert await client.rest() == b""

    async def test_silence(self, provider: SocketProvider) -> None:
        rig = Rig()
        rig.add_key("openai", base_url=provider.url)
        async with rig.running(session_idle=0.2):
            async with open_to(rig, ping_interval=None) as socket:
                with pytest.raises(ConnectionClosed) as closed:
                    async with within():
                        await socket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            (record,) = await rig.records()
            assert record.error_code == "idle_timeout"

    async def test_pings_are_no_silence(self, provider: SocketProvider) -> None:
        rig = Rig()
        rig.add_key("openai", base_url=provider.url)
        async with rig.running(session_idle=0.4), open_to(rig, ping_interval=0.05) as socket:
            (tunnel,) = tunnels(rig)
            opened = tunnel._touched
            await until(lambda: rig.server.pool.now - opened > 1.0)
            assert tunnel._ending_since is None
            await socket.send("still here")
            assert await socket.recv() == "still here"

    async def test_a_token_that_is_revoked(self, rig: Rig) -> None:
        async with open_to(rig) as socket:
            await socket.send("hello")
            await socket.recv()
            del rig.tokens.bots[TOKEN]
            rig.tokens.epoch += 1
            with pytest.raises(ConnectionClosed) as closed:
                async with within():
                    await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        (record,) = await rig.records()
        assert (record.status, record.error_code) == (101, "token_invalid")

    async def test_a_bot_that_may_not_call_the_vendor_any_more(self, rig: Rig) -> None:
        async with open_to(rig) as socket:
            rig.tokens.bots[TOKEN] = bot(vendors=["google"])
            rig.tokens.epoch += 1
            with pytest.raises(ConnectionClosed):
                async with within():
                    await socket.recv()
        (record,) = await rig.records()
        assert record.error_code == "vendor_not_configured"

    async def test_a_token_that_expires(self, rig: Rig) -> None:
        soon = datetime.now(UTC) + timedelta(seconds=0.5)
        rig.tokens.bots[TOKEN] = replace(bot(), expires_at=soon)
        async with open_to(rig) as socket:
            with pytest.raises(ConnectionClosed):
                async with within():
                    await socket.recv()
        (record,) = await rig.records()
        assert record.error_code == "token_invalid"

    async def test_news_of_others_change_nothing(self, rig: Rig) -> None:
        async with open_to(rig) as socket:
            (tunnel,) = tunnels(rig)
            rig.tokens.epoch += 1
            await until(lambda: tunnel._epoch == rig.tokens.epoch)
            await socket.send("hello")
            assert await socket.recv() == "hello"


class TestWhoIsSlow:
    async def test_nor_may_it_leave_what_is_left_when_the_provider_has_gone(self) -> None:
        """So little that the provider never had to wait: a close would wait for it for ever."""
        go = asyncio.Event()

        async def leave(call: Call) -> None:
            await call.send(SWITCHES)
            await go.wait()
            await call.send(PIECE * 160)
            call.writer.close()
            await call.writer.wait_closed()

        async with Rig().running(write_timeout=0.3) as rig:
            rig.provider.answering = leave
            client = await rig.client()
            await client.send(request("GET", REALTIME, *OPENS))
            await client.head()
            (tunnel,) = tunnels(rig)
            tunnel._client.transport.set_write_buffer_limits(high=64 << 20)
            go.set()
            await until(lambda: tunnel._provider.transport is None)
            assert tunnel._client.transport.get_write_buffer_size() > 0
            await until(lambda: not rig.server.clients)

    @pytest.mark.parametrize(
        ("who", "code"), [("client", "client_stalled"), ("provider", "upstream_timeout")]
    )
    async def test_who_takes_nothing_for_too_long_is_cut(self, who: str, code: str) -> None:
        async def pour(call: Call) -> None:
            if who == "provider":
                stop_reading(call)
            await call.send(SWITCHES)
            while who == "client":
                await call.send(PIECE)
            await asyncio.Event().wait()

        async with Rig().running(write_timeout=0.3) as rig:
            rig.provider.answering = pour
            client = await rig.client()
            await client.send(request("GET", REALTIME, *OPENS))
            await client.head()
            if who == "provider":
                client.writer.write(PIECE * 300)
            (record,) = await rig.records()
            assert (record.status, record.error_code) == (101, code)
            await until(lambda: not rig.server.clients)
