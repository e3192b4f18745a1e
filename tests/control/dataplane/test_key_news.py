"""What a key ring learned reaches the database, the owner, and proxies elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from clawbot_manager.app.plan import data_plane_config
from clawbot_manager.control.dataplane.news import KeyNews
from clawbot_manager.control.dataplane.plane import DataPlane, build_data_plane
from clawbot_manager.control.dataplane.store import Turned
from clawbot_manager.control.shared.events import ProviderKeyParked, ProviderKeyRetired
from clawbot_manager.control.shared.models import DataPlaneVersion
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.infra.crypto.opening import open_here
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.proxy.ports import BotIdentity
from tests.control.conftest import SECRETS
from tests.control.test_bots import create
from tests.control.test_vault import SECRET
from tests.support.api import Api
from tests.support.clock import MovableClock


@pytest.fixture
def told(user: Api) -> list[object]:
    heard: list[object] = []

    async def hear(event: object) -> None:
        heard.append(event)

    for kind in (ProviderKeyRetired, ProviderKeyParked):
        user.installation.database._bus.subscribe(kind, hear)
    return heard


async def a_key(user: Api, label: str = "main") -> str:
    body = {"vendor": "openai", "label": label, "secret": SECRET}
    return str((await user.post("/api/provider-key", body)).json["id"])


async def write(user: Api, *news: KeyNews) -> None:
    """As if this process's key ring had learned it, until it is written and told."""
    plane = user.installation.plane
    plane.keyring.give_back(list(news))
    await plane.usage.flush()
    await asyncio.sleep(0)  # what the writer's thread told last


async def heard(told: list[object], count: int) -> None:
    async with asyncio.timeout(10):
        while len(told) < count:
            await asyncio.sleep(0.01)


async def row(user: Api, key_id: str) -> ProviderKey:
    async with user.installation.database.reading() as tx:
        found = await tx.get(ProviderKey, UUID(key_id))
    assert found is not None
    return found


async def version(user: Api) -> int:
    async with user.installation.database.reading() as tx:
        found = await tx.get(DataPlaneVersion, 1)
    assert found is not None
    return found.version


def retired(key_id: str, **change: Any) -> KeyNews:
    facts = {"health": "failed", "state_reason": "bad_key", "state_detail": "Refused (401)."}
    return KeyNews(UUID(key_id), **{"version": 1, **facts, **change})


def rests(key_id: str, until: Any, **change: Any) -> KeyNews:
    facts = {"health": "active", "state_reason": "rate_limited", "state_detail": "Too fast (429)."}
    return KeyNews(UUID(key_id), cooled_until=until, **{"version": 1, **facts, **change})


class TestWriting:
    async def test_the_owner_is_told_once_and_other_proxies_read_again(
        self, user: Api, clock: MovableClock, told: list[object]
    ) -> None:
        key_id = await a_key(user)
        before = await version(user)
        check_at = clock.now() + timedelta(seconds=15)
        await write(user, retired(key_id, next_check_at=check_at, last_used_at=clock.now()))
        await write(user, retired(key_id))  # another process learned the same
        assert user.user is not None
        facts = (user.user.id, UUID(key_id), "openai", "main", "bad_key", "Refused (401).")
        await heard(told, 1)
        assert told == [ProviderKeyRetired(*facts)]
        assert await version(user) == before + 1
        shown = (await user.get(f"/api/provider-key/{key_id}")).json
        assert (shown["state"], shown["state_reason"]) == ("failed", "bad_key")
        assert (shown["state_detail"], shown["cooled_until"]) == ("Refused (401).", None)
        assert shown["next_check_at"] is not None
        assert shown["last_used_at"] is not None

    async def test_a_rest_is_shown_until_it_is_over(self, user: Api, clock: MovableClock) -> None:
        key_id = await a_key(user)
        await write(user, rests(key_id, clock.now() + timedelta(seconds=30)))
        shown = (await user.get(f"/api/provider-key/{key_id}")).json
        assert (shown["state"], shown["state_reason"]) == ("cooling", "rate_limited")
        assert shown["cooled_until"] > clock.now().isoformat()
        clock.move(seconds=31)
        shown = (await user.get(f"/api/provider-key/{key_id}")).json
        assert (shown["state"], shown["state_reason"], shown["cooled_until"]) == ("active", None, None)

    async def test_states_only_get_worse_in_any_order_of_writers(
        self, user: Api, clock: MovableClock, told: list[object]
    ) -> None:
        key_id = await a_key(user)
        now = clock.now()
        parked = rests(key_id, now + timedelta(hours=1), health="parked", state_reason="quota_exhausted")
        await write(user, rests(key_id, now + timedelta(seconds=60)))
        await write(user, rests(key_id, now + timedelta(seconds=30)))
        assert (await row(user, key_id)).cooled_until == now + timedelta(seconds=60)
        await write(user, parked)
        await write(user, rests(key_id, now + timedelta(hours=2)))
        assert (await row(user, key_id)).health == "parked"
        await write(user, replace(parked, cooled_until=now + timedelta(hours=3)))
        assert (await row(user, key_id)).cooled_until == now + timedelta(hours=3)
        await write(user, retired(key_id))
        await write(user, parked)
        key = await row(user, key_id)
        assert (key.health, key.cooled_until) == ("failed", None)
        await heard(told, 2)
        assert [type(event) for event in told] == [ProviderKeyParked, ProviderKeyRetired]

    async def test_news_of_a_replaced_secret_are_dropped(
        self, user: Api, clock: MovableClock, told: list[object]
    ) -> None:
        key_id = await a_key(user)
        await user.patch(f"/api/provider-key/{key_id}", {"secret": SECRET[::-1]})
        before = await version(user)
        await write(user, retired(key_id, last_used_at=clock.now()))
        key = await row(user, key_id)
        assert (key.health, key.version, key.last_used_at, told) == ("active", 2, None, [])
        assert await version(user) == before

    async def test_a_last_use_alone_changes_nothing_else(self, user: Api, clock: MovableClock) -> None:
        used, other = await a_key(user), await a_key(user, "other")
        before, now = await version(user), clock.now()
        await write(user, *(KeyNews(UUID(key), 1, last_used_at=now) for key in (used, other)))
        assert [(await row(user, key)).last_used_at for key in (used, other)] == [now, now]
        assert await version(user) == before

    async def test_a_deleted_key_takes_no_news(self, user: Api, told: list[object]) -> None:
        key_id = await a_key(user)
        await user.delete(f"/api/provider-key/{key_id}")
        await write(user, retired(key_id))
        assert ((await row(user, key_id)).health, told) == ("active", [])


