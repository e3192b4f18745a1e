"""What the proxy looks up follows the database, and is the same object where nothing changed."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from clawbot_manager.app.plan import data_plane_config
from clawbot_manager.control.dataplane.news import KeyState
from clawbot_manager.control.dataplane.plane import build_data_plane
from clawbot_manager.control.dataplane.snapshot import SnapshotStore
from clawbot_manager.control.dataplane.store import BotRow, KeyRow, Reading, StateRow, TokenRow, Turned
from clawbot_manager.infra.crypto.opening import OpenerError, ProcessOpener, Sealed, open_here
from clawbot_manager.infra.crypto.secretbox import SecretBox
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.kit.clock import SystemClock
from clawbot_manager.kit.ids import uuid7
from clawbot_manager.proxy.ports import ProviderKey
from tests.control.conftest import SECRETS
from tests.control.dataplane.records import FakeStore
from tests.control.dataplane.test_store import NOW
from tests.control.test_bots import create
from tests.control.test_vault import SECRET
from tests.support.api import Api
from tests.support.clock import MovableClock

HASHER = TokenHasher(SECRETS.token_secret)
OWNER, BOT, KEY = uuid7(), uuid7(), uuid7()


class Opener:
    """Opens what begins with "sealed "; counts what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, sealed: Sequence[Sealed]) -> list[str | None]:
        self.asked += [one.text for one in sealed]
        return [one.text.removeprefix("sealed ") if one.text != "spoilt" else None for one in sealed]


def a_token(token: str, **change: Any) -> TokenRow:
    return TokenRow(HASHER.hash(token), uuid7().hex, BOT.hex, None)._replace(**change)


def a_bot(**change: Any) -> BotRow:
    providers = f'[{{"vendor":"openai","models":["m"],"key_id":"{KEY}"}},{{"vendor":"groq","key_id":null}}]'
    return BotRow(BOT.hex, "scout", OWNER.hex, '["a"]', providers)._replace(**change)


def a_key(**change: Any) -> KeyRow:
    row = KeyRow(KEY.hex, "user", OWNER.hex, "openai", "main", "a", None, None, "sealed s3cret", 1)
    return row._replace(**change)


@dataclasses.dataclass
class World:
    store: FakeStore = dataclasses.field(default_factory=FakeStore)
    opener: Opener = dataclasses.field(default_factory=Opener)

    def __post_init__(self) -> None:
        self.snapshots = SnapshotStore(self.store, self.opener, HASHER, SystemClock())

    async def publish(
        self,
        tokens: list[TokenRow],
        bots: list[BotRow],
        keys: list[KeyRow],
        states: list[StateRow] | None = None,
    ) -> None:
        version = self.store.reading.version + 1
        self.store.reading = Reading(version, tokens, bots, keys, states or [])

    def key(self) -> ProviderKey:
        (found,) = self.snapshots.current.keys[OWNER, "openai"]
        return found


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.snapshots.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


