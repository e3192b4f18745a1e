"""Nothing that is ambiguous in where a request ends gets through, and what is behind it is not looked at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawbot_manager.proxy.wire.chunks import BadChunksError, RequestChunks
from tests.proxy.rig import CHAT, FILES, TOKEN, chat, request
from tests.proxy.wire.memory import Bench
from tests.proxy.wire.strict import read_answers, read_requests

HIDDEN = b"GET /v1/openai/hidden HTTP/1.1\r\nhost: h\r\nauthorization: Bearer %b\r\n\r\n" % TOKEN.encode()


def refused(data: bytes) -> bool:
    """Whether one 400 is the answer and the end, and the provider has heard no whole request."""
    bench = Bench()
    client = bench.say(data)
    answer = client.answer("POST")
    return answer.status == 400 and client.has_ended() and not bench.provider.asked


class TestFraming:
    @pytest.mark.parametrize(
        "lines",
        [
            ("content-length: 5", "transfer-encoding: chunked"),
            ("transfer-encoding: chunked", "content-length: 5"),
            ("content-length: 0", "transfer-encoding: chunked"),
            ("content-length: 5", "content-length: 5"),
            ("content-length: 5", "content-length: 6"),
            ("content-length: 5", "Content-Length: 0"),
            ("transfer-encoding: chunked", "transfer-encoding: chunked"),
            ("transfer-encoding: chunked", "transfer-encoding: identity"),
            ("transfer-encoding: identity",),
            ("transfer-encoding: identity", "content-length: 5"),
            ("transfer-encoding: xchunked",),
            ("transfer-encoding: chunked, chunked",),
            ("transfer-encoding: gzip, chunked",),
            ("transfer-encoding: chunked, gzip",),
            ("transfer-encoding: chunked;q=1",),
            ("transfer-encoding: \x0bchunked",),
            ("transfer-encoding: 'chunked'",),
            ("transfer-encoding:",),
            ("transfer_encoding: chunked", "transfer-encoding: chunked", "content-length: 5"),
        ],
    )
    def test_ambiguous(self, lines: tuple[str, ...]) -> None:
        assert refused(request("POST", FILES, *lines) + b"0\r\n\r\n" + HIDDEN)

    @pytest.mark.parametrize(
        "length",
        [
            *("+5", "-5", "0x5", "5, 5", "5,5", "5 5", "5;", "", "5.0", "5e0", "\xb2", "five", "5\x00", "\t"),
            *("\x0b5", "9" * 16, "18446744073709551621", "1" + "0" * 40),
        ],
    )
    def test_no_lengths(self, length: str) -> None:
        assert refused(request("POST", FILES, f"content-length: {length}") + b"12345" + HIDDEN)

    @pytest.mark.parametrize("length", ["05", "00000000005", " 5", "5 ", "\t5\t"])
    def test_odd_lengths(self, length: str) -> None:
        """Valid, if odd: digits only, blanks around them are no part of the value."""
        bench = Bench()
        client = bench.say(request("POST", FILES, f"content-length:{length}") + b"12345" + HIDDEN)
        assert [one.status for one in client.answers("POST", "GET")] == [200, 200]
        assert [one.body for one in bench.provider.asked] == [b"12345", b""]
        assert bench.provider.asked[0].header(b"content-length") == b"5"

    def test_get_with_a_body(self) -> None:
        """The body of a GET is a body, and not the next request."""
        bench = Bench()
        client = bench.say(request("GET", FILES, body=HIDDEN) + request())
        assert len(client.answers("GET", "GET")) == 2
        assert [one.body for one in bench.provider.asked] == [HIDDEN, b""]

    def test_a_body_that_looks_like_a_request(self) -> None:
        bench = Bench()
        size = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
        client = bench.say(request("POST", FILES, "transfer-encoding: chunked") + size + request())
        assert len(client.answers("POST", "GET")) == 2
        assert [one.body for one in bench.provider.asked] == [HIDDEN, b""]


class TestLines:
    @pytest.mark.parametrize(
        "line",
        [
            "content-length : 5",
            "content-length\t: 5",
            " content-length: 5",
            "\tcontent-length: 5",
            "x: a\r\n content-length: 5",
            "x: a\r\n\tfolded",
            "content-length",
            ": 5",
            "x\x00y: 1",
            "x: a\x00b",
            "x: a\nb: c",
            "x: a\rb: c",
            "x: a\r\r",
            "x\xe4: 1",
            "x(y): 1",
            "x y: 1",
            "x@y: 1",
            "\x7fx: 1",
            "x\r: 1",
            "x: \x01",
            "x: \x7f",
            "x: \x1b[2J",
        ],
    )
    def test_no_header_lines(self, line: str) -> None:
        assert refused(request("POST", FILES, line, body=b"12345") + HIDDEN)

    @pytest.mark.parametrize(
        "head",
        [
            "GET {path} HTTP/1.1\nhost: h\nauthorization: Bearer {token}\n\n",
            "GET {path} HTTP/1.1\r\nhost: h\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path} HTTP/1.1\rhost: h\rauthorization: Bearer {token}\r\r",
            "GET  {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path}  HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET\t{path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            " GET {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path} HTTP/1.1 \r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path}\x00 HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path}\xff HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path} HTTP/1.2\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path} HTTP/2.0\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path} HTTP/0.9\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path} HTTP/1.01\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path} http/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path} HTTP/1.1\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path} HTTP/1.1\r\nhost: h\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
            "GET {path}\r\n\r\n",
            "GET {path} x HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {token}\r\n\r\n",
        ],
    )
    def test_no_heads(self, head: str) -> None:
        bench = Bench()
        data = head.format(path="/v1/openai/models", token=TOKEN).encode("latin-1")
        client = bench.say(data + HIDDEN)
        # without the end of a line that is valid, more of it is awaited until time is up
        bench.pass_time(bench.config.head_timeout * 1.5)
        assert client.answer().status in {400, 404, 408}
        assert client.has_ended()
        assert not bench.provider.asked


class TestChunks:
    @pytest.mark.parametrize("line", [b"5;" + b"x" * 300, b"5" * 300, b"5\r\nhello\r\n0\r\nt: " + b"x" * 300])
    def test_a_line_without_end(self, line: bytes) -> None:
        assert refused(request("POST", FILES, "transfer-encoding: chunked") + line)

    @pytest.mark.parametrize(
        "body",
        [
            b"0x5\r\nhello\r\n0\r\n\r\n",
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n0\r\n\r\n",
            b"\t5\r\nhello\r\n0\r\n\r\n",
            b"5h\r\nhello\r\n0\r\n\r\n",
            b"\r\nhello\r\n0\r\n\r\n",
            b";a=b\r\nhello\r\n0\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhelloxx0\r\n\r\n",
            b"5\r\nhello\n\r0\r\n\r\n",
            b"5\r\nhello!\r\n0\r\n\r\n",
            b"5\r\nhell\r\n0\r\n\r\n",
            b"5\rhello\r\n0\r\n\r\n",
            b"5\r\r\nhello\r\n0\r\n\r\n",
            b"5;a\rb\r\nhello\r\n0\r\n\r\n",
            b"5;a\x00\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0\n\r\n",
            b"5\r\nhello\r\n0\r\n\n",
            b"5\r\nhello\r\n0\r\na: b\n\r\n",
            b"5\r\nhello\r\n0\r\nno trailer\r\n\r\n",
            b"5\r\nhello\r\n0\r\n folded: x\r\n\r\n",
            b"5\r\nhello\r\n0\r\na : x\r\n\r\n",
            b"f" * 16 + b"\r\nhello\r\n0\r\n\r\n",
            b"0" * 16 + b"5\r\nhello\r\n0\r\n\r\n",
            b"5;" + b"x" * 300 + b"\r\nhello\r\n0\r\n\r\n",
            b"5" + b" " * 300 + b"\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\r\n0\r\n" + b"t: %b\r\n" % (b"x" * 200) * 100 + b"\r\n",
            b"x" * 300,
        ],
    )
    @pytest.mark.parametrize("target", [FILES, CHAT])
    def test_refused(self, body: bytes, target: str) -> None:
        """By the same rule whether the body is held (a chat) or streamed up (a file)."""
        assert refused(request("POST", target, "transfer-encoding: chunked") + body + HIDDEN)

    @pytest.mark.parametrize(
        "body",
        [
            b"5\r\nhello\r\n0\r\n\r\n",
            b"005\r\nhello\r\n000\r\n\r\n",
            b'5;a=b;c="d"\r\nhello\r\n0;x\r\n\r\n',
            b"5 ;a\r\nhello\r\n0\r\n\r\n",
            b"2\r\nhe\r\n3\r\nllo\r\n0\r\nx-trailer: a\r\ncontent-length: 7\r\n\r\n",
        ],
    )
    @pytest.mark.parametrize("target", [FILES, CHAT])
    def test_taken(self, body: bytes, target: str) -> None:
        bench = Bench()
        client = bench.say(request("POST", target, "Transfer-Encoding: Chunked") + body + request())
        assert [one.status for one in client.answers("POST", "GET")] == [200, 200]
        assert [one.body for one in bench.provider.asked] == [b"hello", b""]

    @given(
        pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=6),
        rest=st.binary(max_size=20),
        cuts=st.lists(st.integers(0, 400), max_size=8),
    )
    def test_any_split(self, pieces: list[bytes], rest: bytes, cuts: list[int]) -> None:
        chunks = b"".join(b"%x;e\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        data = chunks + b"0\r\nt: v\r\n\r\n" + rest
        reader = RequestChunks()
        payload = after = b""
        for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(data)], strict=True):
            if reader.done:
                after += data[start:end]
            else:
                got, left = reader.feed(data[start:end])
                payload, after = payload + got, after + left
        assert (payload, after, reader.done) == (b"".join(pieces), rest, True)

    @given(
        st.lists(st.sampled_from([b"0", b"5", b"a", b"\r\n", b"\r", b"\n", b"hello", b";", b" ", b"t: v"]))
    )
    def test_agrees_with_h11_on_what_it_takes(self, parts: list[bytes]) -> None:
        """It may refuse more, and never sees another end or another payload."""
        data = b"".join(parts)
        reader = RequestChunks()
        try:
            payload, rest = reader.feed(data)
        except BadChunksError:
            return
        if reader.done:
            head = b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
            (asked, *_), _ = read_requests(head + data[: len(data) - len(rest)])
            assert asked.body == payload


# heads that differ in all that a memo must not take for the same
_LINES = st.lists(
    st.sampled_from(
        [
            "x-a: 1",
            "x-a: 2",
            "X-A: 1",
            "connection: close",
            "connection: keep-alive",
            "content-type: application/json",
            "content-type: multipart/form-data",
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "x-request-id: abc",
            "expect: 100-continue",
            "upgrade: h2c",
            "content-length: 3",
            "transfer-encoding: chunked",
            "authorization: Bearer another-token-0123456789",
        ]
    ),
    max_size=3,
    unique=True,
)
_BODIES = st.sampled_from([None, b"", b"{}", b"1234567890", b'{"stream":true}', b"GET / HTTP/1.1\r\n\r\n"])


def _whole(method: str, target: str, lines: list[str], body: bytes | None) -> bytes:
    """A request with all of the body that its head tells of, if that is not ambiguous."""
    rest = b""
    if body is None:
        rest = b"abc" if "content-length: 3" in lines else rest
        rest = b"0\r\n\r\n" if "transfer-encoding: chunked" in lines else rest
    return request(method, target, *lines, body=body) + rest


_REQUESTS = st.builds(
    _whole,
    st.sampled_from(["GET", "POST", "HEAD"]),
    st.sampled_from([CHAT, FILES, "/v1/openai/v1/models", "/v1/nobody/x"]),
    _LINES,
    _BODIES,
)


def _plain(data: bytes, method: str, *, closed: bool) -> tuple[list[Any], bytes]:
    answers, rest = read_answers(data, [method], closed=closed)
    return [one.plain() for one in answers], rest


def _asked(bench: Bench, start: int = 0) -> list[Any]:
    return [one.plain() for one in bench.provider.asked[start:]]


class TestMemo:
    """The head that a connection remembers spares work, and changes nothing else."""

    @given(st.lists(_REQUESTS, min_size=1, max_size=3), st.lists(st.integers(0, 2), min_size=2, max_size=7))
    @settings(deadline=None)
    def test_as_on_a_fresh_connection(self, requests: list[bytes], order: list[int]) -> None:
        kept = Bench()
        client = kept.client()
        for number in order:
            one = requests[number % len(requests)]  # some come again: the memo is used, and not only made
            answered, asked = len(client.sent), len(kept.provider.asked)
            client.give(one)
            kept.loop.run()
            fresh = Bench()
            other = fresh.say(one)
            method = one.partition(b" ")[0].decode()
            there = _plain(bytes(client.sent[answered:]), method, closed=client.has_ended())
            assert there == _plain(bytes(other.sent), method, closed=other.has_ended())
            assert client.has_ended() == other.has_ended()
            assert _asked(kept, asked) == _asked(fresh)
            if client.has_ended():
                return

    def test_it_is_used(self) -> None:
        """Equal heads are read once; one whose length differs is equal."""
        bench = Bench()
        client = bench.say(chat(n=1), chat(n=10), chat(n=100), chat(n=1) + chat(n=2))
        assert len(client.answers(*["POST"] * 5)) == 5
        assert len(bench.tokens.asked) == 1

    def test_a_token_that_is_revoked(self) -> None:
        bench = Bench()
        client = bench.say(chat(), chat())
        bench.tokens.bots.clear()
        bench.tokens.epoch += 1
        client.give(chat())
        bench.loop.run()
        assert [one.status for one in client.answers(*["POST"] * 3)] == [200, 200, 401]

    @pytest.mark.parametrize("digits", [b"", b"+2", b"-2", b"2x", b" 2", b"2 ", b"0x2", b"2, 2", b"9" * 16])
    def test_no_digits(self, digits: bytes) -> None:
        """Another length is read as strictly as the first."""
        first = chat()
        length = b"content-length: %d" % len(first.partition(b"\r\n\r\n")[2])
        other = first.replace(length, b"content-length: " + digits)
        bench, fresh = Bench(), Bench()
        client = bench.say(first, other + HIDDEN)
        met_first = fresh.say(other + HIDDEN).answers("POST", "GET")
        assert [one.status for one in client.answers("POST", "POST", "GET")[1:]] == [
            one.status for one in met_first
        ]
        assert all(asked.target != b"/v1/hidden" for asked in bench.provider.asked)
