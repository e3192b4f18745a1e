"""Where bots reach the proxy: an address that their runtime knows, and a listener there for nothing else."""

import asyncio
from collections.abc import Callable

import structlog

from clawbot_manager.kit.tasks import TaskOwner
from clawbot_manager.proxy.egress_tunnels import EgressTunnels
from clawbot_manager.proxy.wire import ProxyServer
from clawbot_manager.runtimes.base import (
    InstanceFailedError,
    InstanceNotFoundError,
    Runtime,
    RuntimeUnavailableError,
)

_log = structlog.get_logger(__name__)

_LOOK_SECONDS = 5.0
_DRAIN_SECONDS = 5.0


class BotSide:
    """Follows the runtime's address of this host. `fixed_url`: an operator says where the proxy is."""

    def __init__(
        self,
        runtime: Runtime,
        make_server: Callable[[], ProxyServer],
        make_tunnels: Callable[[], EgressTunnels],
        *,
        port: int,
        egress_port: int,
        fixed_url: str | None,
        loopback_url: str,
    ) -> None:
        self._runtime = runtime
        self._make_server = make_server
        self._make_tunnels = make_tunnels
        self._egress_port = egress_port
        self._tunnels: EgressTunnels | None = None
        self._port = port
        self._fixed_url = fixed_url
        self._loopback_url = loopback_url
        self._url: str | None = fixed_url
        self._host: str | None = None
        self._server: ProxyServer | None = None
        self._tasks = TaskOwner(_report_failure)

    def url(self) -> str | None:
        """The base URL that goes into bots' settings, without a trailing slash; None: not known yet."""
        return self._url

    def egress(self) -> str | None:
        """`host:port` of the way out for hosts that bots may reach; None where there is none."""
        return f"{self._host}:{self._egress_port}" if self._tunnels is not None else None

    async def start(self, *, serves: bool) -> None:
        """Find the address, and go on looking; `serves`: listen there too."""
        await self._look(serves)
        self._tasks.start(self._look_forever(serves), name="bot side")

    async def close(self) -> None:
        """Take no more requests there."""
        await self._tasks.close()
        await self._leave()

    async def _look_forever(self, serves: bool) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._look(serves)

    async def _look(self, serves: bool) -> None:
        try:
            host = await self._runtime.proxy_host()
            if host is None:
                self._url = self._fixed_url or self._loopback_url
            elif host != self._host:
                await self._move(host, serves)
        except (RuntimeUnavailableError, InstanceFailedError, InstanceNotFoundError, OSError) as error:
            # what is there goes on: an engine that is away for a moment takes no address with it
            _log.warning("bot_side.unknown", error=str(error))

    async def _move(self, host: str, serves: bool) -> None:
        await self._leave()
        if serves and self._fixed_url is None:
            server = self._make_server()
            await server.start(host, self._port)
            self._server = server
            await self._open_tunnels(host)
        self._host = host
        self._url = self._fixed_url or f"http://{host}:{self._port}/api/v1"
        _log.info("bot_side.found", url=self._url)

    async def _open_tunnels(self, host: str) -> None:
        tunnels = self._make_tunnels()
        try:
            await tunnels.start(host, self._egress_port)
        except OSError as error:
            _log.warning("bot_side.no_egress", port=self._egress_port, error=error.strerror)
            return
        self._tunnels = tunnels

    async def _leave(self) -> None:
        tunnels, self._tunnels = self._tunnels, None
        if tunnels is not None:
            await tunnels.close()
        server, self._server, self._host = self._server, None, None
        if server is not None:
            await server.close(_DRAIN_SECONDS)


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("bot_side.task_failed", task=name, exc_info=error)
