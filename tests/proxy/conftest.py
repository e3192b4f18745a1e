"""The proxy on a real socket, in front of a mock provider on another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
import uvicorn

from clawbot_manager.infra.http import EgressPolicy
from clawbot_manager.proxy.app import ProxyApp
from clawbot_manager.proxy.forward import UpstreamClient
from clawbot_manager.proxy.messages import ProxyConfig
from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.proxy.ports import ProviderKey
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


@pytest.fixture
async def world(upstream: MockUpstream) -> AsyncIterator[World]:
    """The proxy, with one bot that may call every vendor and no key yet."""
    world = World(upstream)
    world.tokens.bots[TOKEN] = bot()
    async with UpstreamClient(world.policy, world.config) as client:
        app = ProxyApp(world.pipeline(), client)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_config=None, lifespan="off", access_log=False, ws="none"
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        loop = asyncio.get_running_loop()
        serving = loop.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
        port = server.servers[0].sockets[0].getsockname()[1]
        world.url = f"http://127.0.0.1:{port}"
        yield world
        server.should_exit = True
        server.force_exit = True
        await serving


@pytest.fixture
async def http(world: World) -> AsyncIterator[aiohttp.ClientSession]:
    """A plain client of the proxy."""
    async with aiohttp.ClientSession(base_url=world.url, auto_decompress=False) as session:
        yield session
