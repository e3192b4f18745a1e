"""Answers of a provider, and a provider that gives them in turn."""

from __future__ import annotations

from tests.proxy.wire.memory import Answering, Link
from tests.proxy.wire.strict import Asked

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NEXT = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnext"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def giving(*answers: bytes) -> Answering:
    """Answers the requests in turn, each in one piece."""
    left = list(answers)

    def answering(link: Link, asked: Asked) -> None:
        link.give(left.pop(0))

    return answering
