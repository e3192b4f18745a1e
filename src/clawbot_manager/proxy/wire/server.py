"""The proxy's own server: listens, sweeps, and ends in order."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

from clawbot_manager.infra.http.egress import EgressPolicy
from clawbot_manager.kit.tasks import TaskOwner
from clawbot_manager.proxy import refusals
from clawbot_manager.proxy.exchange import Exchange
from clawbot_manager.proxy.headers import new_trace
from clawbot_manager.proxy.messages import Answer, ProxyConfig
from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.proxy.refusals import Refusal
from clawbot_manager.proxy.route import Route
from clawbot_manager.proxy.session import Session
from clawbot_manager.proxy.wire.carrier import Carrier
from clawbot_manager.proxy.wire.client import ClientConnection
from clawbot_manager.proxy.wire.express import ExpressConnection
from clawbot_manager.proxy.wire.heads import Heads
from clawbot_manager.proxy.wire.pool import Pool
from clawbot_manager.proxy.wire.tunnel import SessionCarrier, Tunnel
from clawbot_manager.vendors.dialects import dialect_named

OnFailure = Callable[[str, BaseException], None]
_BACKLOG = 2048


def _not_found(_path: str) -> Answer:
    return refusals.render(refusals.NOT_SERVED, dialect_named(None), new_trace())


class ProxyServer:
    """Serves the pipeline over sockets.

    `foreign` makes the protocol that takes over connections whose requests are not the proxy's; without one,
    `local` answers them. Use from one event loop: `start`, then `close`.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        policy: EgressPolicy,
        config: ProxyConfig | None = None,
        tls: ssl.SSLContext | None = None,
        foreign: Callable[[], asyncio.Protocol] | None = None,
        local: Callable[[str], Answer] = _not_found,
        on_failure: OnFailure = lambda _name, _error: None,
    ) -> None:
        self.pipeline = pipeline
        self.config = config or pipeline.config
        self.largest = self.config.max_buffered_body
        self.heads = Heads(pipeline, self.largest)
        self.foreign = foreign
        self.local = local
        self.clients: set[ClientConnection | Tunnel] = set()
        self._tasks = TaskOwner(on_failure)
        self.pool = Pool(policy, self.config, self._tasks, tls)
        self._held = 0
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._all_left: asyncio.Event | None = None
        self.is_closing = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop it runs on."""
        assert self._loop is not None, "start it first"
        return self._loop

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None, "start it first"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def begin(self) -> None:
        """Be ready for connections that somebody else accepts."""
        self._loop = asyncio.get_running_loop()
        self.pool.now = self._loop.time()
        self._tasks.start(self._sweep_forever(), name="proxy sweep")

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, *, sock: socket.socket | None = None
    ) -> None:
        """Listen.

        Raises:
            OSError: the address can't be bound.
        """
        self.begin()
        if sock is not None:
            self._server = await self.loop.create_server(self.connection, sock=sock, backlog=_BACKLOG)
        else:
            self._server = await self.loop.create_server(self.connection, host, port, backlog=_BACKLOG)

    def connection(self) -> ClientConnection:
        """The protocol of a new connection."""
        return ExpressConnection(self)

    async def close(self, drain_seconds: float = 20.0) -> None:
        """Take no more requests, let those under way end, then cut what is left."""
        self.is_closing = True
        if self._server is not None:
            self._server.close()
        for client in list(self.clients):
            client.shutdown()
        if self.clients:
            self._all_left = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(drain_seconds):
                    await self._all_left.wait()
        for client in list(self.clients):
            client.cut()
        await asyncio.sleep(0)  # their ends are told by the loop
        self.pool.close()
        await self._tasks.close()
        if self._server is not None:
            await self._server.wait_closed()

    # what the connections call

    def carrier(self, route: Route, client: ClientConnection) -> Carrier:
        """What carries the next request of a route."""
        assert self._loop is not None, "start it first"
        return Carrier(self.pipeline.open(route), client, self.pool, self.config, self._loop)

    def admitted(self, route: Route, client: ClientConnection) -> Carrier:
        """What carries a request that the budgets have admitted already."""
        exchange = Exchange(self.pipeline.services, route, None, counted=True)
        return Carrier(exchange, client, self.pool, self.config, self.loop)

    def session(self, route: Route, client: ClientConnection) -> Carrier:
        """What carries the opening of a WebSocket."""
        session = self.pipeline.open(route, Session)
        assert isinstance(session, Session)
        return SessionCarrier(session, route, client, self)

    def left(self, client: ClientConnection | Tunnel) -> None:
        """A connection is closed, or is somebody else's now."""
        self.clients.discard(client)
        if self._all_left is not None and not self.clients:
            self._all_left.set()

    def reserve(self, size: int) -> bool:
        """Count `size` bytes of a body that is held, if there is room."""
        if self._held + size > self.config.max_buffered_total:
            return False
        self._held += size
        return True

    def release(self, size: int) -> None:
        """They are held no more."""
        self._held -= size

    def plain_refusal(self, refusal: Refusal) -> Answer:
        """The refusal of a request that was not understood."""
        return refusals.render(refusal, dialect_named(None), new_trace())

    async def _sweep_forever(self) -> None:
        config = self.config
        shortest = min(
            config.head_timeout,
            config.idle_timeout,
            config.read_timeout,
            config.write_timeout,
            config.session_idle,
        )
        pause = min(1.0, shortest / 4)
        while True:
            now = self.loop.time()
            self.pool.sweep(now)
            for client in list(self.clients):
                client.sweep(now)
            await asyncio.sleep(pause)
