"""What happens to a bot beyond starting and stopping: proof, drift, changes, upgrades, and their events."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

from clawbot_manager.runtimes.base import InstanceState
from clawbot_manager.runtimes.fake import FakeRuntime
from tests.control.test_bots import create
from tests.control.test_reconciler import bot_id, reaches
from tests.control.test_usage import add, owner_of
from tests.fakes.gateway import FakeGateway
from tests.support.api import Api, until
from tests.support.clock import MovableClock

IMAGE = "registry.example/bot:2"


async def codes(api: Api) -> list[str]:
    """The codes of what happened, oldest first."""
    page = (await api.get("/api/bot/scout/events?limit=100")).json
    return [event["code"] for event in page["items"]][::-1]


async def told(api: Api, code: str) -> dict[str, Any]:
    """The event, once it has happened."""

    async def find() -> dict[str, Any] | None:
        events = (await api.get("/api/bot/scout/events?limit=100")).json["items"]
        return next((event for event in events if event["code"] == code), None)

    found: dict[str, Any] = await until(find, what=code)
    return found


async def running(api: Api, **given: Any) -> UUID:
    """A bot that has proved itself."""
    await create(api, auto_start=True, **given)
    await reaches(api, "running", health="healthy")
    return await bot_id(api)


class TestProof:
    async def test_one_prompt_an_instance(self, user: Api, gateway: FakeGateway) -> None:
        await running(user)
        assert len(gateway.asked) == 1
        assert (await user.get("/api/bot/scout")).json["proved_at"] is not None
        await user.post("/api/bot/scout/stop")
        await reaches(user, "stopped")
        await user.post("/api/bot/scout/start")
        await reaches(user, "running")
        assert len(gateway.asked) == 1, "the same instance does not prove itself twice"
        await user.post("/api/bot/scout/restart")
        await reaches(user, "starting")
        await reaches(user, "running")
        assert len(gateway.asked) == 2

    async def test_a_prompt_that_gets_lost_is_an_error_with_the_hop_and_is_sent_again(
        self, user: Api, gateway: FakeGateway, clock: MovableClock, runtime: FakeRuntime
    ) -> None:
        gateway.refusal = "no luck"
        await create(user, auto_start=True)
        status = await reaches(user, "error", health="unhealthy")
        assert status["code"] == "proof_proxy"
        assert "no luck" in status["detail"]
        assert (await told(user, "proof_proxy"))["level"] == "error"
        (instance,) = runtime.world.instances.values()
        assert instance.state is InstanceState.RUNNING, "it is left as it is, to be looked at"
        gateway.refusal = None
        clock.move(seconds=60)
        await reaches(user, "running", health="healthy")

    async def test_a_new_key_is_tried_at_once(self, user: Api, gateway: FakeGateway) -> None:
        gateway.refusal = "no key"
        await create(user, auto_start=True)
        await reaches(user, "error")
        gateway.refusal = None
        key = {"vendor": "openai", "label": "main", "secret": "sk-test-0123456789abcdef0123"}
        assert (await user.post("/api/provider-key", key)).status == 201
        await reaches(user, "running", health="healthy")


class TestTraffic:
    async def test_failures_in_a_row_are_told_until_an_answer_comes(
        self, user: Api, clock: MovableClock, gateway: FakeGateway
    ) -> None:
        identity, owner = await running(user), await owner_of(user)
        failed = {"bot_id": identity, "status": 503, "error_code": "no_key_available"}
        for _ in range(2):
            await add(user.installation, owner, clock.now(), **failed)
        await add(user.installation, owner, clock.now(), **{**failed, "bot_id": uuid4()})
        await asyncio.sleep(0.5)  # some looks, which see two
        assert (await user.get("/api/bot/scout")).json["status"]["health"] == "healthy"
        await add(user.installation, owner, clock.now(), **failed)
        status = await reaches(user, "running", health="unhealthy")
        assert status["code"] == "proof_key"
        assert "last 3 requests failed" in status["detail"]
        assert "no_key_available" in (await told(user, "proof_key"))["detail"]
        await add(user.installation, owner, clock.now(), bot_id=identity)
        assert (await reaches(user, "running", health="healthy"))["code"] is None
        assert (await codes(user)).count("proof_key") == 1
        assert len(gateway.asked) == 1, "nothing was asked to find out"

    async def test_it_is_forgotten_in_silence(self, user: Api, clock: MovableClock) -> None:
        identity, owner = await running(user), await owner_of(user)
        for _ in range(3):
            await add(user.installation, owner, clock.now(), bot_id=identity, status=500)
        assert (await reaches(user, "running", health="unhealthy"))["code"] == "proof_provider"
        clock.move(seconds=61)
        await reaches(user, "running", health="healthy")


class TestDrift:
    async def test_what_can_be_mended_is(self, user: Api, runtime: FakeRuntime) -> None:
        identity = await running(user)
        await runtime.world.change(identity, "memory", "name")
        assert "memory, name" in (await told(user, "drift_mended"))["detail"]
        assert runtime.world.instances[identity].drift == ()
        assert [verb for verb, _ in runtime.world.calls].count("create") == 1

    async def test_else_another_instance_is_made(self, user: Api, runtime: FakeRuntime) -> None:
        identity = await running(user)
        runtime.world.unmendable.add("mounts")
        await runtime.world.change(identity, "mounts")
        await told(user, "drift_replaced")

        async def anew() -> bool:
            return [verb for verb, _ in runtime.world.calls].count("create") == 2

        await until(anew)
        await reaches(user, "running", health="healthy")

    async def test_a_paused_bot_goes_on(self, user: Api, runtime: FakeRuntime) -> None:
        identity = await running(user)
        await runtime.world.pause(identity)
        await told(user, "unpaused")
        await reaches(user, "running", health="healthy")

    async def test_a_bot_that_ended_is_started_and_its_owner_told(
        self, user: Api, runtime: FakeRuntime
    ) -> None:
        identity = await running(user)
        await runtime.world.write(identity, "out of ideas")
        await runtime.world.kill(identity, exit_code=3)
        detail = (await told(user, "restarted"))["detail"]
        assert "exit code 3" in detail
        assert "out of ideas" in detail
        await reaches(user, "running", health="healthy")

    async def test_files_changed_by_other_hands_are_told(self, user: Api) -> None:
        identity = await running(user)
        soul = user.installation.settings.data_dir / "bots" / str(identity) / "workspace" / "soul.md"
        soul.write_text("stolen")
        assert "soul.md" in (await told(user, "workspace_mended"))["detail"]


class TestChanges:
    async def test_what_is_in_files_arrives_at_once(self, user: Api, runtime: FakeRuntime) -> None:
        identity = await running(user)
        persona = {"name": "Fox", "soul_markdown": "You are a fox.", "emoji": None}
        answer = await user.patch("/api/bot/scout", {"persona": persona, "name": "Foxy"})
        assert (answer.status, answer.json["name"]) == (200, "Foxy")
        assert answer.json["is_pending_restart"] is False
        assert set((await told(user, "settings_applied"))["detail"].split(", ")) == {"config.json", "soul.md"}
        soul = user.installation.settings.data_dir / "bots" / str(identity) / "workspace" / "soul.md"
        assert soul.read_text() == "You are a fox."
        assert [verb for verb, _ in runtime.world.calls].count("create") == 1
        assert "workspace_mended" not in await codes(user)

    async def test_limits_wait_for_a_restart(self, user: Api, runtime: FakeRuntime) -> None:
        await running(user)
        answer = await user.patch("/api/bot/scout", {"limits": {"memory_mb": 640}})
        assert answer.json["is_pending_restart"] is True
        assert answer.json["limits"] == {"memory_mb": 640, "cpus": None, "processes": None}
        assert [verb for verb, _ in runtime.world.calls].count("create") == 1
        answer = await user.post("/api/bot/scout/restart")
        assert (answer.status, answer.json["status"]["state"]) == (202, "starting")
        await reaches(user, "running")
        assert (await user.get("/api/bot/scout")).json["is_pending_restart"] is False
        verbs = [verb for verb, _ in runtime.world.calls]
        assert verbs.index("stop") < len(verbs) - verbs[::-1].index("create")
        assert verbs.count("create") == 2

    async def test_wrong_changes_change_nothing(self, user: Api) -> None:
        before = await create(user)
        for wrong in (
            {"providers": [{"vendor": "nobody", "models": ["x"]}]},
            {"limits": {"memory_mb": 1}},
            {"egress": ["http://api.telegram.org"]},
            {"egress": ["169.254.169.254"]},
            {"hostname": "other"},
            {"image": "evil"},
        ):
            answer = await user.patch("/api/bot/scout", {"name": "changed", **wrong})
            assert answer.status == 422, wrong
        assert (await user.get("/api/bot/scout")).json == before

    async def test_nobody_elses(self, user: Api, admin: Api) -> None:
        await create(user)
        for call in (
            admin.patch("/api/bot/scout", {"name": "mine"}),
            admin.post("/api/bot/scout/restart"),
            admin.post("/api/bot/scout/upgrade", {}),
            admin.get("/api/bot/scout/events"),
        ):
            assert (await call).status == 404


class TestUpgrade:
    async def test_another_image_is_kept_when_the_bot_proves_itself(
        self, user: Api, runtime: FakeRuntime
    ) -> None:
        identity = await running(user)
        before = (await user.get("/api/bot/scout")).json["image"]
        runtime.world.missing.add(IMAGE)
        answer = await user.post("/api/bot/scout/upgrade", {"image": IMAGE})
        assert (answer.status, answer.json["is_upgrading"]) == (202, True)
        detail = (await told(user, "upgraded"))["detail"]
        assert before in detail
        assert IMAGE in detail
        seen = (await user.get("/api/bot/scout")).json
        assert (seen["image"], seen["upgrade"], seen["is_upgrading"]) == (IMAGE, before, False)
        assert runtime.world.images[identity] == IMAGE
        assert IMAGE not in runtime.world.missing
        assert [one["reason"] for one in (await user.get("/api/bot/scout/backup")).json] == ["upgrade"]

    async def test_it_goes_back_when_no_prompt_comes_back(
        self, user: Api, runtime: FakeRuntime, gateway: FakeGateway
    ) -> None:
        identity = await running(user)
        before = (await user.get("/api/bot/scout")).json["image"]
        gateway.refusal = "this image is broken"
        await user.post("/api/bot/scout/upgrade", {"image": IMAGE})
        event = await told(user, "rolled_back")
        assert "this image is broken" in event["detail"]
        gateway.refusal = None
        await reaches(user, "running", health="healthy")
        seen = (await user.get("/api/bot/scout")).json
        assert (seen["image"], seen["is_upgrading"]) == (before, False)
        assert runtime.world.images[identity] == before

    async def test_it_goes_back_when_it_is_not_ready_in_time(
        self, user: Api, gateway: FakeGateway, clock: MovableClock
    ) -> None:
        await running(user)
        gateway.problem = "it does not answer yet"
        await user.post("/api/bot/scout/upgrade", {"image": IMAGE})
        await reaches(user, "starting")

        async def back() -> bool:
            clock.move(seconds=60)
            return "rolled_back" in await codes(user)

        await until(back)
        gateway.problem = None
        await reaches(user, "running", health="healthy")

    async def test_one_at_a_time(self, user: Api, gateway: FakeGateway) -> None:
        await running(user)
        gateway.problem = "it does not answer yet"
        await user.post("/api/bot/scout/upgrade", {"image": IMAGE})
        answer = await user.post("/api/bot/scout/upgrade", {"image": "registry.example/bot:3"})
        assert (answer.status, answer.json["code"]) == (409, "bot_upgrading")


async def test_a_disk_that_is_full_is_told_and_waited_out(
    user: Api, clock: MovableClock, runtime: FakeRuntime
) -> None:
    bots = user.installation.settings.data_dir / "bots"
    bots.write_text("nothing can be made here")  # for a full disk needs a file system of its own
    await create(user, auto_start=True)
    status = await reaches(user, "error", health="unhealthy")
    assert status["code"] == "workspace_failed"
    assert runtime.world.instances == {}
    bots.unlink()
    clock.move(seconds=60)
    await reaches(user, "running", health="healthy")


async def test_few_start_at_a_time(user: Api, gateway: FakeGateway, runtime: FakeRuntime) -> None:
    gateway.problem = "it does not answer yet"
    for number in range(6):
        await create(user, hostname=f"bot-{number}", auto_start=True)

    async def queued() -> bool:
        bots = (await user.get("/api/bot")).json["items"]
        return [bot["status"]["code"] for bot in bots].count("start_queued") == 2

    await until(queued)
    states = [instance.state for instance in runtime.world.instances.values()]
    assert states.count(InstanceState.RUNNING) == 4
    gateway.problem = None

    async def all_run() -> bool:
        return bool((await user.get("/api/bot/stats")).json["by_state"].get("running") == 6)

    await until(all_run)
