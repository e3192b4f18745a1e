"""The redactor by itself: what the vendors' patterns and names do to a value."""

from __future__ import annotations

from typing import Any

import pytest

from clawbot_manager.infra.telemetry.redaction import MASK, Redactor


def clean(value: Any, *patterns: str) -> Any:
    return Redactor(patterns)(None, "info", {"event": "x", "value": value})["value"]


def test_flags_of_one_pattern_are_its_own() -> None:
    patterns = ("secret-[a-z]+", "(?i)loud-[a-z]+")
    assert clean("secret-a LOUD-B SECRET-C", *patterns) == f"{MASK} {MASK} SECRET-C"


def test_only_what_matches_is_masked() -> None:
    assert clean("before key-123 after", "key-[0-9]+") == f"before {MASK} after"


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "", [], {}, "plain text\twith a tab"])
def test_plain_values_stay_as_they_are(value: object) -> None:
    assert clean(value) == value


def test_the_callers_own_value_is_not_changed() -> None:
    value = {"token": "abc", "list": ["key-1"]}
    assert clean(value, "key-[0-9]") == {"token": MASK, "list": [MASK]}
    assert value == {"token": "abc", "list": ["key-1"]}


def test_below_the_last_depth_nothing_is_shown() -> None:
    value: Any = {"password": "unshaped", "x": "key-1"}
    for _ in range(20):
        value = [value, 0, 0]
    assert "unshaped" not in repr(clean(value))
    assert "…" in repr(clean(value))
