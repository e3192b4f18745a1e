"""The proxy on the loop of production, in front of a provider of real WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from tests.proxy.realtime.provider import SocketProvider
from tests.proxy.rig import Rig


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def provider() -> AsyncIterator[SocketProvider]:
    async with SocketProvider().serving() as provider:
        yield provider


@pytest.fixture
async def rig(provider: SocketProvider) -> AsyncIterator[Rig]:
    """One key for each vendor that has WebSockets, all of them at the provider."""
    rig = Rig()
    for vendor in ("openai", "azure-openai", "google", "mistral", "zhipu", "dashscope", "stepfun", "custom"):
        rig.add_key(vendor, base_url=provider.url)
    async with rig.running(session_idle=30.0):
        yield rig


@pytest.fixture
async def raw() -> AsyncIterator[Rig]:
    """The same in front of a provider that says what no library would."""
    async with Rig().running(session_idle=30.0) as rig:
        yield rig
