"""Two owners with bots of one hostname: each sees their own, and of the other's nothing, by whatever id."""

from __future__ import annotations

from clawbot_manager.runtimes.fake import FakeRuntime
from tests.control.test_bots import create
from tests.control.test_reconciler import bot_id, reaches
from tests.support.api import Api
from tests.support.clock import MovableClock

READS = ("", "/logs", "/stats", "/events", "/token", "/backup")


async def test_each_sees_their_own(user: Api, admin: Api, runtime: FakeRuntime) -> None:
    for api, name in ((user, "of the user"), (admin, "of the admin")):
        await create(api, auto_start=True, name=name, persona={"name": name, "soul_markdown": name})
        await reaches(api, "running")
        await runtime.world.write(await bot_id(api), f"I am {name}")
        assert (await api.post("/api/bot/scout/backup")).status == 201
    for api, name, other in ((user, "of the user", "of the admin"), (admin, "of the admin", "of the user")):
        for path in READS:
            answer = await api.get(f"/api/bot/scout{path}")
            assert answer.status == 200, path
            assert other not in answer.text, path
        assert (await api.get("/api/bot/scout")).json["name"] == name
        assert f"I am {name}" in (await api.get("/api/bot/scout/logs")).json["lines"]
        assert len((await api.get("/api/bot")).json["items"]) == 1


async def test_an_id_of_the_others_is_not_there(user: Api, admin: Api) -> None:
    await create(user)
    await create(admin)
    token = (await admin.post("/api/bot/scout/token", {"name": "laptop"})).json
    backup = (await admin.post("/api/bot/scout/backup")).json
    for call in (
        user.delete(f"/api/bot/scout/token/{token['id']}"),
        user.post(f"/api/bot/scout/backup/{backup['id']}/restore"),
        user.delete(f"/api/bot/scout/backup/{backup['id']}"),
        user.get(f"/api/bot/removed/{await bot_id(admin)}/logs"),
    ):
        assert (await call).status == 404
    assert [one["id"] for one in (await admin.get("/api/bot/scout/token")).json] == [token["id"]]


async def test_what_one_does_leaves_the_others_alone(user: Api, admin: Api, runtime: FakeRuntime) -> None:
    for api in (user, admin):
        await create(api, auto_start=True)
        await reaches(api, "running")
    theirs = await bot_id(admin)
    await user.post("/api/bot/scout/restart")
    await user.delete("/api/bot/scout")
    assert (await admin.get("/api/bot/scout")).json["status"]["state"] == "running"
    assert theirs in runtime.world.instances


async def test_a_clock_that_jumps_changes_nothing(
    user: Api, clock: MovableClock, runtime: FakeRuntime
) -> None:
    await create(user, auto_start=True)
    await reaches(user, "running", health="healthy")
    for hours in (5, -10, 24 * 400, -24 * 400):
        clock.move(hours=hours)
        user = await _signed_in_again(user)
        await reaches(user, "running", health="healthy")
    await user.post("/api/bot/scout/stop")
    await reaches(user, "stopped")
    await user.post("/api/bot/scout/start")
    await reaches(user, "running", health="healthy")
    assert [verb for verb, _ in runtime.world.calls].count("create") == 1


async def _signed_in_again(user: Api) -> Api:
    """Access tokens know the time as well."""
    assert user.user
    body = {"email": user.user.email, "password": "correct horse battery"}
    answer = await user.as_(None).post("/api/auth/sign-in", body)
    assert answer.status == 200, answer.text
    user.user.token = answer.json["access_token"]
    return user
