"""What a key ring tells of its keys, and what it hears from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from clawbot_manager.control.dataplane.news import Health, KeyNews, KeyState
from tests.control.dataplane.ring import Clock, Ring, a_bot, some


class TestNews:
    def test_urgent_once_for_each_change(self) -> None:
        ring = Ring(some(2))
        for _ in range(3):
            ring.fail(ring.keys[0], "rate_limited", 30.0)
        assert ring.urgent == 1
        ring.fail(ring.keys[1], "rate_limited", 0.2)  # over before anybody else could know
        assert ring.urgent == 1
        assert [news.key_id for news in ring.told()] == [ring.keys[0].key_id]

    def test_last_use_without_a_state(self) -> None:
        ring = Ring(some(2))
        ring.fail(ring.keys[0], None, status=200)
        (news,) = ring.service.take_news()
        expected = KeyNews(ring.keys[0].key_id, version=1, last_used_at=ring.clock.now())
        assert news == expected
        assert ring.service.take_news() == []

    def test_what_was_given_back_comes_again_under_what_is_newer(self) -> None:
        ring = Ring(some(2))
        one, other = ring.keys
        ring.fail(one, "rate_limited", 30.0)
        ring.fail(other, None, status=200)
        taken = ring.service.take_news()
        ring.fail(one, "bad_key")
        ring.service.give_back(taken)
        again = {news.key_id: news for news in ring.service.take_news()}
        assert again[one.key_id].health == "failed"
        assert again[one.key_id].last_used_at == ring.clock.now()
        assert again[other.key_id] in taken

    def test_a_state_given_back_survives_a_later_use(self) -> None:
        ring = Ring(some(1))
        ring.fail(ring.keys[0], "bad_key")
        ring.service.give_back(ring.service.take_news())
        ring.fail(ring.keys[0], None, status=200)
        (news,) = ring.service.take_news()
        assert news.health == "failed"


class TestVersions:
    @pytest.mark.parametrize("reason", ["rate_limited", "quota_exhausted", "bad_key", "overloaded"])
    def test_a_replaced_secret_inherits_nothing(self, reason: str) -> None:
        old, other = some(2)
        ring = Ring([old, other])
        bot = a_bot()
        ring.fail(old, reason)
        new = replace(old, secret="sk-new", version=2)
        ring.publish(new, other)
        assert sorted(ring.labels(bot)) == ["k0", "k1"]

    @pytest.mark.parametrize("reason", ["rate_limited", "quota_exhausted", "bad_key", "overloaded"])
    def test_a_late_report_of_the_old_secret_is_dropped(self, reason: str) -> None:
        (old,) = some(1)
        ring = Ring([old])
        ring.publish(replace(old, secret="sk-new", version=2))
        ring.fail(old, reason)
        assert ring.labels(a_bot()) == ["k0"]
        assert ring.told() == []
        assert ring.urgent == 0

    def test_news_of_the_old_secret_do_not_hide_those_of_the_new_one(self) -> None:
        (old,) = some(1)
        ring = Ring([old])
        ring.fail(old, "bad_key")
        new = replace(old, secret="sk-new", version=2)
        ring.publish(new)
        ring.fail(new, None, status=200)
        (news,) = ring.service.take_news()
        assert (news.version, news.health) == (2, None)
        ring.service.give_back([KeyNews(old.key_id, 1, health="failed")])
        ring.fail(new, "rate_limited", 30.0)
        ring.service.give_back([KeyNews(old.key_id, 1, health="failed")])
        assert [(news.version, news.health) for news in ring.told()] == [(2, "active")]

    def test_another_tag_or_label_keeps_the_state(self) -> None:
        (key,) = some(1)
        ring = Ring([key])
        ring.fail(key, "bad_key")
        ring.publish(replace(key, tag="a", label="renamed"))
        assert ring.labels(a_bot("a")) == []


class TestOtherProcesses:
    @pytest.mark.parametrize("health", ["active", "parked", "failed"])
    def test_what_they_learned_counts_here(self, health: Health) -> None:
        key, other = some(2)
        ring = Ring([key, other])
        bot = a_bot()
        assert ring.labels(bot) == ["k0", "k1"]
        until = None if health == "failed" else ring.clock.now() + timedelta(seconds=30)
        ring.publish(key, other, states={key.key_id: KeyState(1, health, until)})
        assert ring.labels(bot) == ["k1"]
        ring.clock.move(seconds=30)
        assert sorted(ring.labels(bot)) == (["k1"] if health == "failed" else ["k0", "k1"])

    def test_a_snapshot_from_before_our_news_does_not_undo_them(self) -> None:
        key, other = some(2)
        ring = Ring([key, other])
        ring.fail(key, "bad_key")
        ring.service.take_news()
        ring.publish(key, other)
        assert ring.labels(a_bot()) == ["k1"]

    def test_a_revival_is_a_new_version(self) -> None:
        (key,) = some(1)
        ring = Ring([key])
        ring.fail(key, "bad_key")
        ring.publish(replace(key, version=2))
        assert ring.labels(a_bot()) == ["k0"]

    def test_a_state_of_an_older_version_is_none(self) -> None:
        (key,) = some(1)
        ring = Ring([replace(key, version=2)], {key.key_id: KeyState(1, "failed")})
        assert ring.labels(a_bot()) == ["k0"]

    def test_a_rest_here_starts_from_the_state_there(self) -> None:
        (key,) = some(1)
        clock = Clock()
        ring = Ring([key], {key.key_id: KeyState(1, "parked", clock.now())}, clock)
        ring.fail(key, "rate_limited", 30.0)
        assert [news.health for news in ring.told()] == ["parked"]

    def test_a_report_before_the_first_request_counts(self) -> None:
        (key,) = some(1)
        ring = Ring([key])
        ring.fail(key, "bad_key")
        assert ring.labels(a_bot()) == []