@pytest.fixture
async def elsewhere(user: Api, clock: MovableClock) -> AsyncIterator[DataPlane]:
    """The data plane of another process on the same database; it reads when it is told to."""
    ours = user.installation.settings
    settings = ours.model_copy(update={"data_dir": ours.data_dir / "2"})
    opener = partial(open_here, SECRETS.master_keys)
    hasher = TokenHasher(SECRETS.token_secret)
    plane = build_data_plane(data_plane_config(settings), opener, hasher, clock, _nobody)
    await plane.snapshots.refresh()
    yield plane
    await plane.snapshots.close()
    await plane.usage.close()


async def _nobody(_turned: list[Turned]) -> None:
    return


class TestAllTheWay:
    async def _bot(self, user: Api) -> BotIdentity:
        await create(user, providers=[{"vendor": "openai", "models": ["m"], "key_id": None}])
        made = (await user.post("/api/bot/scout/token", {"name": "t"})).json
        bot = user.installation.snapshots.find(made["token"])
        assert bot is not None
        return bot

    def _labels(self, plane: DataPlane, bot: BotIdentity) -> set[str]:
        return {key.label for key in plane.keyring.candidates(bot, "openai")}

    async def test_from_a_refusal_to_another_process_and_past_a_restart(
        self, user: Api, clock: MovableClock, elsewhere: DataPlane
    ) -> None:
        for label in ("dead", "fast", "empty", "good"):
            await a_key(user, label)
        bot = await self._bot(user)
        here = user.installation.plane
        keys = {key.label: key for key in here.keyring.candidates(bot, "openai")}
        for label, reason in (("dead", "bad_key"), ("fast", "rate_limited"), ("empty", "quota_exhausted")):
            here.keyring.report(keys[label], status=429, reason=reason, retry_after=30.0)
        assert self._labels(here, bot) == {"good"}
        await here.usage.flush()

        await elsewhere.snapshots.refresh()
        assert self._labels(elsewhere, bot) == {"good"}
        clock.move(seconds=31)
        assert self._labels(elsewhere, bot) == {"good", "fast"}
        clock.move(hours=1)
        assert self._labels(elsewhere, bot) == {"good", "fast", "empty"}

    async def test_other_processes_hear_of_it_at_once(self, user: Api, elsewhere: DataPlane) -> None:
        """Nobody flushes or refreshes by hand: the ring hurries the writer, the version the reader."""
        await a_key(user)
        bot = await self._bot(user)
        here = user.installation.plane
        elsewhere.snapshots.follow(0.02)
        async with asyncio.timeout(10):
            while not elsewhere.snapshots.current.keys:
                await asyncio.sleep(0.01)
        (key,) = here.keyring.candidates(bot, "openai")
        here.keyring.report(key, status=401, reason="bad_key", retry_after=None)
        async with asyncio.timeout(10):
            while self._labels(elsewhere, bot):
                await asyncio.sleep(0.01)

    async def test_a_key_that_is_put_right_is_used_again_everywhere(
        self, user: Api, elsewhere: DataPlane
    ) -> None:
        key_id = await a_key(user)
        bot = await self._bot(user)
        here = user.installation.plane
        (key,) = here.keyring.candidates(bot, "openai")
        here.keyring.report(key, status=401, reason="bad_key", retry_after=None)
        await here.usage.flush()
        assert self._labels(here, bot) == set()
        await user.patch(f"/api/provider-key/{key_id}", {"secret": SECRET[::-1]})
        assert [key.secret for key in here.keyring.candidates(bot, "openai")] == [SECRET[::-1]]
        await elsewhere.snapshots.refresh()
        assert self._labels(elsewhere, bot) == {"main"}

    async def test_a_key_that_did_not_change_is_the_same_object_after_a_refresh(self, user: Api) -> None:
        changed, same = await a_key(user), await a_key(user, "same")
        (before,) = user.installation.snapshots.current.keys.values()
        await user.patch(f"/api/provider-key/{changed}", {"secret": SECRET[::-1]})
        (after,) = user.installation.snapshots.current.keys.values()
        kept = [key for key in after if any(key is one for one in before)]
        assert [str(key.key_id) for key in kept] == [same]
