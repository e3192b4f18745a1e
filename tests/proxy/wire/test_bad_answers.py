"""Answers that are not valid, not whole or followed by more: none of it passes for a good one."""

from __future__ import annotations

import pytest

from tests.fakes.ports import key
from tests.proxy.rig import chat, request
from tests.proxy.wire.answers import CHUNKED, NEXT, OK, giving
from tests.proxy.wire.corpus import LAST
from tests.proxy.wire.memory import Bench, chunk, silent


class TestHeads:
    @pytest.mark.parametrize(
        "head",
        [
            b"HTTP/1.1 200 OK\ncontent-length: 2\n\n",
            b"HTTP/1.1 200 OK\r\nx: y\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: y\rcontent-length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n folded\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n: none\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx y: 1\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nContent-Length: 3\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 0x2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: %b\r\n\r\n" % (b"9" * 16),
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding:\r\n\r\n",
            b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 600 OK\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 099 OK\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 2x0 OK\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1  200 OK\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.2 200 OK\r\ncontent-length: 2\r\n\r\n",
            b"http/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
            b"ICY 200 OK\r\ncontent-length: 2\r\n\r\n",
            b"\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
            b"garbage\r\n\r\n",
            b"\x00\x01\x02\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: " + b"y" * (64 << 10) + b"\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: " + b"y" * (64 << 10),
            b"x" * (70 << 10),
        ],
    )
    def test_refused(self, head: bytes) -> None:
        """The client gets the proxy's own 502, and nothing of it; the connection is gone."""
        bench = Bench(giving(head + b"ok", NEXT))
        client = bench.say(request(), request())
        bench.provider.links[0].pipe.give_end()
        bench.loop.run()
        first, *rest = client.answers("GET", "GET")
        assert (first.status, first.header(b"x-clawbot-error")) == (502, b"upstream_broken")
        assert [one.body for one in rest] == [b"next"]
        assert bench.provider.links[0].pipe.is_lost()
        assert bench.is_quiet()

    @pytest.mark.parametrize("where", ["status", "name", "value", "end"])
    def test_cut_off(self, where: str) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
        size = {"status": 5, "name": 22, "value": 34, "end": len(head) - 1}[where]
        bench = Bench(silent)
        client = bench.say(request())
        bench.provider.links[0].give(head[:size])
        bench.provider.links[0].pipe.give_end()
        bench.loop.run()
        assert client.answer().header(b"x-clawbot-error") == b"upstream_broken"


class TestExcess:
    @pytest.mark.parametrize(
        "answer",
        [
            OK + NEXT,
            OK + b"x",
            OK + b"\r\n",
            CHUNKED + chunk(b"ok") + LAST + NEXT,
            CHUNKED + chunk(b"ok") + LAST + b"x",
            CHUNKED + chunk(b"ok") + LAST + b"H",
            CHUNKED + chunk(b"ok") + LAST + b"\x00" * 10,
            CHUNKED + chunk(b"ok") + LAST + CHUNKED + chunk(b"evil") + LAST,
            b"HTTP/1.1 204 No\r\n\r\n" + NEXT,
        ],
    )
    @pytest.mark.parametrize("times", [1, 2, 3])
    def test_with_the_body(self, answer: bytes, times: int) -> None:
        """Whatever follows a body is no answer to the next request, whether the head is known or not."""
        bench = Bench(giving(*[answer] * times, NEXT))
        client = bench.say(*[request()] * (times + 1))
        answers = client.answers(*["GET"] * (times + 1))
        assert answers[-1].body == b"next"
        assert all(one.body in {b"ok", b""} for one in answers[:-1])
        assert len(bench.provider.links) == times + 1
        assert bench.provider.links[0].pipe.is_lost()

    @pytest.mark.parametrize("excess", [NEXT, b"x", b"\r\n", OK * 3])
    @pytest.mark.parametrize("asked", [chat(), request()])
    def test_with_a_body_of_known_length(self, excess: bytes, asked: bytes) -> None:
        bench = Bench(giving(OK, OK, OK, OK + excess, NEXT))
        client = bench.say(*[asked] * 5)
        answers = client.answers(*[asked.split(b" ")[0].decode()] * 5)
        assert [one.body for one in answers] == [b"ok"] * 4 + [b"next"]
        assert len(bench.provider.links) == 2
        assert bench.provider.links[0].pipe.is_lost()

    @pytest.mark.parametrize("late", [NEXT, b"x", b"HTTP/1.1 408 Request Timeout\r\n\r\n", b"\r\n"])
    def test_after_the_body(self, late: bytes) -> None:
        """An answer that nobody asked for is not kept for whoever asks next."""
        bench = Bench(giving(OK, NEXT))
        client = bench.say(request())
        bench.provider.links[0].give(late)
        bench.loop.run()
        client.give(request())
        bench.loop.run()
        assert [one.body for one in client.answers("GET", "GET")] == [b"ok", b"next"]
        assert len(bench.provider.links) == 2

    def test_on_a_connection_that_nobody_has_used(self) -> None:
        bench = Bench(giving(NEXT))
        bench.provider.delay = 1.0
        client = bench.say(request())
        client.give_end()
        bench.pass_time(2)
        assert not bench.provider.links or bench.provider.links[0].pipe.is_lost()


