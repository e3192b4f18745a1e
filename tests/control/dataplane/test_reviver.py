"""Keys that failed or are parked come back, by free checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from clawbot_manager.app.compose import Installation
from clawbot_manager.control.dataplane.reviver import KeyReviver
from clawbot_manager.control.shared.events import ProviderKeyParked, ProviderKeyRetired, ProviderKeyRevived
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.control.vault.schemas import KeyCheckOut, ModelsOut
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.errors import UnavailableError
from tests.control.test_vault import SECRET
from tests.fakes.upstream import Canned, MockUpstream
from tests.support.api import Api, serving
from tests.support.clock import MovableClock


@dataclass
class Prober:
    """Answers as it is told; `during` runs in the midst of a check."""

    clock: MovableClock
    result: Any = "ok"
    has_money: bool | None = None
    asked: list[str] = field(default_factory=list)
    during: Callable[[ProviderKey], Awaitable[None]] | None = None

    async def check(self, key: ProviderKey) -> KeyCheckOut:
        self.asked.append(key.label)
        if self.during is not None:
            await self.during(key)
        return KeyCheckOut(
            result=self.result,
            has_money=self.has_money,
            detail="So it says.",
            latency_ms=1,
            checked_at=self.clock.now(),
        )

    async def models(self, key: ProviderKey) -> ModelsOut:
        raise NotImplementedError


@pytest.fixture
async def api(installation: Installation) -> AsyncIterator[Api]:
    """Without a worker's own reviver, which would look as well."""
    async with serving(installation, "control") as api:
        yield api


@pytest.fixture
def prober(clock: MovableClock) -> Prober:
    return Prober(clock)


@pytest.fixture
def reviver(user: Api, prober: Prober, clock: MovableClock) -> KeyReviver:
    return KeyReviver(user.installation.database, prober, clock)


@pytest.fixture
def told(user: Api) -> list[object]:
    """The events about keys' states."""
    heard: list[object] = []

    async def hear(event: object) -> None:
        heard.append(event)

    for kind in (ProviderKeyRetired, ProviderKeyParked, ProviderKeyRevived):
        user.installation.database._bus.subscribe(kind, hear)
    return heard


async def a_key(api: Api, label: str = "main", **change: Any) -> str:
    body = {"vendor": "openai", "label": label, "secret": SECRET, **change}
    answer = await api.post("/api/provider-key", body)
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


async def put(database: Database, key_id: str, **values: Any) -> None:
    async with database.transaction() as tx:
        await tx.execute(update(ProviderKey).where(ProviderKey.id == UUID(key_id)).values(**values))


async def row(api: Api, key_id: str) -> ProviderKey:
    async with api.installation.database.reading() as tx:
        found = await tx.get(ProviderKey, UUID(key_id))
    assert found is not None
    return found


async def failed_key(api: Api, clock: MovableClock, label: str = "main", **change: Any) -> str:
    key_id = await a_key(api, label, **change)
    facts = {"health": "failed", "state_reason": "bad_key", "state_detail": "Refused."}
    await put(api.installation.database, key_id, **facts, next_check_at=clock.now())
    return key_id


async def parked_key(api: Api, clock: MovableClock, **change: Any) -> str:
    key_id = await a_key(api, **change)
    facts = {"health": "parked", "state_reason": "quota_exhausted", "state_detail": "No money."}
    until = clock.now() + timedelta(hours=1)
    await put(api.installation.database, key_id, **facts, cooled_until=until, next_check_at=clock.now())
    return key_id


