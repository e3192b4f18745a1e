"""What is wrong with a bot, and how the machine is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from clawbot_manager.control.bots.models import Bot
from clawbot_manager.runtimes.fake import FakeRuntime, Fault
from tests.control.test_bots import create
from tests.control.test_reconciler import bot_id, reaches
from tests.fakes.gateway import FakeGateway
from tests.support.api import Api

SIMULATED = {"vendor": "custom", "label": "simulated", "base_url": "simulated://provider"}
PROVIDER = [{"vendor": "custom", "models": ["simulated-small"]}]


async def checks(api: Api, *, prompt: bool = True) -> dict[str, tuple[str, str]]:
    """Each check's code and status."""
    answer = await api.post("/api/bot/scout/diagnose", {"prompt": prompt})
    assert answer.status == 200, answer.json
    found = {check["name"]: (check["code"], check["status"]) for check in answer.json["checks"]}
    assert answer.json["healthy"] is all(status != "fail" for _, status in found.values())
    return found


class TestDiagnosis:
    async def test_of_a_bot_that_is_well(self, user: Api) -> None:
        await user.post("/api/provider-key", SIMULATED)
        await create(user, auto_start=True, providers=PROVIDER)
        await reaches(user, "running")
        assert await checks(user) == {
            "key": ("ok", "pass"),
            "model": ("ok", "pass"),
            "instance": ("ok", "pass"),
            "gateway": ("ok", "pass"),
            "network": ("not_looked", "skipped"),  # the runtime of these tests has no inside
            "prompt": ("ok", "pass"),
            "disk": ("ok", "pass"),
        }

    async def test_names_what_is_missing_and_says_what_to_do(self, user: Api, gateway: FakeGateway) -> None:
        await create(user, auto_start=True, providers=PROVIDER)
        await reaches(user, "running")
        gateway.problem = "it does not answer yet"
        gateway.refusal = "no luck"
        answer = (await user.post("/api/bot/scout/diagnose", {"prompt": True})).json
        wrong = {check["name"]: check for check in answer["checks"] if check["status"] == "fail"}
        assert set(wrong) == {"key", "gateway", "prompt"}
        assert wrong["key"]["params"] == {"vendor": "custom"}
        assert "Add a key" in wrong["key"]["advice"]
        assert wrong["prompt"]["code"] == "proxy"

    async def test_a_model_that_is_not_offered_is_a_warning(self, user: Api) -> None:
        await user.post("/api/provider-key", SIMULATED)
        await create(user, auto_start=False, providers=[{"vendor": "custom", "models": ["no-such-model"]}])
        assert (await checks(user))["model"] == ("not_in_list", "warning")

    async def test_of_a_bot_that_is_stopped(self, user: Api) -> None:
        await create(user, auto_start=False)
        found = await checks(user)
        assert found["instance"] == ("not_wanted", "skipped")
        assert found["gateway"] == found["network"] == found["prompt"] == ("not_running", "skipped")

    async def test_without_a_prompt_none_is_sent(self, user: Api, gateway: FakeGateway) -> None:
        await create(user, auto_start=True)
        await reaches(user, "running")
        before = len(gateway.asked)
        assert (await checks(user, prompt=False))["prompt"] == ("not_wanted", "skipped")
        assert len(gateway.asked) == before

    async def test_with_the_runtime_away_the_rest_is_still_looked_at(
        self, user: Api, runtime: FakeRuntime
    ) -> None:
        await create(user, auto_start=True)
        await reaches(user, "running")
        runtime.world.fail("inspect", Fault.UNAVAILABLE, times=10_000)
        found = await checks(user)
        assert found["instance"] == ("runtime_unavailable", "fail")
        assert {"key", "disk"} <= set(found)

    async def test_drift_and_restarts_show(self, user: Api, runtime: FakeRuntime) -> None:
        await create(user, auto_start=True)
        await reaches(user, "running")
        runtime.world.unmendable.add("memory")
        runtime.world.fail("mend", Fault.NEVER)
        await runtime.world.change(await bot_id(user), "memory")
        assert (await checks(user))["instance"] == ("drift", "warning")

    async def test_is_the_owners_alone(self, user: Api, admin: Api, api: Api) -> None:
        await create(user)
        assert (await admin.post("/api/bot/scout/diagnose", {})).status == 404
        assert (await api.post("/api/bot/scout/diagnose", {})).status == 401


class TestMachine:
    async def test_gauges_bots_and_routes(self, user: Api, admin: Api) -> None:
        await create(user, auto_start=True)
        await reaches(user, "running")
        seen: dict[str, Any] = (await admin.get("/api/diagnostics")).json
        assert [gauge["name"] for gauge in seen["gauges"]] == ["cpu", "memory", "disk", "load"]
        for gauge in seen["gauges"]:
            assert gauge["percent"] >= 0
            assert gauge["level"] in {"ok", "warning", "danger"}
        (row,) = seen["containers"]
        assert (row["hostname"], row["owner"], row["state"]) == ("scout", "user@example.com", "running")
        assert row["memory_bytes"] > 0
        routes = {route["group"]: route for route in seen["latency"]}
        assert routes["bot"]["requests"] > 0
        assert 0 < routes["bot"]["p50_ms"] <= routes["bot"]["p95_ms"]
        assert routes["bot"]["error_rate"] == 0

    async def test_is_the_administrators_alone(self, user: Api) -> None:
        assert (await user.get("/api/diagnostics")).status == 403

    async def test_with_the_runtime_away_the_gauges_are_there(self, admin: Api, runtime: FakeRuntime) -> None:
        runtime.world.fail("list", Fault.UNAVAILABLE, times=1000)
        seen = (await admin.get("/api/diagnostics")).json
        assert len(seen["gauges"]) == 4
        assert seen["containers"] == []


class TestOrphans:
    async def test_age_and_size_are_told_and_some_can_be_chosen(
        self, admin: Api, runtime: FakeRuntime
    ) -> None:
        await create(admin, auto_start=True)
        await reaches(admin, "running")
        async with admin.installation.database.transaction() as tx:
            bot = await tx.scalar(select(Bot))
            assert bot is not None
            bot.deleted_at = bot.created_at
        found = {orphan["kind"]: orphan for orphan in (await admin.get("/api/bot/admin/orphans")).json}
        assert set(found) == {"instance", "workspace", "token"}
        assert all(orphan["created_at"] for orphan in found.values())
        assert found["workspace"]["size_bytes"] > 0
        chosen = {"dry_run": False, "ids": [found["token"]["id"]]}
        done = (await admin.post("/api/bot/admin/cleanup", chosen)).json
        assert [orphan["kind"] for orphan in done["removed"]] == ["token"]
        left = {orphan["kind"] for orphan in (await admin.get("/api/bot/admin/orphans")).json}
        assert left == {"instance", "workspace"}
        assert runtime.world.instances
