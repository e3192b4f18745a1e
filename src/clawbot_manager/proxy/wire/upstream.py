"""One connection to a provider: sends a request, reads one answer, and is ready for the next."""

import asyncio
import re
from typing import TYPE_CHECKING, Protocol, cast

from clawbot_manager.proxy.messages import FailureReason, Origin
from clawbot_manager.proxy.wire.answer import AnswerHead, BadAnswerError, Shape, read_head
from clawbot_manager.proxy.wire.chunks import AnswerChunks, BadChunksError
from clawbot_manager.proxy.wire.peer import was_ended

if TYPE_CHECKING:
    from clawbot_manager.proxy.wire.pool import Pool

_IDLE, _HEAD, _COUNTED, _CHUNKED, _UNTIL_CLOSE, _TUNNEL = range(6)
_SWITCHING = 101


class Taker(Protocol):
    """Who an answer is for. After `on_end`, `on_lost` or `on_stale` the connection is not the taker's."""

    def on_whole(self, shape: Shape, found: re.Match[bytes], body: bytes) -> None:
        """An answer that came in one piece, its head as the shape's pattern found it: stands for `on_head`,
        `on_body` and `on_end`.
        """
        ...

    def on_head(self, head: AnswerHead) -> None:
        """The answer's head."""
        ...

    def on_body(self, data: bytes) -> None:
        """Bytes of its body, framing taken off."""
        ...

    def on_flush(self) -> None:
        """All that has arrived so far was handed over."""
        ...

    def on_piece(self, data: bytes) -> None:
        """Bytes of its body, and no more has arrived: stands for `on_body` and `on_flush`."""
        ...

    def on_end(self) -> None:
        """The answer is complete."""
        ...

    def on_lost(self, reason: FailureReason) -> None:
        """It broke off or stalled."""
        ...

    def on_stale(self) -> None:
        """The provider had closed the waiting connection: it has seen nothing of the request."""
        ...

    def on_upload_pause(self, *, paused: bool) -> None:
        """The provider is slow to take the request's body, or takes it again."""
        ...


