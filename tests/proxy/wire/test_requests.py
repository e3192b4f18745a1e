"""What a client may send, and what becomes of it."""

from __future__ import annotations

import pytest

from tests.proxy.rig import CHAT, FILES, TOKEN, chat, request
from tests.proxy.wire.memory import Bench, Link
from tests.proxy.wire.strict import Asked

AUTH = f"authorization: Bearer {TOKEN}"


def old(method: str, target: str, *headers: str, body: bytes = b"") -> bytes:
    """A request of HTTP/1.0, which needs no host."""
    lines = [f"{method} {target} HTTP/1.0", AUTH, *headers]
    if body:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


class TestMethods:
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
    @pytest.mark.parametrize("body", [None, b"", b"some bytes"])
    def test_passed_on(self, method: str, body: bytes | None) -> None:
        bench = Bench()
        client = bench.say(request(method, FILES, body=body))
        asked = bench.provider.asked
        assert [(one.method, one.target, one.body) for one in asked] == [
            (method.encode(), b"/v1/files", body or b"")
        ]
        # a body is told where there is one, and where the method is for one (RFC 9110 section 8.6)
        told = body or method in {"POST", "PUT", "PATCH"}
        assert (asked[0].header(b"content-length") is not None) is bool(told)
        answer = client.answer(method)
        assert (answer.status, answer.body) == (200, b"%b /v1/files %b" % (method.encode(), body or b""))
        assert not client.has_ended()

    def test_head(self) -> None:
        """The length of what a GET would give, and no body; the connection goes on."""
        bench = Bench()
        client = bench.say(request("HEAD"), request("GET"))
        head, get = client.answers("HEAD", "GET")
        assert (head.status, head.body, head.header(b"content-length")) == (200, b"", b"16")
        assert get.body == b"GET /v1/models "
        assert len(bench.provider.links) == 1

    @pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "LINK", "PURGE"])
    def test_others_are_refused(self, method: str) -> None:
        bench = Bench()
        answer = bench.say(request(method)).answer(method)
        assert (answer.status, answer.header(b"x-clawbot-error")) == (405, b"method_not_served")
        assert not bench.provider.links

    @pytest.mark.parametrize("target", ["api.openai.com:443", "/v1/openai/models"])
    def test_connect(self, target: str) -> None:
        bench = Bench()
        assert 400 <= bench.say(request("CONNECT", target)).answer("CONNECT").status < 500
        assert not bench.provider.links

    @pytest.mark.parametrize("method", ["get", "G ET", "GET\t", "FOO", "G\x00T", "A" * 21, ""])
    def test_no_methods(self, method: str) -> None:
        bench = Bench()
        client = bench.say(request(method, FILES))
        assert client.answer().status in {400, 404}
        assert client.has_ended()
        assert not bench.provider.links


class TestVersionsAndConnections:
    def test_old_one(self) -> None:
        """HTTP/1.0 ends with its answer."""
        bench = Bench()
        client = bench.say(old("GET", "/v1/openai/models"))
        answer = client.answer()
        assert (answer.status, answer.header(b"connection")) == (200, b"close")
        assert client.has_ended()

    def test_old_one_that_stays(self) -> None:
        bench = Bench()
        client = bench.say(
            old("POST", CHAT, "connection: Keep-Alive", body=b"{}"), old("GET", "/v1/openai/models")
        )
        first, second = client.answers("POST", "GET")
        assert (first.header(b"connection"), second.header(b"connection")) == (b"keep-alive", b"close")
        assert client.has_ended()
        assert not client.aborted

    def test_old_one_gets_no_chunks(self) -> None:
        """What comes in chunks ends, for HTTP/1.0, with the connection; it could not keep it."""
        bench = Bench(chunked)
        client = bench.say(old("GET", "/v1/openai/models", "connection: keep-alive"))
        answer = client.answer()
        assert (answer.body, answer.whole) == (b"hello", True)
        assert answer.header(b"transfer-encoding") is None
        assert answer.header(b"connection") == b"close"
        assert client.has_ended()
        assert not client.aborted

    def test_old_one_sends_no_chunks(self) -> None:
        bench = Bench()
        client = bench.say(old("POST", FILES, "transfer-encoding: chunked") + b"2\r\nhi\r\n0\r\n\r\n")
        assert client.answer("POST").status == 400
        assert client.has_ended()
        assert not bench.provider.links

    @pytest.mark.parametrize(
        "lines",
        [
            ("connection: close",),
            ("Connection: Close",),
            ("connection: x, close",),
            ("connection: keep-alive", "connection: close"),
        ],
    )
    def test_close_is_heard(self, lines: tuple[str, ...]) -> None:
        bench = Bench()
        client = bench.say(request("GET", "/v1/openai/models", *lines) + request())
        answer = client.answer()
        assert (answer.status, answer.header(b"connection")) == (200, b"close")
        assert client.has_ended()
        assert not client.aborted
        assert len(bench.provider.asked) == 1

    def test_close_is_no_part_of_a_word(self) -> None:
        bench = Bench()
        client = bench.say(request("GET", "/v1/openai/models", "connection: x-closely"), request())
        assert len(client.answers("GET", "GET")) == 2

    def test_hops_are_not_passed_on(self) -> None:
        bench = Bench()
        hops = ("connection: x-mine, keep-alive", "x-mine: 1", "keep-alive: timeout=5", "te: trailers")
        upgrade = ("upgrade: h2c", "http2-settings: AAMAAABkAAQAAP__", "proxy-connection: keep-alive")
        bench.say(request("GET", "/v1/openai/models", *hops, *upgrade, "x-yours: 2"))
        (asked,) = bench.provider.asked
        names = {name for name, _ in asked.headers}
        assert b"x-yours" in names
        assert not names & {b"x-mine", b"keep-alive", b"te", b"upgrade", b"proxy-connection", b"connection"}

    def test_upgrade_with_a_body(self) -> None:
        """An upgrade that is not served is no upgrade (RFC 9110 section 7.8): the body is a body."""
        bench = Bench()
        lines = ("connection: upgrade", "upgrade: h2c")
        client = bench.say(request("POST", FILES, *lines, body=b"12345") + request())
        assert [one.status for one in client.answers("POST", "GET")] == [200, 200]
        assert [one.body for one in bench.provider.asked] == [b"12345", b""]


