"""What opens a WebSocket, what of it travels up, and what the answer must say."""

from __future__ import annotations

import pytest

from clawbot_manager.proxy.messages import Headers, RequestHead
from clawbot_manager.proxy.websocket import opened, opening

ASKED: Headers = [
    (b"host", b"proxy"),
    (b"connection", b"keep-alive, Upgrade"),
    (b"upgrade", b"WebSocket"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
]
TOKEN = b"cbm-bot-token-0123456789abcdef"


def head(*more: tuple[bytes, bytes], without: bytes = b"", method: str = "GET") -> RequestHead:
    return RequestHead(
        method, "/v1/openai/realtime", "", [*(one for one in ASKED if one[0] != without), *more]
    )


class TestWhatIsOne:
    @pytest.mark.parametrize(
        "asked",
        [
            head(method="POST"),
            head(without=b"upgrade"),
            head(without=b"connection"),
            head(without=b"sec-websocket-key"),
            head((b"upgrade", b"h2c"), without=b"upgrade"),
            head((b"connection", b"close"), without=b"connection"),
            head((b"content-length", b"5")),
            head((b"transfer-encoding", b"chunked")),
        ],
        ids=["post", "no upgrade", "no connection", "no key", "h2c", "close", "a body", "chunks"],
    )
    def test_other_requests(self, asked: RequestHead) -> None:
        assert opening(asked) is None

    def test_it_passes_as_it_is(self) -> None:
        asked = head((b"sec-websocket-protocol", b"realtime"), (b"content-length", b"0"))
        found = opening(asked)
        assert found is not None
        assert sorted(found.head.headers) == sorted(asked.headers)
        assert found.fallback == b""

    def test_no_extension_is_offered(self) -> None:
        found = opening(head((b"sec-websocket-extensions", b"permessage-deflate; client_max_window_bits")))
        assert found is not None
        assert found.head.headers == ASKED


class TestKeysAsSubprotocols:
    """As OpenAI's SDK for JavaScript does it in browsers: `realtime`, the key, `openai-beta.realtime-v1`."""

    @pytest.mark.parametrize(
        "lines",
        [
            [b"realtime, openai-insecure-api-key." + TOKEN + b", openai-beta.realtime-v1"],
            [b"realtime", b"openai-insecure-api-key." + TOKEN, b" openai-beta.realtime-v1 "],
        ],
        ids=["one line", "three lines"],
    )
    def test_the_token_becomes_a_header(self, lines: list[bytes]) -> None:
        found = opening(head(*((b"sec-websocket-protocol", line) for line in lines)))
        assert found is not None
        assert found.head.headers == [
            *ASKED,
            (b"sec-websocket-protocol", b"realtime, openai-beta.realtime-v1"),
            (b"authorization", b"Bearer " + TOKEN),
        ]
        assert found.fallback == b"realtime"

    def test_nothing_but_the_token(self) -> None:
        found = opening(head((b"sec-websocket-protocol", b"openai-insecure-api-key." + TOKEN)))
        assert found is not None
        assert found.head.headers == [*ASKED, (b"authorization", b"Bearer " + TOKEN)]
        assert found.fallback == b"openai-insecure-api-key." + TOKEN


class TestTheAnswer:
    LINES = b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: abc\r\n"
    END = b"connection: Upgrade\r\nupgrade: websocket\r\n\r\n"

    def test_the_providers_choice_stands(self) -> None:
        answer = [(b"Sec-WebSocket-Protocol", b"realtime")]
        assert opened(self.LINES, answer, b"other") == self.LINES + self.END

    def test_a_choice_is_made_when_the_proxy_took_one_away(self) -> None:
        assert opened(self.LINES, [], b"realtime") == (
            self.LINES + b"sec-websocket-protocol: realtime\r\n" + self.END
        )

    def test_else_there_is_none(self) -> None:
        assert opened(self.LINES, [], b"") == self.LINES + self.END