class UpstreamConnection(asyncio.Protocol):
    """Kept in the pool between requests. Not for use by two takers at once."""

    __slots__ = (
        "_awaited",
        "_buffer",
        "_chunks",
        "_head",
        "_keep",
        "_left",
        "_max_head",
        "_method",
        "_paused",
        "_pool",
        "_reused",
        "_shape",
        "_state",
        "_taker",
        "_upgrade",
        "_uploaded",
        "_whole",
        "origin",
        "touched",
        "transport",
    )

    def __init__(self, pool: "Pool", origin: Origin, max_head: int) -> None:
        self._pool = pool
        self.origin = origin
        self._max_head = max_head
        self.transport: asyncio.Transport | None = None
        self._taker: Taker | None = None
        self._state = _IDLE
        self._buffer = b""
        self._method = ""
        self._left = 0
        self._chunks: AnswerChunks | None = None
        self._shape: Shape | None = None
        self._whole: re.Pattern[bytes] | None = None
        self._awaited: re.Pattern[bytes] | None = None
        self._keep = False
        self._reused = False
        self._upgrade = False
        self._uploaded = True
        self._paused = False
        self.touched = 0.0

    # what the taker calls

    def send(
        self, taker: Taker, data: bytes, method: str, *, whole: bool = True, upgrade: bool = False
    ) -> None:
        """Send a request; `whole` False = more of its body follows by `upload`."""
        transport = self.transport
        assert transport is not None
        self._taker = taker
        self._state = _HEAD
        if method != self._method:
            self._method, self._shape, self._whole = method, None, None
        self._awaited = self._whole
        if upgrade or not whole:
            self._awaited, self._uploaded, self._upgrade = None, whole, upgrade
        self.touched = self._pool.now
        transport.write(data)

    def take_over(self, old: Taker, new: Taker) -> None:
        """What is still to come for the one is for the other."""
        if self._taker is old:
            self._taker = new

    def upload(self, data: bytes, *, end: bool) -> None:
        """More of the request's body, framed already."""
        if self.transport is not None and not self.transport.is_closing():
            self.touched = self._pool.now
            self._uploaded = end
            if data:
                self.transport.write(data)

    def pause(self, *, paused: bool) -> None:
        """Stop reading while the client is slow, and go on."""
        if self.transport is None or self._paused == paused or self.transport.is_closing():
            return
        self._paused = paused
        self.touched = self._pool.now
        if paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def surrender(self) -> tuple[asyncio.Transport, bytes]:
        """Give the connection away after an answer with 101, with what has come behind the answer's head."""
        transport = self.transport
        assert transport is not None
        self._taker = self.transport = None
        rest, self._buffer = self._buffer, b""
        self._pool.forget(self)
        return transport, rest

    def abandon(self) -> None:
        """The taker has no more use for it."""
        self._taker = None
        self._drop()

    @property
    def is_paused(self) -> bool:
        """Whether nothing is read because the client is slow."""
        return self._paused

    @property
    def is_usable(self) -> bool:
        """Whether another request can be sent on it."""
        return self.transport is not None and not self.transport.is_closing() and self._state == _IDLE

    def fail(self, reason: FailureReason) -> None:
        """The answer has stalled or is no answer."""
        taker, self._taker = self._taker, None
        self._drop()
        if taker is not None:
            taker.on_lost(reason)

    # what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected, and through with TLS."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer."""
        taker = self._taker
        if taker is None:
            self._drop()  # nobody asked: it must not be taken for an answer to the next request
            return
        pool = self._pool
        self.touched = pool.now
        awaited, shape = self._awaited, self._shape
        if awaited is not None and shape is not None:
            # the usual case: a head like the last one and its whole body in one piece
            self._awaited = None
            if (found := awaited.match(data)) is not None:
                body = data[found.end() :]
                if len(body) == int(found[shape.length_group]):
                    self._taker = None
                    self._state = _IDLE
                    self._reused = True
                    pool.give_back(self)
                    taker.on_whole(shape, found, body)
                    return
        try:
            chunks = self._chunks
            if chunks is not None:
                data = chunks.feed(data)
                if data and not chunks.done:
                    taker.on_piece(data)  # the usual piece of a stream
                else:
                    self._pass_on(taker, data, ended=chunks.done, excess=chunks.excess)
                return
            if self._state == _HEAD:
                rest = self._take_head(taker, data)
                if rest is None:
                    return
                data, following = rest, self._taker
                if following is None:
                    return  # who asked has let go of it
                taker = following
            self._take_body(taker, data)
        except (BadAnswerError, BadChunksError):
            self.fail("broken")

    def _take_head(self, taker: Taker, data: bytes) -> bytes | None:
        """Read heads up to the final one; gives what follows it, None when it is not all there."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        known = self._shape
        found = known.pattern.match(data) if known is not None and known.pattern is not None else None
        if known is not None and found is not None and found.end() <= self._max_head:
            self._begin_body(taker, AnswerHead(known, known.length(found), data, found))
            return data[found.end() :]
        while True:
            end = data.find(b"\r\n\r\n")
            if end < 0 or end > self._max_head:
                if len(data) > self._max_head:
                    raise BadAnswerError
                self._buffer = data
                return None
            head = read_head(data[: end + 4], self._method)
            data = data[end + 4 :]
            shape = head.shape
            if shape.status >= 200:
                break
            if shape.status == _SWITCHING:
                if not self._upgrade:
                    raise BadAnswerError
                break
        if shape.is_like(known):
            shape.learn()
        self._shape, self._whole = shape, shape.whole_pattern
        if shape.status == _SWITCHING:
            self._buffer = data  # it belongs to whom the connection is surrendered
        self._begin_body(taker, head)
        return data

    def _begin_body(self, taker: Taker, head: AnswerHead) -> None:
        shape = head.shape
        self._keep = shape.keep_alive
        if shape.status == _SWITCHING:
            self._state, self._keep = _TUNNEL, False
        elif not shape.has_body:
            self._state, self._left = _COUNTED, 0
        elif shape.chunked:
            self._state, self._chunks = _CHUNKED, AnswerChunks()
        elif head.length >= 0:
            self._state, self._left = _COUNTED, head.length
        else:
            self._state = _UNTIL_CLOSE
        taker.on_head(head)

    def _take_body(self, taker: Taker, data: bytes) -> None:
        """The first bytes of any body, and all of one without chunks."""
        ended = excess = False
        chunks = self._chunks
        if chunks is not None:
            data = chunks.feed(data) if data else data
            ended, excess = chunks.done, chunks.excess
        elif self._state == _COUNTED:
            left = self._left - len(data)
            if left <= 0:
                ended, excess = True, left < 0
                if excess:
                    data = data[: self._left]
            self._left = left
        self._pass_on(taker, data, ended=ended, excess=excess)

    def _pass_on(self, taker: Taker, data: bytes, *, ended: bool, excess: bool) -> None:
        if data:
            taker.on_body(data)
            if self._taker is not taker:
                return  # it has let go of the connection
        if not ended:
            taker.on_flush()
            return
        self._taker = None
        self._chunks = None
        self._state = _IDLE
        if excess or not self._keep or not self._uploaded:
            self._drop()
        else:
            self.pause(paused=False)
            self._reused, self._upgrade = True, False
            self._pool.give_back(self)
        taker.on_end()

    def eof_received(self) -> bool:
        """The provider has ended its side; close ours as well."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        transport, self.transport = self.transport, None
        self._pool.forget(self)
        taker, self._taker = self._taker, None
        if taker is None:
            return
        if self._state == _UNTIL_CLOSE and exc is None and transport is not None and was_ended(transport):
            taker.on_end()
        elif self._state == _HEAD and self._reused and not self._buffer and self._uploaded:
            taker.on_stale()
        else:
            taker.on_lost("broken")

    def pause_writing(self) -> None:
        """The provider is slow to take the request."""
        if self._taker is not None:
            self._taker.on_upload_pause(paused=True)

    def resume_writing(self) -> None:
        """It takes the request again."""
        if self._taker is not None:
            self._taker.on_upload_pause(paused=False)

    def _drop(self) -> None:
        if self.transport is not None:
            self.transport.abort()
