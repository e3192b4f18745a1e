"""The provider answers before it has all of the request."""

from __future__ import annotations

import pytest

from tests.proxy.rig import FILES, chat, request
from tests.proxy.wire.answers import OK
from tests.proxy.wire.corpus import LAST
from tests.proxy.wire.memory import Bench, chunk, silent
from tests.proxy.wire.uploads import STREAMED, begun


class TestEarlyAnswers:
    def test_refused(self) -> None:
        bench = Bench()
        client, link = begun(bench, b"one")
        link.give(b"HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig")
        bench.loop.run()
        answer = client.answer("POST")
        assert (answer.status, answer.body) == (413, b"big")
        assert link.pipe.is_lost(), "half a request stands on that connection"
        client.give(chunk(b"two") + LAST + chat())
        bench.loop.run()
        assert [one.status for one in client.answers("POST", "POST")] == [413, 200]
        assert [one.target for one in bench.provider.asked] == [b"/v1/chat/completions"]

    def test_whole(self) -> None:
        bench = Bench()
        client, link = begun(bench, b"one")
        link.give(OK)
        bench.loop.run()
        assert client.answer("POST").body == b"ok"
        assert link.pipe.is_lost()
        client.give(chunk(b"two"))
        bench.loop.run()
        client.give(LAST + request())
        bench.loop.run()
        assert len(client.answers("POST", "GET")) == 2
        assert bench.is_quiet()

    def test_as_last_time_and_whole(self) -> None:
        """The short way of a known head must look at the upload too."""
        bench = Bench(lambda link, asked: link.give(OK))
        client = bench.say(*[request("POST", FILES, body=b"x")] * 3)
        (link,) = bench.provider.links[:1]
        assert len(client.answers(*["POST"] * 3)) == 3
        client.give(STREAMED + chunk(b"one"))
        bench.loop.run()
        last = bench.provider.links[-1]
        last.give(OK)
        bench.loop.run()
        assert last.pipe.is_lost()
        assert link is not last

    def test_both_go_on(self) -> None:
        """The answer is passed on while the body still goes up; then the connection is as good as new."""
        bench = Bench(silent)
        client, link = begun(bench, b"one")
        link.give(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunk(b"I hear one"))
        bench.loop.run()
        assert client.answer("POST").body == b"I hear one"
        client.give(chunk(b"two") + LAST)
        bench.loop.run()
        assert bench.provider.asked[0].body == b"onetwo"
        link.give(chunk(b" and two"), LAST)
        bench.loop.run()
        answer = client.answer("POST")
        assert (answer.body, answer.whole) == (b"I hear one and two", True)
        client.give(request())
        bench.loop.run()
        assert len(bench.provider.links) == 1
        assert len(link.asked) == 2

    def test_the_rest_is_too_long(self) -> None:
        bench = Bench()
        client, link = begun(bench, b"one")
        link.give(OK)
        bench.loop.run()
        for _ in range(3):
            client.give(chunk(b"x" * (1 << 19)))
        bench.loop.run()
        assert client.answer("POST").whole
        assert client.has_ended()
        assert not client.is_closing()

    def test_then_silence(self) -> None:
        """Who has its answer and sends no more of the body is closed, and gets no second answer."""
        bench = Bench(head_timeout=30.0)
        client, link = begun(bench, b"one")
        link.give(OK)
        bench.loop.run()
        bench.pass_time(40)
        assert client.answer("POST").status == 200
        assert client.is_lost()

    def test_then_no_chunk(self) -> None:
        bench = Bench()
        client, link = begun(bench, b"one")
        link.give(OK)
        bench.loop.run()
        client.give(b"no chunk\r\n")
        bench.loop.run()
        assert client.answer("POST").status == 200
        assert client.has_ended()

    @pytest.mark.parametrize(
        "head",
        [
            b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        ],
    )
    @pytest.mark.parametrize("end", ["no chunk", "silence"])
    def test_begun_and_then_spoilt_by_the_client(self, head: bytes, end: str) -> None:
        """No error is written into the midst of an answer: the client would take it for a part of it."""
        bench = Bench(head_timeout=30.0, read_timeout=300.0)
        client, link = begun(bench, b"one")
        link.give(head)
        bench.loop.run()
        if end == "silence":
            bench.pass_time(40)
        else:
            client.give(b"no chunk\r\n")
            bench.loop.run()
        answer = client.answer("POST")
        assert (answer.status, answer.body, answer.whole) == (200, b"half", False)
        assert client.is_lost()
        bench.loop.advance(10)
        assert link.pipe.is_lost()
        assert bench.is_quiet()

    def test_to_an_old_client(self) -> None:
        """Only the end of the connection tells it the end of the answer, so that can't wait for the body."""
        bench = Bench()
        head = request("POST", FILES, "content-length: 1000").replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        client = bench.say(head, b"half")
        bench.provider.links[0].give(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(b"no more") + LAST
        )
        bench.loop.run()
        answer = client.answer("POST")
        assert (answer.body, answer.whole) == (b"no more", True)
        assert client.has_ended()
