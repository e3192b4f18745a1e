"""A bot's own ways out: only to what its owner named, only with its token, never into a private network."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from clawbot_manager.infra.http.egress import EgressPolicy
from clawbot_manager.proxy.egress_tunnels import EgressTunnels, TunnelEnd
from clawbot_manager.proxy.ports import BotIdentity

TOKEN = "cbm_bot_0123456789"


@dataclass
class Tokens:
    bots: dict[str, BotIdentity] = field(default_factory=dict)
    epoch: int = 0

    def find(self, token: str) -> BotIdentity | None:
        return self.bots.get(token)


def bot(*egress: str) -> BotIdentity:
    return BotIdentity(uuid4(), "scout", uuid4(), uuid4(), (), frozenset(), egress=frozenset(egress))


@dataclass
class World:
    """An echoing server that is a "public" host by the operator's word, and tunnels to it."""

    tokens: Tokens
    tunnels: EgressTunnels
    target: str
    ends: list[TunnelEnd]

    async def connect(
        self, target: str | None = None, token: str | None = TOKEN, method: str = "CONNECT"
    ) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
        """The answer's first line, and the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.tunnels.port)
        head = f"{method} {target or self.target} HTTP/1.1\r\nhost: x\r\n"
        if token is not None:
            basic = base64.b64encode(f"bot:{token}".encode()).decode()
            head += f"Proxy-Authorization: Basic {basic}\r\n"
        writer.write(f"{head}\r\n".encode("latin-1"))
        answer = (await reader.readuntil(b"\r\n\r\n")).decode()
        return answer.split("\r\n")[0], reader, writer

    async def refused(self, **given: str | None) -> int:
        """The status, once the connection is closed."""
        first, reader, writer = await self.connect(**given)  # type: ignore[arg-type]
        await reader.read()
        writer.close()
        return int(first.split()[1])


@asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with echoing() as port, asyncio.timeout(30):
        target, ends = f"localhost:{port}", list[TunnelEnd]()
        tokens = Tokens({TOKEN: bot(target, "example.org", "metadata.internal")})
        policy = EgressPolicy.from_entries([target])
        tunnels = EgressTunnels(tokens, policy, ends.append)
        await tunnels.start("127.0.0.1", 0)
        yield World(tokens, tunnels, target, ends)
        await tunnels.close()


async def test_bytes_pass_both_ways_and_are_counted(world: World) -> None:
    first, reader, writer = await world.connect()
    assert first == "HTTP/1.1 200 Connection established"
    sent = bytes(300_000)
    writer.write(sent)
    writer.write_eof()
    assert await reader.read(-1) == sent
    writer.close()
    while not world.ends:
        await asyncio.sleep(0)
    assert world.ends == [TunnelEnd("scout", world.target, 200, len(sent), len(sent))]


async def test_only_what_is_named_and_only_that_port(world: World) -> None:
    port = world.target.rpartition(":")[2]
    for target in ("localhost:1", "localhost", f"127.0.0.1:{port}", "example.org:80", "other.org:443"):
        status = await world.refused(target=target)
        assert status in {403, 405}, target
    assert all(end.sent == end.received == 0 for end in world.ends)


@pytest.mark.parametrize("token", [None, "", "cbm_bot_other"])
async def test_nobody_without_a_token_of_a_bot(world: World, token: str | None) -> None:
    assert await world.refused(token=token) == 407


async def test_a_name_that_leads_into_a_private_network_is_refused(world: World) -> None:
    async with echoing() as port:
        inside = f"localhost:{port}"  # named by the bot's owner, and not allowed by the operator
        world.tokens.bots[TOKEN] = bot(inside)
        assert await world.refused(target=inside) == 403


async def test_a_host_that_does_not_answer(world: World) -> None:
    world.tokens.bots[TOKEN] = bot("localhost:1")
    world.tunnels._policy = EgressPolicy.from_entries(["localhost:1"])
    assert await world.refused(target="localhost:1") == 502


async def test_nothing_but_connect(world: World) -> None:
    assert await world.refused(method="GET") == 405


@pytest.mark.parametrize("target", ["localhost:99999", f"{'x' * 300}:443", "localhost:²"])
async def test_what_is_no_host_and_port(world: World, target: str) -> None:
    assert await world.refused(target=target) in {400, 405}


async def test_what_is_taken_back_is_cut(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawbot_manager.proxy.egress_tunnels._LOOK_SECONDS", 0.05)
    _, reader, writer = await world.connect()
    writer.write(b"ping")
    assert await reader.readexactly(4) == b"ping"
    world.tokens.bots.clear()
    assert await reader.read() == b""
    writer.close()


async def test_too_many_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawbot_manager.proxy.egress_tunnels._MOST_OF_A_BOT", 1)
    _, _, writer = await world.connect()
    assert await world.refused() == 429
    writer.close()


async def test_a_head_without_an_end_is_given_up(world: World) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.tunnels.port)
    writer.write(b"CONNECT " + b"x" * 20_000)
    assert await reader.read() == b""
    writer.close()
