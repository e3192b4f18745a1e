"""What a provider may answer, and what of it reaches the client."""

from __future__ import annotations

from typing import Any

import pytest

from clawbot_manager.vendors.simulator import SIMULATED_BASE_URL
from tests.fakes.ports import key
from tests.proxy.rig import CHAT, FILES, SECRET, chat, request
from tests.proxy.wire.answers import CHUNKED, NEXT, OK, giving
from tests.proxy.wire.corpus import LAST, old
from tests.proxy.wire.memory import Bench, chunk, silent


class TestBodies:
    @pytest.mark.parametrize(
        ("answer", "body"),
        [
            (OK, b"ok"),
            (CHUNKED + chunk(b"o") + chunk(b"k") + LAST, b"ok"),
            (CHUNKED + b"2;a=b\r\nok\r\n0;c\r\nx-trailer: 1\r\nset-cookie: a=b\r\n\r\n", b"ok"),
            (CHUNKED + LAST, b""),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""),
            (b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", b"ok"),
            (b"HTTP/1.1 200 \r\nContent-Length:\t 002 \r\n\r\nok", b"ok"),
            (b"HTTP/1.1 207 Multi-Status\r\ncontent-length: 2\r\n\r\nok", b"ok"),
            (b"HTTP/1.1 301 Moved\r\nlocation: /x\r\ncontent-length: 2\r\n\r\nok", b"ok"),
            (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok", b"ok"),
            (b"HTTP/1.1 200 OK\r\nx-empty:\r\nx-latin: \xe4\r\ncontent-length: 2\r\n\r\nok", b"ok"),
        ],
    )
    def test_ends_by_itself(self, answer: bytes, body: bytes) -> None:
        """It is passed on whole, the connection is kept, and the next answer is the next one's."""
        bench = Bench(giving(answer, NEXT))
        client = bench.say(request(), request())
        first, second = client.answers("GET", "GET")
        assert (first.body, first.whole, second.body) == (body, True, b"next")
        assert first.status == int(answer[9:12])
        assert len(bench.provider.links) == 1

    @pytest.mark.parametrize("answer", [OK, CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n"])
    def test_to_an_old_client(self, answer: bytes) -> None:
        bench = Bench(giving(answer))
        client = bench.say(old(request()))
        assert client.answer().body == b"ok"
        assert client.answer().whole
        assert client.has_ended()
        assert not client.aborted

    @pytest.mark.parametrize(
        "head",
        [
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\n",
            b"HTTP/1.0 200 OK\r\n\r\n",
        ],
    )
    def test_ends_with_the_connection(self, head: bytes) -> None:
        """The client's own connection need not end with it."""
        bench = Bench(silent)
        client = bench.say(request())
        link = bench.provider.links[0]
        link.give(head, b"to the ", b"end")
        bench.loop.run()
        assert not client.answer().whole
        link.pipe.give_end()
        bench.loop.run()
        assert (client.answer().body, client.answer().whole) == (b"to the end", True)
        bench.provider.answering = giving(NEXT)
        client.give(request())
        bench.loop.run()
        assert client.answers("GET", "GET")[1].body == b"next"
        assert len(bench.provider.links) == 2

    @pytest.mark.parametrize("line", [b"connection: close", b"Connection: x, Close"])
    def test_the_last_on_its_connection(self, line: bytes) -> None:
        bench = Bench(giving(b"HTTP/1.1 200 OK\r\n%b\r\ncontent-length: 2\r\n\r\nok" % line, NEXT))
        client = bench.say(request(), request())
        assert [one.body for one in client.answers("GET", "GET")] == [b"ok", b"next"]
        assert len(bench.provider.links) == 2
        assert bench.provider.links[0].pipe.is_lost()
        assert not client.has_ended()

    def test_a_connection_of_the_old_version_is_not_kept(self) -> None:
        bench = Bench(giving(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", NEXT))
        client = bench.say(request(), request())
        first, second = client.answers("GET", "GET")
        assert (first.body, second.body) == (b"ok", b"next")
        assert bytes(client.sent).startswith(b"HTTP/1.1 200 OK\r\n")
        assert len(bench.provider.links) == 2


class TestNoBodies:
    @pytest.mark.parametrize(
        ("method", "answer"),
        [
            ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n"),
            ("HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
            ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n"),
            ("HEAD", b"HTTP/1.1 404 No\r\ncontent-length: 500\r\n\r\n"),
            ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
            ("GET", b"HTTP/1.1 204 No Content\r\ncontent-length: 500\r\n\r\n"),
            ("GET", b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n"),
            ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 500\r\netag: x\r\n\r\n"),
            ("POST", b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"),
        ],
    )
    @pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
    def test_whatever_the_head_says(self, method: str, answer: bytes, version: bytes) -> None:
        bench = Bench(giving(answer, answer, NEXT))
        asked = request(method, FILES, "connection: keep-alive").replace(b"HTTP/1.1", version, 1)
        client = bench.say(asked, asked, request())
        first, again, second = client.answers(method, method, "GET")
        for one in (first, again):
            assert (one.status, one.body, one.whole) == (int(answer[9:12]), b"", True)
            assert one.header(b"transfer-encoding") is None
        assert second.body == b"next"
        assert len(bench.provider.links) == 1
        assert not client.has_ended()

    def test_lengths_are_told_where_they_may_be(self) -> None:
        """RFC 9110 section 8.6: to HEAD and with 304 as for GET with 200; with 204 never."""
        for method, status, told in (
            ("HEAD", b"200 OK", b"5"),
            ("GET", b"304 Same", b"5"),
            ("GET", b"204 No", None),
        ):
            bench = Bench(giving(b"HTTP/1.1 %b\r\ncontent-length: 5\r\n\r\n" % status))
            assert bench.say(request(method)).answer(method).header(b"content-length") == told

    def test_sent_all_the_same(self) -> None:
        """A body where none may be is thrown away with its connection."""
        bench = Bench(giving(OK, b"HTTP/1.1 204 No Content\r\n\r\nbody", NEXT))
        client = bench.say(request("HEAD"), request(), request())
        answers = client.answers("HEAD", "GET", "GET")
        assert [one.body for one in answers] == [b"", b"", b"next"]
        assert len(bench.provider.links) == 3


class TestInterim:
    @pytest.mark.parametrize(
        "before",
        [
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\ncontent-length: 5\r\n\r\n",
            b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + b"HTTP/1.1 100 Continue\r\n\r\n",
        ],
    )
    def test_is_not_passed_on(self, before: bytes) -> None:
        """As nginx does it: the client asked the proxy, and the proxy did not ask for them."""
        bench = Bench(giving(before + OK, before + OK, before + NEXT))
        client = bench.say(request(), request(), request())
        answers = client.answers("GET", "GET", "GET")
        assert [one.body for one in answers] == [b"ok", b"ok", b"next"]
        assert all(one.interim == () for one in answers)
        assert answers[0].header(b"link") is None
        assert len(bench.provider.links) == 1

    def test_piece_by_piece(self) -> None:
        bench = Bench(silent)
        client = bench.say(request())
        data = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK
        bench.provider.links[0].give(*(data[at : at + 1] for at in range(len(data))))
        bench.loop.run()
        assert client.answer().body == b"ok"

    def test_then_nothing(self) -> None:
        bench = Bench(silent)
        client = bench.say(request())
        bench.provider.links[0].give(b"HTTP/1.1 100 Continue\r\n\r\n")
        bench.provider.links[0].pipe.give_end()
        bench.loop.run()
        assert client.answer().header(b"x-clawbot-error") == b"upstream_broken"

    def test_switching_unasked(self) -> None:
        bench = Bench(giving(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\nxxx"))
        client = bench.say(request())
        answer = client.answer()
        assert (answer.status, answer.header(b"x-clawbot-error")) == (502, b"upstream_broken")
        assert bench.provider.links[0].pipe.is_lost()


class TestHeads:
    def test_what_is_passed_on(self) -> None:
        """As it came, byte for byte, but for what is the hop's, the proxy's or the key's owner's."""
        bench = Bench(
            giving(
                b"HTTP/1.1 200 Very OK\r\nX-Case:  Kept \r\nset-cookie: a=b\r\nKeep-Alive: timeout=5\r\n"
                b"connection: keep-alive, x-hop\r\nx-hop: 1\r\nx-clawbot-key: forged\r\ndate: today\r\n"
                b"trailer: x\r\nserver: s\r\ncontent-length: 2\r\nx-key: %b\r\nx: 1\r\nx: 2\r\n\r\nok"
                % SECRET.encode()
            )
        )
        client = bench.say(request())
        sent = bytes(client.sent)
        assert sent.startswith(b"HTTP/1.1 200 Very OK\r\nX-Case:  Kept \r\n")
        names = [name for name, _ in client.answer().headers]
        assert not {b"set-cookie", b"keep-alive", b"connection", b"x-hop", b"trailer"} & set(names)
        assert names.count(b"x") == 2
        assert {b"date", b"server"} <= set(names)
        assert b"forged" not in sent
        assert SECRET.encode() not in sent

    def test_connection_does_not_take_away_the_length(self) -> None:
        """A provider may name any header in `connection`; without its length the body would have no end."""
        bench = Bench(giving(b"HTTP/1.1 200 OK\r\nconnection: content-length\r\ncontent-length: 2\r\n\r\nok"))
        assert bench.say(request()).answer().whole


class TestErrors:
    def test_passed_on_whole(self) -> None:
        body = b'{"error":{"message":"no"}}'
        bench = Bench(giving(b"HTTP/1.1 422 No\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body), NEXT))
        client = bench.say(chat(), chat())
        assert [one.body for one in client.answers("POST", "POST")] == [body, b"next"]
        assert len(bench.provider.links) == 1

    @pytest.mark.parametrize("framing", ["counted", "chunked", "closed"])
    @pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
    def test_larger_than_is_read(self, framing: str, version: str) -> None:
        """Past a bound it is passed on as it comes."""
        bench = Bench(silent, max_error_body=100)
        client = bench.say(chat().replace(b"HTTP/1.1", version.encode(), 1))
        link = bench.provider.links[0]
        lines = {
            "counted": b"content-length: 3000\r\n",
            "chunked": b"transfer-encoding: chunked\r\n",
            "closed": b"",
        }
        link.give(b"HTTP/1.1 400 No\r\n%b\r\n" % lines[framing])
        for _ in range(3):
            link.give(chunk(b"x" * 1000) if framing == "chunked" else b"x" * 1000)
            bench.loop.run()
        link.give(LAST) if framing == "chunked" else link.pipe.give_end()
        bench.loop.run()
        got = client.answer("POST")
        assert (got.status, len(got.body), got.whole) == (400, 3000, True)
        assert bench.is_quiet()

    def test_to_head(self) -> None:
        bench = Bench(giving(b"HTTP/1.1 404 No\r\ncontent-length: 5\r\n\r\n", NEXT))
        client = bench.say(request("HEAD"), request())
        head, get = client.answers("HEAD", "GET")
        assert (head.status, head.body, get.body) == (404, b"", b"next")

    @pytest.mark.parametrize("asked", [chat(), request()])
    @pytest.mark.parametrize("status", [b"400", b"404", b"422"])
    def test_again_and_again(self, asked: bytes, status: bytes) -> None:
        """The head is known by then; what an error asks for is done all the same."""
        error = b"HTTP/1.1 %b No\r\ncontent-length: 26\r\n\r\n" % status + b'{"error":{"message":"no"}}'
        bench = Bench(giving(*[error] * 5, NEXT))
        client = bench.say(*[asked] * 6)
        answers = client.answers(*[asked.split(b" ")[0].decode()] * 6)
        assert [one.status for one in answers] == [int(status)] * 5 + [200]
        assert len(bench.provider.links) == 1
        assert [one.status for one in bench.usage.records] == [int(status)] * 5 + [200]

    def test_packed_and_larger_than_is_read(self) -> None:
        """What can't be looked through for the key does not go on; nor is the rest of it awaited."""
        bench = Bench(silent, max_error_body=100)
        client = bench.say(chat())
        link = bench.provider.links[0]
        link.give(b"HTTP/1.1 400 No\r\ncontent-encoding: gzip\r\ncontent-length: 3000\r\n\r\n", b"\x00" * 200)
        bench.loop.run()
        answer = client.answer("POST")
        assert (answer.status, answer.header(b"content-encoding")) == (400, None)
        assert link.pipe.is_lost()

    def test_the_next_key_on_the_same_connection(self) -> None:
        bench = Bench(giving(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", OK))
        bench.keys.keys.append(key("openai", "sk-another-key", base_url="http://provider.test"))
        client = bench.say(chat())
        assert not client.sent
        bench.pass_time(10)
        assert client.answer("POST").header(b"x-clawbot-attempts") == b"2"
        assert len(bench.provider.links) == 1


def test_streams_arrive_event_by_event() -> None:
    """Each event is with the client before the provider has sent the next one."""
    bench = Bench(silent)
    client = bench.say(chat(stream=True, stream_options={"include_usage": True}))
    link = bench.provider.links[0]
    link.give(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    assert client.answer("POST").status == 200
    for number in range(5):
        event = b'data: {"n":%d}\n\n' % number
        link.give(chunk(event))
        assert client.answer("POST").body.endswith(event)
    link.give(LAST)
    bench.loop.run()
    assert client.answer("POST").whole
    assert bench.provider.asked[0].target == b"/v1/chat/completions"
    assert CHAT.endswith("/chat/completions")


class TestSimulated:
    """The simulated provider behaves as one on a connection."""

    ASKED = chat(stream=True, model="simulated-small")

    def bench(self, **config: Any) -> Bench:
        bench = Bench(**config)
        bench.keys.keys[:] = [key("openai", "", base_url=SIMULATED_BASE_URL)]
        return bench

    def test_streams(self) -> None:
        bench = self.bench()
        client = bench.say(self.ASKED)
        bench.pass_time(60)
        assert client.answer("POST").body.endswith(b"data: [DONE]\n\n")

    def test_waits_for_a_slow_client(self) -> None:
        bench = self.bench()
        client = bench.say(self.ASKED)
        bench.loop.advance(0)
        client.stall()
        bench.loop.advance(60)
        halted = len(client.sent)
        bench.loop.advance(60)
        assert len(client.sent) == halted
        assert not client.answer("POST").whole
        client.flow()
        bench.loop.advance(60)
        assert client.answer("POST").body.endswith(b"data: [DONE]\n\n")

    @pytest.mark.parametrize("begun", [False, True])
    def test_stops_for_who_left(self, begun: bool) -> None:
        bench = self.bench(drain_seconds=0.001)
        client = bench.say(self.ASKED)
        if begun:
            bench.loop.advance(0)
        client.give_reset()
        bench.pass_time(60)
        assert [one.error_code for one in bench.usage.records] == ["client_closed"]
        assert bench.is_quiet()

    def test_switched_off(self) -> None:
        answer = self.bench(simulator_enabled=False).say(self.ASKED).answer("POST")
        assert answer.header(b"x-clawbot-error") == b"simulator_disabled"
