"""Bodies of requests: held or streamed up, in pieces, too large, refused, slow."""

from __future__ import annotations

import pytest

from clawbot_manager.proxy.refusals import BODY_TIMEOUT
from tests.fakes.ports import key
from tests.proxy.rig import CHAT, FILES, SECRET, TOKEN, chat, request
from tests.proxy.wire.corpus import LAST
from tests.proxy.wire.memory import Bench, chunk, silent
from tests.proxy.wire.strict import Asked, Got
from tests.proxy.wire.uploads import STREAMED, begun


class TestExpect:
    @pytest.mark.parametrize("target", [CHAT, FILES])
    def test_accepted(self, target: str) -> None:
        bench = Bench()
        head, body = request("POST", target, "expect: 100-Continue", "content-length: 5"), b"12345"
        client = bench.say(head)
        assert bytes(client.sent) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.give(body)
        bench.loop.run()
        answer = client.answer("POST")
        assert (answer.status, answer.interim) == (200, (100,))
        (asked,) = bench.provider.asked
        assert (asked.body, asked.header(b"expect")) == (body, None)
        client.give(chat())
        bench.loop.run()
        assert [one.status for one in client.answers("POST", "POST")] == [200, 200]

    def test_not_waited_for(self) -> None:
        """Who sends the body at once need not be told (RFC 9110 section 10.1.1)."""
        answer = Bench().say(request("POST", CHAT, "expect: 100-continue", body=b"{}")).answer("POST")
        assert (answer.status, answer.interim) == (200, ())

    @pytest.mark.parametrize("target", [CHAT, FILES])
    def test_refused_before_the_body(self, target: str) -> None:
        bench = Bench()
        bench.tokens.bots.clear()
        client = bench.say(request("POST", target, "expect: 100-continue", "content-length: 5"))
        answer = client.answer("POST")
        assert (answer.status, answer.interim, answer.header(b"connection")) == (401, (), b"close")
        assert client.has_ended()

    def test_sent_in_spite_of_the_refusal(self) -> None:
        """It may not have heard yet: what it sends is no request, and the answer is not lost by it."""
        bench = Bench()
        bench.tokens.bots.clear()
        hidden = request()
        head = request("POST", CHAT, "expect: 100-continue", f"content-length: {len(hidden)}")
        client = bench.say(head, hidden, hidden)
        assert client.answer("POST").status == 401
        assert not client.is_closing()
        client.give_end()
        bench.loop.run()
        assert client.is_lost()
        assert not client.aborted

    def test_not_by_the_old_version(self) -> None:
        bench = Bench()
        data = request("POST", CHAT, "expect: 100-continue", "content-length: 2")
        client = bench.say(data.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert not client.sent
        client.give(b"{}")
        bench.loop.run()
        assert client.answer("POST").interim == ()

    def test_another_expectation(self) -> None:
        answer = Bench().say(request("POST", CHAT, "expect: the-unexpected", body=b"{}")).answer("POST")
        assert answer.status == 200


class TestLimits:
    def test_too_large_by_its_length(self) -> None:
        bench = Bench(max_buffered_body=100)
        client = bench.say(request("POST", CHAT, "content-length: 101"), b"x" * 101 + chat())
        answers = client.answers("POST", "POST")
        assert [one.status for one in answers] == [413, 200]
        assert answers[0].header(b"x-clawbot-error") == b"body_too_large"
        assert bench.is_quiet()

    def test_at_the_limit(self) -> None:
        bench = Bench(max_buffered_body=100)
        client = bench.say(request("POST", CHAT, body=b"x" * 100), request("POST", CHAT, body=b"x" * 101))
        assert [one.status for one in client.answers("POST", "POST")] == [200, 413]

    def test_far_too_large(self) -> None:
        """Nobody reads tens of megabytes for the sake of a connection: it ends, once the answer is read."""
        bench = Bench()
        client = bench.say(request("POST", CHAT, f"content-length: {33 << 20}"))
        answer = client.answer("POST")
        assert (answer.status, answer.header(b"connection")) == (413, b"close")
        assert client.has_ended()
        for _ in range(33):
            client.give(b"x" * (1 << 20))
        assert not client.is_closing()
        assert not client.is_paused()
        client.give_end()
        bench.loop.run()
        assert client.is_lost()
        assert not client.aborted

    def test_who_never_ends_is_cut_off(self) -> None:
        bench = Bench(max_buffered_body=100, head_timeout=30.0)
        client = bench.say(request("POST", CHAT, f"content-length: {33 << 20}"))
        for _ in range(31):
            client.give(b"x")
            bench.pass_time(1, steps=1)
        assert client.is_lost()

    def test_too_large_in_chunks(self) -> None:
        bench = Bench(max_buffered_body=100)
        head = request("POST", CHAT, "transfer-encoding: chunked")
        client = bench.say(head, chunk(b"x" * 60), chunk(b"x" * 60), chunk(b"x" * 60), LAST + chat())
        assert [one.status for one in client.answers("POST", "POST")] == [413, 200]
        assert len(bench.provider.asked) == 1
        assert bench.is_quiet()

    def test_without_end_in_chunks(self) -> None:
        bench = Bench(max_buffered_body=100)
        client = bench.say(request("POST", CHAT, "transfer-encoding: chunked"))
        for _ in range(20):
            client.give(chunk(b"x" * 70_000))
        bench.loop.run()
        assert client.answer("POST").status == 413
        assert client.has_ended()

    @pytest.mark.parametrize("framing", ["content-length: 60", "transfer-encoding: chunked"])
    def test_all_rooms_taken(self, framing: str) -> None:
        bench = Bench(max_buffered_total=100)
        first = bench.say(request("POST", CHAT, "content-length: 60"), b"x" * 30)
        body = b"x" * 60 if "length" in framing else chunk(b"x" * 60) + LAST
        second = bench.say(request("POST", CHAT, framing), body)
        refused = second.answer("POST")
        assert (refused.status, refused.header(b"x-clawbot-error")) == (503, b"no_room")
        assert refused.header(b"retry-after") is not None
        first.give(b"x" * 30)
        bench.loop.run()
        assert first.answer("POST").status == 200
        second.give(request("POST", CHAT, framing) + body)
        bench.loop.run()
        assert [one.status for one in second.answers("POST", "POST")] == [503, 200]
        assert bench.is_quiet()

    def test_who_leaves_makes_room(self) -> None:
        bench = Bench(max_buffered_total=100)
        client = bench.say(request("POST", CHAT, "content-length: 100"), b"x" * 30)
        client.give_end()
        bench.loop.run()
        assert bench.is_quiet()
        assert bench.usage.records[0].error_code == "client_closed"

    def test_streams_have_no_limit(self) -> None:
        bench = Bench(max_buffered_body=100, max_buffered_total=100)
        client = bench.say(request("POST", FILES, "content-length: 100000"), *[b"x" * 10_000] * 10)
        assert client.answer("POST").status == 200
        assert len(bench.provider.asked[0].body) == 100_000


class TestStreaming:
    def test_as_it_comes(self) -> None:
        """A piece is with the provider before the next one is sent."""
        bench = Bench()
        client, link = begun(bench, b"one")
        assert link.pipe.sent.endswith(b"\r\n\r\n3\r\none\r\n")
        client.give(chunk(b"two"))
        assert link.pipe.sent.endswith(b"3\r\ntwo\r\n")
        client.give(LAST)
        bench.loop.run()
        assert client.answer("POST").status == 200
        assert bench.provider.asked[0].body == b"onetwo"

    def test_a_length_stays_a_length(self) -> None:
        bench = Bench()
        client = bench.say(request("PUT", FILES, "content-length: 6"), b"one")
        assert bench.provider.links[0].pipe.sent.endswith(b"content-length: 6\r\n\r\none")
        client.give(b"two")
        bench.loop.run()
        assert client.answer("PUT").status == 200
        assert bench.provider.asked[0].header(b"transfer-encoding") is None

    def test_nothing_in_chunks(self) -> None:
        bench = Bench()
        assert bench.say(STREAMED, LAST).answer("POST").status == 200
        assert bench.provider.asked[0].body == b""

    def test_extensions_and_trailers_go_no_further(self) -> None:
        bench = Bench()
        client = bench.say(STREAMED, b"3;x=y\r\none\r\n0;z\r\nx-trailer: 1\r\n\r\n", chat())
        assert len(client.answers("POST", "POST")) == 2
        assert b"x=y" not in bench.provider.links[0].pipe.sent
        assert b"x-trailer" not in bench.provider.links[0].pipe.sent

    def test_only_as_fast_as_the_provider_takes_it(self) -> None:
        bench = Bench()
        client, link = begun(bench, b"one")
        link.pipe.stall()
        client.give(chunk(b"two"))
        bench.loop.run()
        assert client.is_paused()
        assert b"two" not in link.pipe.sent
        link.pipe.flow()
        bench.loop.run()
        assert link.pipe.sent.endswith(b"3\r\ntwo\r\n")

    def test_no_key(self) -> None:
        bench = Bench()
        bench.keys.keys.clear()
        client = bench.say(STREAMED, chunk(b"one"), LAST, request())
        assert [one.status for one in client.answers("POST", "GET")] == [404, 404]

    def test_no_provider(self) -> None:
        bench = Bench()
        bench.provider.refuses = "connect_error"
        client = bench.say(STREAMED, chunk(b"one"))
        assert client.answer("POST").status == 502
        bench.provider.refuses = None
        client.give(LAST + chat())
        bench.loop.run()
        assert [one.status for one in client.answers("POST", "POST")] == [502, 200]
        assert bench.is_quiet()

    def test_one_try_only(self) -> None:
        """What has gone up is gone."""
        bench = Bench()
        bench.keys.keys.append(key("openai", "sk-another-key", base_url="http://provider.test"))
        client, link = begun(bench, b"one")
        link.pipe.give_reset()
        bench.loop.run()
        answer = client.answer("POST")
        assert (answer.status, answer.header(b"x-clawbot-attempts")) == (502, b"1")
        assert len(bench.provider.links) == 1

    def test_never_on_a_connection_that_waited(self) -> None:
        bench = Bench()
        client = bench.say(request(), STREAMED, chunk(b"one") + LAST)
        assert len(client.answers("GET", "POST")) == 2
        assert len(bench.provider.links) == 2

    def test_a_client_that_leaves(self) -> None:
        bench = Bench()
        client, link = begun(bench, b"one")
        client.give_end()
        bench.loop.run()
        assert link.pipe.is_lost()
        assert bench.usage.records[0].error_code == "client_closed"
        assert bench.is_quiet()

    def test_a_client_that_leaves_before_there_is_a_connection(self) -> None:
        bench = Bench()
        bench.provider.delay = 1.0
        client = bench.say(STREAMED + chunk(b"one"))
        client.give_reset()
        bench.pass_time(2)
        assert not bench.provider.links
        assert bench.usage.records[0].error_code == "client_closed"

    def test_simulated(self) -> None:
        """The simulated provider takes no bodies that are streamed, and answers all the same."""
        bench = Bench()
        bench.keys.keys[:] = [key("openai", SECRET, base_url="simulated://provider")]
        client = bench.say(STREAMED, chunk(b"one"), LAST + request())
        bench.pass_time(10)
        assert [one.status for one in client.answers("POST", "GET")] == [404, 200]


class TestSlowBodies:
    @pytest.mark.parametrize("target", [CHAT, FILES])
    def test_silence(self, target: str) -> None:
        bench = Bench(silent, head_timeout=30.0)
        client = bench.say(request("POST", target, "content-length: 10"), b"12345")
        bench.pass_time(25)
        assert not client.sent
        bench.pass_time(10)
        answer = client.answer("POST")
        assert answer.status == BODY_TIMEOUT.status
        assert client.has_ended()
        assert bench.is_quiet()
        assert all(link.pipe.is_lost() for link in bench.provider.links)

    def test_a_refused_one(self) -> None:
        """Its rest is only read to keep the connection, and not for long."""
        bench = Bench(head_timeout=30.0)
        bench.tokens.bots.clear()
        client = bench.say(request("POST", CHAT, "content-length: 10"), b"12345")
        bench.pass_time(40)
        assert client.answer("POST").status == 401
        assert client.is_lost()


def test_a_body_of_who_is_not_known() -> None:
    """It is read to its end and let go; the connection serves the next one, who may be known."""
    bench = Bench()
    unknown = request("POST", CHAT, body=b"x" * 1000).replace(TOKEN.encode(), b"cbm-bot-token-of-nobody")
    client = bench.say(unknown[:-500], unknown[-500:] + unknown + chat())
    answers: list[Got] = client.answers("POST", "POST", "POST")
    assert [one.status for one in answers] == [401, 401, 200]
    asked: list[Asked] = bench.provider.asked
    assert len(asked) == 1
