"""What attackers try on every API: nothing of it works here."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from clawbot_manager.app.api import create_api
from tests.control.conftest import SECRETS
from tests.control.test_bots import create
from tests.support.api import Api
from tests.support.clock import MovableClock

# what nobody gives about a thing: who it belongs to, what it may, what the server alone knows
NOT_OFFERED: dict[str, Any] = {
    "role": "admin",
    "is_admin": True,
    "owner_id": "01a00000-0000-7000-8000-000000000000",
    "owner_kind": "team",
    "id": "01a00000-0000-7000-8000-000000000001",
    "state": "running",
    "created_at": "2020-01-01T00:00:00Z",
}


def taking_json() -> Iterator[tuple[str, str, str]]:
    for path, methods in create_api({}, secure_cookies=False).openapi()["paths"].items():
        for method, operation in methods.items():
            if "application/json" in operation.get("requestBody", {}).get("content", {}):
                yield operation["operationId"], method.upper(), path


async def test_no_operation_takes_more_than_it_offers(user: Api) -> None:
    await create(user)
    tried = list(taking_json())
    assert len(tried) > 12
    for name, method, path in tried:
        filled = path.replace("{hostname}", "scout").replace("{key_id}", NOT_OFFERED["id"])
        answer = await user.call(method, filled, json=NOT_OFFERED)
        assert answer.status in {403, 422}, (name, answer.status)
        if answer.status == 422:
            refused = {error["field"] for error in answer.json["errors"]}
            assert refused >= {f"body.{field}" for field in NOT_OFFERED} or refused >= set(NOT_OFFERED), name


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


class TestForgedTokens:
    @pytest.fixture
    def claims(self, user: Api) -> dict[str, Any]:
        assert user.user
        middle = user.user.token.split(".")[1]
        found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=="))
        return found

    async def _refused(self, user: Api, token: str) -> None:
        answer = await user.call("GET", "/api/user/me", token=token)
        assert (answer.status, answer.json["code"]) == (401, "unauthorized")

    async def test_the_right_key_signs_a_good_one(self, user: Api, claims: dict[str, Any]) -> None:
        """Else the refusals below would prove nothing."""
        key = OctKey.import_key(SECRETS.session_secret)
        good = jwt.encode({"alg": "HS256"}, claims, key)
        assert (await user.call("GET", "/api/user/me", token=good)).status == 200

    @pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
    async def test_without_a_signature(self, user: Api, claims: dict[str, Any], algorithm: str) -> None:
        head = _part({"alg": algorithm, "typ": "JWT"})
        for signature in ("", "x"):
            await self._refused(user, f"{head}.{_part(claims)}.{signature}")

    @pytest.mark.parametrize(
        ("header", "key"),
        [
            ({"alg": "HS256"}, b"another secret of thirty-two characters"),
            ({"alg": "HS256", "kid": "../../dev/null"}, b""),
            ({"alg": "HS256", "jwk": {"kty": "oct", "k": "eA"}}, b"x"),
            ({"alg": "HS256", "jku": "https://evil.example/keys"}, b"x"),
            ({"alg": "HS512"}, SECRETS.session_secret.encode()),
        ],
        ids=["another key", "kid", "its own key", "a key from elsewhere", "another algorithm"],
    )
    async def test_signed_in_another_way(
        self, user: Api, claims: dict[str, Any], header: dict[str, Any], key: bytes
    ) -> None:
        signed = f"{_part({'typ': 'JWT', **header})}.{_part(claims)}"
        digest = "sha512" if header["alg"] == "HS512" else "sha256"
        signature = base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), digest)).rstrip(b"=").decode()
        await self._refused(user, f"{signed}.{signature}")

    @pytest.mark.parametrize(
        "change",
        [
            {"aud": "another-service"},
            {"iss": "somebody"},
            {"exp": 1},
            {"exp": None},
            {"exp": "never"},
            {"sub": "01a00000-0000-7000-8000-000000000000"},
            {"sid": "01a00000-0000-7000-8000-000000000000"},
            {"sid": None},
        ],
        ids=str,
    )
    async def test_with_other_claims(self, user: Api, claims: dict[str, Any], change: dict[str, Any]) -> None:
        key = OctKey.import_key(SECRETS.session_secret)
        await self._refused(user, jwt.encode({"alg": "HS256"}, {**claims, **change}, key))

    async def test_one_that_has_ended(self, user: Api, clock: MovableClock) -> None:
        assert user.user
        clock.move(hours=2)
        await self._refused(user, user.user.token)


@pytest.mark.parametrize("wildcard", ["%", "_", "s%t", "s_out", "\\", "[a-z]", "'"])
async def test_a_search_knows_no_wildcards(user: Api, wildcard: str) -> None:
    await create(user)
    answer = await user.get("/api/bot", params={"q": wildcard})
    assert (answer.status, answer.json["items"]) == (200, [])
    answer = await user.get("/api/audit", params={"target": wildcard})
    assert (answer.status, answer.json["items"]) == (200, [])


@pytest.mark.parametrize("path", ["/api/auth/refresh", "/api/auth/sign-out", "/api/auth/sign-in"])
@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1.evil.example"])
async def test_another_sites_page_uses_no_cookie(user: Api, path: str, origin: str) -> None:
    assert user.user
    headers = {"cookie": f"cbm_refresh={user.user.refresh}", "origin": origin}
    answer = await user.as_(None).call("POST", path, headers=headers, json={})
    assert (answer.status, answer.json["code"]) == (403, "foreign_origin")
    assert (await user.get("/api/user/me")).status == 200


async def test_signing_in_tells_nothing_of_who_has_an_account(user: Api) -> None:
    answers = []
    for email in ("user@example.com", "nobody@example.com"):
        wrong = {"email": email, "password": "not the password"}
        answer = (await user.as_(None).post("/api/auth/sign-in", wrong)).json
        answers.append({name: value for name, value in answer.items() if name != "trace_id"})
    assert answers[0] == answers[1]


async def test_a_cookie_used_twice_ends_the_session_of_both(user: Api, clock: MovableClock) -> None:
    assert user.user
    stolen = {"cookie": f"cbm_refresh={user.user.refresh}"}
    nobody = user.as_(None)
    assert (await nobody.call("POST", "/api/auth/refresh", headers=stolen)).status == 200
    clock.move(minutes=1)
    assert (await nobody.call("POST", "/api/auth/refresh", headers=stolen)).status == 401
    assert (await user.get("/api/user/me")).status == 401
