"""Passwords: Argon2id, the same work whether or not the account exists, and never too much at once."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Literal

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type

from clawbot_manager.infra.crypto.passwords import Passwords

FAST = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


class CountingHasher(PasswordHasher):
    """Counts the runs of Argon2, and how many there are at the same time."""

    def __init__(self, *, pause: float = 0) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.pause = pause
        self.runs = self.now = self.most = 0
        self.lock = threading.Lock()

    def _count(self) -> None:
        with self.lock:
            self.runs += 1
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.pause)
        with self.lock:
            self.now -= 1

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self._count()
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's own name
        self._count()
        return super().verify(hash, password)


async def test_the_right_password_and_no_other() -> None:
    passwords = Passwords(FAST)
    stored = await passwords.hash("correct horse")
    assert "correct" not in stored
    assert await passwords.verify("correct horse", stored)
    assert not await passwords.verify("correct horse ", stored)
    assert not await passwords.verify("", stored)
    assert await passwords.hash("correct horse") != stored


async def test_the_default_is_argon2id_of_at_least_the_recommended_cost() -> None:
    stored = await Passwords().hash("x")
    assert stored.startswith("$argon2id$")
    hasher = PasswordHasher()
    assert (hasher.type, hasher.memory_cost >= 64 * 1024, hasher.time_cost >= 3) == (Type.ID, True, True)


@pytest.mark.parametrize("stored", ["", "plain", "$argon2id$v=19$broken", "$2b$12$abcdefghijklmnopqrstuv"])
async def test_a_broken_hash_matches_nothing(stored: str) -> None:
    assert not await Passwords(FAST).verify("plain", stored)


async def test_text_that_has_no_bytes_matches_nothing() -> None:
    assert not await Passwords(FAST).verify("\ud800", FAST.hash("x"))


async def test_an_unknown_account_costs_one_run_like_a_known_one_from_the_first_on() -> None:
    hasher = CountingHasher()
    passwords = Passwords(hasher)
    stored = await passwords.hash("secret")
    for account in (None, stored, None, stored):
        before = hasher.runs
        await passwords.verify("a guess", account)
        assert hasher.runs == before + 1


async def test_no_password_opens_an_unknown_account() -> None:
    passwords = Passwords(FAST)
    for _ in range(2):
        assert not await passwords.verify("nobody's password", None)


async def test_a_burst_is_bounded_and_does_not_stop_the_loop() -> None:
    hasher = CountingHasher(pause=0.02)
    passwords = Passwords(hasher)
    stored = FAST.hash("secret")
    burst = asyncio.gather(*(passwords.verify("secret", stored) for _ in range(12)))
    ticks = 0
    while not burst.done():
        await asyncio.sleep(0.001)
        ticks += 1
    assert await burst == [True] * 12
    assert hasher.most <= 2
    assert ticks > 20


async def test_callers_that_gave_up_do_not_make_room_for_more() -> None:
    hasher = CountingHasher(pause=0.05)
    passwords = Passwords(hasher)
    stored = FAST.hash("secret")
    for _ in range(10):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(passwords.verify("secret", stored), 0.005)
    assert await passwords.verify("secret", stored)
    assert hasher.most <= 2
    assert hasher.runs < 11  # those that still waited were dropped


def test_a_hash_of_older_parameters_wants_to_be_made_again() -> None:
    passwords = Passwords()
    assert passwords.needs_rehash(FAST.hash("x"))
    assert not Passwords(FAST).needs_rehash(FAST.hash("x"))
