"""What the load generators print, and the requests that they are given."""

from __future__ import annotations

import json

import pytest

from bench import load, streams, wrk
from bench.asks import chat
from bench.machine import BenchError
from bench.proxy_server import PATH
from bench.target import Target

SPREAD = '{"p50":1,"p90":2,"p99":3,"max":4}'


def test_wrk() -> None:
    output = (
        "Running 1s test @ http://127.0.0.1:1\n"
        'RESULT {"answers":3000,"microseconds":1500000,"p50":120,"p99":900,"refused":0,"broken":0}\n'
    )
    found = wrk.parse(output, who="nginx")
    assert (found.answers, found.rate, found.p50, found.p99) == (3000, 2000.0, 120, 900)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("", "the load at nginx gave no result"),
        ('RESULT {"answers":5,"refused":2,"broken":0}', "2 refused"),
        ('RESULT {"answers":5,"refused":0,"broken":1}', "1 broken"),
        ('RESULT {"answers":0,"refused":0,"broken":0}', "of 0 answers"),
    ],
)
def test_a_load_that_was_not_answered_well_is_no_measurement(output: str, said: str) -> None:
    with pytest.raises(BenchError, match=said):
        wrk.parse(output, who="nginx")


def test_streams() -> None:
    counts = '"streams":2,"finished":1,"broken":1,"refused":0,"unfinished":0,"events":9,"stalled":1'
    line = (
        f'RESULT {{"delay":{SPREAD},"first":{SPREAD},"head":{SPREAD},{counts},"longest_gap":7,"seconds":0.5}}'
    )
    found = streams.parse(line, who="ours")
    assert (found.delay.p99, found.finished, found.stalled, found.seconds) == (3, 1, 1, 0.5)


def test_load() -> None:
    counts = '"asked":10,"answered":8,"refused":1,"broken":1,"unanswered":0,"opened":2,"seconds":4.0'
    found = load.parse(f'RESULT {{"latency":{SPREAD},{counts}}}', who="ours")
    assert (found.rate, found.latency.max, found.opened) == (2.0, 4, 2)


def test_a_chat_tells_the_mock_what_to_do() -> None:
    plain, stream = json.loads(chat()), json.loads(chat("live-20x100", usage=True))
    assert "stream" not in plain
    assert "mock:" not in chat()
    assert stream["stream"] is True
    assert stream["stream_options"] == {"include_usage": True}
    assert stream["messages"][1]["content"].startswith("mock:live-20x100 ")


def test_a_request_as_bytes() -> None:
    target = Target("ours", 7100, PATH, process=None, token="t", headers={"x-more": "1"})  # type: ignore[arg-type]
    head, _, body = streams.raw_request(target, '{"é":1}').partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"POST {PATH} HTTP/1.1"
    assert {"Host: 127.0.0.1:7100", "Authorization: Bearer t", "x-more: 1", "Content-Length: 8"} <= set(lines)
    assert len(body) == 8


def test_the_headers_of_an_sdk_are_eighteen_with_host_and_length() -> None:
    target = Target("ours", 7100, PATH, process=None)  # type: ignore[arg-type]
    assert len(target.all_headers(sdk=True)) + 2 == 18
    assert len(target.all_headers()) + 2 == 8
