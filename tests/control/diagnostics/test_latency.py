"""What the API's latencies keep."""

from __future__ import annotations

from clawbot_manager.control.shared.latency import Latencies


def test_groups_are_counted_apart_and_only_the_apis() -> None:
    latencies = Latencies()
    for number in range(100):
        latencies.add("/api/bot/scout", 200, number / 1000)
    latencies.add("/api/usage", 503, 0.5)
    for path in ("/", "/assets/x.js", "/api/", "/api/../etc", "/api/%00"):
        latencies.add(path, 200, 1.0)
    bot, usage = latencies.groups()
    assert (bot["group"], bot["requests"], bot["error_rate"]) == ("bot", 100, 0)
    assert (bot["p50_ms"], bot["p95_ms"]) == (50.0, 95.0)
    assert (usage["group"], usage["error_rate"]) == ("usage", 1)


def test_what_is_long_ago_is_not_told_and_memory_is_bounded() -> None:
    now = 0.0
    latencies = Latencies(lambda: now)
    for number in range(10_000):
        latencies.add(f"/api/x{'y' * (number % 100)}", 200, 0.1)
    assert len(latencies.groups()) == 40
    now = 16 * 60.0
    assert latencies.groups() == []
