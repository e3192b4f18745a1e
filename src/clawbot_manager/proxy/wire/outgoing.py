"""What goes out on a client's connection: answers, framed as the client understands it."""

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING

from clawbot_manager.proxy.messages import Answer, Relay
from clawbot_manager.proxy.wire.answer import AnswerHead
from clawbot_manager.proxy.wire.carrier import REASONS
from clawbot_manager.proxy.wire.peer import reset
from clawbot_manager.proxy.wire.request import ParsedRequest

if TYPE_CHECKING:
    from clawbot_manager.proxy.wire.server import ProxyServer

# how the answer's end is told
_NO_BODY, _COUNTED, _CHUNKED, _BY_CLOSE = range(4)


class AnswerWriter(asyncio.Protocol):
    """The writing half of a `ClientConnection`, as its carrier sees it (`carrier.Client`).

    `_closing`: the connection ends with the answer. `touched` and `_since` are for the sweep.
    """

    __slots__ = (
        "_closing",
        "_framing",
        "_out",
        "_paused",
        "_request",
        "_server",
        "_since",
        "_transport",
        "touched",
    )

    def __init__(self, server: "ProxyServer") -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._request: ParsedRequest | None = None
        self._framing = _NO_BODY
        self._out = b""
        self._closing = False
        self._paused = False
        self.touched = self._since = server.pool.now

    @abstractmethod
    def _answered(self) -> None:
        """The answer is out."""

    def start_relay(self, head: AnswerHead, relay: Relay) -> None:
        """See `carrier.Client`."""
        request = self._request
        assert request is not None
        shape = head.shape
        if not shape.has_body:
            self._framing, framing = _NO_BODY, b""
        elif relay.same_length and head.length >= 0:
            self._framing, framing = _COUNTED, b""
        elif request.http11:
            self._framing, framing = _CHUNKED, b"transfer-encoding: chunked\r\n"
        else:
            self._framing, framing = _BY_CLOSE, b""
            self._closing = True
        if self._closing:
            framing += b"connection: close\r\n"
        elif not request.http11:
            framing += b"connection: keep-alive\r\n"
        lines = head.for_client(keeps_length=relay.same_length or not shape.has_body, secret=relay.secret)
        if relay.rewrite is not None:
            lines = relay.rewrite(lines)
        self._out = b"%b%b%b\r\n" % (lines, relay.own, framing)

    def send_body(self, data: bytes) -> None:
        """See `carrier.Client`."""
        if self._framing == _CHUNKED:
            self._out = b"%b%x\r\n%b\r\n" % (self._out, len(data), data)
        elif self._framing != _NO_BODY:
            self._out = self._out + data if self._out else data

    def send_piece(self, data: bytes) -> None:
        """See `carrier.Client`."""
        transport = self._transport
        if self._framing == _CHUNKED and transport is not None and not transport.is_closing():
            out, self._out = self._out, b""
            transport.write(b"%b%x\r\n%b\r\n" % (out, len(data), data))
        else:
            self.send_body(data)
            self.flush()

    def flush(self) -> None:
        """See `carrier.Client`."""
        if self._out:
            out, self._out = self._out, b""
            self._write(out)

    def end_body(self) -> None:
        """See `carrier.Client`."""
        if self._framing == _CHUNKED:
            self._out += b"0\r\n\r\n"
        self.flush()
        self._answered()

    def break_off(self) -> None:
        """See `carrier.Client`: without the last chunk, short of the length, or with a reset."""
        self.flush()
        if self._framing == _BY_CLOSE:
            self._abort()
        else:
            self._close()

    def send_answer(self, answer: Answer) -> None:
        """See `carrier.Client`."""
        self._write_answer(answer)
        self._answered()

    def _write_answer(self, answer: Answer) -> None:
        request = self._request
        lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, '')}\r\n".encode()]
        lines += [b"%b: %b\r\n" % field for field in answer.headers]
        if self._closing:
            lines.append(b"connection: close\r\n")
        elif request is not None and not request.http11:
            lines.append(b"connection: keep-alive\r\n")
        lines.append(b"\r\n")
        if request is None or request.head.method != "HEAD":
            lines.append(answer.body)
        self._write(b"".join(lines))

    def _pause_reading(self, *, paused: bool) -> None:
        if self._transport is None or self._paused == paused or self._transport.is_closing():
            return
        self._paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self.touched = self._since = self._server.pool.now
            self._transport.resume_reading()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self.touched = self._server.pool.now
            self._transport.close()

    def _abort(self) -> None:
        if self._transport is not None:
            reset(self._transport)
