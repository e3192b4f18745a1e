"""What holds for every SDK: its errors are its own classes, whoever refuses; time-outs, and leaving early."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from clawbot_manager.proxy.messages import ProxyConfig
from tests.fakes.ports import bot, key
from tests.fakes.upstream import Canned, RecordedUpstream
from tests.proxy.conftest import wire_proxy
from tests.sdks.common import SECRET, TOKEN, WRONG, World, over_the_wire, play
from tests.sdks.families import FAMILIES, Family

pytestmark = [
    over_the_wire,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]
families = pytest.mark.parametrize("family", FAMILIES, ids=str)
PATIENCE = 20.0


async def refused(
    family: Family, url: str, status: int, *, token: str = TOKEN, model: str = "m"
) -> Exception:
    """Ask, and give the error that the SDK raises: it must be the one for that status."""
    async with family.open(url, token, PATIENCE) as talk:
        with pytest.raises(family.error(status)) as caught:
            await talk.ask(model)
    assert family.status(caught.value) == status
    return caught.value


@asynccontextmanager
async def proxy(upstream: RecordedUpstream, **config: Any) -> AsyncIterator[World]:
    """Another proxy, with settings of its own."""
    world = World(upstream, config=ProxyConfig(**config))
    world.tokens.bots[TOKEN] = bot()
    async with wire_proxy(world) as url:
        world.url = url
        yield world


@families
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "bad_request"),
        (401, "bad_key"),
        (403, "forbidden"),
        (404, "not_found"),
        (422, "bad_request"),
        (429, "rate_limited"),
        (500, "server_error"),
        (503, "overloaded"),
    ],
)
async def test_errors_of_the_provider(
    world: World, upstream: RecordedUpstream, family: Family, status: int, kind: str
) -> None:
    """They pass as they are, and name no key of the provider's."""
    url = play(world, upstream, family.vendor)
    words = "the provider's own words"
    error: dict[str, Any] = {"message": words, "type": "x", "code": None, "status": "X", "details": []}
    numbered = family.vendor in ("google", "openrouter")
    body: Any = {"error": {**error, "code": status} if numbered else error}
    if family.vendor in ("cohere", "mistral", "dashscope"):
        body = {"message": words, "code": "X"}
    elif family.vendor == "ollama":
        body = {"error": words}
    upstream.canned.append(Canned(status, json.dumps(body).encode()))
    told = await refused(family, url, status)
    assert words in f"{told} {getattr(told, 'body', '')} {getattr(told, 'message', '')}"
    await world.settled()
    record = world.usage.records[0]
    assert (record.status, record.error_code) == (status, kind)
    assert SECRET not in repr(told)


class TestOurRefusals:
    """Each as its SDK shows it; the row has our code."""

    @families
    async def test_a_token_that_nobody_has(
        self, world: World, upstream: RecordedUpstream, family: Family
    ) -> None:
        url = play(world, upstream, family.vendor)
        told = await refused(family, url, 401, token=WRONG)
        assert "bot token is not valid" in words_of(told)
        assert not upstream.seen

    @families
    async def test_a_vendor_that_the_bot_has_not(
        self, world: World, upstream: RecordedUpstream, family: Family
    ) -> None:
        url = play(world, upstream, family.vendor)
        world.tokens.bots[TOKEN] = bot(vendors=())
        told = await refused(family, url, 404)
        assert "not set up for this vendor" in words_of(told)
        await coded(world, "vendor_not_configured")

    @families
    async def test_no_key(self, world: World, upstream: RecordedUpstream, family: Family) -> None:
        told = await refused(family, f"{world.url}/api/v1/{family.vendor}", 404)
        assert "No provider key is stored" in words_of(told)
        await coded(world, "no_key")

    @families
    async def test_a_limit(self, world: World, upstream: RecordedUpstream, family: Family) -> None:
        url = play(world, upstream, family.vendor)
        world.budgets.limit = "requests_per_minute"
        told = await refused(family, url, 429)
        assert "limit set for this bot" in words_of(told)
        await coded(world, "requests_per_minute")

    @families
    async def test_a_body_that_is_too_large(
        self, world: World, upstream: RecordedUpstream, family: Family
    ) -> None:
        async with proxy(upstream, max_buffered_body=8) as other:
            told = await refused(family, play(other, upstream, family.vendor), 413)
            assert "larger than the proxy takes" in words_of(told)
            await coded(other, "body_too_large")

    @families
    async def test_a_provider_that_is_not_there(
        self, world: World, upstream: RecordedUpstream, family: Family
    ) -> None:
        world.keys.keys.append(key(family.vendor, SECRET, base_url="http://127.0.0.1:9"))
        told = await refused(family, f"{world.url}/api/v1/{family.vendor}", 502)
        assert "could not be reached" in words_of(told)
        await coded(world, "upstream_unreachable")

    @families
    async def test_a_provider_that_keeps_silent(
        self, world: World, upstream: RecordedUpstream, family: Family
    ) -> None:
        async with proxy(upstream, read_timeout=0.2) as other:
            told = await refused(family, play(other, upstream, family.vendor), 504, model="silent")
            assert "did not answer in time" in words_of(told)
            await coded(other, "upstream_timeout")

    @families
    async def test_keys_that_rest(self, world: World, upstream: RecordedUpstream, family: Family) -> None:
        url = play(world, upstream, family.vendor)
        world.keys.resting = True
        told = await refused(family, url, 503)
        assert "is ready for this vendor right now" in words_of(told)
        await coded(world, "no_key_available")


def words_of(error: Exception) -> str:
    """All that the SDK lets its user read."""
    return f"{error} {getattr(error, 'body', '')} {getattr(error, 'message', '')}"


async def coded(world: World, code: str) -> None:
    await world.settled()
    assert world.usage.records[0].error_code == code


@families
async def test_the_sdk_waits_no_longer(world: World, upstream: RecordedUpstream, family: Family) -> None:
    """The SDK's own time-out ends the request at the provider too."""
    url = play(world, upstream, family.vendor)
    async with family.open(url, TOKEN, 0.5) as talk:
        with pytest.raises(family.timed_out):
            await talk.ask("silent")
    await asyncio.wait_for(upstream.cancelled.wait(), 10)
    await coded(world, "client_closed")


@families
async def test_a_stream_that_is_left(world: World, upstream: RecordedUpstream, family: Family) -> None:
    """Who leaves after the first event ends the stream at the provider too."""
    url = play(world, upstream, family.vendor)
    async with family.open(url, TOKEN, PATIENCE) as talk:
        assert await talk.first("stall") is not None
    await asyncio.wait_for(upstream.cancelled.wait(), 10)
    await coded(world, "client_closed")
    record = world.usage.records[0]
    assert (record.status, record.streamed) == (200, True)
