"""The usual request, carried by its connection itself.

Most requests are like the last one on their connection: the same head, a whole body, a key and a connection
to the provider at hand; and most have a whole answer without a fault. For these the steps of `pipeline`,
`exchange` and `carrier` stand here once more, in a row and without their objects: half the cost
(docs/decisions/0006). Whatever is not usual goes the long way, from the start or, by `_carry`, from where it
stands. The tests hold both ways against each other.
"""

import re
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from clawbot_manager.proxy.exchange import Exchange
from clawbot_manager.proxy.headers import OWN_LINES, new_trace
from clawbot_manager.proxy.messages import FailureReason, Prepared, UpstreamRequest
from clawbot_manager.proxy.metering import ask_for_usage
from clawbot_manager.proxy.ports import Attempt, ProviderKey, UsageRecord
from clawbot_manager.proxy.wire.answer import AnswerHead, Shape
from clawbot_manager.proxy.wire.carrier import Carrier
from clawbot_manager.proxy.wire.client import NEXT_HEAD, NOTHING, ClientConnection
from clawbot_manager.proxy.wire.upstream import UpstreamConnection
from clawbot_manager.vendors.dialects import RequestFacts, read_whole, usage_of

if TYPE_CHECKING:
    from clawbot_manager.proxy.wire.server import ProxyServer


class Flight(msgspec.Struct, eq=False, gc=False):
    """A usual request between its sending and its answer. Times are of `Services.monotonic`.

    `asking` is what was sent in place of the body, to make a stream tell its usage.
    """

    started: float
    at: datetime
    trace: str
    facts: RequestFacts
    body: bytes
    asking: bytes | None
    keys: list[ProviderKey]
    prepared: Prepared
    upstream: UpstreamConnection
    sent_at: float

    def __repr__(self) -> str:
        return f"Flight({self.trace!r})"


