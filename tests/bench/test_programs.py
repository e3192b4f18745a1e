"""The bench's own programs against each other: what they count must be true, else no figure is."""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.asks import chat
from bench.load import loading
from bench.mock import Mock, mock
from bench.streams import Plan, hold
from bench.target import Target


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Mock]:
    with mock(tmp_path) as running:
        yield running


@pytest.fixture
def target(upstream: Mock) -> Target:
    return Target("mock", upstream.port, "/v1/chat/completions", upstream.process)


def ask(target: Target, body: str) -> Any:
    request = urllib.request.Request(target.url, body.encode(), target.all_headers())
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
        return answer.read().decode()


def test_an_answer_is_a_chat_completion_of_the_usual_size(target: Target, upstream: Mock) -> None:
    text = ask(target, chat())
    answer = json.loads(text)
    assert 1100 < len(text) < 1400
    assert answer["choices"][0]["message"]["role"] == "assistant"
    stats = upstream.stats()
    assert stats.requests == stats.answered == 1
    assert answer["usage"]["prompt_tokens"] == stats.prompt_tokens
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == stats.cached_tokens


@pytest.mark.parametrize("usage", [False, True])
def test_a_burst_has_its_events_and_usage_when_asked(target: Target, upstream: Mock, *, usage: bool) -> None:
    events = ask(target, chat("burst-3", usage=usage)).split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    parsed = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    told = [event["usage"] for event in parsed if event["usage"] is not None]
    assert sum("sent=" in json.dumps(event) for event in parsed) == 3
    assert [one["completion_tokens"] for one in told] == [upstream.stats().completion_tokens] * usage


def test_streams_are_counted_and_come_in_time(target: Target, upstream: Mock, tmp_path: Path) -> None:
    seen = hold(target, Plan("live-10x20", streams=20, times=2, spread_ms=20, stall_ms=30_000), tmp_path)
    assert (seen.finished, seen.broken, seen.refused, seen.unfinished, seen.stalled) == (20, 0, 0, 0, 0)
    assert seen.events == 20 * 2 * 20
    assert seen.first.p50 >= 10_000  # the first event comes after an interval
    stats = upstream.stats()
    assert (stats.streams, stats.streams_finished, stats.answered, stats.events) == (40, 40, 40, 800)


def test_a_stream_without_events_is_stalled_and_told_as_unfinished(target: Target, tmp_path: Path) -> None:
    seen = hold(target, Plan("live-60000x2", streams=3, stall_ms=200, limit_seconds=1), tmp_path)
    assert (seen.finished, seen.unfinished, seen.stalled, seen.events) == (0, 3, 3, 0)


def test_streams_that_nobody_answers_are_broken(target: Target, tmp_path: Path) -> None:
    nobody = Target("nobody", 1, target.path, target.process)
    assert hold(nobody, Plan("burst-1", streams=2), tmp_path).broken == 2


def test_a_load_keeps_its_rate_and_is_answered_to_the_end(
    target: Target, upstream: Mock, tmp_path: Path
) -> None:
    mix = [chat(), chat("burst-5"), chat("live-20x5", usage=True)]
    with loading(target, mix, tmp_path, rate=300, connections=32, seconds=1) as load:
        found = load.result()
    stats = upstream.stats()
    assert found.asked == found.answered == stats.answered == stats.requests
    assert 0 < found.asked <= 300  # never ahead of its rate
    assert stats.streams_finished == found.asked - (found.asked + 2) // 3
    assert found.opened == 32


def test_a_load_without_a_rate_never_pauses(target: Target, upstream: Mock, tmp_path: Path) -> None:
    with loading(target, [chat()], tmp_path, rate=0, connections=4, seconds=0.2) as load:
        found = load.result()
    assert found.answered == upstream.stats().answered > 4


def test_what_the_mock_does_not_take_is_refused(target: Target, upstream: Mock) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=10)
    try:
        connection.putrequest("POST", target.path)
        connection.putheader("transfer-encoding", "chunked")
        connection.endheaders()  # no body: the mock does not wait for one, and may have closed by then
        assert connection.getresponse().status == 411
    finally:
        connection.close()
    assert upstream.stats().bad == 1
