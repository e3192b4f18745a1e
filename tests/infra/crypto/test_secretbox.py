"""Secrets at rest open only unchanged, in their place, under a key that is known."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.infra.crypto.secretbox import SecretBox, SecretBoxError

OLD, NEW = os.urandom(32), os.urandom(32)
SECRET = "sk-proj-a-provider-key-0123456789"
HERE = "provider_keys.sealed_secret:row-1:user:owner-1"
BOX = SecretBox({1: OLD})


def refuse(sealed: str, *, box: SecretBox = BOX, context: str = HERE) -> None:
    with pytest.raises(SecretBoxError) as caught:
        box.open(sealed, context=context)
    assert SECRET not in repr(caught.value)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_opens(secret: str) -> None:
    assert BOX.open(BOX.seal(secret, context=HERE), context=HERE) == secret


def test_the_format() -> None:
    scheme, version, nonce, ciphertext = BOX.seal(SECRET, context=HERE).split(".")
    assert (scheme, version, len(nonce)) == ("v1", "1", 16)
    assert len(ciphertext) == -(-(len(SECRET) + 16) * 8 // 6)


def test_every_nonce_is_fresh() -> None:
    sealed = [BOX.seal(SECRET, context=HERE) for _ in range(500)]
    assert len({one.split(".")[2] for one in sealed}) == len({one.split(".")[3] for one in sealed}) == 500


@pytest.mark.parametrize(
    "elsewhere",
    [
        "",
        "provider_keys.sealed_secret:row-2:user:owner-1",
        "provider_keys.sealed_secret:row-1:user:owner-2",
        "provider_keys.sealed_secret:row-1:team:owner-1",
        "bots.sealed_operator_token:row-1:user:owner-1",
        HERE + " ",
    ],
)
def test_in_another_row_owner_or_column_it_does_not_open(elsewhere: str) -> None:
    refuse(BOX.seal(SECRET, context=HERE), context=elsewhere)


@pytest.mark.parametrize("part", [0, 1, 2, 3])
def test_each_changed_character_is_refused(part: int) -> None:
    parts = BOX.seal(SECRET, context=HERE).split(".")
    box = SecretBox({1: OLD, 2: NEW, 11: OLD})
    for place in range(len(parts[part])):
        text = parts[part]
        other = {"1": "2", "v": "w"}.get(text[place], "A" if text[place] != "A" else "B")
        changed = [*parts]
        changed[part] = text[:place] + other + text[place + 1 :]
        refuse(".".join(changed), box=box)


@pytest.mark.parametrize(
    "spelling",
    [
        lambda s, v, n, c: f"{s}.0{v}.{n}.{c}",
        lambda s, v, n, c: f"{s}.+{v}.{n}.{c}",
        lambda s, v, n, c: f"{s}.{v}.{n}=.{c}",
        lambda s, v, n, c: f"{s}.{v}.{n}.{c}=",
        lambda s, v, n, c: f"{s}.{v}.{n}.{c[:4]}!{c[4:]}",
        lambda s, v, n, c: f"{s}.{v}.{n}.{c}\n",
        lambda s, v, n, c: f"{s}.{v}.{n[:8]}.{c}",
        lambda s, v, n, c: f"{s}.{v}..{c}",
        lambda s, v, n, c: f"{s}.{v}.{n}.",
        lambda s, v, n, c: f"{s}.{v}.{c}.{n}",
        lambda s, v, n, c: f"{s}.{v}.{n}.{c}.{c}",
        lambda s, v, n, c: f"{s}.{v}.{n}",
        lambda s, v, n, c: "",
        lambda s, v, n, c: f"{s}.{'9' * 5000}.{n}.{c}",
        lambda s, v, n, c: f"{s}.{v}.{n}.é{c}",
    ],
)
def test_only_the_one_spelling_opens(spelling: object) -> None:
    assert callable(spelling)
    refuse(spelling(*BOX.seal(SECRET, context=HERE).split(".")))


def test_spare_bits_are_no_second_spelling() -> None:
    sealed = BOX.seal("1234", context=HERE)  # 20 bytes in 27 characters: the last has two spare bits
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for change in (1, 2, 3):
        refuse(sealed[:-1] + alphabet[alphabet.index(sealed[-1]) ^ change])


def test_old_versions_open_and_the_newest_seals() -> None:
    old, rotated = SecretBox({1: OLD}), SecretBox({1: OLD, 2: NEW})
    sealed = old.seal(SECRET, context=HERE)
    assert rotated.open(sealed, context=HERE) == SECRET
    again = rotated.seal(SECRET, context=HERE)
    assert again.startswith("v1.2.")
    assert (rotated.is_current(sealed), rotated.is_current(again)) == (False, True)
    refuse(again, box=old)
    assert SecretBox({2: NEW}).open(again, context=HERE) == SECRET
    refuse(sealed, box=SecretBox({1: NEW}))


def test_version_12_is_not_version_1() -> None:
    sealed = SecretBox({12: OLD}).seal(SECRET, context=HERE)
    assert not BOX.is_current(sealed)
    refuse(sealed)


def test_a_repr_shows_versions_only() -> None:
    assert repr(SecretBox({2: NEW, 1: OLD})) == "SecretBox(versions=[1, 2])"


@pytest.mark.parametrize("keys", [{}, {1: b""}, {1: bytes(16)}, {1: OLD, 2: bytes(31)}])
def test_only_keys_of_32_bytes_are_taken(keys: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SecretBox(keys)
