"""Many requests on one connection: answered in order, one at a time, or handed over."""

from __future__ import annotations

import asyncio

from tests.proxy.rig import FILES, chat, request
from tests.proxy.wire.memory import Bench, Link, Pipe, fine, silent
from tests.proxy.wire.strict import Asked

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Foreign(asyncio.Protocol):
    """Takes over connections."""

    @classmethod
    def all_of(cls, bench: Bench) -> list[Foreign]:
        """Those that will take over the bench's connections."""
        made: list[Foreign] = []

        def make() -> Foreign:
            made.append(cls())
            return made[-1]

        bench.server.foreign = make
        return made

    def __init__(self) -> None:
        self.got = b""
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.got += data


class TestPipelining:
    def test_many_in_one_write(self) -> None:
        bench = Bench()
        client = bench.say(b"".join(request("PUT", FILES, body=b"%d" % number) for number in range(300)))
        answers = client.answers(*["PUT"] * 300)
        assert [one.body for one in answers] == [b"PUT /v1/files %d" % number for number in range(300)]
        assert not client.has_ended()

    def test_all_kinds_in_one_write(self) -> None:
        bench = Bench()
        kinds = [
            request("HEAD"),
            chat(),
            request("POST", FILES, "transfer-encoding: chunked") + b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
            request("POST", FILES, "expect: 100-continue", body=b"12345"),
            request("DELETE", FILES),
            request("GET", "/v1/nobody/x"),
            request("PATCH", FILES, body=b""),
        ]
        client = bench.say(b"".join(kinds * 3))
        methods = ["HEAD", "POST", "POST", "POST", "DELETE", "GET", "PATCH"]
        answers = client.answers(*methods * 3)
        assert [one.status for one in answers] == [200, 200, 200, 200, 200, 404, 200] * 3
        assert [one.body for one in bench.provider.asked][2:4] == [b"onetwo", b"12345"]
        assert bench.is_quiet()

    def test_one_at_a_time(self) -> None:
        """The second is not begun before the first is answered: their order is the order of the answers."""
        bench = Bench(silent)
        client = bench.say(request("GET", "/v1/openai/v1/first") + request("GET", "/v1/openai/v1/second"))
        (link,) = bench.provider.links
        assert [one.target for one in bench.provider.asked] == [b"/v1/first"]
        link.give(OK)
        bench.loop.run()
        assert [one.target for one in bench.provider.asked] == [b"/v1/first", b"/v1/second"]
        link.give(OK)
        bench.loop.run()
        assert len(client.answers("GET", "GET")) == 2

    def test_more_than_is_held(self) -> None:
        """What waits for the answer before it stays, past a bound, in the client's own buffers."""
        bench = Bench(silent)
        client = bench.say(request())
        waiting = request("PUT", FILES, body=b"x" * 100_000)
        for _ in range(2):
            client.give(waiting)
        assert not client.is_paused()
        client.give(waiting)
        assert client.is_paused()
        client.give(waiting)
        bench.provider.answering = fine
        bench.provider.links[0].give(OK)
        bench.loop.run()
        assert not client.is_paused()
        assert len(client.answers("GET", *["PUT"] * 4)) == 5
        assert all(len(one.body) == 100_000 for one in bench.provider.asked[1:])

    def test_a_bad_one_behind_a_good_one(self) -> None:
        bench = Bench(silent)
        client = bench.say(request() + b"GET /v1/openai/x HTTP/1.1\r\nno host\r\n\r\n" + request())
        assert not client.sent
        bench.provider.links[0].give(OK)
        bench.loop.run()
        assert [one.status for one in client.answers("GET", "GET")] == [200, 400]
        assert client.has_ended()
        assert len(bench.provider.asked) == 1

    def test_a_bad_one_behind_a_head(self) -> None:
        """What was asked before says nothing about how to answer what can't be read."""
        client = Bench().say(request("HEAD"), b"GET /v1/openai/x HTTP/1.1\r\nno host\r\n\r\n")
        head, bad = client.answers("HEAD", "GET")
        assert (head.body, bad.status) == (b"", 400)
        assert b"bad_request" in bad.body

    def test_behind_the_last(self) -> None:
        """After `connection: close` nothing more is read, and the answer is not lost by what is unread."""
        bench = Bench()
        client = bench.say(request("GET", "/v1/openai/v1/models", "connection: close") + request())
        assert client.answer().header(b"connection") == b"close"
        assert client.has_ended()
        assert not client.is_closing()
        client.give_end()
        bench.loop.run()
        assert client.is_lost()
        assert len(bench.provider.asked) == 1

    def test_not_while_answers_wait_to_be_taken(self) -> None:
        bench = Bench()
        client = bench.client()
        client.stall()
        client.give(request() * 3)
        bench.loop.run()
        assert len(bench.provider.asked) == 1
        client.flow()
        bench.loop.run()
        assert len(client.answers("GET", "GET", "GET")) == 3


