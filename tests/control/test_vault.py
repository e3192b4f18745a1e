"""Provider keys over HTTP: a secret goes in and never comes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web
from sqlalchemy import select, text, update

from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.infra.crypto.secretbox import SecretBox, SecretBoxError
from tests.fakes.upstream import Canned, MockUpstream
from tests.support.api import Api
from tests.support.clock import MovableClock

SECRET = "sk-proj-abcdefghijklmnopqrstuvwx7Qf0"


async def _add(api: Api, **change: Any) -> dict[str, Any]:
    body = {"vendor": "openai", "label": "main", "secret": SECRET, **change}
    answer = await api.post("/api/provider-key", {k: v for k, v in body.items() if v is not ...})
    assert answer.status == 201, answer.text
    result: dict[str, Any] = answer.json
    return result


class TestCreate:
    async def test_shows_a_hint_and_never_the_secret(self, user: Api) -> None:
        key = await _add(user, tag="prod", notes="for production")
        assert key["hint"] == "sk-…7Qf0"
        assert key["state"] == "active"
        for path in ("/api/provider-key", f"/api/provider-key/{key['id']}"):
            assert SECRET not in (await user.get(path)).text

    async def test_is_sealed_in_the_database_and_bound_to_its_row(self, user: Api) -> None:
        first = await _add(user)
        second = await _add(user, label="second", secret=SECRET[::-1])
        assert first["fingerprint"] != second["fingerprint"]
        async with user.installation.database.reading() as tx:
            rows = {str(row.id): row for row in await tx.scalars(select(ProviderKey))}
            one, other = rows[first["id"]], rows[second["id"]]
        assert one.sealed_secret
        assert SECRET not in one.sealed_secret
        box = SecretBox({1: bytes(range(32))})
        assert box.open(one.sealed_secret, context=one.seal_context) == SECRET
        with pytest.raises(SecretBoxError):
            box.open(one.sealed_secret, context=other.seal_context)

    @pytest.mark.parametrize(
        ("change", "code", "field"),
        [
            ({"vendor": "nobody"}, "unknown_vendor", "vendor"),
            ({"secret": ...}, "secret_required", "secret"),
            ({"secret": "two words"}, "secret_required", "secret"),
            ({"label": ""}, "invalid_input", "label"),
            ({"label": "x" * 101}, "invalid_input", "label"),
            ({"tag": "UPPER CASE"}, "invalid_input", "tag"),
            ({"owner_id": "x"}, "invalid_input", "owner_id"),
            ({"vendor": "custom"}, "bad_base_url", "base_url"),
            ({"base_url": "http://example.com/v1"}, "bad_base_url", "base_url"),
            ({"base_url": "https://169.254.169.254/"}, "bad_base_url", "base_url"),
            ({"base_url": "https://0x0a.1:8080/"}, "bad_base_url", "base_url"),
            ({"base_url": "https://user:pass@example.com"}, "bad_base_url", "base_url"),
            ({"base_url": "ftp://example.com"}, "bad_base_url", "base_url"),
            ({"base_url": "simulated://provider"}, "bad_base_url", "base_url"),
        ],
    )
    async def test_wrong_input_names_the_field(
        self, user: Api, change: dict[str, Any], code: str, field: str
    ) -> None:
        body = {"vendor": "openai", "label": "main", "secret": SECRET, **change}
        answer = await user.post("/api/provider-key", {k: v for k, v in body.items() if v is not ...})
        assert answer.status == 422, answer.text
        assert answer.json["code"] == code
        assert [error["field"] for error in answer.json["errors"]] == [field]
        assert SECRET not in answer.text
        assert (await user.get("/api/provider-key")).json["items"] == []

    async def test_a_label_is_unique_per_owner_and_free_after_deletion(self, user: Api, admin: Api) -> None:
        key = await _add(user)
        again = await user.post("/api/provider-key", {"vendor": "openai", "label": "main", "secret": SECRET})
        assert (again.status, again.json["code"]) == (409, "label_taken")
        await _add(admin)
        assert (await user.delete(f"/api/provider-key/{key['id']}")).status == 204
        await _add(user)

    async def test_simulated(self, user: Api) -> None:
        key = await _add(user, vendor="custom", secret=..., base_url="simulated://provider")
        assert key["is_simulated"] is True
        verified = await user.post(f"/api/provider-key/{key['id']}/verify")
        assert verified.json["result"] == "ok"
        models = await user.get(f"/api/provider-key/{key['id']}/models")
        assert models.json["source"] == "vendor"
        assert "simulated-small" in models.json["models"]


class TestChange:
    async def test_replace_the_secret_in_place(self, user: Api) -> None:
        key = await _add(user)
        changed = await user.patch(
            f"/api/provider-key/{key['id']}", {"secret": "sk-another-0123456789abWXYZ"}
        )
        assert changed.json["hint"] == "sk-…WXYZ"
        assert changed.json["fingerprint"] != key["fingerprint"]

    @pytest.mark.parametrize(
        "change",
        [
            {"secret": SECRET[::-1]},
            {"base_url": "https://gateway.example/v2"},
            {"base_url": "https://gateway.example/v1", "api_type": "anthropic-messages"},
        ],
    )
    async def test_a_new_secret_or_address_starts_afresh(
        self, user: Api, clock: MovableClock, change: dict[str, Any]
    ) -> None:
        key = await _add(user, vendor="custom", base_url="https://gateway.example/v1", api_type="openai-chat")
        until = clock.now() + timedelta(hours=1)
        await _put(user, key["id"], health="parked", state_reason="quota_exhausted", cooled_until=until)
        changed = (await user.patch(f"/api/provider-key/{key['id']}", change)).json
        assert (changed["state"], changed["state_reason"], changed["cooled_until"]) == ("active", None, None)
        assert (await _row(user, key["id"])).version == 2

    async def test_other_changes_leave_state_and_version_alone(self, user: Api) -> None:
        key = await _add(user)
        await _put(user, key["id"], health="failed", state_reason="bad_key", state_detail="Refused.")
        same = {"label": "other", "tag": "prod", "notes": "n", "base_url": None, "enabled": True}
        changed = (await user.patch(f"/api/provider-key/{key['id']}", same)).json
        assert (changed["state"], changed["state_reason"]) == ("failed", "bad_key")
        assert (await _row(user, key["id"])).version == 1

    async def test_a_stored_secret_is_not_sent_to_another_address(self, user: Api) -> None:
        key = await _add(user)
        path = f"/api/provider-key/{key['id']}"
        moved = await user.patch(path, {"base_url": "https://attacker.example"})
        assert (moved.status, moved.json["errors"][0]["field"]) == (422, "secret")
        with_secret = {"base_url": "https://gateway.example/v1", "secret": SECRET}
        assert (await user.patch(path, with_secret)).status == 200
        assert (await user.patch(path, {"base_url": "https://gateway.example/v2"})).status == 200
        assert (await user.patch(path, {"base_url": None})).status == 422

    async def test_disable_and_clear(self, user: Api) -> None:
        key = await _add(user, tag="prod")
        changed = await user.patch(f"/api/provider-key/{key['id']}", {"enabled": False, "tag": None})
        assert (changed.json["state"], changed.json["tag"]) == ("disabled", None)
        assert (await user.get("/api/provider-key/health")).json["disabled"] == 1

    async def test_deleting_wipes_the_secret(self, user: Api) -> None:
        key = await _add(user)
        await user.delete(f"/api/provider-key/{key['id']}")
        async with user.installation.database.reading() as tx:
            left = await tx.scalar(text("SELECT count(*) FROM provider_keys WHERE sealed_secret IS NOT NULL"))
        assert left == 0
        assert (await user.get(f"/api/provider-key/{key['id']}")).status == 404


class TestStates:
    async def test_each_with_what_explains_it(self, user: Api, clock: MovableClock) -> None:
        later, over = clock.now() + timedelta(minutes=5), clock.now() - timedelta(minutes=5)
        facts: dict[str, dict[str, Any]] = {
            "plain": {"state_detail": "Once too fast.", "cooled_until": over},
            "rested": {"health": "parked", "state_reason": "quota_exhausted", "cooled_until": over},
            "fast": {"state_reason": "rate_limited", "state_detail": "Too fast.", "cooled_until": later},
            "poor": {"health": "parked", "state_reason": "quota_exhausted", "cooled_until": later},
            "dead": {"health": "failed", "state_reason": "bad_key", "next_check_at": later},
            "off": {"enabled": False},
        }
        for label, values in facts.items():
            await _put(user, (await _add(user, label=label))["id"], **values)
        health = (await user.get("/api/provider-key/health")).json
        counts = {name: count for name, count in health.items() if name != "keys"}
        assert counts == {"total": 6, "active": 2, "cooling": 1, "parked": 1, "failed": 1, "disabled": 1}
        shown = {key["label"]: key for key in health["keys"]}
        assert list(shown) == ["dead", "poor", "fast", "plain", "rested", "off"]
        listed = {key["label"]: key for key in (await user.get("/api/provider-key")).json["items"]}
        for label, key in shown.items():
            assert {name: listed[label][name] for name in key} == key
        assert (shown["fast"]["state"], shown["fast"]["state_reason"]) == ("cooling", "rate_limited")
        assert shown["fast"]["state_detail"] == "Too fast."
        assert shown["fast"]["cooled_until"] is not None
        assert shown["dead"]["next_check_at"] is not None
        for label in ("plain", "rested", "off"):
            explained = ("state_reason", "state_detail", "cooled_until", "next_check_at")
            assert [shown[label][name] for name in explained] == [None] * 4

    async def test_anothers_are_not_counted(self, user: Api, admin: Api) -> None:
        await _add(user)
        assert (await admin.get("/api/provider-key/health")).json["total"] == 0


class TestTenancy:
    async def test_anothers_key_is_not_there(self, user: Api, admin: Api) -> None:
        key = await _add(user)
        path = f"/api/provider-key/{key['id']}"
        assert (await admin.get("/api/provider-key")).json["items"] == []
        calls = [
            await admin.get(path),
            await admin.patch(path, {"label": "stolen"}),
            await admin.delete(path),
            await admin.post(f"{path}/verify"),
            await admin.get(f"{path}/models"),
        ]
        assert {(call.status, call.json["code"]) for call in calls} == {(404, "provider_key_not_found")}
        assert (await user.get(path)).json["label"] == "main"


class TestVerify:
    async def test_good_bad_and_unknown(self, user: Api) -> None:
        async with MockUpstream(keys={SECRET}).serving() as upstream:
            good = await _add(user, base_url=upstream.url)
            bad = await _add(user, label="bad", base_url=upstream.url, secret="sk-wrong-0123456789abcdef")
            assert (await user.post(f"/api/provider-key/{good['id']}/verify")).json["result"] == "ok"
            assert (await user.post(f"/api/provider-key/{bad['id']}/verify")).json["result"] == "bad_key"
            models = await user.get(f"/api/provider-key/{good['id']}/models")
            assert models.json["source"] == "vendor"
            assert SECRET in upstream.seen[0].everything()
        failed = (await user.get(f"/api/provider-key/{bad['id']}")).json
        assert (failed["state"], failed["state_reason"]) == ("failed", "bad_key")
        assert failed["next_check_at"]
        assert failed["last_checked_at"]
        # the upstream is gone: that says nothing about the key
        gone = await user.post(f"/api/provider-key/{good['id']}/verify")
        assert gone.json["result"] == "unknown"
        assert (await user.get(f"/api/provider-key/{good['id']}")).json["state"] == "active"

    async def test_a_good_answer_brings_back_what_failed_or_was_parked(
        self, user: Api, clock: MovableClock
    ) -> None:
        async with MockUpstream(keys={SECRET}).serving() as upstream:
            for health in ("failed", "parked"):
                key = await _add(user, label=health, base_url=upstream.url)
                until = clock.now() + timedelta(hours=1)
                await _put(user, key["id"], health=health, cooled_until=until, state_reason="x")
                await user.post(f"/api/provider-key/{key['id']}/verify")
                row = await _row(user, key["id"])
                assert (row.health, row.version, row.cooled_until) == ("active", 2, None)

    async def test_a_rest_after_a_rate_limit_is_the_vendors_to_end(
        self, user: Api, clock: MovableClock
    ) -> None:
        async with MockUpstream(keys={SECRET}).serving() as upstream:
            key = await _add(user, base_url=upstream.url)
            until = clock.now() + timedelta(hours=1)
            await _put(user, key["id"], cooled_until=until, state_reason="rate_limited")
            await user.post(f"/api/provider-key/{key['id']}/verify")
        assert (await user.get(f"/api/provider-key/{key['id']}")).json["state"] == "cooling"

    async def test_an_answer_about_a_secret_that_was_replaced_meanwhile_is_not_kept(self, user: Api) -> None:
        upstream = ReplacingUpstream(keys=set())
        async with upstream.serving():
            key = await _add(user, base_url=upstream.url)
            upstream.user, upstream.key_id = user, key["id"]
            check = (await user.post(f"/api/provider-key/{key['id']}/verify")).json
        assert check["result"] == "bad_key"
        shown = (await user.get(f"/api/provider-key/{key['id']}")).json
        assert (shown["state"], shown["last_checked_at"]) == ("active", None)

    async def test_an_empty_account_is_said_and_takes_no_key_that_works_away(self, user: Api) -> None:
        upstream = MockUpstream()
        async with upstream.serving():
            key = await _add(user, vendor="deepseek", base_url=upstream.url)
            upstream.canned += [Canned(200, b'{"data":[]}'), Canned(200, b'{"is_available":false}')]
            check = (await user.post(f"/api/provider-key/{key['id']}/verify")).json
        assert (check["result"], check["has_money"]) == ("empty", False)
        assert (await user.get(f"/api/provider-key/{key['id']}")).json["state"] == "active"


@dataclass
class ReplacingUpstream(MockUpstream):
    """A provider that is asked about a key at the moment when its owner puts another secret in."""

    user: Api | None = None
    key_id: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert self.user is not None
        changed = await self.user.patch(f"/api/provider-key/{self.key_id}", {"secret": SECRET[::-1]})
        assert changed.status == 200
        return await super().handle(request)


async def _put(api: Api, key_id: str, **values: Any) -> None:
    async with api.installation.database.transaction() as tx:
        await tx.execute(update(ProviderKey).where(ProviderKey.id == UUID(key_id)).values(**values))


async def _row(api: Api, key_id: str) -> ProviderKey:
    async with api.installation.database.reading() as tx:
        found = await tx.get(ProviderKey, UUID(key_id))
    assert found is not None
    return found


async def test_pages(user: Api) -> None:
    for number in range(5):
        await _add(user, label=f"key {number}")
    first = (await user.get("/api/provider-key?limit=3")).json
    second = (await user.get(f"/api/provider-key?limit=3&cursor={first['next_cursor']}")).json
    assert [key["label"] for key in first["items"] + second["items"]] == [f"key {n}" for n in (4, 3, 2, 1, 0)]
    assert second["next_cursor"] is None
    assert (await user.get("/api/provider-key?cursor=!!!")).status == 422


async def test_vendors(user: Api) -> None:
    vendors = (await user.get("/api/vendor")).json
    assert len(vendors) == 25
    assert next(one for one in vendors if one["id"] == "custom")["needs_base_url"] is True
