"""The reconciler against a runtime that fails in every way, and against its own sudden death."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from clawbot_manager.app.compose import Installation, compose
from clawbot_manager.control.bots.models import Bot, BotToken
from clawbot_manager.infra.crypto.passwords import Passwords
from clawbot_manager.runtimes.base import InstanceState
from clawbot_manager.runtimes.fake import FakeRuntime, Fault
from clawbot_manager.settings import Settings
from tests.control.conftest import SECRETS
from tests.control.test_bots import create
from tests.fakes.gateway import FakeGateway
from tests.support.api import Api, serving, until
from tests.support.clock import MovableClock


async def reaches(
    api: Api, state: str, *, health: str | None = None, hostname: str = "scout"
) -> dict[str, Any]:
    async def there() -> dict[str, Any] | None:
        status = (await api.get(f"/api/bot/{hostname}")).json["status"]
        return status if status["state"] == state and health in {None, status["health"]} else None

    found: dict[str, Any] = await until(there, what=f"{hostname} is {state}")
    return found


async def bot_id(api: Api, hostname: str = "scout") -> UUID:
    return UUID((await api.get(f"/api/bot/{hostname}")).json["id"])


class TestHappyPath:
    async def test_create_start_stop_delete(self, user: Api, runtime: FakeRuntime) -> None:
        await create(user, auto_start=True)
        await reaches(user, "running", health="healthy")
        workspace = user.installation.settings.data_dir / "bots" / str(await bot_id(user)) / "workspace"
        assert sorted(path.name for path in workspace.iterdir()) == [
            "config.json",
            "features.json",
            "soul.md",
        ]
        await user.post("/api/bot/scout/stop")
        await reaches(user, "stopped")
        await user.post("/api/bot/scout/start")
        await reaches(user, "running")
        await user.delete("/api/bot/scout")
        await until(lambda: _gone(user))
        assert runtime.world.instances == {}
        assert not workspace.parent.exists()

    async def test_one_instance_and_one_token(self, user: Api, runtime: FakeRuntime) -> None:
        await create(user, auto_start=True)
        await reaches(user, "running")
        assert [verb for verb, _ in runtime.world.calls].count("create") == 1
        assert len(await _live_tokens(user.installation)) == 1

    async def test_wanting_twice_is_wanting_once(self, user: Api, runtime: FakeRuntime) -> None:
        await create(user, auto_start=True)
        for _ in range(5):
            assert (await user.post("/api/bot/scout/start")).status == 202
        await reaches(user, "running")
        assert [verb for verb, _ in runtime.world.calls].count("create") == 1


async def _gone(api: Api) -> bool:
    return (await api.get("/api/bot/scout")).status == 404


async def _live_tokens(installation: Installation) -> list[BotToken]:
    async with installation.database.reading() as tx:
        return list(await tx.scalars(select(BotToken).where(BotToken.revoked_at.is_(None))))


class TestRepair:
    async def test_killed_from_outside_starts_again(self, user: Api, runtime: FakeRuntime) -> None:
        await create(user, auto_start=True)
        await reaches(user, "running")
        await runtime.world.kill(await bot_id(user))

        async def runs() -> bool:
            return runtime.world.instances[await bot_id(user)].state is InstanceState.RUNNING

        await until(runs)
        await reaches(user, "running")

    async def test_removed_from_outside_is_made_again_with_a_new_token(
        self, user: Api, runtime: FakeRuntime
    ) -> None:
        await create(user, auto_start=True)
        await reaches(user, "running")
        before = {token.id for token in await _live_tokens(user.installation)}
        runtime.world.instances.clear()
        await until(lambda: _exists(runtime))
        await reaches(user, "running", health="healthy")

        async def one_new_token() -> bool:
            after = {token.id for token in await _live_tokens(user.installation)}
            return len(after) == 1 and after != before

        await until(one_new_token)

    async def test_a_bot_that_keeps_ending_is_held_and_says_why(
        self, user: Api, runtime: FakeRuntime, gateway: FakeGateway, clock: MovableClock
    ) -> None:
        gateway.problem = "not yet"
        await create(user, auto_start=True)
        identity = await bot_id(user)

        async def held() -> bool:
            instance = runtime.world.instances.get(identity)
            if instance is not None and instance.state is InstanceState.RUNNING:
                await runtime.world.write(identity, "no such model")
                await runtime.world.kill(identity, exit_code=1)
            status = (await user.get("/api/bot/scout")).json["status"]
            return bool(status["state"] == "error")

        await until(held)
        status = (await user.get("/api/bot/scout")).json["status"]
        assert status["code"] == "bot_ended"
        assert "exit code 1" in status["detail"]
        assert "no such model" in status["detail"]
        gateway.problem = None
        clock.move(seconds=120)
        await reaches(user, "running", health="healthy")

    async def test_not_ready_in_time_is_an_error_that_heals(
        self, user: Api, gateway: FakeGateway, clock: MovableClock
    ) -> None:
        gateway.problem = "it does not answer yet"
        await create(user, auto_start=True)
        await reaches(user, "starting")
        await until(lambda: _started(user))
        clock.move(seconds=600)
        status = await reaches(user, "error", health="unhealthy")
        assert status["code"] == "not_ready"
        gateway.problem = None
        await reaches(user, "running", health="healthy")

    async def test_a_taken_port_is_left_for_another(
        self, user: Api, runtime: FakeRuntime, gateway: FakeGateway
    ) -> None:
        gateway.problem = "not yet"
        bot = await create(user, auto_start=True)
        identity = await bot_id(user)
        await until(lambda: _exists(runtime))

        async def moved() -> bool:
            instance = runtime.world.instances.get(identity)
            if instance is not None and instance.state is InstanceState.RUNNING:
                await runtime.world.kill(identity, exit_code=69)
            return bool((await user.get("/api/bot/scout")).json["port"] != bot["port"])

        await until(moved)
        gateway.problem = None
        await reaches(user, "running")

    async def test_a_workspace_edited_by_hand_is_written_again(self, user: Api) -> None:
        await create(user, auto_start=True, persona={"name": "Scout", "soul_markdown": "the soul"})
        await reaches(user, "running")
        soul = (
            user.installation.settings.data_dir / "bots" / str(await bot_id(user)) / "workspace" / "soul.md"
        )
        soul.write_text("stolen")

        async def restored() -> bool:
            return soul.read_text() == "the soul"

        await until(restored)


async def _exists(runtime: FakeRuntime) -> bool:
    return bool(runtime.world.instances)


async def _started(api: Api) -> bool:
    return (await api.get("/api/bot/scout")).json["started_at"] is not None


class TestRuntimeDown:
    async def test_unknown_and_never_stopped(self, user: Api, runtime: FakeRuntime) -> None:
        await create(user, auto_start=True)
        await reaches(user, "running", health="healthy")
        runtime.world.fail("inspect", Fault.UNAVAILABLE, times=10_000)
        status = await reaches(user, "running", health="unknown")
        assert status["code"] == "runtime_unavailable"
        assert (await user.get("/api/bot/scout/chat")).status == 405
        answer = await user.post("/api/bot/scout/chat", {"message": "hello"})
        assert (answer.status, answer.json["code"]) == (503, "runtime_unavailable")
        runtime.world.heal()
        await reaches(user, "running", health="healthy")


@pytest.mark.parametrize("fault", [Fault.BAD, Fault.UNAVAILABLE, Fault.HALF_DONE])
@pytest.mark.parametrize("verb", ["inspect", "create", "start", "stop", "remove"])
async def test_every_verb_may_fail_in_every_way_and_the_bot_gets_there(
    user: Api, runtime: FakeRuntime, clock: MovableClock, verb: str, fault: Fault
) -> None:
    runtime.world.fail(verb, fault, times=2)
    await create(user, auto_start=True)
    await _wait_out(user, clock, "running")
    await user.post("/api/bot/scout/stop")
    await _wait_out(user, clock, "stopped")
    await user.post("/api/bot/scout/start")
    await _wait_out(user, clock, "running")
    await user.delete("/api/bot/scout")
    await until(lambda: _gone(user))
    assert runtime.world.instances == {}


async def _wait_out(api: Api, clock: MovableClock, state: str) -> None:
    """Reach the state, with the holds between tries passing quickly."""

    async def there() -> bool:
        clock.move(seconds=5)
        return bool((await api.get("/api/bot/scout")).json["status"]["state"] == state)

    await until(there, what=state)


class TestRestart:
    """A manager that stops without a word, and a second one on the same database and world."""

    @asynccontextmanager
    async def _again(
        self, settings: Settings, clock: MovableClock, runtime: FakeRuntime, gateway: FakeGateway, user: Api
    ) -> AsyncIterator[Api]:
        cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        second = compose(
            settings,
            SECRETS,
            clock=clock,
            runtime=FakeRuntime(runtime.world),
            passwords=cheap,
            gateway=gateway,
        )
        async with serving(second) as api:
            yield api.as_(user.user)

    @pytest.mark.parametrize("verb", ["create", "start"])
    @pytest.mark.parametrize("fault", [Fault.NEVER, Fault.HALF_DONE])
    async def test_in_the_middle_of_a_step(
        self,
        installation: Installation,
        settings: Settings,
        clock: MovableClock,
        runtime: FakeRuntime,
        gateway: FakeGateway,
        verb: str,
        fault: Fault,
    ) -> None:
        runtime.world.fail(verb, fault)
        async with serving(installation) as api:
            user = await api.sign_up()
            await create(user, auto_start=True)
            await until(lambda: _called(runtime, verb))
        runtime.world.heal()
        async with self._again(settings, clock, runtime, gateway, user) as again:
            await reaches(again, "running", health="healthy")
            assert len(runtime.world.instances) == 1
            assert len(await _live_tokens(again.installation)) == 1

    async def test_a_running_bot_is_adopted_as_it_is(
        self,
        installation: Installation,
        settings: Settings,
        clock: MovableClock,
        runtime: FakeRuntime,
        gateway: FakeGateway,
    ) -> None:
        async with serving(installation) as api:
            user = await api.sign_up()
            await create(user, auto_start=True)
            await reaches(user, "running")
        runtime.world.calls.clear()
        async with self._again(settings, clock, runtime, gateway, user) as again:
            await until(lambda: _called(runtime, "inspect"))
            await reaches(again, "running", health="healthy")
            assert {verb for verb, _ in runtime.world.calls} <= {"inspect", "probe", "list"}


async def _called(runtime: FakeRuntime, verb: str) -> bool:
    return any(called == verb for called, _ in runtime.world.calls)


class TestOrphans:
    async def test_found_dry_run_and_removed(self, admin: Api, runtime: FakeRuntime) -> None:
        await create(admin, auto_start=True)
        await reaches(admin, "running")
        async with admin.installation.database.transaction() as tx:
            bot = await tx.scalar(select(Bot))
            assert bot is not None
            bot.deleted_at = bot.created_at  # as if the database had been restored from a backup
        found = (await admin.get("/api/bot/admin/orphans")).json
        assert sorted(orphan["kind"] for orphan in found) == ["instance", "token", "workspace"]
        dry = (await admin.post("/api/bot/admin/cleanup", {})).json
        assert (dry["dry_run"], len(dry["removed"])) == (True, 3)
        assert runtime.world.instances
        done = (await admin.post("/api/bot/admin/cleanup", {"dry_run": False})).json
        assert (done["dry_run"], len(done["removed"]), done["failed"]) == (False, 3, [])
        assert (await admin.get("/api/bot/admin/orphans")).json == []
        assert runtime.world.instances == {}