class TestHandOver:
    def test_nobody_to_hand_over_to(self) -> None:
        bench = Bench()
        client = bench.say(request("GET", "/api/health") + request())
        answer = client.answer()
        assert (answer.status, answer.header(b"connection")) == (404, b"close")
        assert client.has_ended()

    def test_with_all_that_has_come(self) -> None:
        bench = Bench()
        foreign = Foreign()
        bench.server.foreign = lambda: foreign
        mine, theirs = chat(), request("POST", "/api/keys", body=b"{}") + request()
        client = bench.say(mine + theirs)
        assert client.answer("POST").status == 200
        assert foreign.got == theirs
        assert foreign.transport is client
        client.give(b"more")
        assert foreign.got == theirs + b"more"
        assert not bench.server.clients

    def test_not_before_the_head_is_whole(self) -> None:
        """Whoever takes over would have to bound a head, in size and in time."""
        bench = Bench(head_timeout=30.0)
        made = Foreign.all_of(bench)
        head = request("GET", "/api/health")
        slow = bench.say(head[:-2])
        large = bench.say(head[:-2] + b"x: " + b"y" * bench.config.max_head)
        bench.pass_time(40)
        assert not made
        assert (slow.answer().status, large.answer().status) == (408, 431)
        whole = bench.say(head[:-2], head[-2:])
        assert [one.got for one in made] == [head]
        assert not whole.sent

    def test_not_what_is_no_request(self) -> None:
        bench = Bench()
        made = Foreign.all_of(bench)
        assert bench.say(b"\x16\x03\x01 hello\r\n").answer().status == 400
        assert not made

    def test_the_clock_no_longer_runs(self) -> None:
        bench = Bench(idle_timeout=10.0)
        bench.server.foreign = Foreign
        client = bench.say(request("GET", "/api/health"))
        bench.pass_time(100)
        assert not client.has_ended()


def test_connections_are_used_again() -> None:
    """Silent loss of reuse costs a connection for each request, and TLS for each connection."""
    bench = Bench()
    clients = [
        bench.say(*[chat(), request(), request("HEAD"), request("DELETE", FILES)] * 5) for _ in range(3)
    ]
    assert len(bench.provider.links) == 1
    assert len(bench.provider.asked) == 60
    assert all(len(one.answers(*["POST", "GET", "HEAD", "DELETE"] * 5)) == 20 for one in clients)


def test_as_many_connections_as_requests_at_once() -> None:
    bench = Bench(silent)
    clients: list[Pipe] = [bench.say(request()) for _ in range(5)]
    assert len(bench.provider.links) == 5
    for link in bench.provider.links:
        link.give(OK)
    bench.provider.answering = ok
    bench.loop.run()
    for client in clients:
        client.give(request())
        bench.loop.run()
    assert len(bench.provider.links) == 5
    # the one that was used last is used first, so that the others can grow old
    assert sorted(len(link.asked) for link in bench.provider.links) == [1, 1, 1, 1, 6]


def ok(link: Link, asked: Asked) -> None:
    link.give(OK)
