"""An upload in chunks, and its beginning."""

from __future__ import annotations

from tests.proxy.rig import FILES, request
from tests.proxy.wire.memory import Bench, Link, Pipe, chunk

STREAMED = request("POST", FILES, "transfer-encoding: chunked")


def begun(bench: Bench, *pieces: bytes) -> tuple[Pipe, Link]:
    """A client that uploads in chunks and has not ended, and the provider's side of it."""
    client = bench.say(STREAMED, *map(chunk, pieces))
    (link,) = bench.provider.links
    return client, link
