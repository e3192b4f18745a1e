"""Ids are UUIDs of version 7, in the order of time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import RFC_4122

import pytest

from clawbot_manager.kit.ids import made_at, uuid7


def test_version_and_variant() -> None:
    for made in (uuid7() for _ in range(500)):
        assert (made.version, made.variant) == (7, RFC_4122)


def test_the_first_48_bits_are_the_time() -> None:
    before = time.time_ns() // 1_000_000
    milliseconds = uuid7().int >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_when_one_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_123_456_789)
    assert made_at(uuid7()) == datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC)


def test_a_later_millisecond_sorts_later(monkeypatch: pytest.MonkeyPatch) -> None:
    times = [1_700_000_000_000_000_000 + step * 1_000_000 for step in range(50)]
    moments = iter(times)
    monkeypatch.setattr(time, "time_ns", lambda: next(moments))
    made = [uuid7() for _ in times]
    assert made == sorted(made)
    assert [str(one) for one in made] == sorted(str(one) for one in made)


def test_none_comes_twice_and_every_random_bit_is_used() -> None:
    made = {uuid7().int for _ in range(2000)}
    assert len(made) == 2000
    fixed = (0xF << 76) | (0b11 << 62)
    ever_set = ever_clear = 0
    for one in made:
        ever_set |= one
        ever_clear |= ~one
    random_bits = ((1 << 80) - 1) & ~fixed
    assert ever_set & ever_clear & random_bits == random_bits
