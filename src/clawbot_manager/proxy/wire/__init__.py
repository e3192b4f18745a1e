"""The proxy on raw sockets: two asyncio protocols around the pipeline (see docs/decisions/0006)."""

from clawbot_manager.proxy.wire.server import ProxyServer

__all__ = ["ProxyServer"]
