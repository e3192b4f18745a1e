"""A trace id comes from the caller when it is well-formed, and never carries anything else in."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.infra.telemetry.traces import trace_id_from

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def is_fresh(value: str) -> bool:
    return re.fullmatch("[0-9a-f]{32}", value) is not None and value != TRACE


def test_the_traceparent_comes_first_then_the_request_id_then_a_new_one() -> None:
    assert trace_id_from(PARENT, "request-1") == TRACE
    assert trace_id_from(None, "request-1") == "request-1"
    assert is_fresh(trace_id_from(None, None))
    assert trace_id_from(None, None) != trace_id_from(None, None)


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        TRACE,
        PARENT + "\n",
        PARENT + "-00",
        PARENT.upper(),
        " " + PARENT,
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{TRACE[:-1]}-b7ad6b7169203331-01",
        f"00-{TRACE}x-b7ad6b7169203331-01",
        "٠" * 55,
    ],
)
def test_a_malformed_traceparent_is_left_aside(hostile: str) -> None:
    assert is_fresh(trace_id_from(hostile, None))
    assert trace_id_from(hostile, "request-1") == "request-1"


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "short",
        "x" * 65,
        "request-1\n",
        "request-1\r\nx-evil: 1",
        "a b c d e",
        '"><script>',
        "../../etc",
        "é" * 10,
    ],
)
def test_a_hostile_request_id_is_left_aside(hostile: str) -> None:
    assert is_fresh(trace_id_from(None, hostile))


@given(st.none() | st.text(), st.none() | st.text())
def test_the_result_is_always_safe_in_a_header_and_a_log(parent: str | None, request: str | None) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", trace_id_from(parent, request))
