"""One connection of a client: requests in, answers out, one after the other."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, cast

from clawbot_manager.proxy import refusals
from clawbot_manager.proxy.refusals import Refusal
from clawbot_manager.proxy.route import Route
from clawbot_manager.proxy.routing import serves
from clawbot_manager.proxy.wire.carrier import Carrier
from clawbot_manager.proxy.wire.chunks import BadChunksError, RequestChunks
from clawbot_manager.proxy.wire.outgoing import AnswerWriter
from clawbot_manager.proxy.wire.peer import has_left
from clawbot_manager.proxy.wire.request import (
    BadRequestError,
    HeadMemo,
    ParsedRequest,
    target_of,
)

if TYPE_CHECKING:
    from clawbot_manager.proxy.wire.server import ProxyServer

# what of the request is awaited
NEXT_HEAD, _WHOLE_BODY, _STREAMED_BODY, NOTHING, _ITS_END = range(5)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_MOST_HELD = 256 << 10
_MOST_DISCARDED = 1 << 20
_SLOWEST = 16 << 10  # bytes a second of a body that is held; slower ones keep its room from others


class ClientConnection(AnswerWriter):
    """A connection begins here; one whose request is not the proxy's goes over to the control plane's
    protocol.
    """

    __slots__ = (
        "_buffer",
        "_carrier",
        "_chunks",
        "_discarded",
        "_held",
        "_left",
        "_memo",
        "_pieces",
        "_route",
        "_state",
        "_stuck",
    )

    def __init__(self, server: "ProxyServer") -> None:
        super().__init__(server)
        self._state = NEXT_HEAD
        self._buffer = b""
        self._memo: HeadMemo | None = None
        self._route: Route | None = None
        self._carrier: Carrier | None = None
        self._left = 0
        self._chunks: RequestChunks | None = None
        self._pieces: list[bytes] = []
        self._held = 0
        self._discarded = 0
        self._stuck = False

    # what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self._transport = cast(asyncio.Transport, transport)
        self._server.clients.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        self.touched = self._server.pool.now
        if self._buffer:
            self._buffer += data
        else:
            self._buffer = data
            if self._state == NEXT_HEAD:
                self._since = self.touched
        self._advance()

    def eof_received(self) -> bool:
        """The client has left: nobody waits for the answer, and the provider is told to stop.

        One that only ends its side before it has the answer looks the same, and gets none that is not there
        yet. nginx does so too, unless told otherwise; the other way round the answers of all who leave would
        be awaited, and paid for, to their end.
        """
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """The client is gone."""
        self._transport = None
        self._server.left(self)
        self._release()
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            carrier.client_left()

    def pause_writing(self) -> None:
        """The client is slow to take the answer."""
        self._stuck = True
        self.touched = self._server.pool.now
        if self._carrier is not None:
            self._carrier.pause(paused=True)

    def resume_writing(self) -> None:
        """It takes it again."""
        self._stuck = False
        if self._carrier is not None:
            self._carrier.pause(paused=False)
        elif self._state == NOTHING:
            self._next_request()

    # what the server calls

    def sweep(self, now: float) -> None:
        """Close a connection on which nothing moves."""
        config, silent = self._server.config, now - self.touched
        if self._paused and self._transport is not None and has_left(self._transport):
            self._abort()
        elif self._stuck or (self._transport is not None and self._transport.is_closing()):
            if silent > config.write_timeout:
                self._abort()  # a close waits for ever until what was written is taken
        elif self._state == NOTHING:
            self.touched = self._since = now  # the provider has a time-out of its own; ours begin after it
        elif self._state == _ITS_END:
            if now - self._since > config.head_timeout:
                self._abort()
        elif self._state == NEXT_HEAD and not self._buffer:
            if silent > config.idle_timeout:
                self._close()
        elif not self._paused and self._is_late(now):
            if self._carrier is not None and self._carrier.done:
                self._close()  # it has its answer
            else:
                self._refuse_and_close(refusals.BODY_TIMEOUT)

    def _is_late(self, now: float) -> bool:
        """Whether a head or a body takes too long: by a silence, or in all when the proxy holds it."""
        longest = self._server.config.head_timeout
        if now - self.touched > longest:
            return True
        if self._state == _STREAMED_BODY:
            return False
        return now - self._since > longest + sum(map(len, self._pieces)) / _SLOWEST

    def shutdown(self) -> None:
        """Take no more requests; an answer that is under way is given to its end."""
        self._closing = True
        if self._carrier is None or self._carrier.done:
            self._close()

    def cut(self) -> None:
        """Close at once, whatever is under way."""
        self._abort()

    # reading requests

    def _advance(self) -> None:
        """Take what can be taken from the bytes that have come."""
        try:
            while self._buffer and self._transport is not None:
                if self._state == NEXT_HEAD:
                    if self._closing:
                        self._buffer = b""
                    elif not self._take_head():
                        return
                elif self._state == NOTHING:
                    # requests that came before the answer to the last one: hold some, then let them wait
                    self._pause_reading(paused=len(self._buffer) > _MOST_HELD)
                    return
                elif self._state == _ITS_END:
                    self._buffer = b""
                else:
                    if self._paused:
                        return
                    self._take_body()
        except (BadRequestError, BadChunksError):
            self._refuse_and_close(refusals.BAD_REQUEST)

    def _take_head(self) -> bool:
        """Read a head, if it is all there."""
        data = self._buffer.lstrip(b"\r\n") if self._buffer[0] in b"\r\n" else self._buffer
        memo = self._memo
        heads = self._server.heads
        found = memo.match(data) if memo is not None and heads.stands(memo) else None
        if memo is not None and found is not None:
            at, length = found
            self._buffer = data[at:]
            self._open(memo.request, memo.route, length)
            return True
        target = target_of(data)
        end = data.find(b"\r\n\r\n")
        if target is None or end < 0 or end > self._server.config.max_head:
            self._buffer = data
            if len(data) > self._server.config.max_head:
                self._refuse_and_close(refusals.HEAD_TOO_LARGE)
            return False
        if not serves(target):
            return self._hand_over(data, target)
        self._buffer = data[end + 4 :]
        request, route, length, self._memo = heads.understand(data[: end + 4])
        self._open(request, route, length)
        return True

    def _hand_over(self, data: bytes, target: str) -> bool:
        """The request is not the proxy's."""
        transport = self._transport
        assert transport is not None
        foreign = self._server.foreign
        if foreign is None:
            self._closing = True
            self._request = None
            self._write_answer(self._server.local(target))
            self._end()
            return False
        self._server.left(self)
        self._transport = None
        self._buffer = b""
        protocol = foreign()
        protocol.connection_made(transport)
        transport.set_protocol(protocol)
        protocol.data_received(data)
        return False

    def _open(self, request: ParsedRequest, route: Route, length: int) -> None:
        """Begin with a request whose head is read; its body may be there or not."""
        self._request, self._route = request, route
        # behind a request to switch protocols comes another protocol, or nothing
        self._closing = self._closing or not request.keep_alive or route.opening is not None
        opens = self._server.carrier if route.opening is None else self._server.session
        carrier = self._carrier = opens(route, self)
        self._left = length
        self._chunks = RequestChunks() if request.chunked else None
        whole = not request.chunked and length <= len(self._buffer)
        refused = carrier.exchange.refused
        if refused is None and route.buffers_body and length > self._server.largest:
            refused = carrier.exchange.refuse(refusals.BODY_TOO_LARGE)
        elif refused is None and route.buffers_body and not self._server.reserve(length):
            refused = carrier.exchange.refuse(refusals.NO_ROOM)
        elif refused is None and route.buffers_body:
            self._held = length
        self._state = _WHOLE_BODY
        if refused is not None:
            self._discarded = 0
            # who expects to be told to go on may send nothing after a refusal, or all of it
            self._closing = self._closing or request.expects or length > _MOST_DISCARDED
            self._state = NOTHING if whole and not length else _STREAMED_BODY
            carrier.give(refused)
        elif whole and (route.buffers_body or length == 0):
            body, self._buffer = self._buffer[:length], self._buffer[length:]
            self._state = NOTHING
            carrier.start(body)
        else:
            self._since = self.touched
            if request.expects:
                self._write(_CONTINUE)
            if not route.buffers_body:
                self._state = _STREAMED_BODY
                self._pause_reading(paused=True)  # until there is a connection to the provider
                carrier.start_upload(None if request.chunked else length)

    def _take_body(self) -> None:
        """Take what has come of a body."""
        if self._chunks is not None:
            data, self._buffer = self._chunks.feed(self._buffer)
            ended = self._chunks.done
        else:
            data, self._buffer = self._buffer[: self._left], self._buffer[self._left :]
            self._left -= len(data)
            ended = self._left == 0
        carrier = self._carrier
        if self._state == _WHOLE_BODY:
            assert carrier is not None
            self._pieces.append(data)
            if self._chunks is not None and not self._make_room(carrier, len(data)):
                return
            if ended:
                body = b"".join(self._pieces)
                self._pieces.clear()
                self._state = NOTHING
                carrier.start(body)
            return
        if carrier is None or carrier.done:
            self._discarded += len(data)  # answered already: the rest is only read to find its end
            if ended:
                self._next_request()
            elif self._discarded > _MOST_DISCARDED:
                self._end()
            return
        if ended:
            self._state = NOTHING
        carrier.upload(data, end=ended)

    def _make_room(self, carrier: Carrier, size: int) -> bool:
        """Count what a body without a length grows by; refuses the request when that is too much."""
        if self._held + size > self._server.largest:
            refusal = refusals.BODY_TOO_LARGE
        elif not self._server.reserve(size):
            refusal = refusals.NO_ROOM
        else:
            self._held += size
            return True
        self._pieces.clear()
        self._state = _STREAMED_BODY
        self._discarded = 0
        carrier.refuse(refusal)
        return False

    # what the carrier calls besides

    def pause_upload(self, *, paused: bool) -> None:
        """See `carrier.Client`."""
        self._pause_reading(paused=paused)
        if not paused and self._buffer:
            self._advance()

    def surrender(self) -> tuple[asyncio.Transport, bytes, bool]:
        """Give the connection away, with what came after the request, and whether the client is slow."""
        transport = self._transport
        assert transport is not None
        self._pause_reading(paused=False)
        self._transport, self._carrier = None, None
        rest, self._buffer = self._buffer, b""
        self._server.left(self)
        return transport, rest, self._stuck

    # the ends of things

    def _answered(self) -> None:
        """The answer is out; go on with the next request, when the rest of this one has come."""
        self._release()
        if self._closing:
            if self._state == NOTHING and not self._buffer and not self._paused:
                self._close()
            else:
                self._end()
            return
        if self._state == NOTHING:
            self._next_request()
        else:
            self._discarded = 0
            self._pause_reading(paused=False)

    def _next_request(self) -> None:
        self._carrier = None
        if self._stuck:
            self._state = NOTHING  # until the answers that wait are taken: no request adds to them
            return
        self._state = NEXT_HEAD
        if self._paused:
            self._pause_reading(paused=False)
        if self._buffer:
            # by the loop: fifty requests in one write must not be fifty calls deep
            self._server.loop.call_soon(self._advance)

    def _refuse_and_close(self, refusal: Refusal) -> None:
        """The request is not valid, or not all there in time. There is one answer to it at most."""
        self._closing = True
        carrier, self._carrier = self._carrier, None
        begun = carrier is not None and carrier.has_begun
        if carrier is None:
            self._request = None  # what stands there is the one before
        elif not carrier.done:
            carrier.client_left()
            if begun:
                self.break_off()
                return
        if not begun:
            self._write_answer(self._server.plain_refusal(refusal))
        self._end()

    def _end(self) -> None:
        """Say no more, and drop what the client still sends, until it closes too or time is up: a close with
        bytes unread would take away the answer before it is read (RFC 9112 section 9.6).
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._pause_reading(paused=False)
        self._release()
        self._pieces.clear()
        self._state, self._since, self._buffer = _ITS_END, self._server.pool.now, b""
        with contextlib.suppress(OSError):  # it has left already
            transport.write_eof()

    def _release(self) -> None:
        if self._held:
            self._server.release(self._held)
            self._held = 0
