"""Connections to a provider from one answer to the next: their heads known, closed meanwhile, grown old."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.proxy.rig import FILES, chat, request
from tests.proxy.wire.answers import CHUNKED, NEXT, OK, giving
from tests.proxy.wire.corpus import LAST, old
from tests.proxy.wire.memory import Bench, chunk, silent
from tests.proxy.wire.strict import read_answers

_LINES = [
    b"content-length: 2",
    b"content-length: 3",
    b"Content-Length:2",
    b"content-length: 2 ",
    b"content-length: x",
    b"content-length: 2\n",
    b"connection: close",
    b"connection: keep-alive",
    b"connection: x-a",
    b"content-type: text/plain",
    b"content-type: application/json",
    b"content-encoding: gzip",
    b"x-a: 1",
    b"x-a: 22",
    b"x-a : 1",
    b" folded",
    b"x-b:\x00",
    b"x-clawbot-key: forged",
    b"set-cookie: a=b",
    b"transfer-encoding: chunked",
]


class TestStale:
    """A connection that waited may be closed at the very moment that it is used again."""

    def bench(self) -> Bench:
        bench = Bench(giving(OK))
        client = bench.say(request())
        client.close()
        bench.loop.run()
        bench.provider.answering = silent
        return bench

    def test_once_more(self) -> None:
        bench = self.bench()
        client = bench.say(chat())
        (link,) = bench.provider.links
        assert len(link.asked) == 2
        bench.provider.answering = giving(NEXT)
        link.pipe.give_end()
        bench.loop.run()
        got = client.answer("POST")
        assert (got.body, got.header(b"x-clawbot-attempts")) == (b"next", b"1")
        assert len(bench.provider.links) == 2
        assert bench.keys.reports[-1].reason is None

    def test_once_only(self) -> None:
        bench = self.bench()
        client = bench.say(chat())
        bench.provider.links[0].pipe.give_reset()
        bench.loop.run()
        bench.provider.links[1].pipe.give_reset()
        bench.loop.run()
        assert client.answer("POST").header(b"x-clawbot-error") == b"upstream_broken"
        assert len(bench.provider.links) == 2

    def test_not_on_one_that_several_wait_for(self) -> None:
        """The second try gets a fresh connection, for the other waiting ones may be as stale."""
        bench = Bench(silent)
        clients = [bench.say(request()) for _ in range(3)]
        for link in bench.provider.links:
            link.give(OK)
        bench.loop.run()
        assert [one.answer().body for one in clients] == [b"ok"] * 3
        client = bench.say(chat())
        used = next(link for link in bench.provider.links if len(link.asked) == 2)
        bench.provider.answering = giving(NEXT)
        used.pipe.give_end()
        bench.loop.run()
        assert client.answer("POST").body == b"next"
        assert len(bench.provider.links) == 4

    @pytest.mark.parametrize("seen", [b"H", b"HTTP/1.1 100 Continue\r\n\r\nHTTP", OK[:-1]])
    def test_not_when_it_has_begun_to_answer(self, seen: bytes) -> None:
        bench = self.bench()
        client = bench.say(chat())
        bench.provider.links[0].give(seen)
        bench.provider.links[0].pipe.give_end()
        bench.loop.run()
        assert len(bench.provider.links) == 1
        got = client.answer("POST")
        assert got.header(b"x-clawbot-error") == b"upstream_broken" or not got.whole

    def test_not_for_what_is_streamed_up(self) -> None:
        bench = self.bench()
        client = bench.say(request("POST", FILES, "transfer-encoding: chunked"), chunk(b"x"))
        assert len(bench.provider.links) == 2
        bench.provider.links[1].pipe.give_end()
        bench.loop.run()
        assert client.answer("POST").status == 502

    def test_closed_while_it_waits(self) -> None:
        bench = self.bench()
        bench.provider.links[0].pipe.give_end()
        bench.loop.run()
        assert len(bench.pool) == 0
        bench.provider.answering = giving(NEXT)
        assert bench.say(request()).answer().body == b"next"

    def test_closing_while_it_waits(self) -> None:
        """Its end is known, but not yet told."""
        bench = self.bench()
        bench.provider.links[0].pipe.give_end()
        bench.provider.answering = giving(NEXT)
        assert bench.say(request()).answer().body == b"next"
        assert len(bench.provider.links) == 2


class TestKnownHeads:
    """Heads that came before are read by a pattern, which changes nothing."""

    def test_the_last_one_on_its_connection(self) -> None:
        closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
        bench = Bench(
            giving(*[OK.replace(b"200 OK\r\n", b"200 OK\r\nconnection: keep-alive\r\n")] * 3, closing, OK)
        )
        client = bench.say(*[chat()] * 5)
        assert [one.body for one in client.answers(*["POST"] * 5)] == [b"ok"] * 5
        assert len(bench.provider.links) == 2

    def test_each_the_last_one(self) -> None:
        closing = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
        bench = Bench(giving(*[closing] * 4))
        assert len(bench.say(*[chat()] * 4).answers(*["POST"] * 4)) == 4
        assert len(bench.provider.links) == 4

    def test_an_old_client(self) -> None:
        bench = Bench(giving(*[OK] * 5))
        asked = request("GET", "/v1/openai/v1/models", "connection: keep-alive")
        client = bench.say(*[old(asked)] * 5)
        answers = client.answers(*["GET"] * 5)
        assert [(one.body, one.header(b"connection")) for one in answers] == [(b"ok", b"keep-alive")] * 5
        assert not client.has_ended()

    @given(
        heads=st.lists(st.lists(st.sampled_from(_LINES), max_size=5), min_size=1, max_size=3),
        statuses=st.lists(
            st.sampled_from([b"200 OK", b"200", b"2000", b"200x", b"201 Made", b"404 No"]), min_size=1
        ),
        order=st.lists(st.integers(0, 5), min_size=2, max_size=8),
        method=st.sampled_from(["GET", "HEAD"]),
    )
    @settings(deadline=None)
    def test_as_read_for_the_first_time(
        self, heads: list[list[bytes]], statuses: list[bytes], order: list[int], method: str
    ) -> None:
        answers = []
        for number in order:
            status, lines = statuses[number % len(statuses)], heads[number % len(heads)]
            answers.append(
                b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"", b""]) + b"ok" * (method == "GET")
            )
        kept = Bench(giving(*answers, *[NEXT] * len(order)))
        client = kept.client()
        for number, answer in enumerate(answers):
            before, links = len(client.sent), len(kept.provider.links)
            client.give(request(method))
            kept.loop.run()
            fresh = Bench(giving(answer))
            other = fresh.say(request(method))
            assert _plain(bytes(client.sent[before:]), method) == _plain(bytes(other.sent), method), number
            assert (kept.provider.links[-1].pipe.is_lost()) == (fresh.provider.links[-1].pipe.is_lost())
            assert len(kept.provider.links) - links <= 1
            if client.has_ended() or not all(one.whole for one in other.answers(method)) or not other.sent:
                return


def _plain(data: bytes, method: str) -> tuple[object, bytes]:
    answers, rest = read_answers(data, [method], closed=False)
    return [one.plain() for one in answers], rest


class TestGrowingOld:
    def test_connections_that_wait_too_long(self) -> None:
        bench = Bench(giving(OK), upstream_idle=90.0)
        bench.say(request())
        bench.pass_time(80)
        assert len(bench.pool) == 1
        bench.pass_time(20)
        assert len(bench.pool) == 0
        assert bench.provider.links[0].pipe.is_lost()

    def test_no_more_than_are_worth_keeping(self) -> None:
        bench = Bench(silent, upstream_idle_most=2)
        for _ in range(4):
            bench.say(request())
        for link in bench.provider.links:
            link.give(OK)
            bench.loop.run()
        assert len(bench.pool) == 2
        assert [link.pipe.is_lost() for link in bench.provider.links] == [True, True, False, False]

    def test_a_slow_client_is_not_the_providers_fault(self) -> None:
        bench = Bench(silent, read_timeout=60.0, write_timeout=300.0)
        client = bench.say(chat())
        link = bench.provider.links[0]
        link.give(CHUNKED, chunk(b"one"))
        client.stall()
        assert link.pipe.is_paused()
        bench.pass_time(200)
        assert not link.pipe.is_lost()
        client.flow()
        link.give(chunk(b"two"), LAST)
        bench.loop.run()
        assert client.answer("POST").body == b"onetwo"

    def test_a_pause_ends_with_the_answer(self) -> None:
        """A connection that was paused reads again when the next one uses it."""
        bench = Bench(silent)
        client = bench.say(chat())
        link = bench.provider.links[0]
        link.give(CHUNKED)
        client.stall()
        client.flow()
        link.give(LAST)
        bench.loop.run()
        assert not link.pipe.is_paused()
        bench.provider.answering = giving(NEXT)
        client.give(request())
        bench.loop.run()
        assert client.answers("POST", "GET")[1].body == b"next"
