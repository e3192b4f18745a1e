"""From a provider's refusal to the next request: which keys are used, and what is told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from sqlalchemy import select

from clawbot_manager.control.usage.models import UsageRow
from tests.control.test_bots import create
from tests.fakes.upstream import Canned, MockUpstream
from tests.support.api import Answer, Api
from tests.support.clock import MovableClock

CALL = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
DEAD = Canned(401, b'{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}')
EMPTY = Canned(429, b'{"error":{"type":"insufficient_quota","message":"You exceeded your quota"}}')
FAST = Canned(429, b'{"error":{"code":"rate_limit_exceeded"}}', {"retry-after": "30"})
BUSY = Canned(503, b'{"error":{"message":"overloaded"}}')
NOT_YOURS = Canned(403, b'{"error":{"message":"Project does not have access to model m"}}')
NO_SCOPE = Canned(401, b'{"error":{"message":"Missing scopes: model.request"}}')


@dataclass
class Upstream(MockUpstream):
    """A provider at whose every request something else happens, too."""

    meanwhile: Callable[[], None] = lambda: None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.meanwhile()
        return await super().handle(request)


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    upstream = Upstream()
    async with upstream.serving():
        yield upstream


class Bench:
    """A bot, its keys in the order of their turns, and what their provider answers to each."""

    def __init__(self, user: Api, upstream: Upstream) -> None:
        self.user = user
        self.upstream = upstream
        self.ids: dict[str, str] = {}
        self.token = ""

    async def set_up(self, **answers: Canned | None) -> None:
        for label, canned in answers.items():
            secret = f"sk-secret-of-{label}-0123456789"
            body = {"vendor": "openai", "label": label, "secret": secret, "base_url": self.upstream.url}
            self.ids[label] = (await self.user.post("/api/provider-key", body)).json["id"]
            if canned is not None:
                self.upstream.by_key[secret] = canned
        await create(self.user, providers=[{"vendor": "openai", "models": ["m"], "key_id": None}])
        self.token = (await self.user.post("/api/bot/scout/token", {"name": "t"})).json["token"]

    async def call(self) -> Answer:
        return await self.user.call("POST", "/v1/openai/v1/chat/completions", token=self.token, json=CALL)

    async def states(self) -> dict[str, tuple[str, str | None]]:
        await self.user.installation.usage_sink.flush()
        health = (await self.user.get("/api/provider-key/health")).json
        return {key["label"]: (key["state"], key["state_reason"]) for key in health["keys"]}

    async def attempts(self) -> list[list[tuple[str, Any, Any]]]:
        """Per request, oldest first: label, status and reason of each try."""
        await self.user.installation.usage_sink.flush()
        async with self.user.installation.database.reading() as tx:
            rows = list(await tx.scalars(select(UsageRow).order_by(UsageRow.id)))
        labels = {UUID(key_id): label for label, key_id in self.ids.items()}
        return [
            [(labels[UUID(one["key_id"])], one["status"], one["reason"]) for one in row.attempts]
            for row in rows
        ]


@pytest.fixture
def bench(user: Api, upstream: Upstream) -> Bench:
    return Bench(user, upstream)


async def test_each_kind_of_refusal_has_its_end(bench: Bench, clock: MovableClock) -> None:
    await bench.set_up(dead=DEAD, empty=EMPTY, fast=FAST, busy=BUSY, good=None)
    answer = await bench.call()
    assert (answer.status, answer.headers["x-clawbot-attempts"]) == (200, "5")
    assert answer.headers["x-clawbot-key"] == bench.ids["good"]
    assert await bench.attempts() == [
        [
            ("dead", 401, "bad_key"),
            ("empty", 429, "quota_exhausted"),
            ("fast", 429, "rate_limited"),
            ("busy", 503, "overloaded"),
            ("good", 200, None),
        ]
    ]
    assert await bench.states() == {
        "dead": ("failed", "bad_key"),
        "empty": ("parked", "quota_exhausted"),
        "fast": ("cooling", "rate_limited"),
        "busy": ("active", None),
        "good": ("active", None),
    }
    assert (await bench.call()).headers["x-clawbot-attempts"] == "1"
    clock.move(seconds=31)
    bench.upstream.by_key.clear()
    used = {(await bench.call()).headers["x-clawbot-key"] for _ in range(3)}
    assert used == {bench.ids[label] for label in ("fast", "busy", "good")}


@pytest.mark.parametrize("refusal", [NOT_YOURS, NO_SCOPE])
async def test_a_model_that_a_key_may_not_use_is_the_callers_matter(bench: Bench, refusal: Canned) -> None:
    await bench.set_up(limited=refusal, other=None)
    answer = await bench.call()
    assert (answer.status, answer.text.encode()) == (refusal.status, refusal.body)
    assert answer.headers["x-clawbot-attempts"] == "1"
    assert (await bench.states())["limited"] == ("active", None)


async def test_the_only_key_is_told_as_the_provider_told_it_and_then_until_it_is_back(
    bench: Bench, clock: MovableClock
) -> None:
    await bench.set_up(only=FAST)
    first = await bench.call()
    assert (first.status, first.headers["retry-after"], first.text.encode()) == (429, "30", FAST.body)
    second = await bench.call()
    assert (second.status, second.headers["x-clawbot-error"]) == (503, "no_key_available")
    assert 25 <= int(second.headers["retry-after"]) <= 30
    assert len(bench.upstream.seen) == 1
    clock.move(seconds=31)
    assert (await bench.call()).headers["retry-after"] == "30"


async def test_a_key_learned_to_be_dead_while_a_request_waits_is_not_tried_by_it(bench: Bench) -> None:
    await bench.set_up(busy=BUSY, dead=None, good=None)
    plane = bench.user.installation.plane
    (pool,) = plane.snapshots.current.keys.values()
    (dead,) = (key for key in pool if key.label == "dead")

    def learn() -> None:
        plane.keyring.report(dead, status=401, reason="bad_key", retry_after=None)

    bench.upstream.meanwhile = learn
    answer = await bench.call()
    assert (answer.headers["x-clawbot-key"], answer.headers["x-clawbot-attempts"]) == (bench.ids["good"], "2")


async def test_a_dead_key_works_again_after_a_free_check(bench: Bench, clock: MovableClock) -> None:
    await bench.set_up(only=DEAD)
    assert (await bench.call()).status == 401
    assert (await bench.call()).status == 503
    assert (await bench.states())["only"][0] == "failed"
    bench.upstream.by_key.clear()
    clock.move(seconds=20)
    await bench.user.installation.reviver.look()
    assert (await bench.call()).status == 200