class TestFailed:
    async def test_a_good_one_is_used_again_and_its_owner_told(
        self, user: Api, reviver: KeyReviver, clock: MovableClock, told: list[object]
    ) -> None:
        key_id = await failed_key(user, clock)
        assert await reviver.look() == 1
        shown = (await user.get(f"/api/provider-key/{key_id}")).json
        assert (shown["state"], shown["state_reason"], shown["next_check_at"]) == ("active", None, None)
        assert shown["last_checked_at"] is not None
        assert user.user is not None
        assert told == [ProviderKeyRevived(user.user.id, UUID(key_id), "openai", "main", "failed")]
        assert (await row(user, key_id)).version == 2
        assert await reviver.look() == 0

    async def test_a_bad_one_is_asked_about_ever_more_seldom(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock, told: list[object]
    ) -> None:
        key_id = await failed_key(user, clock)
        prober.result = "bad_key"
        waits = []
        for _ in range(12):
            assert await reviver.look() == 1
            next_check_at = (await row(user, key_id)).next_check_at
            assert next_check_at is not None
            waits.append((next_check_at - clock.now()).total_seconds() / 60)
            clock.move(minutes=waits[-1] - 0.5)
            assert await reviver.look() == 0
            clock.move(minutes=0.6)
        assert waits == sorted(waits[:9]) + waits[9:]
        assert waits[0] == pytest.approx(2.2, abs=0.25)
        assert all(359 < wait < 433 for wait in waits[9:])
        assert told == []

    @pytest.mark.parametrize("result", ["unknown", "bad_key"])
    async def test_an_answer_that_does_not_clear_it_changes_nothing(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock, result: str
    ) -> None:
        key_id = await failed_key(user, clock)
        prober.result = result
        await reviver.look()
        key = await row(user, key_id)
        assert (key.health, key.version, key.state_detail) == ("failed", 1, "Refused.")

    async def test_a_good_key_of_an_empty_account_is_parked(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock, told: list[object]
    ) -> None:
        key_id = await failed_key(user, clock)
        prober.result = "empty"
        await reviver.look()
        shown = (await user.get(f"/api/provider-key/{key_id}")).json
        assert (shown["state"], shown["state_reason"]) == ("parked", "quota_exhausted")
        assert [type(event) for event in told] == [ProviderKeyParked]

    async def test_a_secret_that_was_replaced_meanwhile_is_not_judged_by_the_old_ones_answer(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock, told: list[object]
    ) -> None:
        key_id = await failed_key(user, clock)
        prober.result = "bad_key"

        async def replace(_key: ProviderKey) -> None:
            answer = await user.patch(f"/api/provider-key/{key_id}", {"secret": SECRET[::-1]})
            assert answer.json["state"] == "active"

        prober.during = replace
        await reviver.look()
        key = await row(user, key_id)
        assert (key.health, key.version, key.last_checked_at, told) == ("active", 2, None, [])

    async def test_one_that_fails_again_at_once_is_not_asked_about_at_once(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock
    ) -> None:
        key_id = await failed_key(user, clock)
        await reviver.look()
        await put(user.installation.database, key_id, health="failed", next_check_at=clock.now())
        assert await reviver.look() == 1
        assert prober.asked == ["main"]
        assert (await row(user, key_id)).health == "failed"
        clock.move(minutes=3)
        await reviver.look()
        assert prober.asked == ["main", "main"]
        await put(user.installation.database, key_id, health="failed", next_check_at=clock.now())
        clock.move(minutes=3)
        await reviver.look()
        assert prober.asked == ["main", "main"]

    async def test_a_new_secret_does_not_wait_for_the_old_ones_sake(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock
    ) -> None:
        key_id = await failed_key(user, clock)
        prober.result = "bad_key"
        await reviver.look()
        await user.patch(f"/api/provider-key/{key_id}", {"secret": SECRET[::-1]})
        await put(user.installation.database, key_id, health="failed", next_check_at=clock.now())
        await reviver.look()
        assert prober.asked == ["main", "main"]

    async def test_a_key_that_cannot_be_opened_does_not_hold_up_the_others(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock
    ) -> None:
        broken, good = await failed_key(user, clock, "broken"), await failed_key(user, clock, "good")

        async def fail(key: ProviderKey) -> None:
            if key.label == "broken":
                raise UnavailableError("It cannot be opened.")

        prober.during = fail
        await reviver.look()
        assert [(await row(user, key)).health for key in (broken, good)] == ["failed", "active"]
        assert await reviver.look() == 0

    async def test_switched_off_and_deleted_ones_are_left_alone(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock
    ) -> None:
        off, gone = await failed_key(user, clock, "off"), await failed_key(user, clock, "gone")
        await user.patch(f"/api/provider-key/{off}", {"enabled": False})
        await user.delete(f"/api/provider-key/{gone}")
        assert await reviver.look() == 0
        assert prober.asked == []


class TestParked:
    async def test_money_that_is_seen_brings_it_back(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock, told: list[object]
    ) -> None:
        key_id = await parked_key(user, clock)
        prober.has_money = True
        await reviver.look()
        assert (await row(user, key_id)).health == "active"
        assert [event.was for event in told if isinstance(event, ProviderKeyRevived)] == ["parked"]

    @pytest.mark.parametrize(("result", "has_money"), [("ok", None), ("empty", False), ("unknown", None)])
    async def test_without_word_of_money_it_goes_on_resting(
        self,
        user: Api,
        reviver: KeyReviver,
        prober: Prober,
        clock: MovableClock,
        result: str,
        has_money: bool | None,
    ) -> None:
        key_id = await parked_key(user, clock)
        prober.result, prober.has_money = result, has_money
        await reviver.look()
        shown = (await user.get(f"/api/provider-key/{key_id}")).json
        assert shown["state"] == "parked"
        assert shown["next_check_at"] > clock.now().isoformat()

    async def test_a_dead_one_is_retired(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock, told: list[object]
    ) -> None:
        key_id = await parked_key(user, clock)
        prober.result = "bad_key"
        await reviver.look()
        key = await row(user, key_id)
        assert (key.health, key.state_reason, key.cooled_until) == ("failed", "bad_key", None)
        assert [type(event) for event in told] == [ProviderKeyRetired]

    async def test_one_that_was_used_after_its_rest_works_without_being_asked(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock, told: list[object]
    ) -> None:
        key_id = await parked_key(user, clock)
        await put(user.installation.database, key_id, next_check_at=None)
        clock.move(hours=2)
        assert (await row(user, key_id)).state_at(clock.now()) == "active"
        await reviver.look()
        assert told == []
        await put(user.installation.database, key_id, last_used_at=clock.now())
        await reviver.look()
        assert [type(event) for event in told] == [ProviderKeyRevived]
        assert prober.asked == []


