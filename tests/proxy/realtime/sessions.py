"""Sessions opened byte by byte, and what the proxy holds of them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from websockets.frames import Opcode

from tests.proxy.realtime.test_messages import wire
from tests.proxy.realtime.test_pass_through import OPENS, REALTIME, SWITCHES
from tests.proxy.rig import Rig, request
from tests.support.raw import Call, RawClient, within

PIECE = wire(Opcode.BINARY, bytes(64 << 10))
HELD = 2 << 20


def tunnels(rig: Rig) -> list[Any]:
    return [one for one in rig.server.clients if type(one).__name__ == "Tunnel"]


def held(rig: Rig) -> int:
    """Bytes that the proxy has taken from one side and not given to the other."""
    ends = [end.transport for tunnel in tunnels(rig) for end in (tunnel._client, tunnel._provider)]
    return sum(one.get_write_buffer_size() for one in ends if one is not None)


def stop_reading(call: Call) -> None:
    cast(asyncio.Transport, call.writer.transport).pause_reading()


class Raw:
    """A provider that switches, says `first`, and keeps the connection."""

    def __init__(self, *first: bytes) -> None:
        self._first = first
        self.call: Call | None = None
        self.gone = asyncio.Event()

    async def __call__(self, call: Call) -> None:
        await call.send(SWITCHES, *self._first)
        self.call = call
        await call.gone()
        self.gone.set()

    async def wait(self) -> None:
        async with within():
            await self.gone.wait()


async def opened_raw(rig: Rig, provider: Raw) -> RawClient:
    rig.provider.answering = provider
    client = await rig.client()
    await client.send(request("GET", REALTIME, *OPENS))
    await client.head()
    return client
