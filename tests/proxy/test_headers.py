"""Headers and queries on their way through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.proxy import headers
from clawbot_manager.proxy.masking import Secret

TOKEN = "cbm-token-abcdef"


class TestFindTokens:
    @pytest.mark.parametrize(
        ("given", "query", "found"),
        [
            ([(b"authorization", b"Bearer abc")], "", ["abc"]),
            ([(b"authorization", b"BEARER  abc ")], "", ["abc"]),
            ([(b"authorization", b"Basic abc")], "", []),
            ([(b"x-api-key", b"a"), (b"authorization", b"Bearer b")], "key=c", ["b", "a", "c"]),
            ([(b"x-api-key", b"a"), (b"x-goog-api-key", b"a")], "key=a", ["a"]),
            ([], "x=1&%6bey=a%2Bb", ["a+b"]),
            ([(b"x-api-key", b"")], "key=", []),
            ([(b"x-api-key", b"a" * 513)], "", []),
        ],
    )
    def test_places(self, given: list[tuple[bytes, bytes]], query: str, found: list[str]) -> None:
        assert headers.find_tokens(given, query) == found

    @given(value=st.binary(max_size=40), query=st.text(max_size=40))
    def test_garbage(self, value: bytes, query: str) -> None:
        headers.find_tokens([(b"authorization", value), (b"x-api-key", value)], query)


class TestQuery:
    @pytest.mark.parametrize(
        ("query", "kept"),
        [
            ("", ""),
            ("a=1&b=%2F&a=2", "a=1&b=%2F&a=2"),
            (f"key={TOKEN}&a", "a"),
            (f"a=1&%6Bey={TOKEN}", "a=1"),
            (f"api_key={TOKEN}&monkey=1", "monkey=1"),
            (f"a=1&x=pre{TOKEN}", "a=1"),
            ("a=1&&b", "a=1&&b"),
        ],
    )
    def test_only_the_key_goes(self, query: str, kept: str) -> None:
        assert headers.without_key(query, [TOKEN]) == kept


class TestUp:
    def test_what_is_dropped(self) -> None:
        dropped = {
            "host": "h",
            "connection": "close, x-named",
            "x-named": "1",
            "transfer-encoding": "chunked",
            "te": "trailers",
            "upgrade": "h2c",
            "proxy-authorization": "x",
            "cookie": "a",
            "accept-encoding": "gzip",
            "content-length": "3",
            "authorization": "Bearer x",
            "x-api-key": "x",
            "api-key": "x",
            "x-goog-api-key": "x",
            "x-forwarded-for": "1",
            "forwarded": "for=1",
            "x-clawbot-anything": "1",
            "x-leak": f"<{TOKEN}>",
        }
        kept = {"user-agent": "sdk", "content-type": "application/json", "x-stainless-lang": "python"}
        given = [(name.encode(), value.encode()) for name, value in {**dropped, **kept}.items()]
        assert headers.to_upstream(given, [TOKEN]) == [(n.encode(), v.encode()) for n, v in kept.items()]


class TestToClient:
    def test_no_echo_of_the_key_and_nothing_of_one_hop(self) -> None:
        given = [
            (b"X-Echo", b"got the/secret"),
            (b"Location", b"/x?key=the%2Fsecret"),
            (b"X-Fine", b"1"),
            (b"Connection", b"x-hop"),
            (b"X-Hop", b"1"),
        ]
        kept = [(b"x-echo", b"got ***"), (b"location", b"/x?key=***"), (b"x-fine", b"1")]
        assert headers.to_client(given, Secret("the/secret")) == kept


class TestTrace:
    @pytest.mark.parametrize(
        "value", [b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01", b"nonsense", b"00-xyz-b7ad6b7169203331-01"]
    )
    def test_bad_traceparent(self, value: bytes) -> None:
        assert headers.given_trace([(b"traceparent", value)], []) == ""

    @pytest.mark.parametrize("value", [b"a b", b"", b"x" * 129, b"a\r\nb", TOKEN.encode()])
    def test_bad_request_id(self, value: bytes) -> None:
        assert headers.given_trace([(b"x-request-id", value)], [TOKEN]) == ""
