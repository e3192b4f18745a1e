"""The proxy on the loop that production runs on; where a test takes the loop's place, on Python's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from tests.proxy.rig import Rig


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    # uvloop's methods can't be replaced
    plain = item.path.name == "test_addresses.py"
    return {"asyncio": asyncio.new_event_loop} if plain else {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with Rig().running() as rig:
        yield rig