class TestTheWork:
    async def test_some_at_a_time(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock
    ) -> None:
        for number in range(6):
            await failed_key(user, clock, f"k{number}")
        running = most = 0
        full = asyncio.Event()

        async def together(_key: ProviderKey) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            if running == 4:
                full.set()
            if len(prober.asked) <= 4:
                await full.wait()
            running -= 1

        prober.during = together
        assert [await reviver.look(), await reviver.look(), await reviver.look()] == [4, 2, 0]
        assert most == 4

    async def test_two_workers_do_not_ask_twice(
        self, user: Api, reviver: KeyReviver, prober: Prober, clock: MovableClock
    ) -> None:
        await failed_key(user, clock)
        other = KeyReviver(user.installation.database, prober, clock)
        found: list[int] = []

        async def meanwhile(_key: ProviderKey) -> None:
            found.append(await other.look())

        prober.during = meanwhile
        assert await reviver.look() == 1
        assert found == [0]

    async def test_it_looks_by_itself_until_it_is_closed(
        self, user: Api, prober: Prober, clock: MovableClock
    ) -> None:
        key_id = await failed_key(user, clock)
        reviver = KeyReviver(user.installation.database, prober, clock, poll_seconds=0.01)
        reviver.start()
        async with asyncio.timeout(10):
            while (await row(user, key_id)).health != "active":
                await asyncio.sleep(0.01)
        await reviver.close()

    async def test_the_whole_program_runs_it(self, installation: Installation, clock: MovableClock) -> None:
        installation.reviver._poll_seconds = 0.01
        upstream = MockUpstream()
        async with upstream.serving(), serving(installation) as api:
            admin = await api.sign_up()
            key_id = await failed_key(admin, clock, base_url=upstream.url)
            async with asyncio.timeout(10):
                while (await row(admin, key_id)).health != "active":
                    await asyncio.sleep(0.01)


class TestAgainstAProvider:
    async def test_retired_then_good_again(self, user: Api, clock: MovableClock) -> None:
        upstream = MockUpstream(keys=set())
        async with upstream.serving():
            key_id = await failed_key(user, clock, base_url=upstream.url)
            reviver = user.installation.reviver
            await reviver.look()
            assert (await row(user, key_id)).health == "failed"
            upstream.keys = {SECRET}
            clock.move(minutes=3)
            await reviver.look()
            assert (await row(user, key_id)).health == "active"
        assert [(seen.method, seen.path) for seen in upstream.seen] == [("GET", "/v1/models")] * 2

    @pytest.mark.parametrize(("money", "state"), [("true", "active"), ("false", "parked")])
    async def test_the_vendors_word_on_money(
        self, user: Api, clock: MovableClock, money: str, state: str
    ) -> None:
        upstream = MockUpstream()
        async with upstream.serving():
            key_id = await parked_key(user, clock, vendor="deepseek", base_url=upstream.url)
            upstream.canned.append(Canned(200, b'{"data":[]}'))
            upstream.canned.append(Canned(200, b'{"is_available":%b}' % money.encode()))
            await user.installation.reviver.look()
        assert [seen.path for seen in upstream.seen] == ["/models", "/user/balance"]
        assert (await user.get(f"/api/provider-key/{key_id}")).json["state"] == state

    async def test_one_request_where_the_same_answer_tells_both(self, user: Api, clock: MovableClock) -> None:
        upstream = MockUpstream()
        async with upstream.serving():
            key_id = await parked_key(user, clock, vendor="siliconflow", base_url=upstream.url)
            upstream.canned.append(Canned(200, b'{"data":{"totalBalance":"5.00"}}'))
            await user.installation.reviver.look()
        assert len(upstream.seen) == 1
        assert (await row(user, key_id)).health == "active"
