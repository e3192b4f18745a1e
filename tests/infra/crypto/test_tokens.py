"""Bearer tokens are random, stored as keyed hashes, and shown by hints that give nothing away."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.infra.crypto.tokens import TokenHasher, hint_of

HASHER = TokenHasher("the token secret of this installation")
OTHER = TokenHasher("the token secret of another installation")


def test_a_token_is_its_prefix_and_32_random_bytes() -> None:
    made = {HASHER.new_token("cbm_bot") for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"cbm_bot_[A-Za-z0-9_-]{43}", one) for one in made)


def test_a_hash_needs_the_secret_and_is_stable() -> None:
    assert HASHER.hash("token") == HASHER.hash("token")
    assert len(HASHER.hash("token")) == 32
    assert HASHER.hash("token") != OTHER.hash("token")
    assert HASHER.hash("token") != HASHER.hash("token ")


@given(st.text())
def test_any_text_can_be_hashed(text: str) -> None:
    assert len(HASHER.hash(text)) == 32


def test_a_lone_surrogate_can_be_hashed() -> None:
    assert HASHER.hash("\ud800") != HASHER.hash("\ud801")


def test_a_fingerprint_tells_equal_secrets_of_one_owner_only() -> None:
    owner = uuid4()
    assert HASHER.fingerprint("s", owner=owner) == HASHER.fingerprint("s", owner=owner)
    assert HASHER.fingerprint("s", owner=owner) != HASHER.fingerprint("s", owner=uuid4())
    assert HASHER.fingerprint("s", owner=owner) != OTHER.fingerprint("s", owner=owner)
    assert re.fullmatch(r"[0-9a-f]{16}", HASHER.fingerprint("s", owner=owner))


def test_a_derived_token_is_made_again_from_the_secret_and_the_purpose() -> None:
    assert HASHER.derive("sign up") == HASHER.derive("sign up")
    assert HASHER.derive("sign up") != HASHER.derive("another")
    assert HASHER.derive("sign up") != OTHER.derive("sign up")
    assert re.fullmatch(r"[0-9a-f]{40}", HASHER.derive("sign up"))


def test_no_token_hashes_to_what_stands_for_something_else() -> None:
    owner = uuid4()
    for purpose in ("derive|x", "x"):
        assert HASHER.hash(purpose).hex()[:40] != HASHER.derive("x")
    for token in ("fingerprint|", ""):
        text = token + owner.bytes.decode("latin-1") + "s"
        assert HASHER.hash(text).hex()[:16] != HASHER.fingerprint("s", owner=owner)


@pytest.mark.parametrize(
    ("secret", "hint"),
    [
        ("sk-ant-api03-0123456789abcdefghijklmnWXYZ", "sk-…WXYZ"),
        ("AIzaSyA0123456789abcdefghijklmnopqWXYZ", "…WXYZ"),
        ("sk-0123456789wxyz", "…wxyz"),
        ("0123456789abWXYZ", "…WXYZ"),
        ("abcdefg-0123WXYZ", "…WXYZ"),
        ("0123456789aWXYZ", "…"),
        ("sk-short", "…"),
        ("", "…"),
    ],
)
def test_hints(secret: str, hint: str) -> None:
    assert hint_of(secret) == hint


@given(st.text(alphabet="ab-", max_size=80))
def test_a_hint_never_shows_more_than_a_third(secret: str) -> None:
    shown = hint_of(secret)
    assert len(shown) - 1 <= len(secret) // 3
    assert len(shown) <= 13
