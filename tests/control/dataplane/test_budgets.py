"""How many requests of a bot are let in at a time, and in a minute."""

from __future__ import annotations

from typing import Any, cast

import pytest

from clawbot_manager.control.dataplane import budgets
from clawbot_manager.control.dataplane.budgets import LocalBudgets
from clawbot_manager.proxy.ports import LimitHit, UsageRecord
from tests.fakes.ports import bot

RECORD = cast(UsageRecord, None)


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


def hit(answer: Any) -> LimitHit:
    assert isinstance(answer, LimitHit)
    return answer


class TestParallel:
    def test_so_many_at_a_time_and_each_bot_for_itself(self) -> None:
        limits, mine, other = LocalBudgets(parallel=3), bot(), bot()
        assert [limits.admit(mine, "openai") for _ in range(3)] == [None] * 3
        refused = hit(limits.admit(mine, "groq"))
        assert (refused, refused.retry_after) == ("parallel_limit", 1.0)
        assert limits.admit(other, "openai") is None

    def test_one_that_ends_makes_room_for_one(self) -> None:
        limits, mine = LocalBudgets(parallel=1), bot()
        for _ in range(5):
            assert limits.admit(mine, "openai") is None
            assert limits.admit(mine, "openai") == "parallel_limit"
            limits.settle(mine, RECORD)

    def test_none_is_no_limit(self) -> None:
        limits, mine = LocalBudgets(), bot()
        assert {limits.admit(mine, "openai") for _ in range(5000)} == {None}


class TestRate:
    def test_a_silent_bot_may_send_a_minute_s_worth_at_once(self, watch: Watch) -> None:
        limits, mine = LocalBudgets(per_minute=60, monotonic=watch), bot()
        assert [limits.admit(mine, "openai") for _ in range(60)] == [None] * 60
        refused = hit(limits.admit(mine, "openai"))
        assert refused == "rate_limit"
        assert refused.retry_after == pytest.approx(1.0)

    def test_then_as_many_as_come_back(self, watch: Watch) -> None:
        limits, mine = LocalBudgets(per_minute=60, monotonic=watch), bot()
        while limits.admit(mine, "openai") is None:
            pass
        watch.now += 5
        admitted = 0
        while limits.admit(mine, "openai") is None:
            admitted += 1
        assert admitted == 5

    def test_what_is_refused_costs_nothing(self, watch: Watch) -> None:
        limits, mine = LocalBudgets(parallel=2, per_minute=60, monotonic=watch), bot()
        for _ in range(200):
            limits.admit(mine, "openai")
        limits.settle(mine, RECORD)
        limits.settle(mine, RECORD)
        assert limits.admit(mine, "openai") is None


def test_counts_of_bots_that_are_gone_do_not_pile_up(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "_MOST_COUNTS", 100)
    limits, busy = LocalBudgets(parallel=1, per_minute=60, monotonic=watch), bot()
    limits.admit(busy, "openai")
    for _ in range(1000):
        passing = bot()
        limits.admit(passing, "openai")
        limits.settle(passing, RECORD)
        watch.now += 2
    assert len(limits._counts) <= 100
    assert limits.admit(busy, "openai") == "parallel_limit"