class ExpressConnection(ClientConnection):
    """A `ClientConnection` that is the `upstream.Taker` of its usual requests."""

    __slots__ = ("_flight", "_pool", "_services", "_tokens")

    def __init__(self, server: "ProxyServer") -> None:
        super().__init__(server)
        self._services = server.pipeline.services
        self._tokens = server.pipeline.tokens
        self._pool = server.pool
        self._flight: Flight | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes of requests."""
        memo = self._memo
        if memo is None or self._state != NEXT_HEAD or self._buffer or not (at := memo.body_of(data)):
            super().data_received(data)
            return
        services, pool, route = self._services, self._pool, memo.route
        bot, dialect, vendor = route.bot, route.dialect, route.vendor_name
        assert bot is not None
        assert dialect is not None
        started = services.monotonic()
        if (
            memo.epoch != self._tokens.epoch
            or (memo.expires and not route.is_live(services.now()))
            or services.budgets.admit(bot, vendor) is not None  # it will be refused
        ):
            super().data_received(data)
            return
        self.touched = pool.now
        self._state = NOTHING  # request and route are those of the memo: it is the last head's
        body = data[at:]
        facts = dialect.facts(route.path.shape, body)
        keys = None
        if not facts.background:
            keys = services.keys.candidates(bot, vendor)
            if keys and (prepared := route.known(keys[0])) and (upstream := pool.take(prepared.origin)):
                asking = None
                if facts.stream and prepared.asks and not facts.asks_usage:
                    asking = ask_for_usage(body)
                to_send = body if asking is None else asking
                trace = route.trace_given or new_trace()
                traced = "" if route.has_traceparent else f"x-request-id: {trace}\r\n"
                lines = f"{traced}content-length: {len(to_send)}\r\n\r\n".encode()
                self._flight = Flight(
                    started,
                    services.now(),
                    trace,
                    facts,
                    body,
                    asking,
                    keys,
                    prepared,
                    upstream,
                    services.monotonic(),
                )
                upstream.send(self, b"%b%b%b" % (prepared.block, lines, to_send), prepared.method)
                return
        self._carrier = carrier = self._server.admitted(route, self)
        carrier.start(body, keys)

    def on_whole(self, shape: Shape, found: re.Match[bytes], body: bytes) -> None:
        """See `upstream.Taker`."""
        flight, transport, route, status = self._flight, self._transport, self._route, shape.status
        assert flight is not None
        assert transport is not None  # who leaves takes the long way
        assert route is not None
        prepared = flight.prepared
        if (
            not shape.plain
            or not body
            or flight.facts.stream
            or not prepared.secret.is_outside(found.string)
            or self._buffer
            or self._stuck
            or transport.is_closing()
        ):
            self._carry().on_whole(shape, found, body)
            return
        self._flight, self._state = None, NEXT_HEAD
        started, trace, key = flight.started, flight.trace, prepared.key
        own = OWN_LINES % (trace.encode(), 1, prepared.key_line, (flight.sent_at - started) * 1000)
        transport.write(b"%b%b\r\n%b" % (shape.kept(found), own, body))
        # the client has its answer; the books follow
        services, bot, dialect = self._services, route.bot, route.dialect
        assert bot is not None
        assert dialect is not None
        assert key is not None
        services.keys.report(key, status=status, reason=None, retry_after=None)
        error = None
        if status == 200 and shape.is_json and (seen := dialect.glance(route.path.shape, body)) is not None:
            model, usage = seen
            attempts = prepared.worked
        else:
            reading = read_whole(dialect, route.path.shape, shape.content_type, body)
            model, error = reading.model, reading.error and "error_in_answer"
            usage = usage_of(reading, flight.body, cut=False) if status < 300 else reading.usage
            attempts = [Attempt(key.key_id, status)]
        took = (services.monotonic() - started) * 1000
        record = UsageRecord(
            flight.at,
            trace,
            *route.constants(),
            key.key_id,
            key.label,
            flight.facts.model,
            model,
            route.streams,
            status,
            error,
            usage,
            took,
            took,
            attempts,
            prepared.simulated,
        )
        try:
            services.budgets.settle(bot, record)
        finally:
            services.usage.record(record)

    def _carry(self) -> Carrier:
        """Go on the long way from here."""
        flight, server, route = self._flight, self._server, self._route
        assert flight is not None
        assert route is not None
        self._flight = None
        asking = flight.asking
        exchange = Exchange.resumed(
            self._services,
            route,
            started=flight.started,
            at=flight.at,
            trace=flight.trace,
            facts=flight.facts,
            body=flight.body,
            keys=flight.keys,
            prepared=flight.prepared,
            asks_usage=asking is not None,
            sent_at=flight.sent_at,
        )
        self._carrier = carrier = Carrier(exchange, self, server.pool, server.config, server.loop)
        traced = b"" if route.has_traceparent else flight.trace.encode()
        request = UpstreamRequest(flight.prepared, flight.body if asking is None else asking, traced)
        carrier.resume(request, flight.upstream, self)
        return carrier

    # what is not usual: the rest of `upstream.Taker`

    def on_head(self, head: AnswerHead) -> None:
        """See `upstream.Taker`."""
        self._carry().on_head(head)

    def on_body(self, data: bytes) -> None:  # noqa: ARG002 - the protocol's signature
        """See `upstream.Taker`: a head came first, and with it a carrier."""
        raise AssertionError("a body without a head")

    def on_piece(self, data: bytes) -> None:  # noqa: ARG002 - the protocol's signature
        """See `upstream.Taker`: a head came first, and with it a carrier."""
        raise AssertionError("a piece without a head")

    def on_flush(self) -> None:
        """See `upstream.Taker`: nothing was held."""

    def on_end(self) -> None:
        """See `upstream.Taker`: a head came first, and with it a carrier."""
        raise AssertionError("an end without a head")

    def on_lost(self, reason: FailureReason) -> None:
        """See `upstream.Taker`."""
        self._carry().on_lost(reason)

    def on_stale(self) -> None:
        """See `upstream.Taker`."""
        self._carry().on_stale()

    def on_upload_pause(self, *, paused: bool) -> None:
        """See `upstream.Taker`: the body is with the transport already."""

    # what else may come meanwhile

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        if self._flight is not None:
            self._carry()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client is slow to take the answer."""
        if self._flight is not None:
            self._carry()
        super().pause_writing()

    def shutdown(self) -> None:
        """Take no more requests; an answer that is under way is given to its end."""
        if self._flight is not None:
            self._carry()
        super().shutdown()
