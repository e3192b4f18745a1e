"""Cursors lead back to their id; anything else is refused as input."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.kit.errors import InvalidInputError
from clawbot_manager.kit.paging import decode_cursor, encode_cursor


@given(st.uuids())
def test_a_cursor_leads_back_to_its_id(made: UUID) -> None:
    assert decode_cursor(encode_cursor(made)) == made


def test_a_cursor_needs_no_escaping_in_an_address() -> None:
    assert encode_cursor(UUID(int=(1 << 128) - 1)) == "_____________________w"


GOOD = encode_cursor(UUID("01a20552-1970-74ad-8b2c-f54ad0c82d86"))


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "=",
        GOOD[:-1],
        GOOD + "A",
        GOOD + "==",
        GOOD + "\n",
        " " + GOOD,
        GOOD[:5] + "!" + GOOD[5:],
        GOOD[:-1] + "B",  # spare bits: another spelling of the same bytes
        "+" * 21 + "A",
        "' OR 1=1 --",
        "é" * 22,
        "\ud800" * 22,
        "\x00" * 22,
        "A" * 1_000_000,
        "01a20552-1970-74ad-8b2c-f54ad0c82d86",
    ],
)
def test_hostile_text_is_invalid_input(hostile: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        decode_cursor(hostile)
    assert caught.value.field == "cursor"


@given(st.text(max_size=40))
def test_any_text_is_a_cursor_or_invalid_input(text: str) -> None:
    with suppress(InvalidInputError):
        assert encode_cursor(decode_cursor(text)) == text
