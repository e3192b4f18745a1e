"""The production transport on uvloop between a raw provider and raw clients."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from clawbot_manager.infra.http import EgressPolicy
from clawbot_manager.proxy.messages import ProxyConfig
from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.proxy.ports import ProviderKey, UsageRecord
from clawbot_manager.proxy.wire import ProxyServer
from clawbot_manager.proxy.wire.client import ClientConnection
from clawbot_manager.vendors.catalog import load_catalog
from tests.fakes.ports import FakeBudgets, FakeKeys, FakeTokens, FakeUsage, bot, key
from tests.support.raw import RawClient, RawProvider, within

TOKEN = "cbm-bot-token-0123456789abcdef"
SECRET = "sk-the-real-provider-key-42"
CHAT = "/v1/openai/v1/chat/completions"
FILES = "/v1/openai/v1/files"


@dataclass
class Rig:
    """Everything a test looks at; `config`, `policy` and `keys` may be changed before `start`."""

    provider: RawProvider = field(default_factory=RawProvider)
    tokens: FakeTokens = field(default_factory=FakeTokens)
    keys: FakeKeys = field(default_factory=FakeKeys)
    budgets: FakeBudgets = field(default_factory=FakeBudgets)
    usage: FakeUsage = field(default_factory=FakeUsage)
    config: ProxyConfig = field(default_factory=lambda: ProxyConfig(backoff_first=0.001))
    policy: EgressPolicy = field(default_factory=lambda: EgressPolicy.from_entries(["127.0.0.1"]))
    server: ProxyServer = field(init=False)
    failures: list[BaseException] = field(default_factory=list)
    _clients: list[RawClient] = field(default_factory=list)

    @asynccontextmanager
    async def running(
        self, *, served: ssl.SSLContext | None = None, trusts: ssl.SSLContext | None = None, **config: Any
    ) -> AsyncIterator[Rig]:
        """Provider, key, token and proxy; `config` overrides fields of `ProxyConfig`.

        `served`: the provider speaks TLS; `trusts`: the proxy's context for that.
        """
        self.config = replace(self.config, **config)
        self.tokens.bots[TOKEN] = bot()
        async with self.provider.serving(served):
            if not self.keys.keys:
                self.add_key("openai")
            async with self.serving(trusts):
                yield self

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[None]:
        """The proxy alone; `tls` = whom it trusts."""
        pipeline = Pipeline(
            tokens=self.tokens,
            keys=self.keys,
            budgets=self.budgets,
            usage=self.usage,
            catalog=load_catalog(),
            config=self.config,
            inventory=self.keys,
        )
        self.server = ProxyServer(
            pipeline,
            policy=self.policy,
            tls=tls,
            on_failure=lambda _name, error: self.failures.append(error),
        )
        await self.server.start()
        try:
            yield
        finally:
            for client in self._clients:
                client.reset()
            await self.server.close(drain_seconds=0.1)
        assert not self.failures, self.failures

    def add_key(self, vendor: str, secret: str = SECRET, *, base_url: str | None = None) -> ProviderKey:
        one = key(vendor, secret, base_url=base_url or self.provider.url)
        self.keys.keys.append(one)
        return one

    @property
    def connections(self) -> list[ClientConnection]:
        """The clients' connections, as the proxy has them."""
        return [one for one in self.server.clients if isinstance(one, ClientConnection)]

    async def swept(self, seconds: float = 0.0) -> None:
        """Wait until the proxy has looked at everything again, so many seconds later by its own clock."""
        before = self.server.pool.now
        await until(lambda: self.server.pool.now > before + seconds)

    async def client(self) -> RawClient:
        client = await RawClient.connect(self.server.port)
        self._clients.append(client)
        return client

    async def records(self, count: int = 1) -> list[UsageRecord]:
        """What was recorded, once there are so many."""
        await until(lambda: len(self.usage.records) >= count)
        return self.usage.records


async def until(condition: Callable[[], Any]) -> None:
    """Wait for something that happens by itself."""
    async with within():
        while not condition():
            await asyncio.sleep(0.002)


def request(
    method: str = "GET", target: str = "/v1/openai/v1/models", *headers: str, body: bytes | None = None
) -> bytes:
    """A request with the bot's token."""
    lines = [f"{method} {target} HTTP/1.1", "host: proxy", f"authorization: Bearer {TOKEN}", *headers]
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def chat(*headers: str, stream: bool = False, **fields: Any) -> bytes:
    """A chat completion."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream, **fields}
    return request("POST", CHAT, "content-type: application/json", *headers, body=json.dumps(asked).encode())