class TestBroken:
    """A client must see that an answer is not whole, whatever tells the end of an answer to it."""

    UPSTREAM = (
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        CHUNKED + chunk(b"half"),
        CHUNKED + b"a\r\nhalf",
        CHUNKED + chunk(b"half") + b"0\r\n",
        CHUNKED + chunk(b"half") + b"0\r\nx-trailer: 1\r\n",
    )

    @pytest.mark.parametrize("answer", UPSTREAM)
    @pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
    @pytest.mark.parametrize("end", ["closed", "reset", "silent"])
    def test_seen_as_broken(self, answer: bytes, version: str, end: str) -> None:
        bench = Bench(silent, read_timeout=60.0)
        client = bench.say(chat().replace(b"HTTP/1.1", version.encode(), 1))
        link = bench.provider.links[0]
        link.give(answer)
        bench.loop.run()
        if end == "silent":
            bench.pass_time(80)
        else:
            (link.pipe.give_end if end == "closed" else link.pipe.give_reset)()
            bench.loop.run()
        got = client.answer("POST")
        assert (got.status, got.body, got.whole) == (200, b"half", False)
        assert client.is_lost()
        assert len(bench.provider.links) == 1
        error = "upstream_timeout" if end == "silent" else "upstream_broken"
        assert [one.error_code for one in bench.usage.records] == [error]
        assert bench.is_quiet()

    @pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
    def test_reset_where_the_end_is_the_end(self, version: str) -> None:
        bench = Bench(silent)
        client = bench.say(chat().replace(b"HTTP/1.1", version.encode(), 1))
        link = bench.provider.links[0]
        link.give(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        link.pipe.give_reset()
        bench.loop.run()
        assert not client.answer("POST").whole

    @pytest.mark.parametrize(
        "bad",
        [
            b"x\r\n",
            b"-1\r\n",
            b"0x1\r\na\r\n",
            b"1\ra\r\n",
            b"1\r\nab\r\n",
            b"1\r\na0\r\n\r\n",
            b"\r\n",
            b"f" * 17 + b"\r\n",
            b"0\r\nbad trailer\r\n\r\n",
            b"0\r\n folded: x\r\n\r\n",
        ],
    )
    @pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
    def test_bad_chunks(self, bad: bytes, version: str) -> None:
        bench = Bench(giving(CHUNKED + chunk(b"half") + bad))
        client = bench.say(request().replace(b"HTTP/1.1", version.encode(), 1))
        assert not client.answers("GET") or not client.answer().whole
        bench = Bench(silent)
        client = bench.say(request().replace(b"HTTP/1.1", version.encode(), 1))
        bench.provider.links[0].give(CHUNKED + chunk(b"half"), bad)
        bench.loop.run()
        got = client.answer()
        assert (got.body, got.whole) == (b"half", False)
        assert bench.provider.links[0].pipe.is_lost()

    @pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 500 No\r\ncontent-length: 10\r\n\r\nhalf"])
    def test_before_anything_is_passed_on(self, answer: bytes) -> None:
        """Then the next key may answer, as if nothing had been."""
        bench = Bench(silent)
        bench.keys.keys.append(key("openai", "sk-another-key", base_url="http://provider.test"))
        client = bench.say(chat())
        link = bench.provider.links[0]
        if answer:
            link.give(answer)
        link.pipe.give_end()
        bench.provider.answering = giving(OK)
        bench.pass_time(10)
        got = client.answer("POST")
        assert (got.status, got.header(b"x-clawbot-attempts")) == (200, b"2")

    def test_silence_before_anything_is_passed_on(self) -> None:
        bench = Bench(silent, read_timeout=60.0)
        client = bench.say(chat())
        bench.pass_time(50)
        assert not client.sent
        bench.pass_time(30)
        assert client.answer("POST").status == 504

    def test_an_answer_that_flows_is_not_late(self) -> None:
        bench = Bench(silent, read_timeout=60.0)
        client = bench.say(chat())
        link = bench.provider.links[0]
        link.give(CHUNKED)
        for _ in range(5):
            link.give(chunk(b"x"))
            bench.pass_time(50)
        link.give(LAST)
        bench.loop.run()
        assert client.answer("POST").body == b"xxxxx"
