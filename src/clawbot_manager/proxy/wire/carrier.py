"""Carries one exchange: the client's request to the provider, the provider's answer to the client.

All of it is callbacks of the two connections on one event loop; nothing here waits. Between a request that is
whole and its answer no task, no future and no queue is made, unless a connection must be opened first.
"""

import asyncio
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from clawbot_manager.proxy.exchange import Exchange, Step
from clawbot_manager.proxy.messages import Answer, FailureReason, ProxyConfig, Relay, UpstreamRequest
from clawbot_manager.proxy.ports import ProviderKey
from clawbot_manager.proxy.refusals import Refusal
from clawbot_manager.proxy.wire.answer import AnswerHead, Shape
from clawbot_manager.proxy.wire.simulated import SimulatedConnection
from clawbot_manager.proxy.wire.upstream import Taker, UpstreamConnection

if TYPE_CHECKING:
    from clawbot_manager.proxy.wire.pool import Pool

REASONS = {status.value: status.phrase for status in HTTPStatus}


class Client(Protocol):
    """Where an answer goes."""

    def start_relay(self, head: AnswerHead, relay: Relay) -> None:
        """The head of an answer that is passed on."""
        ...

    def send_body(self, data: bytes) -> None:
        """A part of its body."""
        ...

    def send_piece(self, data: bytes) -> None:
        """A part of its body, to be sent at once."""
        ...

    def flush(self) -> None:
        """Send what may have been held for the sake of fewer writes."""
        ...

    def end_body(self) -> None:
        """The answer is complete."""
        ...

    def break_off(self) -> None:
        """The answer has begun and can't be completed: the client must notice."""
        ...

    def send_answer(self, answer: Answer) -> None:
        """A whole answer."""
        ...

    def pause_upload(self, *, paused: bool) -> None:
        """Stop reading the request's body, or go on."""
        ...


