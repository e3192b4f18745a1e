"""The proxy over its production transport, in front of a provider that plays a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal

import pytest
from aiohttp import web

from clawbot_manager.proxy.messages import ProxyConfig
from tests.fakes.ports import bot
from tests.fakes.upstream import MockUpstream, Seen
from tests.proxy.conftest import SECRET, TOKEN, World, wire_proxy

# What comes of an answer: it ends; the provider breaks it off; it says no more until nobody listens; it goes
# on once the client has left; it does not even begin.
Ending = Literal["finished", "broken", "stalled", "drained", "silent"]


@dataclass(frozen=True)
class Script:
    """An answer in two parts, and what happens between them. `headers` besides the content type."""

    content_type: str
    first: bytes
    rest: bytes
    ending: Ending = "finished"
    whole: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class ScriptedUpstream(MockUpstream):
    """A provider that answers by `script`. `begun`: the first part is out; `go_on`: the client has left."""

    script: Script | None = None
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def _answer(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        script = self.script
        assert script is not None
        if script.ending == "silent":
            self.begun.set()
            await asyncio.Event().wait()
        response = web.StreamResponse(headers={"content-type": script.content_type, **script.headers})
        if script.whole:
            response.content_length = len(script.first) + len(script.rest)
        await response.prepare(request)
        await response.write(script.first)
        self.begun.set()
        if script.ending == "stalled":
            await asyncio.Event().wait()
        if script.ending == "drained":
            await self.go_on.wait()
        if script.ending == "broken":
            assert request.transport is not None
            await asyncio.sleep(0)
            request.transport.close()
            return response
        await response.write(script.rest)
        await response.write_eof()
        return response


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream(keys={SECRET}).serving() as mock:
        assert isinstance(mock, ScriptedUpstream)
        yield mock


@pytest.fixture
async def world(upstream: ScriptedUpstream) -> AsyncIterator[World]:
    """One bot that may call every vendor, and no key yet."""
    world = World(upstream, config=ProxyConfig(backoff_first=0.001, drain_seconds=0.15))
    world.tokens.bots[TOKEN] = bot()
    async with wire_proxy(world) as url:
        world.url = url
        yield world
