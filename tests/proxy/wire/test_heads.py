"""Connections share what the same head means, and never more than that."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clawbot_manager.proxy.messages import RequestHead
from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.proxy.route import Route
from clawbot_manager.proxy.wire.request import HeadMemo
from tests.proxy.rig import CHAT, TOKEN, chat, request
from tests.proxy.wire.corpus import answer
from tests.proxy.wire.memory import Bench

DONE = answer(b"{}", b"content-type: application/json")


@pytest.fixture
def bench() -> Bench:
    return Bench(lambda link, asked: link.give(DONE))


def ask(bench: Bench, raw: bytes) -> int:
    """One request on a connection of its own; the answer's status."""
    client = bench.say(raw)
    (got,) = client.answers("POST")
    return got.status


def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The heads that are routed from now on."""
    routed: list[object] = []
    route = Pipeline.route

    def counting(self: Pipeline, head: RequestHead) -> Route:
        routed.append(head)
        return route(self, head)

    monkeypatch.setattr(Pipeline, "route", counting)
    return routed


def test_the_third_connection_knows_the_head(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    routed = counted(monkeypatch)
    assert [ask(bench, chat(n=10**number)) for number in range(5)] == [200] * 5  # of any length
    assert len(routed) == 2
    assert [ask(bench, chat("accept: a")), ask(bench, chat("accept: b"))] == [200, 200]
    assert len(routed) == 4
    assert [one.body for one in bench.provider.asked][:2] == [
        chat(n=1).partition(b"\r\n\r\n")[2],
        chat(n=10).partition(b"\r\n\r\n")[2],
    ]


def test_a_revoked_token_is_out_on_every_connection(bench: Bench) -> None:
    assert [ask(bench, chat()) for _ in range(3)] == [200] * 3
    bench.tokens.bots.clear()
    bench.tokens.epoch += 1
    assert [ask(bench, chat()) for _ in range(3)] == [401] * 3


def test_an_expired_token_is_out_though_its_epoch_stands(bench: Bench) -> None:
    import dataclasses

    until = bench.clock.now() + timedelta(hours=1)
    bench.tokens.bots[TOKEN] = dataclasses.replace(bench.tokens.bots[TOKEN], expires_at=until)
    assert [ask(bench, chat()) for _ in range(3)] == [200] * 3
    bench.clock.move(hours=2)
    bench.tokens.bots.clear()
    assert ask(bench, chat()) == 401


def test_a_head_with_a_trace_of_its_own_is_not_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    routed = counted(monkeypatch)
    for number in range(6):
        assert ask(bench, chat(f"x-request-id: trace-{number // 3}")) == 200
    assert len(routed) == 6
    assert bench.server.heads._shared == {}


def test_strangers_and_long_heads_get_no_room(bench: Bench) -> None:
    for _ in range(3):
        assert ask(bench, chat("x-long: " + "y" * 4096)) == 200
        assert ask(bench, chat().replace(TOKEN.encode(), b"cbm_bot_of_nobody_at_all")) == 401
    assert bench.server.heads._shared == {}
    assert not bench.server.heads._seen


def test_what_is_kept_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawbot_manager.proxy.wire.heads._MOST_SHARED", 3)
    monkeypatch.setattr("clawbot_manager.proxy.wire.heads._MOST_SEEN", 5)
    for number in range(20):
        for _ in range(2):
            assert ask(bench, chat(f"accept: a{number}")) == 200
        assert len(bench.server.heads._shared) <= 3
        assert len(bench.server.heads._seen) <= 5


@pytest.mark.parametrize("length", ["content-length: 5 ", "content-length:\t5\t", "content-length:5\t "])
def test_a_length_with_blanks_behind_it_is_read_each_time(bench: Bench, length: str) -> None:
    """Its digits cannot be told from the rest by the quick look: without care the head would have no body."""
    head = request("POST", CHAT, "content-type: application/json", length)
    for _ in range(2):
        client = bench.say(*[head + body for body in (b"[1,1]", b"[2,2]", b"[3,3]")])
        assert [one.status for one in client.answers(*["POST"] * 3)] == [200] * 3
    assert [one.body for one in bench.provider.asked] == [b"[1,1]", b"[2,2]", b"[3,3]"] * 2


def test_a_head_without_a_body_is_not_one_with(bench: Bench) -> None:
    plain = request("POST", CHAT)
    for _ in range(3):
        bench.say(plain, plain)
    assert {one.body for one in bench.provider.asked} == {b""}
    client = bench.say(chat())
    assert client.answers("POST")[0].status == 200
    assert bench.provider.asked[-1].body != b""
    assert all(isinstance(one, HeadMemo) for one in bench.server.heads._shared.values())
