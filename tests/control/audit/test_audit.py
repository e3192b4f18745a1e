"""Whatever is done leaves one row with the change itself, in a chain that nobody alters unnoticed."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from clawbot_manager.app.api import create_api
from clawbot_manager.control.audit.service import AuditTrail, Verdict
from clawbot_manager.kit.errors import UnavailableError
from clawbot_manager.runtimes.fake import FakeRuntime
from tests.control.bots.test_copies import export, is_restored, upload
from tests.control.test_bots import create
from tests.control.test_reconciler import reaches
from tests.support.api import PASSWORD, Api
from tests.support.clock import MovableClock

SECRET = "sk-canary-0123456789abcdef0123456789"
KEY = {"vendor": "openai", "label": "main", "secret": SECRET}


async def events(api: Api, query: str = "") -> list[dict[str, Any]]:
    """Oldest first."""
    answer = await api.get(f"/api/audit?limit=200{query}")
    assert answer.status == 200, answer.text
    items: list[dict[str, Any]] = answer.json["items"]
    return items[::-1]


async def told(api: Api) -> list[tuple[str, str, str]]:
    return [(event["action"], event["kind"], event["target"]) for event in await events(api)]


async def verdict(api: Api) -> Verdict:
    trail: AuditTrail = api.installation.services[AuditTrail]
    async with api.installation.database.reading() as tx:
        return await trail.verify(tx)


class TestEverythingIsWrittenDown:
    async def test_a_life(self, user: Api, runtime: FakeRuntime) -> None:
        key = (await user.post("/api/provider-key", KEY)).json["id"]
        await user.patch(f"/api/provider-key/{key}", {"label": "second", "enabled": True})
        await create(user, auto_start=False)
        await user.patch("/api/bot/scout", {"name": "Other", "tags": ["a"]})
        token = (await user.post("/api/bot/scout/token", {"name": "laptop"})).json
        await user.delete(f"/api/bot/scout/token/{token['id']}")
        backup = (await user.post("/api/bot/scout/backup")).json["id"]
        await user.post(f"/api/bot/scout/backup/{backup}/restore")
        await is_restored(user)
        await user.delete(f"/api/bot/scout/backup/{backup}")
        await upload(user, await export(user), "twin")
        await user.post("/api/bot/scout/clone", {"hostname": "third", "auto_start": False})
        await user.post("/api/bot/scout/start")
        await reaches(user, "running")
        await user.post("/api/bot/scout/restart")
        await user.post("/api/bot/scout/upgrade", {"image": "registry.example/bot:2"})
        await user.post("/api/bot/scout/stop")
        await user.delete("/api/bot/scout")
        await user.delete(f"/api/provider-key/{key}")
        made = (await user.post("/api/api-token", {"name": "script"})).json["id"]
        await user.delete(f"/api/api-token/{made}")
        await user.patch("/api/user/me", {"nickname": "U"})
        name = "user@example.com"
        assert await told(user) == [
            ("CREATE", "user", name),
            ("LOGIN", "session", name),
            ("CREATE", "provider_key", "main"),
            ("UPDATE", "provider_key", "second"),
            ("CREATE", "bot", "scout"),
            ("UPDATE", "bot", "scout"),
            ("CREATE", "bot_token", "scout/laptop"),
            ("DELETE", "bot_token", "scout/laptop"),
            ("CREATE", "backup", "scout"),
            ("UPDATE", "bot", "scout"),
            ("DELETE", "backup", "scout"),
            ("EXPORT", "bot", "scout"),
            ("IMPORT", "bot", "twin"),
            ("CREATE", "bot", "third"),
            ("START", "bot", "scout"),
            ("START", "bot", "scout"),
            ("CREATE", "backup", "scout"),
            ("UPDATE", "bot", "scout"),
            ("STOP", "bot", "scout"),
            ("DELETE", "bot", "scout"),
            ("DELETE", "provider_key", "second"),
            ("CREATE", "api_token", "script"),
            ("DELETE", "api_token", "script"),
            ("UPDATE", "user", name),
        ]
        rows = await events(user)
        assert rows[3]["fields"] == ["enabled", "label"]
        assert {row["actor"] for row in rows} == {name}
        assert {row["ip"] for row in rows} == {"127.0.0.1"}
        assert all(row["code"] is None and row["trace_id"] and row["user_agent"] for row in rows)
        for secret in (SECRET, token["token"], PASSWORD):
            assert secret not in str(rows)
        found = await verdict(user)
        assert found.broken_at is None
        assert found.rows >= len(rows)

    def test_no_operation_is_forgotten(self) -> None:
        """Who adds one that changes something adds it to the life above, or says here why it needs no row."""
        paths = create_api({}, secure_cookies=False).openapi()["paths"]
        changing = {
            operation["operationId"]
            for path in paths.values()
            for method, operation in path.items()
            if method in {"post", "put", "patch", "delete"}
        }
        in_the_life = {
            *("create_provider_key", "update_provider_key", "delete_provider_key"),
            *(
                "create_bot",
                "change_bot",
                "start_bot",
                "stop_bot",
                "restart_bot",
                "upgrade_bot",
                "delete_bot",
            ),
            *("clone_bot", "import_bot", "back_up_bot", "restore_bot", "delete_backup"),
            *("create_bot_token", "revoke_bot_token", "create_api_token", "revoke_api_token", "update_me"),
        }
        in_other_tests = {"sign_up", "sign_in", "sign_out", "clean_up"}
        in_other_tests |= {"end_session", "end_other_sessions", "change_password"}  # control/test_security
        changes_nothing = {"chat_with_bot", "diagnose_bot", "verify_provider_key", "refresh"}
        assert changing == in_the_life | in_other_tests | changes_nothing

    async def test_signing_in_and_out_and_what_is_refused(self, user: Api, api: Api, admin: Api) -> None:
        wrong = {"email": "user@example.com", "password": "not the password"}
        assert (await api.post("/api/auth/sign-in", wrong)).status == 401
        assert (await api.post("/api/auth/sign-in", {**wrong, "email": "nobody@example.com"})).status == 401
        assert user.user
        cookie = {"cookie": f"cbm_refresh={user.user.refresh}"}
        assert (await api.call("POST", "/api/auth/sign-out", headers=cookie)).status == 204
        again = {"email": "user@example.com", "password": PASSWORD}
        user.user.token = (await api.post("/api/auth/sign-in", again)).json["access_token"]
        rows = [(row["action"], row["code"]) for row in await events(user, "&kind=session")]
        assert rows == [("LOGIN", None), ("LOGIN", "wrong_credentials"), ("LOGOUT", None), ("LOGIN", None)]
        refused = await events(admin, "&everybody=true&refused=true")
        assert [row["target"] for row in refused] == ["user@example.com", "nobody@example.com"]
        assert "not the password" not in str(refused)

    async def test_what_fails_leaves_nothing(self, user: Api) -> None:
        await create(user)
        before = await told(user)
        taken = {"name": "x", "hostname": "scout", "providers": [{"vendor": "openai", "models": ["m"]}]}
        assert (await user.post("/api/bot", taken)).status == 409
        assert (await user.delete("/api/bot/nobody")).status == 404
        assert await told(user) == before

    async def test_orphans_that_go(self, admin: Api, user: Api) -> None:
        identity = UUID(int=5)
        (admin.installation.settings.data_dir / "bots" / str(identity)).mkdir(parents=True)
        assert (await admin.post("/api/bot/admin/cleanup", {"dry_run": False})).status == 200
        assert ("DELETE", "orphan", str(identity)) in await told(admin)


class TestWhoSeesWhat:
    async def test_ones_own_and_an_administrator_all(self, user: Api, admin: Api) -> None:
        await user.post("/api/provider-key", KEY)
        assert "main" not in str(await events(admin))
        assert "main" in str(await events(admin, "&everybody=true"))
        assert (await user.get("/api/audit?everybody=true")).status == 403
        assert (await user.get("/api/audit/export?everybody=true")).status == 403
        assert "admin@example.com" not in str(await events(user))

    async def test_filters_and_pages(self, user: Api, clock: MovableClock) -> None:
        for number in range(5):
            await user.post("/api/provider-key", {**KEY, "label": f"key_{number}"})
        assert len(await events(user, "&action=CREATE&kind=provider_key")) == 5
        assert [row["target"] for row in await events(user, "&target=KEY_3")] == ["key_3"]
        assert await events(user, "&target=k%25y") == []
        later = (clock.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert await events(user, f"&since={later}") == []
        assert len(await events(user, f"&until={later}")) == 7
        seen: list[int] = []
        query = ""
        while True:
            page = (await user.get(f"/api/audit?limit=2{query}")).json
            seen += [row["seq"] for row in page["items"]]
            if page["next_cursor"] is None:
                break
            query = f"&cursor={page['next_cursor']}"
        assert seen == sorted(seen, reverse=True)
        assert len(seen) == 7

    async def test_as_csv(self, user: Api) -> None:
        await user.post("/api/provider-key", {**KEY, "label": "=cmd|calc"})
        answer = await user.get("/api/audit/export")
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["target"] for row in rows] == ["'=cmd|calc", "user@example.com", "user@example.com"]


class TestTheChain:
    async def test_many_at_once_make_one_chain(self, user: Api) -> None:
        await asyncio.gather(
            *(user.post("/api/provider-key", {**KEY, "label": f"key {number}"}) for number in range(20))
        )
        found = await verdict(user)
        assert found.broken_at is None
        assert found.rows == 24
        assert len(bytes.fromhex(found.last_mark)) == 32

    @pytest.mark.parametrize(
        ("statement", "broken_at"),
        [
            ("UPDATE audit_events SET target = 'other' WHERE seq = 3", 3),
            ("UPDATE audit_events SET actor_id = NULL WHERE seq = 3", 3),
            ("UPDATE audit_events SET fields = '[\"x\"]' WHERE seq = 3", 3),
            ("DELETE FROM audit_events WHERE seq = 3", 4),
            ("DELETE FROM audit_events WHERE seq = 1", 2),
            ("UPDATE audit_events SET mark = (SELECT mark FROM audit_events WHERE seq = 2) WHERE seq = 3", 3),
        ],
    )
    async def test_what_is_altered_is_found(self, user: Api, statement: str, broken_at: int) -> None:
        async with user.installation.database.connection() as connection:
            await connection.execute(text(statement))
        assert (await verdict(user)).broken_at == broken_at

    async def test_what_is_cut_off_is_seen_by_the_last_mark(self, user: Api) -> None:
        before = await verdict(user)
        async with user.installation.database.connection() as connection:
            await connection.execute(text("DELETE FROM audit_events WHERE seq = 4"))
        after = await verdict(user)
        assert after.broken_at is None
        assert (after.rows, after.last_mark) != (before.rows, before.last_mark)


async def test_the_row_and_the_change_are_one(user: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither stays without the other."""

    async def broken(*_: object) -> None:
        raise UnavailableError("The trail cannot be written.")

    with monkeypatch.context() as context:
        context.setattr(user.installation.database, "_keep_acts", broken)
        assert (await user.post("/api/provider-key", KEY)).status == 503
    assert (await user.get("/api/provider-key")).json["items"] == []
    assert (await user.post("/api/provider-key", KEY)).status == 201
