"""Requests as bytes, for what no HTTP client would send."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from tests.proxy.conftest import World


async def raw_request(world: World, head: str, body: bytes = b"") -> bytes:
    """Send bytes as they are and read everything until the server closes."""
    parts = urlsplit(world.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(head.replace("\n", "\r\n").encode() + body)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer
