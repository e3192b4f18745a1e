"""How connections of clients end: too slow, too long idle, left, cut, or in order."""

from __future__ import annotations

import pytest

from tests.fakes.ports import key
from tests.proxy.rig import FILES, chat, request
from tests.proxy.wire.memory import Bench, Pipe, chunk, silent

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"


class TestSlowHeads:
    def test_silence(self) -> None:
        bench = Bench(head_timeout=30.0, idle_timeout=75.0)
        client = bench.say(request()[:-10])
        bench.pass_time(25)
        assert not client.sent
        bench.pass_time(10)
        assert client.answer().status == 408
        assert client.has_ended()

    def test_a_byte_now_and_then(self) -> None:
        """A head has its time as a whole: who drips it does not hold the connection for ever."""
        bench = Bench(head_timeout=30.0)
        client = bench.client()
        for at in range(40):
            client.give(request()[at : at + 1])
            bench.pass_time(1, steps=1)
        assert client.answer().status == 408
        assert client.has_ended()

    def test_behind_another(self) -> None:
        bench = Bench(head_timeout=30.0)
        client = bench.say(request() + request()[:-10])
        bench.pass_time(40)
        assert [one.status for one in client.answers("GET", "GET")] == [200, 408]

    def test_the_time_of_the_request_before_does_not_count(self) -> None:
        """A head that came with the request before it is not late because that took long."""
        bench = Bench(silent, head_timeout=30.0, read_timeout=1000.0)
        client = bench.say(request() + request()[:-10])
        bench.pass_time(100)
        bench.provider.links[0].give(OK)
        bench.loop.run()
        bench.pass_time(20)
        client.give(request()[-10:])
        bench.loop.run()
        assert len(bench.provider.asked) == 2
        assert client.answer().status == 200


class TestIdle:
    def test_after_no_request(self) -> None:
        bench = Bench(idle_timeout=75.0)
        client = bench.client()
        bench.pass_time(70)
        assert not client.has_ended()
        bench.pass_time(20)
        assert client.is_lost()
        assert not client.sent

    def test_after_an_answer(self) -> None:
        bench = Bench(idle_timeout=75.0)
        client = bench.say(request())
        bench.pass_time(70)
        client.give(request())
        bench.loop.run()
        bench.pass_time(70)
        assert not client.has_ended()
        bench.pass_time(20)
        assert client.is_lost()
        assert not client.aborted

    def test_not_while_an_answer_is_awaited(self) -> None:
        """And its time does not count as idle: the client may use the connection right after it."""
        bench = Bench(silent, idle_timeout=75.0, read_timeout=1000.0)
        client = bench.say(request())
        bench.pass_time(300)
        bench.provider.links[0].give(OK)
        bench.loop.run()
        bench.pass_time(60)
        assert not client.has_ended()
        assert client.answer().status == 200

    def test_blank_lines_are_no_request(self) -> None:
        bench = Bench(idle_timeout=75.0)
        client = bench.say(b"\r\n\r\n")
        bench.pass_time(90)
        assert client.is_lost()
        assert not client.sent


class TestLeaving:
    @pytest.mark.parametrize("how", [Pipe.give_end, Pipe.give_reset])
    def test_before_the_answer(self, how: object) -> None:
        """One that closes its side has left, as to nginx too: see `ClientConnection.eof_received`."""
        bench = Bench(silent)
        client = bench.say(chat())
        assert callable(how)
        how(client)
        bench.loop.run()
        assert client.is_lost()
        assert bench.provider.links[0].pipe.is_lost()
        assert bench.usage.records[0].error_code == "client_closed"
        assert bench.is_quiet()

    def test_an_answer_that_is_there_is_still_given(self) -> None:
        bench = Bench()
        client = bench.client()
        client.give(request("GET", "/v1/nobody/x"))
        client.give_end()
        bench.loop.run()
        assert client.answer().status == 404
        assert not client.aborted

    def test_in_the_moment_of_the_answer(self) -> None:
        """What comes for a client whose leaving is known, but not yet told, goes nowhere and harms nobody."""
        bench = Bench(silent)
        client = bench.say(request("GET", "/v1/openai/v1/models", "connection: close") + request())
        client.give_end()
        bench.provider.links[0].give(OK)
        bench.loop.run()
        assert client.is_lost()
        assert not client.sent
        assert bench.is_quiet()

    def test_in_the_moment_of_the_connection(self) -> None:
        bench = Bench()
        bench.provider.delay, bench.provider.late = 1.0, True
        client = bench.say(chat())
        client.give_end()
        bench.pass_time(2)
        (link,) = bench.provider.links
        assert not link.asked
        assert link.pipe.is_lost()
        bench.provider.refuses = "connect_error"
        client = bench.say(chat())
        client.give_end()
        bench.pass_time(2)
        assert [one.error_code for one in bench.usage.records] == ["client_closed"] * 2

    @pytest.mark.parametrize("size", [100, 5000])
    def test_in_the_midst_of_an_answer(self, size: int) -> None:
        """It is read on for its usage: for a while, and not without end."""
        bench = Bench(silent, drain_seconds=0.75, drain_bytes=1000)
        client = bench.say(chat())
        link = bench.provider.links[0]
        link.give(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{")
        client.give_end()
        bench.loop.run()
        assert not link.pipe.is_lost()
        link.give(b" " * size)
        bench.loop.run()
        assert link.pipe.is_lost() is (size > 1000)
        bench.loop.advance(1)
        assert link.pipe.is_lost()
        assert [one.error_code for one in bench.usage.records] == ["client_closed"]

    def test_while_it_was_slow(self) -> None:
        """The provider had been made to wait for it: now it is read on."""
        bench = Bench(silent)
        client = bench.say(chat())
        link = bench.provider.links[0]
        link.give(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 62\r\n\r\n{")
        client.stall()
        assert link.pipe.is_paused()
        client.give_reset()
        bench.loop.run()
        link.give(b'"model":"m","usage":{"prompt_tokens":3,"completion_tokens":4}}')
        bench.loop.run()
        (record,) = bench.usage.records
        assert (record.error_code, record.usage.output_tokens) == ("client_closed", 4)

    def test_between_requests(self) -> None:
        bench = Bench()
        client = bench.say(chat())
        client.give_end()
        bench.loop.run()
        assert client.is_lost()
        assert not bench.provider.links[0].pipe.is_lost()
        assert not bench.server.clients
        assert [one.error_code for one in bench.usage.records] == [None]

    def test_while_another_key_is_waited_for(self) -> None:
        bench = Bench(lambda link, asked: link.give(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"))
        bench.keys.keys.append(key("openai", "sk-another-key", base_url="http://provider.test"))
        client = bench.say(chat())
        assert len(bench.provider.asked) == 1
        client.give_end()
        bench.pass_time(10)
        assert len(bench.provider.asked) == 1
        assert len(bench.usage.records) == 1
        assert bench.usage.records[0].error_code == "client_closed"


class TestNotTaken:
    """A client that does not read what it asked for."""

    def test_an_answer_that_goes_on(self) -> None:
        bench = Bench(silent, write_timeout=120.0)
        client = bench.say(chat())
        link = bench.provider.links[0]
        link.give(HALF)
        client.is_taken = False
        client.stall()
        assert link.pipe.is_paused()
        bench.pass_time(100)
        assert not client.is_lost()
        bench.pass_time(40)
        assert client.is_lost()
        bench.loop.advance(10)
        assert link.pipe.is_lost()
        assert bench.usage.records[0].error_code == "client_closed"

    def test_one_that_takes_it_in_time(self) -> None:
        bench = Bench(silent, write_timeout=120.0, read_timeout=300.0)
        client = bench.say(chat())
        link = bench.provider.links[0]
        link.give(HALF)
        for _ in range(3):
            client.stall()
            bench.pass_time(100)
            client.flow()
        link.give(b"123456")
        bench.loop.run()
        assert client.answer("POST").body == b"half123456"

    def test_the_last_one(self) -> None:
        """A close waits until everything is taken; not for ever."""
        bench = Bench(write_timeout=120.0)
        client = bench.client()
        client.is_taken = False
        client.give(request("GET", "/v1/openai/v1/models", "connection: close"))
        bench.loop.run()
        assert client.is_closing()
        bench.pass_time(100)
        assert not client.is_lost()
        bench.pass_time(40)
        assert client.is_lost()
        assert not bench.server.clients

    def test_the_last_one_after_a_long_answer(self) -> None:
        """Its time begins with the close."""
        bench = Bench(silent, write_timeout=120.0, read_timeout=1000.0)
        client = bench.client()
        client.is_taken = False
        client.give(request("GET", "/v1/openai/v1/models", "connection: close"))
        bench.loop.run()
        bench.pass_time(500)
        bench.provider.links[0].give(OK)
        bench.loop.run()
        bench.pass_time(100)
        assert not client.is_lost()
        bench.pass_time(40)
        assert client.is_lost()

    def test_an_idle_one(self) -> None:
        bench = Bench(write_timeout=120.0, idle_timeout=75.0)
        client = bench.say(request())
        client.is_taken = False
        bench.pass_time(90)
        assert client.is_closing()
        bench.pass_time(200)
        assert client.is_lost()


class TestShuttingDown:
    def shut(self, bench: Bench) -> None:
        for client in list(bench.server.clients):
            client.shutdown()
        bench.loop.run()

    def test_idle(self) -> None:
        bench = Bench()
        fresh, used, half = bench.client(), bench.say(chat()), bench.say(chat()[:20])
        self.shut(bench)
        assert fresh.is_lost()
        assert used.is_lost()
        assert half.is_lost()
        assert not bench.server.clients

    def test_under_way(self) -> None:
        """It is answered, and told that it is the last one."""
        bench = Bench(silent)
        client = bench.say(chat() + request())
        self.shut(bench)
        assert not client.has_ended()
        bench.provider.links[0].give(OK)
        bench.loop.run()
        answer = client.answer("POST")
        assert (answer.body, answer.header(b"connection")) == (b"ok", b"close")
        assert client.has_ended()
        assert len(bench.provider.asked) == 1

    def test_in_the_midst_of_an_answer(self) -> None:
        bench = Bench(silent)
        client = bench.say(chat())
        bench.provider.links[0].give(HALF)
        bench.loop.run()
        self.shut(bench)
        assert not client.has_ended()
        bench.provider.links[0].give(b"123456")
        bench.loop.run()
        assert client.answer("POST").body == b"half123456"
        assert client.is_lost()

    def test_before_the_next_one_that_is_there(self) -> None:
        bench = Bench(silent)
        client = bench.say(request() + request())
        bench.provider.links[0].give(OK)
        next(iter(bench.server.clients)).shutdown()
        bench.loop.run()
        assert client.is_lost()
        assert len(bench.provider.asked) == 1

    def test_in_the_midst_of_an_upload(self) -> None:
        bench = Bench()
        client = bench.say(request("POST", FILES, "transfer-encoding: chunked"), chunk(b"one"))
        self.shut(bench)
        client.give(b"0\r\n\r\n")
        bench.loop.run()
        assert client.answer("POST").header(b"connection") == b"close"
        assert client.has_ended()

    def test_answered_but_not_read_to_its_end(self) -> None:
        bench = Bench()
        bench.tokens.bots.clear()
        client = bench.say(request("POST", FILES, "content-length: 10"), b"12345")
        assert client.answer("POST").status == 401
        self.shut(bench)
        assert client.is_lost()

    def test_cut(self) -> None:
        bench = Bench(silent)
        client = bench.say(chat())
        bench.provider.links[0].give(HALF)
        bench.loop.run()
        for one in list(bench.server.clients):
            one.cut()
        bench.loop.run()
        assert client.is_lost()
        assert client.aborted
        assert not bench.server.clients