class Carrier:
    """One request on its way; used once. `chunked` and `length` frame a body that is streamed up."""

    done = False
    _upstream: UpstreamConnection | SimulatedConnection | None = None
    _request: UpstreamRequest | None = None
    _head: AnswerHead | None = None
    _error: list[bytes] | None = None
    _error_size = 0
    _limit = 0
    _answering = False
    _uploads = False
    _upload_length: int | None = None
    _draining = False
    _drained = 0
    _timer: asyncio.TimerHandle | None = None
    _pending: asyncio.Task[None] | None = None

    def __init__(
        self,
        exchange: Exchange,
        client: Client,
        pool: "Pool",
        config: ProxyConfig,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.exchange = exchange
        self._client = client
        self._pool = pool
        self._config = config
        self._loop = loop

    # what the client's connection calls

    @property
    def has_begun(self) -> bool:
        """Whether the client has its answer, or a part of it."""
        return self._answering or self.done

    def resume(self, request: UpstreamRequest, upstream: UpstreamConnection, sender: Taker) -> None:
        """Take over from who has sent the request."""
        self._request, self._upstream = request, upstream
        upstream.take_over(sender, self)

    def start(self, body: bytes, keys: Sequence[ProviderKey] | None = None) -> None:
        """The request is whole, and not refused yet; see `Exchange.begin`."""
        self._do(self.exchange.begin(body, keys))

    def start_upload(self, length: int | None) -> None:
        """The request's body is streamed up; `length` None = in chunks."""
        self._uploads = True
        self._upload_length = length
        self._do(self.exchange.begin(None))

    def upload(self, data: bytes, *, end: bool) -> None:
        """More of a streamed body; only called while the client is not paused."""
        assert self._upstream is not None
        if self._upload_length is None:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            if end:
                data += b"0\r\n\r\n"
        self._upstream.upload(data, end=end)

    def refuse(self, refusal: Refusal) -> None:
        """Answer in the proxy's own name, before anything was sent."""
        self._finish(self.exchange.refuse(refusal))

    def give(self, refused: Answer) -> None:
        """Answer what the exchange said already."""
        self._finish(refused)

    def client_left(self) -> None:
        """The client is gone. An answer that has begun is read a little further, for its usage."""
        if self.done:
            return
        if self._answering and self.exchange.wants_drain and self._upstream is not None:
            self._draining = True
            self._upstream.pause(paused=False)
            self._timer = self._loop.call_later(self._config.drain_seconds, self._cut)
        else:
            self._cut()

    def pause(self, *, paused: bool) -> None:
        """The client is slow to take the answer, or takes it again."""
        if self._upstream is not None and not self._draining:
            self._upstream.pause(paused=paused)

    # what the provider's connection calls

    def on_whole(self, shape: Shape, found: re.Match[bytes], body: bytes) -> None:
        """See `upstream.Taker`."""
        self._upstream = None
        self.on_head(AnswerHead(shape, len(body), found.string, found))
        if self._error is not None:
            self._error.append(body)
            self._take_error(whole=True)
            return
        if not self.done:
            self.on_body(body)
        if not self.done:
            self.on_end()

    def on_head(self, head: AnswerHead) -> None:
        """See `upstream.Taker`."""
        shape = head.shape
        decision = self.exchange.answered(shape.status, shape.content_type, shape.content_encoding)
        self._head = head
        if isinstance(decision, Relay):
            self._answering = True
            self._client.start_relay(head, decision)
        elif isinstance(decision, Answer):
            self._finish(decision)
        else:
            self._error, self._error_size, self._limit = [], 0, decision.limit

    def on_body(self, data: bytes) -> None:
        """See `upstream.Taker`."""
        if self._error is not None:
            self._error.append(data)
            self._error_size += len(data)
            if self._error_size > self._limit:
                self._take_error(whole=False)
        elif self._draining:
            self.exchange.seen(data)
            self._drained += len(data)
            if self._drained > self._config.drain_bytes:
                self._cut()
        else:
            passed = self.exchange.passing(data)
            if passed:
                self._client.send_body(passed)
            elif self.exchange.spoilt:
                self._spoil()
                return
            self.exchange.seen(data)

    def on_piece(self, data: bytes) -> None:
        """See `upstream.Taker`."""
        if self._draining or not self._answering:
            self.on_body(data)
            return
        exchange, client = self.exchange, self._client
        if passed := exchange.passing(data):
            client.send_piece(passed)
        elif exchange.spoilt:
            self._spoil()
            return
        else:
            client.flush()
        exchange.seen(data)

    def on_flush(self) -> None:
        """See `upstream.Taker`."""
        if self._answering and not self._draining:
            self._client.flush()

    def on_end(self) -> None:
        """See `upstream.Taker`."""
        self._upstream = None
        if self._error is not None:
            self._take_error(whole=True)
            return
        if self._draining:
            self._close("client_closed")
            return
        rest = self.exchange.ended()
        if rest:
            self._client.send_body(rest)
        self._close(None)
        self._client.end_body()

    def on_lost(self, reason: FailureReason) -> None:
        """See `upstream.Taker`."""
        self._upstream = None
        self._error = None
        if self._draining:
            self._close("client_closed")
        elif self._answering:
            self._close("upstream_timeout" if reason == "timeout" else "upstream_broken")
            self._client.break_off()
        else:
            self._do(self.exchange.failed(reason))

    def on_stale(self) -> None:
        """See `upstream.Taker`: the same once more, on a connection that is surely alive."""
        self._upstream = None
        self._connect()

    def on_upload_pause(self, *, paused: bool) -> None:
        """See `upstream.Taker`."""
        if self._uploads:
            self._client.pause_upload(paused=paused)

    # the steps

    def _do(self, step: Step) -> None:
        if isinstance(step, UpstreamRequest):
            self._request = step
            if step.delay:
                self._timer = self._loop.call_later(step.delay, self._acquire)
                return
            # a body that is streamed can't be sent twice, so it gets a connection that is surely alive
            waiting = None if self._uploads else self._pool.take(step.prepared.origin)
            if waiting is None:
                self._connect()
            else:
                self._send_on(waiting)
        elif isinstance(step, Answer):
            self._finish(step)
        else:
            assert self._head is not None
            self._answering = True
            self._client.start_relay(self._head, step)
            if passed := self.exchange.passing(step.first):
                self._client.send_body(passed)

    def _acquire(self) -> None:
        """The waiting before another try is over."""
        self._timer = None
        assert self._request is not None
        waiting = self._pool.take(self._request.prepared.origin)
        if waiting is None:
            self._connect()
        else:
            self._send_on(waiting)

    def _connect(self) -> None:
        assert self._request is not None
        origin = self._request.prepared.origin
        if origin.scheme != "simulated":
            self._pending = self._pool.connect(origin, self._connected, self._not_connected)
        elif self._config.simulator_enabled:
            self._upstream = SimulatedConnection(self._loop)
            self._upstream.answer(self, self._request)
        else:
            self._do(self.exchange.failed("simulator_disabled"))

    def _connected(self, connection: UpstreamConnection) -> None:
        self._pending = None
        if self.done:
            connection.abandon()
            return
        self._send_on(connection)
        if self._uploads and not self.done:
            self._client.pause_upload(paused=False)

    def _not_connected(self, reason: FailureReason) -> None:
        self._pending = None
        if not self.done:
            self._do(self.exchange.failed(reason))

    def _send_on(self, connection: UpstreamConnection) -> None:
        request = self._request
        assert request is not None
        self._upstream = connection
        prepared, body = request.prepared, request.body
        trace = b"x-request-id: %b\r\n" % request.trace if request.trace else b""
        if body is None:
            framing = (
                b"transfer-encoding: chunked\r\n\r\n"
                if self._upload_length is None
                else b"content-length: %d\r\n\r\n" % self._upload_length
            )
            connection.send(self, prepared.block + trace + framing, prepared.method, whole=False)
        elif body or prepared.method in _WITH_BODY:
            data = b"%b%bcontent-length: %d\r\n\r\n%b" % (prepared.block, trace, len(body), body)
            connection.send(self, data, prepared.method, whole=True)
        else:
            connection.send(self, prepared.block + trace + b"\r\n", prepared.method, whole=True)

    def _take_error(self, *, whole: bool) -> None:
        head, pieces = self._head, self._error
        assert head is not None
        assert pieces is not None
        self._error = None
        body = b"".join(pieces)
        step = self.exchange.error_body(head.shape.status, head.headers(), body, whole=whole)
        if not isinstance(step, Relay) and self._upstream is not None:
            self._upstream.abandon()
            self._upstream = None
        self._do(step)

    def _finish(self, answer: Answer) -> None:
        if self._upstream is not None:
            self._upstream.abandon()
            self._upstream = None
        self._close(None)
        self._client.send_answer(answer)

    def _cut(self) -> None:
        """Nobody waits for the answer any more."""
        if self._pending is not None:
            self._pending.cancel()
        if self._upstream is not None:
            self._upstream.abandon()
            self._upstream = None
        self._close("client_closed")

    def _spoil(self) -> None:
        """The answer holds what the client must not see."""
        if self._upstream is not None:
            self._upstream.abandon()
            self._upstream = None
        self._close("key_in_answer")
        self._client.break_off()

    def _close(self, error_code: str | None) -> None:
        self.done = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.exchange.close(error_code)


_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
