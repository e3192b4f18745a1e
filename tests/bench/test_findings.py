"""When a soak or a run of streams has found something."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.contest import Pace, turns
from bench.database import Ledger, differences
from bench.mock import MockStats
from bench.soak import Sample, leaks
from bench.streams import Plan, Spread, Streams
from bench.streams500 import problems
from bench.target import Target

SENT = MockStats(
    requests=12,
    answered=12,
    streams=4,
    streams_finished=4,
    events=240,
    connections=3,
    open=3,
    bad=0,
    prompt_tokens=1200,
    cached_tokens=120,
    completion_tokens=600,
    reasoning_tokens=60,
)
LOGGED = Ledger(12, 12, 1200, 600, 120, 60)
NOTHING = Spread(0, 0, 0, 0)
SEEN = Streams(NOTHING, NOTHING, NOTHING, 4, 4, 0, 0, 0, 240, 0, 0, 1.0)
PLAN = Plan("live-1000x60", streams=4, times=3)
MIB = 2**20


def samples(*held: tuple[float, int]) -> list[Sample]:
    return [Sample(5.0 * number, round(mib * MIB), count) for number, (mib, count) in enumerate(held)]


def test_every_request_logged_once() -> None:
    assert differences(LOGGED, SENT) == []


@pytest.mark.parametrize(
    ("ledger", "said"),
    [
        (replace(LOGGED, rows=13), "requests: 13 logged, 12 sent"),
        (replace(LOGGED, traces=11), "distinct requests: 11 logged, 12 sent"),
        (replace(LOGGED, output_tokens=599), "output tokens: 599 logged, 600 sent"),
        (replace(LOGGED, reasoning_tokens=0), "reasoning tokens: 0 logged, 60 sent"),
    ],
)
def test_a_log_that_is_not_what_was_sent(ledger: Ledger, said: str) -> None:
    assert differences(ledger, SENT) == [said]


def test_what_stays_is_no_leak() -> None:
    # the first third warms up; then it is noise
    assert leaks(samples((40, 100), (60, 178), (90, 178), (91, 178), (90, 178), (92, 64)), 66) == []


def test_memory_that_grows() -> None:
    found = leaks(samples((90, 9), (90, 9), (90, 9), (95, 9), (100, 9), (110, 9)), 9)
    assert found == ["memory grew from 92.5 to 105.0 MiB"]


def test_connections_that_grow() -> None:
    found = leaks(samples((90, 10), (90, 10), (90, 10), (90, 12), (90, 13), (90, 14)), 9)
    assert found == ["open connections grew from 12 to 13"]


def test_upstream_connections_that_are_not_used_again() -> None:
    found = leaks(samples((90, 10), (90, 10), (90, 10)), 5000)
    assert found == ["5000 connections were opened to the mock, 10 are held at most"]


def test_streams_that_fared_well() -> None:
    assert problems(SEEN, PLAN, [], mock_requests=12) == []


def test_streams_that_did_not() -> None:
    found = problems(replace(SEEN, finished=3, stalled=1), PLAN, ["requests: 11 logged"], mock_requests=11)
    assert found == [
        "1 connections did not come to their end",
        "1 stalled for more than 2000 ms",
        "11 requests reached the mock, not 12",
        "requests: 11 logged",
    ]


def test_slow_targets_come_once_a_round_and_get_time() -> None:
    fast, slow = (Target(name, 1, "/", process=None, slow=name == "slow") for name in ("fast", "slow"))  # type: ignore[arg-type]
    assert [one.name for one in turns([fast, slow])] == ["fast", "slow", "fast"]
    pace = Pace(rounds=1, seconds=2)
    assert (pace.seconds_for(fast, 256), pace.seconds_for(slow, 256)) == (2, 9)
