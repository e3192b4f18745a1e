"""A raw ASGI application that carries the pipeline; no framework, no routing but the pipeline's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from clawbot_manager.proxy import refusals
from clawbot_manager.proxy.exchange import Exchange, Step
from clawbot_manager.proxy.headers import header, pairs_of, to_client
from clawbot_manager.proxy.messages import (
    Answer,
    Headers,
    ReadError,
    Relay,
    RequestHead,
    Upstream,
    UpstreamFailureError,
    UpstreamRequest,
    UpstreamResponse,
)
from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.proxy.routing import serves

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
SendMessage = Callable[[Message], Awaitable[None]]

_BODYLESS = ("GET", "HEAD", "OPTIONS", "TRACE")


class ClientGoneError(Exception):
    """The client has closed the connection."""


class ProxyApp:
    """The proxy as an ASGI application. Mount it where `serves(path)` says so; other paths get its 404."""

    def __init__(self, pipeline: Pipeline, upstream: Upstream) -> None:
        self._pipeline = pipeline
        self._upstream = upstream

    @staticmethod
    def serves(path: str) -> bool:
        """Whether a path is the proxy's."""
        return serves(path)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: SendMessage) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            # Nothing on a socket is metered; ASGI turns a close before accept into a 403.
            await send({"type": "websocket.close", "code": 1008, "reason": "not served"})
        elif scope["type"] == "http":
            await self._serve(scope, _Client(receive, send))

    async def _serve(self, scope: MutableMapping[str, Any], client: "_Client") -> None:
        """Run the exchange and watch the client: when it leaves, the upstream request is cancelled."""
        head = _head(scope)
        exchange = self._pipeline.open(self._pipeline.route(head))
        outcome: str | None = "aborted"
        try:
            async with asyncio.TaskGroup() as group:
                work = group.create_task(self._work(exchange, client, head))
                watch = group.create_task(client.gone())
                await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    work.cancel()
                    outcome = "client_closed"
                watch.cancel()
            if not work.cancelled():
                outcome = work.result()
        finally:
            exchange.close(outcome)

    async def _work(self, exchange: Exchange, client: "_Client", head: RequestHead) -> str | None:
        """Give the client its answer; returns what cut it short, if anything did."""
        try:
            if exchange.refused is not None:
                await client.answer(exchange.refused, head)
                return None
            step, body = await self._begin(exchange, client, head)
            while isinstance(step, UpstreamRequest):
                await asyncio.sleep(step.delay)
                following = await self._attempt(exchange, client, step, body, head)
                if following is None:
                    return None
                step = following
            assert isinstance(step, Answer)
            await client.answer(step, head)
        except ClientGoneError:
            return "client_closed"
        except UpstreamFailureError as failure:
            # The answer has begun: all that is left is to break it off, which the client must notice.
            return "upstream_" + ("timeout" if failure.reason == "timeout" else "broken")
        return None

    async def _begin(
        self, exchange: Exchange, client: "_Client", head: RequestHead
    ) -> tuple[Step, AsyncIterator[bytes] | None]:
        length = _content_length(head)
        if not exchange.buffers_body and (
            length or (length is None and head.method not in _BODYLESS and _has_chunks(head))
        ):
            return exchange.begin(None), client.body()
        limit = self._pipeline.config.max_buffered_body
        if length is not None and length > limit:
            return exchange.refuse(refusals.BODY_TOO_LARGE), None
        body = bytearray()
        async for chunk in client.body():
            body += chunk
            if len(body) > limit:
                return exchange.refuse(refusals.BODY_TOO_LARGE), None
        return exchange.begin(bytes(body)), None

    async def _attempt(
        self,
        exchange: Exchange,
        client: "_Client",
        request: UpstreamRequest,
        body: AsyncIterator[bytes] | None,
        head: RequestHead,
    ) -> Step | None:
        """One try. None when the client has its answer, else the next decision."""
        length = _content_length(head) if request.body is None else None
        try:
            async with self._upstream.send(request, body, length) as response:
                return await self._take(exchange, client, response, head)
        except UpstreamFailureError as failure:
            if client.started:
                raise
            return exchange.failed(failure.reason)

    async def _take(
        self, exchange: Exchange, client: "_Client", response: UpstreamResponse, head: RequestHead
    ) -> Step | None:
        if not 200 <= response.status <= 599:
            raise UpstreamFailureError("broken", "an answer whose status is none")
        chunks = response.chunks()
        lowered = [(name.lower(), value) for name, value in response.headers]
        kinds = header(lowered, b"content-type"), header(lowered, b"content-encoding")
        decision: Step | ReadError = exchange.answered(response.status, *kinds)
        if isinstance(decision, ReadError):
            error, whole = await _read_up_to(chunks, decision.limit)
            decision = exchange.error_body(response.status, response.headers, error, whole=whole)
        if not isinstance(decision, Relay):
            return decision
        await client.start(decision.status, _down(decision, response.headers))
        if decision.first:
            await client.send_chunk(exchange.passing(decision.first), head)
        async for chunk in chunks:
            if passing := exchange.passing(chunk):
                await client.send_chunk(passing, head)
            elif exchange.spoilt:
                raise UpstreamFailureError("broken", "the key is in the answer")
            exchange.seen(chunk)
        await client.end(exchange.ended(), head)
        return None


