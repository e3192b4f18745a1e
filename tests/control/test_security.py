"""Where one is signed in, and one's password: the signed-in user's own matter, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.audit.test_audit import events
from tests.support.api import PASSWORD, Api
from tests.support.clock import MovableClock

OTHER = "another horse battery"


async def sign_in(api: Api, password: str = PASSWORD, email: str = "user@example.com") -> Any:
    answer = await api.post("/api/auth/sign-in", {"email": email, "password": password})
    return answer.json["access_token"] if answer.status == 200 else answer.json["code"]


async def sessions(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/api/user/me/session")).json
    return found


class TestSessions:
    async def test_are_listed_and_end_at_once(self, user: Api, api: Api) -> None:
        second = await sign_in(api)
        found = await sessions(user)
        assert [one["is_current"] for one in found] == [False, True]
        assert {one["ip"] for one in found} == {"127.0.0.1"}
        assert (await user.delete(f"/api/user/me/session/{found[0]['id']}")).status == 204
        assert (await user.call("GET", "/api/user/me", token=second)).status == 401
        assert [one["is_current"] for one in await sessions(user)] == [True]
        (row,) = await events(user, "&action=LOGOUT")
        assert row["target_id"] == found[0]["id"]

    async def test_all_others_at_once(self, user: Api, api: Api) -> None:
        others = [await sign_in(api) for _ in range(3)]
        assert (await user.delete("/api/user/me/session")).json == {"ended": 3}
        for token in others:
            assert (await user.call("GET", "/api/user/me", token=token)).status == 401
        assert (await user.get("/api/user/me")).status == 200
        assert len(await events(user, "&action=LOGOUT")) == 3

    async def test_those_that_are_over_are_not_shown(self, user: Api, api: Api, clock: MovableClock) -> None:
        clock.move(days=400)
        assert user.user
        user.user.token = await sign_in(api)
        assert len(await sessions(user)) == 1

    async def test_nobody_elses(self, user: Api, admin: Api) -> None:
        (mine,) = await sessions(user)
        assert (await admin.delete(f"/api/user/me/session/{mine['id']}")).status == 404
        assert (await user.get("/api/user/me")).status == 200


class TestPassword:
    async def test_another_one_ends_all_other_sessions(self, user: Api, api: Api) -> None:
        second = await sign_in(api)
        given = {"current_password": PASSWORD, "new_password": OTHER}
        assert (await user.post("/api/user/me/password", given)).status == 204
        assert (await user.call("GET", "/api/user/me", token=second)).status == 401
        assert (await user.get("/api/user/me")).status == 200
        assert await sign_in(api) == "wrong_credentials"
        assert (await sign_in(api, OTHER)) != "wrong_credentials"
        assert [row["fields"] for row in await events(user, "&action=UPDATE&kind=user")] == [["password"]]

    async def test_the_present_one_is_asked_for(self, user: Api, api: Api) -> None:
        given = {"current_password": "not this one", "new_password": OTHER}
        answer = await user.post("/api/user/me/password", given)
        assert (answer.status, answer.json["code"]) == (422, "wrong_password")
        assert answer.json["errors"][0]["field"] == "current_password"
        assert (await sign_in(api)) != "wrong_credentials"
        assert [row["code"] for row in await events(user, "&action=UPDATE&kind=user")] == ["wrong_password"]

    async def test_a_short_one_is_refused(self, user: Api) -> None:
        given = {"current_password": PASSWORD, "new_password": "short"}
        assert (await user.post("/api/user/me/password", given)).status == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/session"), ("DELETE", "/session"), ("DELETE", f"/session/{'0' * 32}"), ("POST", "/password")],
)
async def test_an_api_token_may_do_none_of_it(user: Api, method: str, path: str) -> None:
    token = (await user.post("/api/api-token", {"name": "script"})).json["token"]
    body = {"current_password": PASSWORD, "new_password": OTHER} if method == "POST" else None
    answer = await user.call(method, f"/api/user/me{path}", token=token, json=body)
    assert (answer.status, answer.json["code"]) == (403, "session_required")
    anonymous = await user.as_(None).call(method, f"/api/user/me{path}", json=body)
    assert anonymous.status == 401