class TestTargets:
    @pytest.mark.parametrize(
        "target",
        [
            "http://proxy/v1/openai/models?a=b",
            "HTTP://proxy:7100/v1/openai/models?a=b",
            "https://evil.example/v1/openai/models?a=b",
        ],
    )
    def test_absolute_form(self, target: str) -> None:
        bench = Bench()
        assert bench.say(request("GET", target)).answer().status == 200
        (asked,) = bench.provider.asked
        assert (asked.target, asked.header(b"host")) == (b"/v1/models?a=b", b"provider.test")

    @pytest.mark.parametrize(
        "target", ["*", "http://proxy", "http://proxy?/v1/openai/models", "v1/openai/models"]
    )
    def test_not_ours(self, target: str) -> None:
        bench = Bench()
        client = bench.say(request("OPTIONS", target))
        assert client.answer().status == 404
        assert not bench.provider.links

    def test_fragment(self) -> None:
        bench = Bench()
        assert bench.say(request("GET", "/v1/openai/models#x")).answer().status in {400, 404}
        assert not bench.provider.links


class TestHeads:
    def test_byte_by_byte(self) -> None:
        bench = Bench()
        data = chat() + request("HEAD") + request("PUT", FILES, body=b"12345")
        client = bench.say(*(data[at : at + 1] for at in range(len(data))))
        assert [one.status for one in client.answers("POST", "HEAD", "PUT")] == [200, 200, 200]
        assert len(bench.provider.asked) == 3

    def test_blank_lines_before(self) -> None:
        """RFC 9112 section 2.2: an empty line before a request line is passed over."""
        bench = Bench()
        client = bench.say(b"\r\n" + request(), b"\r\n", b"\r\n\r\n" + request() + b"\r\n" + chat())
        assert [one.status for one in client.answers("GET", "GET", "POST")] == [200, 200, 200]

    def test_at_the_bound(self) -> None:
        bench = Bench()
        bare = request("GET", "/v1/openai/models", "x-fill: ")
        fits = request("GET", "/v1/openai/models", "x-fill: " + "f" * (bench.config.max_head - len(bare) + 4))
        assert fits.find(b"\r\n\r\n") == bench.config.max_head
        assert bench.say(fits).answer().status == 200
        half = len(fits) // 2
        assert bench.say(fits[:half], fits[half:]).answer().status == 200

    @pytest.mark.parametrize("whole", [True, False])
    def test_over_the_bound(self, whole: bool) -> None:
        bench = Bench()
        head = request("GET", "/v1/openai/models", "x-fill: " + "f" * bench.config.max_head)
        client = bench.say(head) if whole else bench.say(head[:20], head[20:-2])
        assert client.answer().status == 431
        assert client.has_ended()
        assert not bench.provider.links

    def test_a_body_does_not_count(self) -> None:
        bench = Bench()
        client = bench.say(request("POST", FILES, body=b"x" * (200 << 10)))
        assert client.answer("POST").status == 200

    def test_many_headers(self) -> None:
        bench = Bench()
        assert bench.say(request("GET", "/v1/openai/models", *["a: b"] * 198)).answer().status == 200
        client = bench.say(request("GET", "/v1/openai/models", *["a: b"] * 199))
        assert client.answer().status == 400
        assert client.has_ended()

    def test_values_pass_as_they_are(self) -> None:
        bench = Bench()
        lines = (
            "x-empty:",
            "x-tabs: \ta\tb\t ",
            "x-latin: \xe4\xff",
            "X-Case: MiXed",
            "x-twice: 1",
            "x-twice: 2",
        )
        bench.say(request("GET", "/v1/openai/models", *lines))
        (asked,) = bench.provider.asked
        kept = [(name, value) for name, value in asked.headers if name.startswith(b"x-")]
        assert kept[: len(lines)] == [
            (b"x-empty", b""),
            (b"x-tabs", b"a\tb"),
            (b"x-latin", b"\xe4\xff"),
            (b"x-case", b"MiXed"),
            (b"x-twice", b"1"),
            (b"x-twice", b"2"),
        ]


def chunked(link: Link, asked: Asked) -> None:
    link.give(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
