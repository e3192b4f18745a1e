"""What the proxy stands on: keys chosen fairly, tokens that stop at once, usage that gets written."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from clawbot_manager.app.compose import Installation
from clawbot_manager.control.dataplane.keyring import KeyRingService
from clawbot_manager.control.dataplane.usage_sink import UsageSinkService
from clawbot_manager.control.usage import repository as usage_repository
from clawbot_manager.control.usage.models import UsageRow
from clawbot_manager.kit.ids import uuid7
from clawbot_manager.proxy.ports import Attempt, BotIdentity, Usage, UsageRecord
from tests.control.test_bots import create
from tests.control.test_vault import SECRET
from tests.support.api import Api
from tests.support.clock import MovableClock


def a_record(clock: MovableClock, **change: Any) -> UsageRecord:
    facts: dict[str, Any] = {
        "record_id": uuid7(),
        "at": clock.now(),
        "trace_id": "t" * 32,
        "owner_id": uuid7(),
        "bot_id": uuid7(),
        "hostname": "scout",
        "token_id": uuid7(),
        "vendor": "openai",
        "method": "POST",
        "endpoint": "/chat/completions",
        "dialect": "openai-chat",
        "key_id": None,
        "key_label": None,
        "model_asked": "m",
        "model_answered": "m",
        "streamed": False,
        "status": 200,
        "error_code": None,
        "usage": Usage(input_tokens=3, output_tokens=0, source="provider"),
        "duration_ms": 12.4,
        "first_byte_ms": None,
    }
    return UsageRecord(**{**facts, **change})


async def stored(installation: Installation) -> list[UsageRow]:
    async with installation.database.reading() as tx:
        return list(await tx.scalars(select(UsageRow).order_by(UsageRow.id)))


class TestUsageSink:
    async def test_what_is_not_said_stays_apart_from_zero(
        self, installation: Installation, clock: MovableClock
    ) -> None:
        installation.usage_sink.record(a_record(clock))
        await installation.usage_sink.flush()
        (row,) = await stored(installation)
        assert (row.input_tokens, row.output_tokens, row.cache_read_tokens) == (3, 0, None)
        assert (row.duration_ms, row.first_byte_ms) == (12, None)

    async def test_hostile_values_fit_their_columns(
        self, installation: Installation, clock: MovableClock
    ) -> None:
        hostile = a_record(
            clock,
            vendor="v" * 64,
            endpoint="/" + "x" * 5000,
            model_asked="a\x00b\ud800c" + "x" * 5000,
            model_answered="\n",
            method="M" * 99,
            error_code="e" * 99,
            usage=Usage(input_tokens=10**30, output_tokens=-5, reasoning_tokens=2**39, source="provider"),
            attempts=[Attempt(uuid7(), 500, "r\x00" * 99)],
        )
        installation.usage_sink.record(hostile)
        await installation.usage_sink.flush()
        (row,) = await stored(installation)
        assert row.model_asked is not None
        assert row.model_asked.startswith("abcx")
        assert (row.input_tokens, row.output_tokens, row.reasoning_tokens) == (None, None, 2**39)

    async def test_one_row_that_cannot_be_stored_does_not_hold_up_the_others(
        self, installation: Installation, clock: MovableClock
    ) -> None:
        sink = installation.usage_sink
        for status in (200, None, 201):
            sink.record(a_record(clock, status=status))
        await sink.flush()
        assert sorted(row.status for row in await stored(installation)) == [200, 201]

    async def test_a_batch_written_twice_counts_once(
        self, installation: Installation, clock: MovableClock
    ) -> None:
        record = a_record(clock)
        for _ in range(2):
            installation.usage_sink.record(record)
            await installation.usage_sink.flush()
        assert len(await stored(installation)) == 1

    async def test_a_database_that_is_away_loses_nothing_up_to_the_bound(
        self, installation: Installation, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sink = UsageSinkService(
            installation.database,
            KeyRingService(installation.snapshots, installation.database, clock),
            flush_seconds=1,
            queue_size=3,
        )
        for _ in range(5):
            sink.record(a_record(clock))

        async def away(*_: Any) -> None:
            raise OperationalError("INSERT", {}, Exception("away"))

        with monkeypatch.context() as patch:
            patch.setattr(usage_repository, "add_all", away)
            with pytest.raises(OperationalError):
                await sink.flush()
        await sink.close()
        assert len(await stored(installation)) == 3
        assert sink.dropped == 2


class TestKeyRing:
    async def _bot(self, user: Api, *tags: str, pinned: str | None = None) -> BotIdentity:
        provider = {"vendor": "openai", "models": ["m"], "key_id": pinned}
        await create(user, providers=[provider], tags=list(tags))
        made = (await user.post("/api/bot/scout/token", {"name": "t"})).json
        bot = user.installation.snapshots.find(made["token"])
        assert bot is not None
        return bot

    async def _key(self, user: Api, label: str, tag: str | None = None) -> str:
        body = {"vendor": "openai", "label": label, "secret": SECRET, "tag": tag}
        answer = await user.post("/api/provider-key", body)
        return str(answer.json["id"])

    def _ring(self, user: Api, clock: MovableClock) -> KeyRingService:
        return KeyRingService(user.installation.snapshots, user.installation.database, clock)

    async def test_tags_in_order_then_untagged_never_anothers(self, user: Api, clock: MovableClock) -> None:
        for label, tag in (("plain", None), ("b1", "b"), ("a1", "a"), ("c1", "c")):
            await self._key(user, label, tag)
        bot = await self._bot(user, "a", "b")
        assert [key.label for key in self._ring(user, clock).candidates(bot, "openai")] == [
            "a1",
            "b1",
            "plain",
        ]

    async def test_round_robin_is_fair(self, user: Api, clock: MovableClock) -> None:
        for number in range(3):
            await self._key(user, f"k{number}")
        bot, ring = await self._bot(user), self._ring(user, clock)
        firsts = [ring.candidates(bot, "openai")[0].label for _ in range(9)]
        assert {label: firsts.count(label) for label in set(firsts)} == {"k0": 3, "k1": 3, "k2": 3}

    async def test_a_pinned_key_alone(self, user: Api, clock: MovableClock) -> None:
        await self._key(user, "other")
        pinned = await self._key(user, "pinned", "elsewhere")
        bot = await self._bot(user, pinned=pinned)
        ring = self._ring(user, clock)
        assert [key.label for key in ring.candidates(bot, "openai")] == ["pinned"]
        await user.delete(f"/api/provider-key/{pinned}")
        assert ring.candidates(bot, "openai") == []
        assert not ring.has_any(bot, "openai")

    async def test_another_owners_keys_are_not_there(
        self, user: Api, admin: Api, clock: MovableClock
    ) -> None:
        await self._key(admin, "theirs")
        bot = await self._bot(user)
        assert self._ring(user, clock).candidates(bot, "openai") == []

    async def test_a_refused_key_is_left_alone_and_its_owner_sees_why(
        self, user: Api, clock: MovableClock
    ) -> None:
        key = await self._key(user, "bad")
        bot, ring = await self._bot(user), self._ring(user, clock)
        ring.report(UUID(key), status=401, reason="bad_key", retry_after=None)
        assert ring.candidates(bot, "openai") == []
        await ring.flush()
        shown = (await user.get(f"/api/provider-key/{key}")).json
        assert (shown["state"], shown["last_used_at"] is not None) == ("failed", True)
        assert "401" in shown["state_detail"]

    async def test_a_rate_limited_key_rests_as_long_as_it_was_told(
        self, user: Api, clock: MovableClock
    ) -> None:
        key = await self._key(user, "fast")
        bot, ring = await self._bot(user), self._ring(user, clock)
        ring.report(UUID(key), status=429, reason="rate_limited", retry_after=30)
        assert ring.candidates(bot, "openai") == []
        assert ring.has_any(bot, "openai")
        clock.move(seconds=31)
        assert len(ring.candidates(bot, "openai")) == 1


class TestTokens:
    async def test_revoked_and_expired_ones_stop_at_once(self, user: Api, clock: MovableClock) -> None:
        await create(user)
        find = user.installation.snapshots.find
        gone = (await user.post("/api/bot/scout/token", {"name": "gone"})).json
        short = (await user.post("/api/bot/scout/token", {"name": "short", "expires_in_days": 1})).json
        assert find(gone["token"]) is not None
        assert find(short["token"]) is not None
        await user.delete(f"/api/bot/scout/token/{gone['id']}")
        assert find(gone["token"]) is None
        clock.move(days=1.1)
        assert find(short["token"]) is None
        assert find("") is None
        assert find("\ud800") is None

    async def test_no_token_is_in_the_database(self, user: Api) -> None:
        await create(user)
        made = (await user.post("/api/bot/scout/token", {"name": "t"})).json
        async with user.installation.database.reading() as tx:
            rows = (await tx.execute(text("SELECT * FROM bot_tokens"))).all()
        assert made["token"] not in repr(rows)