class TestWhatIsRead:
    async def test_bots_by_token_and_keys_by_owner_and_vendor(self, world: World) -> None:
        expiring = a_token("t2", expires_at="2099-01-02 03:04:05.000006")
        orphan = a_token("t3", bot_id=uuid7().hex)
        resting = StateRow(KEY.hex, 1, "parked", "2026-11-27 01:02:03.040000")
        await world.publish([a_token("t1"), expiring, orphan], [a_bot()], [a_key(version=4)], [resting])
        await world.snapshots.refresh()
        bot = world.snapshots.find("t1")
        assert bot is not None
        assert (bot.bot_id, bot.owner_id, bot.hostname, bot.expires_at) == (BOT, OWNER, "scout", None)
        assert (bot.tags, bot.vendors, bot.pinned_keys) == (
            ("a",),
            frozenset({"openai", "groq"}),
            {"openai": KEY},
        )
        later = world.snapshots.find("t2")
        assert later is not None
        assert later.expires_at is not None
        assert later.expires_at.isoformat() == "2099-01-02T03:04:05.000006+00:00"
        assert world.snapshots.find("t3") is None
        key = world.key()
        assert (key.key_id, key.secret, key.tag, key.version) == (KEY, "s3cret", "a", 4)
        assert world.snapshots.current.states == {KEY: KeyState(1, "parked", NOW)}
        assert "s3cret" not in repr(world.snapshots.current)

    async def test_a_key_that_cannot_be_opened_is_left_out_and_told(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        keyless = a_key(key_id=uuid7().hex, vendor="ollama", sealed_secret=None)
        await world.publish([], [], [a_key(sealed_secret="spoilt"), keyless])
        await world.snapshots.refresh()
        assert set(world.snapshots.current.keys) == {(OWNER, "ollama")}
        assert world.snapshots.current.keys[OWNER, "ollama"][0].secret == ""
        assert "key.cannot_be_opened" in caplog.messages


class TestWhatChanged:
    async def test_rows_that_stay_keep_their_objects_and_are_not_opened_again(self, world: World) -> None:
        token, other = a_token("t1"), a_token("t2")
        second = a_key(key_id=uuid7().hex, vendor="groq", sealed_secret="sealed other")
        await world.publish([token, other], [a_bot()], [a_key(), second])
        await world.snapshots.refresh()
        bot, key, snapshot = world.snapshots.find("t1"), world.key(), world.snapshots.current
        await world.publish([token, other], [a_bot()], [a_key(), second._replace(sealed_secret="sealed new")])
        await world.snapshots.refresh()
        assert world.snapshots.current is not snapshot
        assert world.snapshots.find("t1") is bot
        assert world.key() is key
        assert world.snapshots.current.keys[OWNER, "groq"][0].secret == "new"
        assert world.opener.asked == ["sealed s3cret", "sealed other", "sealed new"]
        await world.publish([token], [a_bot(tags="[]")], [a_key(label="renamed"), second])
        await world.snapshots.refresh()
        assert world.snapshots.find("t1") is not bot
        assert world.snapshots.find("t2") is None
        assert (world.key().label, world.key().secret) == ("renamed", "s3cret")

    async def test_the_epoch_grows_only_with_a_change_of_tokens_bots_or_keys(self, world: World) -> None:
        token = a_token("t1")
        epochs = []
        for tokens, bots, keys, states in (
            ([token], [a_bot()], [a_key()], []),
            ([token], [a_bot()], [a_key()], []),
            ([token], [a_bot()], [a_key()], [StateRow(KEY.hex, 1, "failed", None)]),
            ([token], [a_bot(hostname="x")], [a_key()], []),
            ([token], [a_bot(hostname="x")], [a_key(tag=None)], []),
            ([], [a_bot(hostname="x")], [a_key(tag=None)], []),
        ):
            await world.publish(tokens, bots, keys, states)
            await world.snapshots.refresh()
            epochs.append(world.snapshots.epoch)
        assert epochs == [1, 1, 1, 2, 3, 4]

    async def test_states_alone_make_another_snapshot(self, world: World) -> None:
        await world.publish([], [], [a_key()])
        await world.snapshots.refresh()
        before = world.snapshots.current
        await world.publish([], [], [a_key()], [StateRow(KEY.hex, 1, "failed", None)])
        await world.snapshots.refresh()
        assert world.snapshots.current is not before
        assert world.snapshots.current.states == {KEY: KeyState(1, "failed")}


class TestFollowing:
    async def test_it_reads_again_when_the_version_grew(self, world: World) -> None:
        await world.snapshots.refresh()
        world.snapshots.follow(0.005)
        await world.publish([a_token("t1")], [a_bot()], [])
        await until(lambda: world.snapshots.find("t1"))

    async def test_while_the_database_is_away_the_last_snapshot_serves_and_it_is_told_once(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        await world.publish([a_token("t1")], [a_bot()], [])
        await world.snapshots.refresh()
        asked = 0
        version = world.store.version

        def counted() -> int:
            nonlocal asked
            asked += 1
            return version()

        world.store.version = counted  # type: ignore[method-assign]
        world.store.is_away = True
        world.snapshots.follow(0.002)
        await until(lambda: asked > 5)
        assert world.snapshots.is_stale
        assert world.snapshots.find("t1") is not None
        assert caplog.messages.count("snapshot.not_refreshed") == 1
        world.store.is_away = False
        await world.publish([a_token("t2")], [a_bot()], [])
        await until(lambda: world.snapshots.find("t2"))
        await until(lambda: not world.snapshots.is_stale)
        assert caplog.messages.count("snapshot.refreshed_again") == 1

    async def test_a_database_that_hangs_is_interrupted(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("clawbot_manager.control.dataplane.snapshot._PATIENCE", 0.05)
        hung = threading.Event()
        world.store.read = partial(_hang, hung, world.store.reading)  # type: ignore[method-assign]
        world.store.interrupt = hung.set  # type: ignore[method-assign]
        await world.snapshots.refresh()
        assert hung.is_set()


def _hang(hung: threading.Event, reading: Reading) -> Reading:
    assert hung.wait(60)
    return reading


class TestOpening:
    def test_a_process_of_its_own_opens_what_this_one_does(self) -> None:
        box = SecretBox(SECRETS.master_keys)
        sealed = [
            Sealed(box.seal("s3cret", context="here"), "here"),
            Sealed(box.seal("ünïcode 密", context="there"), "there"),
            Sealed(box.seal("s3cret", context="here"), "elsewhere"),
            Sealed("no seal at all", "here"),
        ]
        opened = open_here(SECRETS.master_keys, sealed)
        assert opened == ["s3cret", "ünïcode 密", None, None]
        assert ProcessOpener(SECRETS.master_keys)(sealed) == opened
        assert ProcessOpener(SECRETS.master_keys)([]) == []

    def test_its_failure_tells_nothing_of_what_it_was_given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.executable", "/bin/false")
        with pytest.raises(OpenerError) as caught:
            ProcessOpener(SECRETS.master_keys)([Sealed("planted", "planted")])
        assert "planted" not in repr(caught.value)
        assert caught.value.__cause__ is None


async def _nobody(_turned: list[Turned]) -> None:
    return


class TestTheRealDatabase:
    async def test_another_process_sees_a_change_by_the_version(self, user: Api, clock: MovableClock) -> None:
        config = data_plane_config(user.installation.settings)
        elsewhere = build_data_plane(
            config, partial(open_here, SECRETS.master_keys), HASHER, clock, _nobody
        ).snapshots
        await elsewhere.refresh()
        elsewhere.follow(0.01)
        try:
            await create(user)
            made = (await user.post("/api/bot/scout/token", {"name": "t"})).json
            await until(lambda: elsewhere.find(made["token"]))
            body = {"vendor": "openai", "label": "main", "secret": SECRET}
            key_id = (await user.post("/api/provider-key", body)).json["id"]
            await until(lambda: elsewhere.current.keys)
            ((key,),) = elsewhere.current.keys.values()
            assert (key.key_id, key.secret) == (UUID(key_id), SECRET)
            await user.delete(f"/api/bot/scout/token/{made['id']}")
            await until(lambda: elsewhere.find(made["token"]) is None)
        finally:
            await elsewhere.close()
