"""Access tokens: only ours, only HS256, only in time."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.infra.crypto.access_tokens import AccessClaims, AccessTokenError, AccessTokens

KEY = "session secret of this installation, long"
NOW = datetime(2026, 11, 2, 8, 30, tzinfo=UTC)
WHO = AccessClaims(user_id=uuid4(), session_id=uuid4())
TOKENS = AccessTokens(KEY, lifetime_seconds=900)
CLAIMS: dict[str, Any] = {
    "iss": "clawbot-manager",
    "aud": "clawbot-manager-api",
    "sub": str(WHO.user_id),
    "sid": str(WHO.session_id),
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 900,
}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(claims: Any = CLAIMS, *, header: Any = None, key: str = KEY, digest: Any = hashlib.sha256) -> str:
    head = {"alg": "HS256", "typ": "JWT"} if header is None else header
    signed = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(hmac.new(key.encode(), signed.encode(), digest).digest())}"


def refuse(token: str, *, now: datetime = NOW) -> None:
    with pytest.raises(AccessTokenError):
        TOKENS.read(token, now=now)


def test_what_is_signed_can_be_read_until_it_ends() -> None:
    token = TOKENS.sign(WHO, now=NOW)
    assert TOKENS.read(token, now=NOW) == WHO
    assert TOKENS.read(token, now=NOW + timedelta(seconds=899)) == WHO
    refuse(token, now=NOW + timedelta(seconds=900))
    refuse(token, now=NOW + timedelta(days=365))


def test_the_forging_of_these_tests_is_right() -> None:
    assert TOKENS.read(forge(), now=NOW) == WHO


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, ["HS256"], "HS384", "RS256", "dir"])
def test_another_algorithm_is_refused(algorithm: object) -> None:
    refuse(forge(header={"alg": algorithm}))
    unsigned = forge(header={"alg": algorithm}).rpartition(".")[0]
    refuse(unsigned + ".")
    refuse(unsigned)


def test_a_right_signature_of_another_algorithm_is_refused() -> None:
    refuse(forge(header={"alg": "HS512"}, digest=hashlib.sha512))
    refuse(forge(header={"typ": "JWT"}))


def test_another_key_is_refused() -> None:
    refuse(AccessTokens("session secret of another installation", lifetime_seconds=900).sign(WHO, now=NOW))
    refuse(forge(key=""))


def test_keys_that_the_token_brings_are_not_used() -> None:
    own = {"kty": "oct", "k": b64(b"the attacker's own key, which is long")}
    header = {"alg": "HS256", "jwk": own, "jku": "https://evil.example/keys", "kid": "../../dev/null"}
    refuse(forge(header=header, key="the attacker's own key, which is long"))


def test_a_changed_claim_is_refused() -> None:
    head, _, signature = TOKENS.sign(WHO, now=NOW).split(".")
    changed = b64(json.dumps(CLAIMS | {"sub": str(uuid4())}).encode())
    refuse(f"{head}.{changed}.{signature}")


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "somebody"},
        {"iss": ["clawbot-manager"]},
        {"aud": "another-api"},
        {"aud": ["clawbot-manager-api", "another-api"]},
        {"sub": "not-a-uuid"},
        {"sub": None},
        {"sub": 7},
        {"sid": ""},
        {"exp": "9999999999"},
        {"exp": None},
        {"exp": -1},
        {"exp": [9999999999]},
    ],
)
def test_a_claim_of_another_service_or_form_is_refused(change: dict[str, Any]) -> None:
    refuse(forge(CLAIMS | change))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "sid", "exp"])
def test_a_missing_claim_is_refused(name: str) -> None:
    refuse(forge({key: value for key, value in CLAIMS.items() if key != name}))


@pytest.mark.parametrize("claims", [[], None, 1, "text"])
def test_a_payload_that_is_no_object_is_refused(claims: object) -> None:
    refuse(forge(claims))


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b.c.d.e",
        "\ud800.a.b",
        "é.é.é",
        "\x00",
        b64(b"[" * 400) + ".e30.e30",
        b64(b"[" * 20_000) + ".e30.e30",
        b64(b"null") + ".e30.AA",
        b64(b"[]") + ".e30.AA",
        "cbm_api_0123456789012345678901234567890123456789012",
        "A" * 100_000,
    ],
)
def test_garbage_is_refused(garbage: str) -> None:
    refuse(garbage)


@given(st.text(max_size=60), st.binary(max_size=30), st.binary(max_size=30))
def test_no_text_breaks_the_reader(text: str, one: bytes, other: bytes) -> None:
    refuse(text)
    refuse(f"{b64(one)}.{b64(other)}.{b64(one)}")
