"""Keys chosen fairly, and left alone when their vendor says so."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.control.dataplane.news import KeyState
from clawbot_manager.kit.ids import uuid7
from clawbot_manager.proxy.ports import ProviderKey
from tests.control.dataplane.ring import Ring, a_bot, a_key, some


def test_a_proxy_alone_can_use_it_without_the_frameworks() -> None:
    code = "import sys, clawbot_manager.control.dataplane.keyring; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"sqlalchemy", "structlog", "pydantic", "fastapi", "aiohttp"} & set(loaded.split())


class TestWhich:
    def test_tags_in_order_then_untagged_never_anothers(self) -> None:
        ring = Ring([a_key("plain"), a_key("b1", "b"), a_key("a1", "a"), a_key("c1", "c")])
        assert ring.labels(a_bot("a", "b")) == ["a1", "b1", "plain"]
        assert ring.labels(a_bot("b", "a", "b")) == ["b1", "a1", "plain"]
        assert ring.labels(a_bot()) == ["plain"]

    def test_a_pinned_key_alone_whatever_its_tag(self) -> None:
        keys = [a_key("other"), a_key("pinned", "elsewhere")]
        ring = Ring(keys)
        bot = a_bot("x", pinned=keys[1])
        assert ring.labels(bot) == ["pinned"]
        ring.publish(keys[0])
        assert ring.labels(bot) == []
        assert not ring.service.has_any(bot, "openai")

    def test_another_owners_and_another_vendors_are_not_there(self) -> None:
        ring = Ring([a_key("theirs", owner_id=uuid7()), a_key("groq's", vendor="groq")])
        assert ring.labels(a_bot()) == []

    def test_a_key_that_fails_is_still_stored(self) -> None:
        (key,) = some(1)
        ring = Ring([key], {key.key_id: KeyState(1, "failed")})
        assert ring.labels(a_bot()) == []
        assert ring.service.has_any(a_bot(), "openai")

    def test_the_answer_is_the_callers_own(self) -> None:
        ring = Ring(some(2))
        bot = a_bot()
        ring.service.candidates(bot, "openai").clear()
        assert len(ring.labels(bot)) == 2


class TestTurns:
    def test_round_robin(self) -> None:
        ring = Ring(some(3))
        bot = a_bot()
        assert [ring.labels(bot) for _ in range(4)] == [
            ["k0", "k1", "k2"],
            ["k1", "k2", "k0"],
            ["k2", "k0", "k1"],
            ["k0", "k1", "k2"],
        ]

    def test_bots_share_the_turns_of_their_owners_keys(self) -> None:
        ring = Ring(some(3))
        bots = [a_bot() for _ in range(5)]
        firsts = Counter(ring.labels(bot)[0] for _ in range(6) for bot in bots)
        assert firsts == {"k0": 10, "k1": 10, "k2": 10}

    def test_a_lower_tiers_turn_is_not_taken_by_looking(self) -> None:
        tagged, plain = [a_key("t", "a")], some(2)
        ring = Ring([*tagged, *plain])
        assert [ring.labels(a_bot("a"))[1:] for _ in range(3)] == [["k0", "k1"]] * 3
        assert ring.labels(a_bot("a"), tried=tagged) == ["k0", "k1"]
        assert ring.labels(a_bot("a"), tried=tagged) == ["k1", "k0"]

    def test_another_try_takes_the_turn_of_whoever_is_next_then(self) -> None:
        keys = some(4)
        ring = Ring(keys)
        bot = a_bot()
        assert ring.labels(bot)[0] == "k0"
        assert ring.labels(bot)[0] == "k1"
        assert ring.labels(bot, tried=keys[:1])[0] == "k2"
        assert ring.labels(bot)[0] == "k3"
        assert ring.labels(bot)[0] == "k0"

    def test_a_tried_key_that_is_passed_over_keeps_its_turn(self) -> None:
        keys = some(3)
        ring = Ring(keys)
        bot = a_bot()
        assert ring.labels(bot, tried=keys[:1])[0] == "k1"
        assert ring.labels(bot)[0] == "k0"

    @given(
        count=st.integers(min_value=2, max_value=6),
        steps=st.lists(st.tuples(st.integers(0, 7), st.booleans()), min_size=1, max_size=120),
    )
    def test_tries_differ_by_one_at_most_but_for_those_without_a_choice(
        self, count: int, steps: list[tuple[int, bool]]
    ) -> None:
        """Eight requests in flight, in any order; each step is one's next try, or its end and a new one.

        The next key in turn may have been tried by this request already; then another one is used out of its
        turn, which can set the counts one further apart.
        """
        keys = some(count)
        ring = Ring(keys)
        bot = a_bot()
        tried: list[list[ProviderKey]] = [[] for _ in range(8)]
        uses = Counter({key.label: 0 for key in keys})
        forced = 0
        for request, fails in steps:
            turn_was = min(uses.values())
            chosen = ring.service.candidates(bot, "openai", [key.key_id for key in tried[request]])
            if not chosen:
                tried[request] = []
                continue
            forced += any(uses[key.label] == turn_was for key in tried[request])
            uses[chosen[0].label] += 1
            tried[request] = [*tried[request], chosen[0]] if fails else []
            assert max(uses.values()) - min(uses.values()) <= 1 + forced

    @given(
        resting=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 3)), max_size=12),
        count=st.integers(min_value=2, max_value=5),
    )
    def test_those_that_never_rest_stay_even_while_another_one_comes_and_goes(
        self, resting: list[tuple[int, int]], count: int
    ) -> None:
        steady, weak = some(count), a_key("weak")
        ring = Ring([steady[0], weak, *steady[1:]])
        bot = a_bot()
        uses: Counter[str] = Counter()
        for requests, seconds in resting:
            ring.fail(weak, "rate_limited", said=seconds)
            for _ in range(requests):
                uses[ring.labels(bot)[0]] += 1
            assert uses["weak"] == 0
            ring.clock.move(seconds=seconds)
            back = [ring.labels(bot)[0] for _ in range(count + 1)]
            assert back.count("weak") == 1  # its turn, and no burst
            uses.update(label for label in back if label != "weak")
            steady_uses = [uses[key.label] for key in steady]
            assert max(steady_uses) - min(steady_uses) <= 1


class TestRest:
    @pytest.mark.parametrize(
        ("said", "seconds"),
        [(30.0, 30), (None, 5), (0.0, 0.1), (86_400.0, 3600)],
    )
    def test_a_rate_limited_key_is_cooled_as_long_as_it_was_told_within_bounds(
        self, said: float | None, seconds: float
    ) -> None:
        ring = Ring(some(1))
        ring.fail(ring.keys[0], "rate_limited", said)
        ring.clock.move(seconds=seconds - 0.01)
        assert ring.labels(a_bot()) == []
        assert ring.service.has_any(a_bot(), "openai")
        ring.clock.move(seconds=0.01)
        assert ring.labels(a_bot()) == ["k0"]

    def test_how_long_until_one_is_back(self) -> None:
        keys = [*some(2), a_key("tagged", "a"), a_key("dead")]
        ring = Ring(keys)
        assert ring.service.ready_in(a_bot(), "openai") is None
        ring.fail(keys[0], "rate_limited", 30.0)
        ring.fail(keys[1], "quota_exhausted")
        ring.fail(keys[2], "rate_limited", 1.0)
        ring.fail(keys[3], "bad_key")
        assert ring.service.ready_in(a_bot(), "openai") == 30.0
        assert ring.service.ready_in(a_bot("a"), "openai") == 1.0
        assert ring.service.ready_in(a_bot(pinned=keys[1]), "openai") == 3600.0
        assert ring.service.ready_in(a_bot(pinned=keys[3]), "openai") is None

    def test_without_a_word_it_rests_longer_each_time_in_a_row(self) -> None:
        ring = Ring(some(1))
        rests = []
        for _ in range(3):
            for _ in range(5):  # one burst is one time
                ring.fail(ring.keys[0], "rate_limited")
            (news,) = ring.told()
            assert news.cooled_until is not None
            rests.append((news.cooled_until - ring.clock.now()).total_seconds())
            ring.clock.at = news.cooled_until
        assert rests == [5, 10, 20]
        ring.clock.move(minutes=2)
        ring.fail(ring.keys[0], "rate_limited")
        ring.clock.move(seconds=5)
        assert ring.labels(a_bot()) == ["k0"]

    @pytest.mark.parametrize(
        ("said", "hours"),
        [(None, 1), (34.0, 1 / 6), (7200.0, 2), (10.0**9, 24)],
    )
    def test_a_key_without_money_is_parked_for_long(self, said: float | None, hours: float) -> None:
        ring = Ring(some(1))
        ring.fail(ring.keys[0], "quota_exhausted", said)
        (news,) = ring.told()
        assert (news.health, news.state_reason) == ("parked", "quota_exhausted")
        assert news.next_check_at is not None
        ring.clock.move(hours=hours, seconds=-1)
        assert ring.labels(a_bot()) == []
        ring.clock.move(seconds=1)
        assert ring.labels(a_bot()) == ["k0"]

    def test_a_refused_key_is_retired_at_once_for_all_and_for_good(self) -> None:
        keys = some(2)
        ring = Ring(keys)
        bot = a_bot()
        assert ring.labels(bot) == ["k0", "k1"]
        ring.fail(keys[0], "bad_key", status=401)
        assert ring.labels(bot) == ["k1"]
        assert ring.labels(a_bot(pinned=keys[0])) == []
        ring.clock.move(days=30)
        assert ring.labels(bot) == ["k1"]
        (news,) = ring.told()
        assert (news.health, news.state_reason, news.cooled_until) == ("failed", "bad_key", None)
        assert "401" in str(news.state_detail)

    @pytest.mark.parametrize(
        "reason", ["forbidden", "bad_request", "not_found", "context_length", "content_filter", None]
    )
    def test_what_is_the_callers_matter_leaves_the_key_alone(self, reason: str | None) -> None:
        ring = Ring(some(1))
        ring.fail(ring.keys[0], reason, 60.0, status=403)
        assert ring.labels(a_bot()) == ["k0"]
        assert ring.told() == []
        assert ring.urgent == 0

    @pytest.mark.parametrize("reason", ["overloaded", "server_error", "timeout", "connect_error"])
    def test_trouble_at_the_vendor_puts_others_first_for_a_moment(self, reason: str) -> None:
        keys = [a_key("a1", "a"), a_key("a2", "a"), a_key("plain")]
        ring = Ring(keys)
        ring.fail(keys[0], reason, status=503)
        assert [ring.labels(a_bot("a")) for _ in range(2)] == [["a2", "plain", "a1"]] * 2
        for key in keys[1:]:
            ring.fail(key, reason, said=3600.0, status=503)
        assert len(ring.labels(a_bot("a"))) == 3  # all in trouble: still tried, in turn
        assert Counter(ring.labels(a_bot("a"))[0] for _ in range(4)) == {"a1": 2, "a2": 2}
        ring.clock.move(seconds=10)
        assert ring.labels(a_bot("a"))[2] == "plain"
        assert ring.told() == []

    def test_a_longer_rest_stands_and_a_worse_state_too(self) -> None:
        ring = Ring(some(1))
        key = ring.keys[0]
        ring.fail(key, "rate_limited", 60.0)
        ring.fail(key, "rate_limited", 30.0)
        ring.clock.move(seconds=59)
        assert ring.labels(a_bot()) == []
        ring.fail(key, "quota_exhausted")
        ring.fail(key, "rate_limited", 1.0)
        ring.clock.move(seconds=59)
        assert ring.labels(a_bot()) == []
        ring.fail(key, "bad_key")
        ring.fail(key, "quota_exhausted")
        ring.clock.move(days=2)
        assert ring.labels(a_bot()) == []
        assert [news.health for news in ring.told()] == ["failed"]
