"""Runs an installation behind uvicorn: which path belongs to whom, start-up and shutdown in order."""

import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Literal, cast
from urllib.parse import urlsplit

import structlog
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from clawbot_manager.app.api import create_api
from clawbot_manager.app.compose import Installation, compose
from clawbot_manager.app.connections import first_protocol
from clawbot_manager.app.plan import redaction_patterns
from clawbot_manager.control.shared.latency import Latencies
from clawbot_manager.control.shared.middleware import ControlRim
from clawbot_manager.infra.telemetry.logs import configure_logs
from clawbot_manager.proxy.wire import ProxyServer
from clawbot_manager.settings import Settings, SettingsError, load_settings
from clawbot_manager.settings.secrets import load_secrets
from clawbot_manager.web.console import Console

_log = structlog.get_logger(__name__)

_DRAIN_SECONDS = 20

OnReady = Callable[[], Awaitable[None]]
Role = Literal["all", "control", "worker"]


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a taken port is found before anything else is done.

    Raises:
        SettingsError: the address cannot be bound.
    """
    return _bound(host, port, socket.SO_REUSEADDR)


def listen_together(host: str, port: int, count: int) -> list[socket.socket]:
    """Sockets among which the kernel shares out connections. Try `listen` first: they find no taken port.

    Raises:
        SettingsError: the address cannot be bound.
    """
    return [_bound(host, port, socket.SO_REUSEADDR, socket.SO_REUSEPORT) for _ in range(count)]


def _bound(host: str, port: int, *options: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    for option in options:
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(
            [f"CLAWBOT_SERVER__PORT: {host}:{port} cannot be used ({error.strerror}). Try another --port."]
        ) from error
    listener.set_inheritable(False)
    return listener


def run_server(
    installation: Installation, role: Role, listener: socket.socket, on_ready: OnReady | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get time to end, then usage is flushed."""
    os.umask(0o077)
    _configure_logs(installation.settings)
    config = uvicorn.Config(
        root_app(installation, role),
        loop="uvloop",
        http=cast(Any, first_protocol(installation.wire)) if role == "all" else "httptools",
        ws="none" if role == "worker" else "websockets-sansio",
        ws_max_size=4 * 1024 * 1024,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn raises the signal again once it has stopped; being asked to stop is not a failure
        signal.signal(number, lambda *_: None)
    _Server(config, installation.wire, on_ready).run(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn, telling when it answers, and ending the proxy's connections before its own."""

    def __init__(self, config: uvicorn.Config, wire: ProxyServer, on_ready: OnReady | None) -> None:
        super().__init__(config)
        self._wire = wire
        self._on_ready = on_ready

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        await self._wire.close(_DRAIN_SECONDS)
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._wire.begin()
        await super().startup(sockets)
        if self._on_ready is not None and self.started:
            await self._on_ready()


def serve_reloading(settings: Settings) -> None:
    """Serve for development: the process is replaced whenever the source changes."""
    uvicorn.run(
        "clawbot_manager.app.server:from_environment",
        factory=True,
        reload=True,
        reload_dirs=["src"],
        host=settings.server.host,
        port=settings.server.port,
        ws="websockets-sansio",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
    )


def from_environment() -> ASGIApp:
    """The whole program, from the environment (for the reloading server)."""
    settings = load_settings()
    _configure_logs(settings)
    return root_app(compose(settings, load_secrets(settings)), "all")


def _configure_logs(settings: Settings) -> None:
    configure_logs(settings.log.level, settings.log.format, redaction_patterns())


def root_app(installation: Installation, role: Role) -> ASGIApp:
    """The one ASGI application: proxy, API and console by path, those that the role serves."""
    api = create_api(
        installation.services, secure_cookies=installation.settings.public_url.startswith("https://")
    )
    api.router.lifespan_context = lambda _app: _lifespan(installation, role)
    control = ControlRim(
        _ControlPaths(api, Console()) if role in {"all", "control"} else _OnlyHealth(api),
        max_body_bytes=installation.settings.server.max_body_bytes,
        hosts=frozenset(_own_names(installation.settings)),
        larger={"/api/bot/import": installation.settings.runtime.archive_max_bytes},
        latencies=installation.services[Latencies],
    )
    proxy = installation.proxy
    serves_proxy = role == "all"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if serves_proxy and scope["type"] != "lifespan" and proxy.serves(scope["path"]):
            await proxy(scope, receive, send)
        else:
            await control(scope, receive, send)

    return app


def _own_names(settings: Settings) -> Iterator[str]:
    """The host names that this installation was told to go by."""
    for url in (settings.public_url, settings.proxy_url_for_bots):
        if (name := urlsplit(url).hostname) is not None:
            yield name


class _ControlPaths:
    """API paths to the API, every other one to the console."""

    def __init__(self, api: ASGIApp, console: ASGIApp) -> None:
        self._api = api
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "lifespan" or scope["path"].startswith(("/api/", "/health", "/v1/"))
        await (self._api if ours else self._console)(scope, receive, send)


class _OnlyHealth:
    """What a worker answers: its health."""

    def __init__(self, api: ASGIApp) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/health"):
            scope = {**scope, "path": "/api/not-served-by-this-role"}
        await self._api(scope, receive, send)


@asynccontextmanager
async def _lifespan(installation: Installation, role: Role) -> AsyncIterator[dict[str, Any]]:
    """Start the parts of the role, and stop them in the opposite order."""
    serves_proxy, reconciles = role == "all", role in {"all", "worker"}
    async with installation.upstream:
        if serves_proxy:
            await installation.start_proxy()
        if reconciles:
            await installation.bot_side.start(serves=serves_proxy)
            await installation.reconciler.start(polls=role == "worker")
            installation.reviver.start()
            installation.unpacker.start()
        _log.info("server.started", role=role, runtime=installation.runtime.name)
        try:
            yield {}
        finally:
            if reconciles:
                await installation.unpacker.close()
                await installation.reviver.close()
                await installation.reconciler.close()
                await installation.bot_side.close()
            await installation.close()
            _log.info("server.stopped", role=role)
