"""Bots over HTTP, on a runtime that runs nothing: what is wanted, what is seen, whose it is."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from clawbot_manager.runtimes.fake import FakeRuntime, Fault
from tests.fakes.gateway import FakeGateway
from tests.support.api import Api, until


def a_bot(hostname: str = "scout", **change: Any) -> dict[str, Any]:
    providers = [{"vendor": "custom", "models": ["simulated-small", "simulated-large"]}]
    return {
        "name": hostname.title(),
        "hostname": hostname,
        "providers": providers,
        "auto_start": False,
        **change,
    }


async def create(api: Api, hostname: str = "scout", **change: Any) -> dict[str, Any]:
    answer = await api.post("/api/bot", a_bot(hostname, **change))
    assert answer.status == 201, answer.text
    result: dict[str, Any] = answer.json
    return result


class TestCreate:
    async def test_shows_what_was_given(self, user: Api) -> None:
        bot = await create(
            user, tags=["prod", "prod"], persona={"name": "Scout", "soul_markdown": "# Hi", "emoji": "🦊"}
        )
        assert bot["status"]["state"] == "created"
        assert bot["tags"] == ["prod"]
        assert bot["providers"][0]["primary_model"] == "simulated-small"
        assert (bot["emoji"], bot["port"]) == ("🦊", 9200)
        assert (await user.get("/api/bot/scout")).json == bot

    async def test_from_a_template(self, user: Api) -> None:
        template = (await user.get("/api/persona-template?locale=zh-CN")).json[0]
        bot = await create(user, persona_template_id=template["id"])
        assert bot["persona"]["soul_markdown"] == template["soul_markdown"]

    @pytest.mark.parametrize(
        ("change", "code", "field"),
        [
            ({"hostname": "a"}, "invalid_input", "hostname"),
            ({"hostname": "UPPER"}, "invalid_input", "hostname"),
            ({"hostname": "-dash"}, "invalid_input", "hostname"),
            ({"hostname": "../etc"}, "invalid_input", "hostname"),
            ({"hostname": "x" * 65}, "invalid_input", "hostname"),
            ({"hostname": "stats"}, "hostname_reserved", "hostname"),
            ({"hostname": "admin"}, "hostname_reserved", "hostname"),
            ({"name": ""}, "invalid_input", "name"),
            ({"providers": []}, "invalid_input", "providers"),
            ({"providers": [{"vendor": "openai", "models": []}]}, "invalid_input", "providers.0.models"),
            ({"providers": [{"vendor": "nobody", "models": ["m"]}]}, "bad_provider", "providers.0.vendor"),
            (
                {"providers": [{"vendor": "openai", "models": ["m"], "primary_model": "x"}]},
                "invalid_input",
                "providers.0",
            ),
            (
                {"providers": [{"vendor": "openai", "models": ["m"]}] * 2},
                "bad_provider",
                "providers.1.vendor",
            ),
            (
                {
                    "providers": [
                        {
                            "vendor": "openai",
                            "models": ["m"],
                            "key_id": "00000000-0000-7000-8000-000000000000",
                        }
                    ]
                },
                "bad_provider",
                "providers.0.key_id",
            ),
            (
                {"persona_template_id": "00000000-0000-7000-8000-000000000000"},
                "invalid_input",
                "persona_template_id",
            ),
            (
                {"features": {"sandbox_timeout_seconds": 4}},
                "invalid_input",
                "features.sandbox_timeout_seconds",
            ),
            ({"tags": ["Not A Tag"]}, "invalid_input", "tags.0"),
            ({"owner_id": "x"}, "invalid_input", "owner_id"),
        ],
    )
    async def test_wrong_input_names_the_field_and_makes_nothing(
        self, user: Api, change: dict[str, Any], code: str, field: str
    ) -> None:
        answer = await user.post("/api/bot", a_bot(**change))
        assert answer.status == 422, answer.text
        assert (answer.json["code"], answer.json["errors"][0]["field"]) == (code, field)
        assert (await user.get("/api/bot")).json["items"] == []

    async def test_a_hostname_is_unique_per_owner(self, user: Api, admin: Api) -> None:
        await create(user)
        again = await user.post("/api/bot", a_bot())
        assert (again.status, again.json["code"]) == (409, "hostname_taken")
        other = await create(admin)
        assert other["port"] == 9201


class TestNul:
    """PostgreSQL stores no text with a NUL: it must be refused before it gets there."""

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", "/api/bot", a_bot(name="a\x00b")),
            ("POST", "/api/bot", a_bot(persona={"name": "x", "soul_markdown": "a\x00b"})),
            ("POST", "/api/bot", a_bot(persona={"name": "x", "emoji": "\x00"})),
            ("PATCH", "/api/user/me", {"nickname": "a\x00b"}),
            ("POST", "/api/api-token", {"name": "a\x00b"}),
            (
                "POST",
                "/api/provider-key",
                {"vendor": "openai", "label": "x", "secret": "sk-0123456789abcdefghij", "notes": "\x00"},
            ),
            ("POST", "/api/bot/scout/chat", {"message": "\x00"}),
            ("GET", "/api/bot?q=%00", None),
            ("GET", "/api/usage?hostname=%00", None),
            ("GET", "/api/usage?vendor=%00", None),
            ("GET", "/api/bot/%00", None),
            ("DELETE", "/api/bot/a%00b", None),
        ],
    )
    async def test_is_refused(self, user: Api, method: str, path: str, body: Any) -> None:
        answer = await user.call(method, path, json=body)
        assert (answer.status, answer.json["code"]) == (422, "invalid_input"), answer.text


class TestBodies:
    @pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"", 422), (b"[]", 422), (b"\xff", 400)])
    async def test_not_an_object(self, user: Api, body: bytes, status: int) -> None:
        answer = await user.call("POST", "/api/bot", data=body, headers={"content-type": "application/json"})
        assert answer.status == status, answer.text
        assert answer.json["trace_id"] == answer.headers["x-clawbot-trace-id"]

    async def test_too_large(self, user: Api) -> None:
        body = BytesIO(b'{"name": "' + b"x" * 2_000_000)
        answer = await user.call("POST", "/api/bot", data=body, headers={"content-type": "application/json"})
        assert (answer.status, answer.json["code"]) == (413, "payload_too_large")

    async def test_too_large_without_a_length(self, user: Api) -> None:
        async def endless() -> Any:
            for _ in range(300):
                yield b" " * 8192

        answer = await user.call(
            "POST", "/api/bot", data=endless(), headers={"content-type": "application/json"}
        )
        assert (answer.status, answer.json["code"]) == (413, "payload_too_large")

    async def test_unknown_route_and_method(self, user: Api) -> None:
        assert (await user.get("/api/nothing")).json["code"] == "route_not_found"
        assert (await user.call("PUT", "/api/bot")).json["code"] == "method_not_allowed"


class TestLife:
    async def test_stats_search_and_pages(self, user: Api) -> None:
        for name in ("alpha", "beta", "gamma-1", "gamma_2".replace("_", "-")):
            await create(user, name)
        assert (await user.get("/api/bot/stats")).json == {"total": 4, "by_state": {"created": 4}}
        assert [bot["hostname"] for bot in (await user.get("/api/bot?q=GAMMA")).json["items"]] == [
            "gamma-2",
            "gamma-1",
        ]
        assert (await user.get("/api/bot?q=%25")).json["items"] == []
        first = (await user.get("/api/bot?limit=3")).json
        rest = (await user.get(f"/api/bot?limit=3&cursor={first['next_cursor']}")).json
        assert [bot["hostname"] for bot in rest["items"]] == ["alpha"]

    async def test_a_stopped_bot_cannot_chat(self, user: Api) -> None:
        await create(user)
        answer = await user.post("/api/bot/scout/chat", {"message": "hello"})
        assert (answer.status, answer.json["code"]) == (409, "bot_not_running")

    async def test_a_refusal_of_the_bot_is_told(
        self, user: Api, runtime: FakeRuntime, gateway: FakeGateway
    ) -> None:
        await create(user, auto_start=True)

        async def runs() -> bool:
            return bool((await user.get("/api/bot/scout")).json["status"]["state"] == "running")

        await until(runs)
        gateway.refusal = "The bot token is not valid."
        answer = await user.post("/api/bot/scout/chat", {"message": "hello"})
        assert (answer.status, answer.json["code"]) == (502, "bot_unreachable")
        assert answer.json["params"] == {"status": 401}

    async def test_delete_goes_all_the_way(self, user: Api) -> None:
        await create(user)
        answer = await user.delete("/api/bot/scout")
        assert (answer.status, answer.json["status"]["state"]) == (202, "deleting")

        async def gone() -> bool:
            return (await user.get("/api/bot/scout")).status == 404

        await until(gone)
        await create(user)

    async def test_nothing_turns_a_deletion_back(self, user: Api, runtime: FakeRuntime) -> None:
        runtime.world.fail("remove", Fault.UNAVAILABLE, times=1000)
        await create(user)
        await user.delete("/api/bot/scout")
        answer = await user.post("/api/bot/scout/start")
        assert (answer.status, answer.json["code"]) == (409, "bot_deleting")
        runtime.world.heal()


class TestTenancy:
    async def test_anothers_bot_is_not_there(self, user: Api, admin: Api) -> None:
        await create(user)
        token = (await user.post("/api/bot/scout/token", {"name": "mine"})).json
        calls = [
            await admin.get("/api/bot/scout"),
            await admin.delete("/api/bot/scout"),
            await admin.post("/api/bot/scout/start"),
            await admin.post("/api/bot/scout/stop"),
            await admin.get("/api/bot/scout/logs"),
            await admin.get("/api/bot/scout/stats"),
            await admin.post("/api/bot/scout/chat", {"message": "hello"}),
            await admin.get("/api/bot/scout/token"),
            await admin.post("/api/bot/scout/token", {"name": "theirs"}),
            await admin.delete(f"/api/bot/scout/token/{token['id']}"),
        ]
        assert {(call.status, call.json["code"]) for call in calls} == {(404, "bot_not_found")}
        assert (await admin.get("/api/bot")).json["items"] == []

    async def test_anothers_key_cannot_be_named(self, user: Api, admin: Api) -> None:
        key = await user.post(
            "/api/provider-key", {"vendor": "openai", "label": "k", "secret": "sk-0123456789abcdefghij"}
        )
        providers = [{"vendor": "openai", "models": ["m"], "key_id": key.json["id"]}]
        answer = await admin.post("/api/bot", a_bot(providers=providers))
        assert (answer.status, answer.json["code"]) == (422, "bad_provider")

    async def test_admin_routes(self, user: Api, admin: Api) -> None:
        assert (await user.get("/api/bot/admin/orphans")).status == 403
        assert (await user.post("/api/bot/admin/cleanup", {})).status == 403
        assert (await admin.get("/api/bot/admin/orphans")).json == []

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/api/bot"),
            ("POST", "/api/bot"),
            ("GET", "/api/bot/x/logs"),
            ("POST", "/api/bot/admin/cleanup"),
        ],
    )
    async def test_nobody(self, api: Api, method: str, path: str) -> None:
        answer = await api.call(method, path)
        assert (answer.status, answer.json["code"]) == (401, "unauthorized")


class TestTokens:
    async def test_shown_once_and_revocable(self, user: Api) -> None:
        await create(user)
        made = (await user.post("/api/bot/scout/token", {"name": "laptop"})).json
        assert made["base_urls"]["custom"].endswith("/api/v1/custom")
        listed = await user.get("/api/bot/scout/token")
        assert made["token"] not in listed.text
        assert [token["name"] for token in listed.json] == ["laptop"]
        assert (await user.delete(f"/api/bot/scout/token/{made['id']}")).status == 204
        assert (await user.get("/api/bot/scout/token")).json == []
        assert (await user.delete(f"/api/bot/scout/token/{made['id']}")).status == 404
