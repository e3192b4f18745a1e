"""Connections to providers: made only where the egress policy lets them go, and kept while they are good."""

import asyncio
import socket
import ssl
from collections import defaultdict
from collections.abc import Callable
from ipaddress import ip_address

from clawbot_manager.infra.http.egress import EgressDeniedError, EgressPolicy
from clawbot_manager.kit.addresses import parse_address
from clawbot_manager.kit.tasks import TaskOwner
from clawbot_manager.proxy.messages import FailureReason, Origin, ProxyConfig
from clawbot_manager.proxy.wire.upstream import UpstreamConnection

_NAMES_LIVE = 30.0

OnConnected = Callable[[UpstreamConnection], None]
OnFailed = Callable[[FailureReason], None]


class Pool:
    """`now` is the loop's time at the last sweep: exact enough for time-outs, and free to read."""

    def __init__(
        self,
        policy: EgressPolicy,
        config: ProxyConfig,
        tasks: TaskOwner,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._config = config
        self._tasks = tasks
        self._tls = tls
        self._idle: defaultdict[Origin, list[UpstreamConnection]] = defaultdict(list)
        self._all: set[UpstreamConnection] = set()
        self._names: dict[tuple[str, int], tuple[float, list[str]]] = {}
        self.now = 0.0

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._all)

    def take(self, origin: Origin) -> UpstreamConnection | None:
        """A waiting connection, the one used last; None when there is none."""
        waiting = self._idle.get(origin)
        while waiting:
            connection = waiting.pop()
            transport = connection.transport
            if transport is not None and not transport.is_closing():
                return connection
        return None

    def connect(self, origin: Origin, connected: OnConnected, failed: OnFailed) -> asyncio.Task[None]:
        """Make a connection in the background; one of the two is called unless the task is cancelled."""
        return self._tasks.start(self._connect(origin, connected, failed), name="connect")

    def give_back(self, connection: UpstreamConnection) -> None:
        """It has answered, and can be used again."""
        waiting = self._idle[connection.origin]
        waiting.append(connection)
        if len(waiting) > self._config.upstream_idle_most:
            waiting.pop(0).abandon()

    def forget(self, connection: UpstreamConnection) -> None:
        """It is closed."""
        self._all.discard(connection)
        waiting = self._idle.get(connection.origin)
        if waiting is not None:
            if connection in waiting:
                waiting.remove(connection)
            if not waiting:
                del self._idle[connection.origin]  # users name the origins: what is over is forgotten

    def sweep(self, now: float) -> None:
        """Fail answers that have stalled, and close what waits for nothing too long."""
        self.now = now
        for name, (until, _) in list(self._names.items()):
            if until < now:
                del self._names[name]
        for connection in list(self._all):
            silent = now - connection.touched
            if connection.is_usable:
                if silent > self._config.upstream_idle:
                    connection.abandon()
            elif silent > self._config.read_timeout and not connection.is_paused:
                connection.fail("timeout")

    def close(self) -> None:
        """Close every connection; an answer that is still read on for its usage ends here."""
        for connection in list(self._all):
            connection.fail("broken")
        self._idle.clear()

    async def _connect(self, origin: Origin, connected: OnConnected, failed: OnFailed) -> None:
        try:
            async with asyncio.timeout(self._config.connect_timeout) as limit:
                connection = await self._open(origin, limit)
        except EgressDeniedError:
            failed("egress_denied")
        except TimeoutError:
            failed("connect_timeout")
        except ssl.SSLError:
            failed("tls_refused")
        except (OSError, ValueError):
            failed("connect_error")
        except Exception:
            failed("connect_error")  # a defect, which is reported; but nobody is left waiting for it
            raise
        else:
            connected(connection)

    async def _open(self, origin: Origin, limit: asyncio.Timeout) -> UpstreamConnection:
        """Try the host's addresses in turn, each for its share of the time that is left; all were looked at
        by the policy, and each is connected to as it was.

        Raises:
            EgressDeniedError: one of them is not allowed.
            OSError: none could be connected to.
        """
        last: OSError = OSError("no address")
        addresses = await self._addresses(origin)
        for tried, address in enumerate(addresses):
            now, end = asyncio.get_running_loop().time(), limit.when()
            share = None if end is None else (end - now) / (len(addresses) - tried)
            try:
                async with asyncio.timeout(share):
                    return await self._open_at(origin, address)
            except OSError as error:
                last = error
        raise last

    async def _open_at(self, origin: Origin, address: str) -> UpstreamConnection:
        connection = UpstreamConnection(self, origin, self._config.max_head)
        tls = self._context() if origin.scheme == "https" else None
        await asyncio.get_running_loop().create_connection(
            lambda: connection,
            address,
            origin.port,
            ssl=tls,
            server_hostname=origin.host if tls is not None else None,
        )
        transport = connection.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("closed at once, or by one that speaks first")
        plain = transport.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.touched = self.now
        self._all.add(connection)
        return connection

    async def _addresses(self, origin: Origin) -> list[str]:
        literal = parse_address(origin.host)
        if literal is not None:
            self._policy.check_address(origin.host, origin.port, literal)
        loop = asyncio.get_running_loop()
        name = (origin.host, origin.port)
        known = self._names.get(name)
        if known is None or known[0] < loop.time():
            found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
            known = self._names[name] = (loop.time() + _NAMES_LIVE, addresses)
        for address in known[1]:
            self._policy.check_address(origin.host, origin.port, ip_address(address))
        return known[1]

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls
