"""Provider keys over HTTP: a secret goes in and never comes out."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text

from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.infra.crypto.secretbox import SecretBox, SecretBoxError
from tests.fakes.upstream import MockUpstream
from tests.support.api import Api

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
        assert failed["state"] == "failed"
        assert failed["last_checked_at"]
        # the upstream is gone: that says nothing about the key
        gone = await user.post(f"/api/provider-key/{good['id']}/verify")
        assert gone.json["result"] == "unknown"
        assert (await user.get(f"/api/provider-key/{good['id']}")).json["state"] == "active"


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
