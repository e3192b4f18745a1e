"""WebSockets: an exchange whose two connections are joined once the provider has switched protocols.

From then on the connections belong to a `Tunnel`: bytes pass as they come, and neither HTTP parser sees them.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from clawbot_manager.proxy.messages import Relay
from clawbot_manager.proxy.route import Route
from clawbot_manager.proxy.session import Session
from clawbot_manager.proxy.websocket import GOING_AWAY, opened
from clawbot_manager.proxy.wire.answer import AnswerHead
from clawbot_manager.proxy.wire.carrier import Carrier
from clawbot_manager.proxy.wire.peer import has_left
from clawbot_manager.proxy.wire.upstream import UpstreamConnection

if TYPE_CHECKING:
    from clawbot_manager.proxy.wire.client import ClientConnection
    from clawbot_manager.proxy.wire.server import ProxyServer

_SWITCHING = 101
_CLOSING_SECONDS = 5.0
# what a Close frame of the provider makes an orderly end
_LOST = frozenset({"client_closed", "upstream_broken"})


class SessionCarrier(Carrier):
    """Carries the opening of a WebSocket; a `Tunnel` goes on from there."""

    def __init__(
        self, session: Session, route: Route, client: "ClientConnection", server: "ProxyServer"
    ) -> None:
        super().__init__(session, client, server.pool, server.config, server.loop)
        self._session = session
        self._route = route
        self._connection = client
        self._server = server

    def on_head(self, head: AnswerHead) -> None:
        """See `upstream.Taker`."""
        if head.shape.status != _SWITCHING:
            super().on_head(head)
            return
        relay = self._session.answered(_SWITCHING, "", "")
        upstream, self._upstream = self._upstream, None
        assert isinstance(relay, Relay)
        assert isinstance(upstream, UpstreamConnection)
        self.done = True
        tunnel = Tunnel(self._server, self._session, self._route)
        tunnel.join(head, relay, self._connection, upstream)

    def _send_on(self, connection: UpstreamConnection) -> None:
        request = self._request
        assert request is not None
        self._upstream = connection
        trace = b"x-request-id: %b\r\n" % request.trace if request.trace else b""
        data = b"%b%bconnection: Upgrade\r\nupgrade: websocket\r\n\r\n" % (request.prepared.block, trace)
        connection.send(self, data, request.prepared.method, whole=True, upgrade=True)


class Tunnel:
    """Two connections joined: what one sends the other gets, when one ends so does the other.

    To the server it is a client like others: swept, shut down and cut.
    """

    def __init__(self, server: "ProxyServer", session: Session, route: Route) -> None:
        self._server = server
        self._session = session
        self._route = route
        self._epoch = server.pipeline.tokens.epoch
        self._client = _End(self._up, self._client_lost)
        self._provider = _End(self._down, self._provider_lost)
        self._client.peer, self._provider.peer = self._provider, self._client
        self._reason: str | None = None
        self._ending_since: float | None = None
        self._said_close = False
        self._timer: asyncio.TimerHandle | None = None
        self._touched = server.loop.time()

    def join(
        self, head: AnswerHead, relay: Relay, client: "ClientConnection", upstream: UpstreamConnection
    ) -> None:
        """Take both connections over, and pass the head of the answer on."""
        opening = self._route.opening
        assert opening is not None
        lines = head.for_client(keeps_length=False, secret=relay.secret) + relay.own
        self._server.clients.add(self)  # before the other leaves, or a shutdown would find nobody
        transport, from_provider = upstream.surrender()
        self._provider.take(transport, stuck=False)
        transport, from_client, stuck = client.surrender()
        self._client.take(transport, stuck=stuck)
        self._client.write(opened(lines, head.headers(), opening.fallback))
        if from_client:
            self._up(from_client)
        if from_provider:
            self._down(from_provider)
        if self._server.is_closing:
            self.shutdown()

    # what the server calls

    def sweep(self, now: float) -> None:
        """End what nothing moves on, and what its token does not allow any more."""
        config = self._server.config
        if self._client.has_left_unread():
            self._client.abort()
        elif self._ending_since is not None:
            if now - self._ending_since > _CLOSING_SECONDS:
                self.cut()
        elif self._provider.transport is None and now - self._touched > config.write_timeout:
            self._cut("client_stalled")  # a close waits for ever until what was written is taken
        elif self._client.is_stuck(now, config.write_timeout):
            self._cut("client_stalled")
        elif self._provider.is_stuck(now, config.write_timeout):
            self._cut("upstream_timeout")
        elif now - self._touched > config.session_idle:
            self._end("idle_timeout")
        elif (code := self._refusal()) is not None:
            self._end(code)

    def shutdown(self) -> None:
        """Tell the client to go away; its answer to that ends the session at the provider too."""
        self._end("aborted")

    def cut(self) -> None:
        """Close at once."""
        self._cut("aborted")

    # bytes

    def _up(self, data: bytes) -> None:
        self._touched = self._server.pool.now
        self._provider.write(data)
        self._session.sent(data)

    def _down(self, data: bytes) -> None:
        self._touched = self._server.pool.now
        session = self._session
        if self._ending_since is not None:
            data = self._down_to_boundary(data)
        if self._said_close or self._client.transport is None:
            session.seen(data)
            return
        self._client.write(session.passing(data))
        session.seen(data)
        if rest := session.released():
            self._client.write(rest)

    def _down_to_boundary(self, data: bytes) -> bytes:
        """Pass on what still belongs to a frame, then say that the client shall go; gives what is left."""
        session = self._session
        while data and not self._said_close:
            size = session.frames.needs
            piece, data = data[:size], data[size:]
            self._client.write(session.passing(piece))
            session.seen(piece)
            self._say_close()
        return data

    # ends

    def _end(self, reason: str) -> None:
        if self._ending_since is None:
            self._reason = self._reason or reason
            self._ending_since = self._server.loop.time()
            self._say_close()

    def _say_close(self) -> None:
        """Put a Close frame where one can stand, unless the provider has sent one."""
        frames = self._session.frames
        if frames.at_boundary and frames.close_code is None:
            self._said_close = True
            self._client.write(self._session.released() + GOING_AWAY)

    def _cut(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._settle()
        self._client.abort()
        self._provider.abort()

    def _client_lost(self) -> None:
        self._reason = self._reason or "client_closed"
        if self._session.wants_drain and self._provider.transport is not None:
            self._provider.hold(paused=False)
            seconds = self._server.config.drain_seconds
            self._timer = self._server.loop.call_later(seconds, self._provider.abort)
        else:
            self._provider.abort()
        self._leave()

    def _provider_lost(self) -> None:
        self._reason = self._reason or "upstream_broken"
        self._settle()
        if not self._said_close:
            self._client.write(self._session.ended())
        self._client.close()
        self._leave()

    def _settle(self) -> None:
        orderly = self._session.frames.close_code is not None and self._reason in _LOST
        self._session.close(None if orderly else self._reason)

    def _leave(self) -> None:
        if self._client.transport is None and self._provider.transport is None:
            if self._timer is not None:
                self._timer.cancel()
            self._server.left(self)

    def _refusal(self) -> str | None:
        """Why a session that was opened rightly may not go on; None when it may."""
        pipeline = self._server.pipeline
        epoch = pipeline.tokens.epoch
        if epoch != self._epoch:
            refusal = pipeline.route(self._route.head).refusal
            if refusal is not None:
                return refusal.code
            self._epoch = epoch
        return None if self._route.is_live(pipeline.clock.now()) else "token_invalid"


class _End(asyncio.Protocol):
    """One of a tunnel's two connections. `transport` is None once it is lost."""

    __slots__ = ("_on_data", "_on_lost", "_stuck_since", "peer", "transport")

    peer: "_End"

    def __init__(self, on_data: Callable[[bytes], None], on_lost: Callable[[], None]) -> None:
        self._on_data = on_data
        self._on_lost = on_lost
        self._stuck_since: float | None = None
        self.transport: asyncio.Transport | None = None

    def take(self, transport: asyncio.Transport, *, stuck: bool) -> None:
        """This is its connection; `stuck`: it has more to send than it takes."""
        self.transport = transport
        transport.set_protocol(self)
        if stuck:
            self.pause_writing()

    def write(self, data: bytes) -> None:
        """Send, if anybody is there."""
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def hold(self, *, paused: bool) -> None:
        """Take no more from it, or go on."""
        if self.transport is None or self.transport.is_closing():
            return
        if paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def close(self) -> None:
        """Close it, once it has taken what was sent."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Close it."""
        if self.transport is not None:
            self.transport.abort()

    def has_left_unread(self) -> bool:
        """Whether it is gone, which nobody notices while nothing is taken from it."""
        held = self.transport is not None and not self.transport.is_reading()
        return held and self.transport is not None and has_left(self.transport)

    def is_stuck(self, now: float, seconds: float) -> bool:
        """Whether it has taken nothing for so long."""
        return self._stuck_since is not None and now - self._stuck_since > seconds

    # what the loop calls

    def data_received(self, data: bytes) -> None:
        """Bytes for the other one."""
        self._on_data(data)

    def eof_received(self) -> bool:
        """A WebSocket has no half that could stay open."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """It is gone."""
        self.transport = None
        self._on_lost()

    def pause_writing(self) -> None:
        """It is slow to take what the other one sends."""
        self._stuck_since = asyncio.get_running_loop().time()
        self.peer.hold(paused=True)

    def resume_writing(self) -> None:
        """It takes it again."""
        self._stuck_since = None
        self.peer.hold(paused=False)
