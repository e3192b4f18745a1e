"""HTTP/1.1 as h11 reads it: a parser that shares no line and no habit with the proxy's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import h11

_OUR_OWN = (b"x-clawbot-overhead-ms", b"x-clawbot-trace-id", b"date")
_OF_THE_HOP = (b"connection", b"keep-alive", b"transfer-encoding")
_LARGEST_HEAD = 256 << 10


class NotYetError(Exception):
    """Not all of a head is there."""


@dataclass(frozen=True)
class Got:
    """One answer. `whole` False: it broke off; `interim` are the statuses of the 1xx heads before it."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes
    whole: bool = True
    interim: tuple[int, ...] = ()

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    def plain(self) -> tuple[int, tuple[tuple[bytes, bytes], ...], bytes, bool]:
        """What does not depend on the moment, on the connection, or on how the bytes fell."""
        kept = (one for one in self.headers if one[0] not in _OUR_OWN and one[0] not in _OF_THE_HOP)
        return self.status, tuple(sorted(kept)), _without_trace(self), self.whole


@dataclass(frozen=True)
class Asked:
    """One whole request."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes
    http_version: bytes = b"1.1"

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key == name), None)

    def plain(self) -> tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...], bytes]:
        kept = (one for one in self.headers if one[0] != b"x-request-id")
        return self.method, self.target, tuple(sorted(kept)), self.body


def read_answers(data: bytes, methods: Sequence[str], *, closed: bool) -> tuple[list[Got], bytes]:
    """The answers to requests of these methods, and what follows the last of them.

    `closed`: the other side has ended the connection in order, behind these bytes.

    Raises:
        h11.RemoteProtocolError: they are not valid HTTP (an answer that is cut off is told by `whole`).
    """
    answers = []
    for method in methods:
        if not data:
            break
        try:
            got, data = _read_answer(data, method, closed=closed)
        except NotYetError:
            break
        answers.append(got)
        if not got.whole:
            break
    return answers, data


def _read_answer(data: bytes, method: str, *, closed: bool) -> tuple[Got, bytes]:
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "h")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    if closed:
        connection.receive_data(b"")
    interim: list[int] = []
    head: h11.Response | None = None
    body = b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            if head is not None and str(error).startswith("peer closed connection"):
                return _got(head, body, interim, whole=False), b""
            raise
        if isinstance(event, h11.InformationalResponse):
            interim.append(event.status_code)
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            assert not event.headers, "trailers were passed on"
            return _got(head, body, interim, whole=True), connection.trailing_data[0]
        elif event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
            if head is None:
                if closed:
                    raise h11.RemoteProtocolError("no whole head")
                raise NotYetError
            return _got(head, body, interim, whole=False), b""


def _got(head: h11.Response, body: bytes, interim: list[int], *, whole: bool) -> Got:
    return Got(head.status_code, tuple(head.headers), body, whole, tuple(interim))


def read_requests(data: bytes) -> tuple[list[Asked], bytes]:
    """The whole requests in what a server received, and the bytes behind the last of them.

    Raises:
        h11.RemoteProtocolError: they are not valid HTTP.
    """
    requests: list[Asked] = []
    while data:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
        connection.receive_data(data)
        head: h11.Request | None = None
        body = b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                return requests, data
        assert head is not None
        assert not event.headers, "trailers were passed on"
        requests.append(Asked(head.method, head.target, tuple(head.headers), body, head.http_version))
        data = connection.trailing_data[0]
    return requests, b""


def _without_trace(got: Got) -> bytes:
    trace = got.header(b"x-clawbot-trace-id")
    return got.body.replace(trace, b"<trace>") if trace else got.body