class _Client:
    """The client's side of one request."""

    def __init__(self, receive: Receive, send: SendMessage) -> None:
        self._receive = receive
        self._send = send
        self._body_read = asyncio.Event()
        self._gone = False
        self.started = False

    async def body(self) -> AsyncIterator[bytes]:
        """The request's body as it comes.

        Raises:
            ClientGoneError: the client left before its end.
        """
        while not self._body_read.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone = True
                self._body_read.set()
                raise ClientGoneError
            if not message.get("more_body", False):
                self._body_read.set()
            if chunk := message.get("body", b""):
                yield chunk

    async def gone(self) -> None:
        """Wait until the client has left; only the end of the body tells that apart from more body."""
        await self._body_read.wait()
        while not self._gone:
            self._gone = (await self._receive())["type"] == "http.disconnect"

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head."""
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def send_chunk(self, data: bytes, head: RequestHead) -> None:
        """Send a part of the body, and wait while the client is slow."""
        if data and head.method != "HEAD":
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes, head: RequestHead) -> None:
        """Send the last part."""
        await self._send({"type": "http.response.body", "body": b"" if head.method == "HEAD" else data})

    async def answer(self, answer: Answer, head: RequestHead) -> None:
        """Send a whole answer."""
        await self.start(answer.status, answer.headers)
        await self.end(answer.body, head)


async def _read_up_to(chunks: AsyncIterator[bytes], limit: int) -> tuple[bytes, bool]:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > limit:
            return bytes(body), False
    return bytes(body), True


def _down(relay: Relay, headers: Headers) -> Headers:
    """The provider's headers with our own; the serving transport writes `date` and `server`."""
    kept = to_client(headers, relay.secret)
    if relay.rewrite is not None:
        kept = pairs_of(relay.rewrite(b"".join(b"%b: %b\r\n" % one for one in kept)))
    dropped = {b"date", b"server", *(() if relay.same_length else (b"content-length",))}
    return [*(field for field in kept if field[0] not in dropped), *pairs_of(relay.own)]


def _head(scope: MutableMapping[str, Any]) -> RequestHead:
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    return RequestHead(
        method=scope["method"],
        path=raw_path.partition(b"?")[0].decode("latin-1"),
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=[(bytes(name).lower(), bytes(value)) for name, value in scope["headers"]],
    )


def _content_length(head: RequestHead) -> int | None:
    value = next((value for name, value in head.headers if name == b"content-length"), b"")
    return int(value) if value.isdigit() else None


def _has_chunks(head: RequestHead) -> bool:
    return any(name == b"transfer-encoding" for name, _ in head.headers)


async def _lifespan(receive: Receive, send: SendMessage) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
