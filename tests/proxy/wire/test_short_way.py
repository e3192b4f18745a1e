"""The usual request goes a short way, and all comes to the same as on the long one, whatever is answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawbot_manager.proxy.ports import LimitHit, UsageRecord
from clawbot_manager.proxy.wire import ProxyServer
from tests.fakes.ports import key
from tests.proxy.rig import SECRET, TOKEN, chat
from tests.proxy.wire.corpus import BROKEN, EXCESS, PLAIN, answer, chunked
from tests.proxy.wire.memory import Bench, Link, Pipe
from tests.proxy.wire.strict import Asked

JSON = b"content-type: application/json"
DONE = answer(b'{"model":"m-1","usage":{"prompt_tokens":3,"completion_tokens":4}}', JSON)
_BASE = "http://provider.test"
CUT = [one for conversation in PLAIN + BROKEN if conversation.ends for one in conversation.answers]
CUT += [one for conversation in BROKEN for one in conversation.answers]
ANSWERS = [
    DONE,
    answer(b'{"usage":{"prompt_tokens":30,"completion_tokens":40,"total_tokens":70}}', JSON),
    answer(b"{}", JSON, b"x-request-id: abc"),
    answer(b"not json", JSON),
    answer(b"", JSON),
    answer(b'{"error":{"message":"in an answer with 200"}}', JSON),
    answer(b"echo of " + SECRET.encode(), JSON),
    answer(b"{}", JSON, b"x-key: " + SECRET.encode()),
    answer(b"{}", JSON, b"connection: close"),
    answer(b"{}", JSON, b"content-encoding: gzip"),
    answer(b"created", status=b"201 Created"),
    answer(b"moved", b"location: /x", status=b"307 Temporary Redirect"),
    *(
        answer(b'{"error":{"message":"no"}}', JSON, status=b"%d No" % status)
        for status in (400, 401, 404, 422)
    ),
    *(answer(b"busy", b"retry-after: 7", status=b"%d No" % status) for status in (429, 500, 503, 529)),
    answer(b'{"error":{"code":"insufficient_quota"}}', JSON, status=b"429 No"),
    chunked(b'{"usage":{"prompt_tokens":3,', b'"completion_tokens":4}}'),
    DONE.replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    DONE.replace(b"content-length", b"Content-Length", 1),
    *(one for conversation in PLAIN + EXCESS if not conversation.ends for one in conversation.answers),
    *CUT,
]
ENDS: dict[str, Callable[[Bench, Pipe, Link], object]] = {
    "nothing": lambda bench, client, link: None,
    "closed": lambda bench, client, link: link.pipe.give_end(),
    "reset": lambda bench, client, link: link.pipe.give_reset(),
    "silence": lambda bench, client, link: bench.pass_time(100),
    "left": lambda bench, client, link: client.give_end(),
    "slow": lambda bench, client, link: _slow(client),
    "shut": lambda bench, client, link: [one.shutdown() for one in list(bench.server.clients)],
    "cut": lambda bench, client, link: [one.cut() for one in list(bench.server.clients)],
    "another": lambda bench, client, link: client.give(chat(n=3) + chat(n=4)),
    "revoked": lambda bench, client, link: _revoke(bench),
}


def _slow(client: Pipe) -> None:
    client.stall()
    client.give(b"")
    client.flow()


def _revoke(bench: Bench) -> None:
    bench.tokens.bots.clear()
    bench.tokens.epoch += 1


def hold(
    given_answer: bytes,
    end: str,
    *,
    short: bool,
    cuts: tuple[int, ...] = (),
    before: bool = False,
    keys: int = 2,
    asked: bytes = chat(n=1),
) -> dict[str, Any]:
    """What comes of a usual request that is answered like this; `before`: it ends before the answer comes."""
    answers = [DONE, DONE, DONE]

    def answering(link: Link, asked: Asked) -> None:
        link.give(answers.pop(0)) if answers else held.append(link)

    held: list[Link] = []
    bench = Bench(answering, short=short, read_timeout=60.0)
    for number in range(1, keys):
        another = key("openai", f"sk-another-{number}", base_url="http://other.test", key_id=UUID(int=number))
        bench.keys.keys.append(another)
    client = bench.say(chat(), chat(), chat(), asked)
    (link,) = held
    assert client.answers(*["POST"] * 3)[2].whole
    pieces = [given_answer[a:b] for a, b in pairwise((0, *sorted(cuts), len(given_answer)))]
    if before:
        ENDS[end](bench, client, link)
    link.give(*pieces)
    bench.loop.run()
    if not before:
        ENDS[end](bench, client, link)
    answers += [DONE] * 4
    bench.loop.run()
    for other in held[1:]:
        other.give(DONE)
    bench.loop.run()
    bench.pass_time(200)
    seen = client.answers(*["POST"] * 6)
    assert bench.is_quiet()
    assert not held[3:]
    return {
        "answers": [one.plain() for one in seen],
        "ended": (client.has_ended(), client.aborted),
        "asked": [one.plain() for one in bench.provider.asked],
        "links": [link.pipe.is_lost() for link in bench.provider.links],
        "reports": [(one.key_id, one.status, one.reason, one.retry_after) for one in bench.keys.reports[:4]],
        "records": [_plain(one) for one in bench.usage.records],
        "settled": len(bench.budgets.settled),
    }


def _plain(record: UsageRecord) -> dict[str, Any]:
    """What does not depend on the moment and on the bench."""
    fields = msgspec.structs.asdict(record)
    for name in ("at", "trace_id", "bot_id", "owner_id", "token_id", "key_id", "duration_ms"):
        del fields[name]
    fields["first_byte_ms"] = record.first_byte_ms is not None
    fields["attempts"] = [(one.status, one.reason) for one in record.attempts]
    return fields


@pytest.mark.parametrize("given_answer", dict.fromkeys(ANSWERS))
def test_any_answer(given_answer: bytes) -> None:
    assert hold(given_answer, "nothing", short=True) == hold(given_answer, "nothing", short=False)


@pytest.mark.parametrize("end", ENDS)
def test_any_end(end: str) -> None:
    for given_answer in (DONE, DONE[:-5], DONE[:5], b"", chunked(b"one", b"two"), chunked(b"one", end=b"")):
        for before in (True, False):
            told = hold(given_answer, end, short=True, before=before)
            assert told == hold(given_answer, end, short=False, before=before), given_answer
            assert len(told["records"]) == told["settled"]


@given(st.sampled_from(ANSWERS), st.sampled_from(sorted(ENDS)), st.lists(st.integers(0, 300), max_size=6))
@settings(deadline=None)
def test_in_pieces(given_answer: bytes, end: str, cuts: list[int]) -> None:
    at = tuple(one % (len(given_answer) + 1) for one in cuts)
    assert hold(given_answer, end, short=True, cuts=at) == hold(given_answer, end, short=False, cuts=at)


def sse(*pieces: bytes) -> bytes:
    """A stream of events, in chunks."""
    return chunked(*pieces).replace(b"\r\n", b"\r\n" + SSE + b"\r\n", 1)


SSE = b"content-type: text/event-stream"
_EVENT = b'data: {"model":"m-1","choices":[{"delta":{"content":"hi"}}]}\n\n'
_COUNTS = b'data: {"model":"m-1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
STREAM = sse(_EVENT, _EVENT, _COUNTS, b"data: [DONE]\n\n")
STREAMS = [
    STREAM,
    sse(_EVENT + _EVENT + _COUNTS),
    sse(_EVENT, b"data: [DONE]\n\n"),
    STREAM[:-40],
    sse(_EVENT, SECRET.encode()),
    answer(_EVENT + _COUNTS, SSE),
    answer(b'{"error":{"message":"Unknown field: stream_options"}}', JSON, status=b"400 No"),
    answer(b'{"error":{"message":"no"}}', JSON, status=b"401 No"),
    DONE,
]
STREAMED = [
    chat(stream=True),
    chat(stream=True, stream_options={"include_usage": True}),
    chat(stream=True, stream_options={"include_usage": False}),
    chat(stream=True, stream_options=None),
    chat(stream=True, stream_options=5),
]


@pytest.mark.parametrize("given_answer", STREAMS)
@pytest.mark.parametrize("asked", STREAMED)
def test_any_stream(given_answer: bytes, asked: bytes) -> None:
    told = hold(given_answer, "nothing", short=True, asked=asked)
    assert told == hold(given_answer, "nothing", short=False, asked=asked)
    assert b"include_usage" in told["asked"][3][3] or b"stream_options" in asked


@given(
    st.sampled_from(STREAMS),
    st.sampled_from(STREAMED),
    st.sampled_from(sorted(ENDS)),
    st.lists(st.integers(0, 600), max_size=8),
    st.booleans(),
)
@settings(deadline=None)
def test_any_end_of_a_stream(
    given_answer: bytes, asked: bytes, end: str, cuts: list[int], before: bool
) -> None:
    at = tuple(one % (len(given_answer) + 1) for one in cuts)
    told = [
        hold(given_answer, end, short=short, cuts=at, before=before, asked=asked) for short in (True, False)
    ]
    assert told[0] == told[1]
    assert len(told[0]["records"]) == told[0]["settled"]


@pytest.mark.parametrize("given_answer", [one for one in ANSWERS if one not in CUT])
@pytest.mark.parametrize("keys", [1, 3])
def test_any_answer_again(given_answer: bytes, keys: int) -> None:
    """Known heads are read by a pattern: it must not make usual what is not."""
    told = []
    for short in (True, False):
        bench = Bench(lambda link, asked: link.give(given_answer), short=short)
        for number in range(1, keys):
            other = key("openai", f"sk-{number}-another", base_url=_BASE, key_id=UUID(int=number))
            bench.keys.keys.append(other)
        client = bench.client()
        for number in range(5):
            client.give(chat(n=number))
            bench.pass_time(5, steps=1)
        bench.pass_time(400)
        assert bench.is_quiet()
        told.append(
            (
                [one.plain() for one in client.answers(*["POST"] * 5)],
                [one.plain() for one in bench.provider.asked],
                [(one.key_id, one.status, one.reason, one.retry_after) for one in bench.keys.reports],
                [_plain(one) for one in bench.usage.records],
            )
        )
    assert told[0] == told[1]
    assert told[0][3]


@pytest.mark.parametrize("data", [b"", b"x", b"{", b'{"stream":true}', b'{"model":"other"}', b"\xff", b"[1]"])
@pytest.mark.parametrize("keys", [1, 2])
def test_other_bodies(data: bytes, keys: int) -> None:
    """The same head with another body is as usual."""
    told = []
    for short in (True, False):
        bench = Bench(lambda link, asked: link.give(DONE), short=short)
        head, _, _ = chat().partition(b"content-length")
        one = head + b"content-length: %d\r\n\r\n%b" % (len(data), data)
        client = bench.say(chat(), chat(), one, chat())
        told.append(
            (
                [one.plain() for one in client.answers(*["POST"] * 4)],
                [one.plain() for one in bench.provider.asked],
                [_plain(one) for one in bench.usage.records],
            )
        )
    assert told[0] == told[1]


@pytest.mark.parametrize("change", ["limit", "no keys", "another key", "too large", "expired", "revoked"])
def test_what_changed_meanwhile(change: str) -> None:
    """A known head vouches for itself, and for nothing that may change between two requests."""
    told = []
    for short in (True, False):
        bench = Bench(lambda link, asked: link.give(DONE), short=short, max_buffered_body=200)
        until = bench.clock.now() + timedelta(hours=1)
        bench.tokens.bots[TOKEN] = replace(bench.tokens.bots[TOKEN], expires_at=until)
        client = bench.say(chat(), chat(), chat())
        if change == "limit":
            bench.budgets.limit = LimitHit("daily_tokens", 60.0)
        elif change == "no keys":
            bench.keys.keys.clear()
        elif change == "another key":
            bench.keys.keys[:] = [
                key("openai", "sk-another", base_url="http://other.test", key_id=UUID(int=1))
            ]
        elif change == "revoked":
            _revoke(bench)
        elif change == "expired":
            bench.clock.move(hours=2)
            bench.tokens.bots.clear()  # its epoch stands: that a token expires is no news
        client.give(chat(text="x" * 200) if change == "too large" else chat())
        bench.loop.run()
        answers = client.answers(*["POST"] * 4)
        told.append(
            (
                [(one.status, one.header(b"x-clawbot-error"), one.whole) for one in answers],
                [(one.method, one.target, one.header(b"authorization")) for one in bench.provider.asked],
                [(one.status, one.error_code) for one in bench.usage.records],
                bench.budgets.admitted,
                len(bench.budgets.settled),
            )
        )
        expected = {
            "limit": 429,
            "no keys": 404,
            "another key": 200,
            "too large": 413,
            "expired": 401,
            "revoked": 401,
        }
        assert answers[-1].status == expected[change]
    assert told[0] == told[1]


@pytest.mark.parametrize("asked", [chat(n=2), *STREAMED])
def test_it_is_taken(monkeypatch: pytest.MonkeyPatch, asked: bytes) -> None:
    """The comparison above is worth something only if there are two ways."""

    def forbidden(*given: object) -> None:
        raise AssertionError("the long way")

    bench = Bench(lambda link, asked: link.give(DONE))
    client = bench.say(chat(), chat(), chat())
    monkeypatch.setattr(ProxyServer, "carrier", forbidden)
    monkeypatch.setattr(ProxyServer, "admitted", forbidden)
    client.give(asked)
    bench.loop.run()
    assert client.answers(*["POST"] * 4)[3].status == 200
