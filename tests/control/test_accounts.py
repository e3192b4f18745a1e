"""Accounts over HTTP: sign-up, sign-in, rotating sessions, the profile, API tokens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.api import PASSWORD, Api, refresh_cookie, signed_in
from tests.support.clock import MovableClock


def _cookie(value: str) -> dict[str, Any]:
    return {"headers": {"cookie": f"cbm_refresh={value}"}}


class TestSignUp:
    async def test_the_first_account_is_the_administrator(self, api: Api) -> None:
        assert (await api.get("/api/system")).json["needs_setup"] is True
        admin = await api.sign_up()
        other = await api.sign_up()
        assert (await admin.get("/api/user/me")).json["role"] == "admin"
        assert (await other.get("/api/user/me")).json["role"] == "user"
        assert (await api.get("/api/system")).json["needs_setup"] is False

    @pytest.mark.parametrize("token", [None, "", "wrong", "x" * 200])
    async def test_the_first_account_needs_the_link(self, api: Api, token: str | None) -> None:
        body = {"email": "a@example.com", "password": PASSWORD, "setup_token": token}
        answer = await api.post("/api/auth/sign-up", body)
        assert (answer.status, answer.json["code"]) == (403, "setup_token_required")
        assert (await api.get("/api/system")).json["needs_setup"] is True

    async def test_an_address_has_one_account_whatever_its_case(self, admin: Api) -> None:
        answer = await admin.post("/api/auth/sign-up", {"email": "ADMIN@example.com", "password": PASSWORD})
        assert (answer.status, answer.json["code"]) == (409, "email_taken")
        assert answer.json["errors"][0]["field"] == "email"

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"email": "nobody"}, "email"),
            ({"password": "tiny-pw-1"}, "password"),
            ({"password": "x" * 300}, "password"),
            ({"role": "admin"}, "role"),
            ({"locale": "xx"}, "locale"),
        ],
    )
    async def test_wrong_input_names_the_field(self, admin: Api, change: dict[str, str], field: str) -> None:
        body = {"email": "b@example.com", "password": PASSWORD, **change}
        answer = await admin.post("/api/auth/sign-up", body)
        assert answer.status == 422
        assert [error["field"] for error in answer.json["errors"]] == [field]
        assert change.get("password", "no password") not in answer.text

    async def test_sign_up_can_be_closed(self, api: Api, admin: Api) -> None:
        api.installation.accounts.sign_up_open = False
        answer = await api.post("/api/auth/sign-up", {"email": "c@example.com", "password": PASSWORD})
        assert (answer.status, answer.json["code"]) == (403, "sign_up_closed")


class TestSignIn:
    async def test_right_password(self, admin: Api) -> None:
        answer = await admin.as_(None).post(
            "/api/auth/sign-in", {"email": "Admin@Example.com", "password": PASSWORD}
        )
        assert answer.status == 200
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "path=/api/auth" in cookie
        assert refresh_cookie(answer) not in answer.text

    async def test_wrong_password_and_unknown_account_answer_alike(self, admin: Api) -> None:
        bodies = []
        for email in ("admin@example.com", "nobody@example.com"):
            answer = await admin.as_(None).post(
                "/api/auth/sign-in", {"email": email, "password": "wrong password"}
            )
            assert answer.status == 401
            bodies.append({**answer.json, "trace_id": ""})
        assert bodies[0] == bodies[1]
        assert bodies[0]["code"] == "wrong_credentials"


class TestRefresh:
    async def test_rotates_and_continues(self, admin: Api) -> None:
        assert admin.user
        answer = await admin.as_(None).post("/api/auth/refresh", **_cookie(admin.user.refresh))
        assert answer.status == 200
        assert refresh_cookie(answer) != admin.user.refresh
        again = await admin.as_(None).post("/api/auth/refresh", **_cookie(refresh_cookie(answer)))
        assert again.status == 200

    async def test_a_used_token_ends_the_session(self, admin: Api, clock: MovableClock) -> None:
        assert admin.user
        fresh = await admin.as_(None).post("/api/auth/refresh", **_cookie(admin.user.refresh))
        clock.move(seconds=30)
        reuse = await admin.as_(None).post("/api/auth/refresh", **_cookie(admin.user.refresh))
        assert (reuse.status, reuse.json["code"]) == (401, "session_ended")
        thief = await admin.as_(None).post("/api/auth/refresh", **_cookie(refresh_cookie(fresh)))
        assert thief.status == 401
        assert (await admin.get("/api/user/me", token=fresh.json["access_token"])).status == 401

    async def test_a_lost_answer_can_be_asked_for_again_at_once(self, admin: Api) -> None:
        assert admin.user
        answers = await asyncio.gather(
            *(admin.as_(None).post("/api/auth/refresh", **_cookie(admin.user.refresh)) for _ in range(2))
        )
        assert sorted(answer.status for answer in answers) == [200, 200]
        assert len({refresh_cookie(answer) for answer in answers}) == 1

    async def test_a_thief_within_the_leeway_is_found_out(self, admin: Api, clock: MovableClock) -> None:
        assert admin.user
        first = await admin.as_(None).post("/api/auth/refresh", **_cookie(admin.user.refresh))
        stolen = await admin.as_(None).post("/api/auth/refresh", **_cookie(admin.user.refresh))
        second = await admin.as_(None).post("/api/auth/refresh", **_cookie(refresh_cookie(first)))
        assert second.status == 200
        clock.move(seconds=11)
        assert (
            await admin.as_(None).post("/api/auth/refresh", **_cookie(refresh_cookie(stolen)))
        ).status == 401
        assert (
            await admin.as_(None).post("/api/auth/refresh", **_cookie(refresh_cookie(second)))
        ).status == 401

    async def test_the_leeway_does_not_slide(self, admin: Api, clock: MovableClock) -> None:
        assert admin.user
        statuses = []
        for _ in range(4):
            answer = await admin.as_(None).post("/api/auth/refresh", **_cookie(admin.user.refresh))
            statuses.append(answer.status)
            clock.move(seconds=4)
        assert statuses == [200, 200, 200, 401]

    async def test_without_or_with_a_wrong_cookie(self, admin: Api) -> None:
        assert (await admin.as_(None).post("/api/auth/refresh")).status == 401
        assert (await admin.as_(None).post("/api/auth/refresh", **_cookie("nonsense"))).status == 401

    async def test_expires(self, admin: Api, clock: MovableClock) -> None:
        assert admin.user
        clock.move(days=31)
        assert (await admin.as_(None).post("/api/auth/refresh", **_cookie(admin.user.refresh))).status == 401

    async def test_access_token_expires(self, admin: Api, clock: MovableClock) -> None:
        assert (await admin.get("/api/user/me")).status == 200
        clock.move(minutes=16)
        assert (await admin.get("/api/user/me")).status == 401

    async def test_sign_out_stops_the_access_token_too(self, admin: Api) -> None:
        assert admin.user
        answer = await admin.as_(None).post("/api/auth/sign-out", **_cookie(admin.user.refresh))
        assert answer.status == 204
        assert (await admin.get("/api/user/me")).status == 401
        assert (await admin.as_(None).post("/api/auth/refresh", **_cookie(admin.user.refresh))).status == 401


class TestProfile:
    async def test_change_what_is_ones_own(self, user: Api) -> None:
        answer = await user.patch("/api/user/me", {"nickname": "Ada", "locale": "zh-CN"})
        assert (answer.json["nickname"], answer.json["locale"]) == ("Ada", "zh-CN")

    @pytest.mark.parametrize("body", [{"role": "admin"}, {"email": "x@example.com"}, {"id": "1"}])
    async def test_nothing_else_can_be_set(self, user: Api, body: dict[str, str]) -> None:
        assert (await user.patch("/api/user/me", body)).status == 422
        assert (await user.get("/api/user/me")).json["role"] == "user"


class TestApiTokens:
    async def test_make_use_revoke(self, user: Api) -> None:
        made = await user.post("/api/api-token", {"name": "laptop"})
        assert made.status == 201
        script = user.as_(None)
        token = made.json["token"]
        assert (await script.get("/api/user/me", token=token)).json["email"] == "user@example.com"
        listed = await user.get("/api/api-token")
        assert token not in listed.text
        assert listed.json[0]["last_used_at"] is not None
        assert (await user.delete(f"/api/api-token/{made.json['id']}")).status == 204
        assert (await script.get("/api/user/me", token=token)).status == 401

    async def test_expires(self, user: Api, clock: MovableClock) -> None:
        made = await user.post("/api/api-token", {"name": "short", "expires_in_days": 1})
        clock.move(days=1, minutes=1)
        assert (await user.as_(None).get("/api/user/me", token=made.json["token"])).status == 401

    async def test_of_another_user_is_not_there(self, user: Api, admin: Api) -> None:
        made = await user.post("/api/api-token", {"name": "mine"})
        assert (await admin.get("/api/api-token")).json == []
        assert (await admin.delete(f"/api/api-token/{made.json['id']}")).status == 404
        assert (await user.as_(None).get("/api/user/me", token=made.json["token"])).status == 200

    @pytest.mark.parametrize("bearer", ["", "x", "cbm_api_", "cbm_api_' OR 1=1 --", "a.b.c", "é"])
    async def test_hostile_bearers(self, admin: Api, bearer: str) -> None:
        answer = await admin.as_(None).get("/api/user/me", headers={"authorization": f"Bearer {bearer}"})
        assert answer.status == 401
        assert answer.headers["content-type"] == "application/problem+json"


async def test_sign_in_again_after_sign_up_gives_the_same_user(admin: Api) -> None:
    answer = await admin.as_(None).post(
        "/api/auth/sign-in", {"email": "admin@example.com", "password": PASSWORD}
    )
    assert admin.user
    assert signed_in(answer).id == admin.user.id
