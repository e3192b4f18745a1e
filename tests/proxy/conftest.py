"""The proxy on a real socket, in front of a mock provider on another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from clawbot_manager.infra.http import EgressPolicy
from clawbot_manager.proxy.app import ProxyApp
from clawbot_manager.proxy.forward import UpstreamClient
from clawbot_manager.proxy.messages import ProxyConfig
from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.proxy.ports import ProviderKey
from clawbot_manager.proxy.wire import ProxyServer
from clawbot_manager.vendors.catalog import load_catalog
from tests.fakes.ports import FakeBudgets, FakeKeys, FakeTokens, FakeUsage, bot, key
from tests.fakes.upstream import MockUpstream

TOKEN = "cbm-bot-token-0123456789abcdef"
SECRET = "sk-the-real-provider-key-42"


@dataclass
class World:
    """Everything a test looks at."""

    upstream: MockUpstream
    tokens: FakeTokens = field(default_factory=FakeTokens)
    keys: FakeKeys = field(default_factory=FakeKeys)
    budgets: FakeBudgets = field(default_factory=FakeBudgets)
    usage: FakeUsage = field(default_factory=FakeUsage)
    config: ProxyConfig = field(default_factory=lambda: ProxyConfig(backoff_first=0.001))
    policy: EgressPolicy = field(default_factory=lambda: EgressPolicy.from_entries(["127.0.0.1"]))
    url: str = ""

    def pipeline(self) -> Pipeline:
        return Pipeline(
            tokens=self.tokens,
            keys=self.keys,
            budgets=self.budgets,
            usage=self.usage,
            catalog=load_catalog(),
            config=self.config,
            inventory=self.keys,
        )

    def add_key(self, vendor: str, secret: str = SECRET, *, api_type: str | None = None) -> ProviderKey:
        one = key(vendor, secret, base_url=self.upstream.url, api_type=api_type)
        self.keys.keys.append(one)
        return one

    async def settled(self, count: int = 1) -> None:
        """Wait until that many requests are recorded: the record comes after the answer's last byte."""
        async with asyncio.timeout(10):
            while len(self.usage.records) < count:
                await asyncio.sleep(0.005)


@pytest.fixture
async def upstream() -> AsyncIterator[MockUpstream]:
    async with MockUpstream(keys={SECRET}).serving() as mock:
        yield mock


@pytest.fixture(params=["wire", "asgi"])
async def world(upstream: MockUpstream, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """The proxy over each transport, with one bot that may call every vendor and no key yet."""
    world = World(upstream)
    world.tokens.bots[TOKEN] = bot()
    serving = wire_proxy(world) if request.param == "wire" else asgi_proxy(world)
    async with serving as url:
        world.url = url
        yield world


@asynccontextmanager
async def wire_proxy(world: World) -> AsyncIterator[str]:
    """The production transport; gives its address."""
    failures: list[BaseException] = []
    server = ProxyServer(
        world.pipeline(), policy=world.policy, on_failure=lambda _name, error: failures.append(error)
    )
    await server.start()
    yield f"http://127.0.0.1:{server.port}"
    await server.close(drain_seconds=0.1)
    assert not failures


@asynccontextmanager
async def asgi_proxy(world: World) -> AsyncIterator[str]:
    """The oracle: the same pipeline behind uvicorn and aiohttp; gives its address."""
    async with UpstreamClient(world.policy, world.config) as client:
        app = ProxyApp(world.pipeline(), client)
        config = uvicorn.Config(
            app, log_config=None, lifespan="off", access_log=False, ws="none", http="httptools"
        )
        config.load()
        state = ServerState()
        # uvicorn's own server sleeps 0.1 s twice before it ends, and every test pays for that
        server = await asyncio.get_running_loop().create_server(
            lambda: HttpToolsProtocol(config, state, {}), "127.0.0.1", 0
        )
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        server.close()
        for connection in list(state.connections):
            assert isinstance(connection, HttpToolsProtocol)
            connection.transport.abort()
        await asyncio.gather(*state.tasks)


@pytest.fixture
async def http(world: World) -> AsyncIterator[aiohttp.ClientSession]:
    """A plain client of the proxy."""
    async with aiohttp.ClientSession(base_url=world.url, auto_decompress=False) as session:
        yield session
