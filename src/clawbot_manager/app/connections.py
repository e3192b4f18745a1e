"""Connections that change hands: the proxy's protocol has them first, uvicorn's for every other request."""

import asyncio
from typing import Any, Protocol

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from clawbot_manager.proxy.wire import ProxyServer


class MakesProtocols(Protocol):
    """What uvicorn calls for each connection."""

    def __call__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> asyncio.Protocol:
        """A connection's first protocol."""
        ...


class ControlProtocol(HttpToolsProtocol):
    """uvicorn's protocol for one request, or several in one write; then the connection is the proxy's again.

    Kept connections of a TLS terminator carry requests of both kinds: without the way back each of them would
    end up here for good, and the proxy's requests with it, at several times their cost.
    """

    def __init__(
        self,
        wire: ProxyServer,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._wire = wire
        self._is_between = False

    def data_received(self, data: bytes) -> None:
        """More of a request, or the beginning of the next one."""
        if self._is_between and self.cycle.response_complete and self._can_go_back():
            self.connections.discard(self)
            self._unset_keepalive_if_required()
            protocol = self._wire.connection()
            protocol.connection_made(self.transport)
            self.transport.set_protocol(protocol)
            protocol.data_received(data)
        else:
            super().data_received(data)

    def _can_go_back(self) -> bool:
        return not (
            self._wire.is_closing or self.pipeline or self.flow.write_paused or self.transport.is_closing()
        )

    def on_message_begin(self) -> None:
        """See `httptools`."""
        self._is_between = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """See `httptools`."""
        self._is_between = True
        super().on_message_complete()


def first_protocol(wire: ProxyServer) -> MakesProtocols:
    """What makes each connection's protocol: the proxy's, which hands other requests over to uvicorn's."""

    def make(
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> asyncio.Protocol:
        wire.foreign = lambda: ControlProtocol(wire, config, server_state, app_state, _loop)
        return wire.connection()

    return make
