"""A provider of WebSockets on a library of its own, which refuses what the real ones refuse."""

from __future__ import annotations

import contextlib
import http
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.proxy.rig import SECRET

Playing = Callable[[ServerConnection], Awaitable[None]]


async def echo(socket: ServerConnection) -> None:
    """Sends back what comes, until the other side closes."""
    async for message in socket:
        await socket.send(message)


async def openai(socket: ServerConnection) -> None:
    """The Realtime API in small: every `response.create` is answered in full."""
    await say(socket, type="session.created", event_id="e1", session={"type": "realtime", "model": "m-real"})
    async for message in socket:
        asked = json.loads(message)
        if asked["type"] == "response.create":
            response = {"id": "r1", "object": "realtime.response"}
            await say(
                socket, type="response.created", event_id="e2", response=response | {"status": "in_progress"}
            )
            await say(socket, type="response.output_text.delta", event_id="e3", response_id="r1", delta="hi")
            done = response | {"status": "completed", "usage": REALTIME_USAGE}
            await say(socket, type="response.done", event_id="e4", response=done)


REALTIME_USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 0,
        "cached_tokens": 64,
        "cached_tokens_details": {"text_tokens": 60, "audio_tokens": 4, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}


async def say(socket: ServerConnection, **event: Any) -> None:
    await socket.send(json.dumps(event))


@dataclass
class SocketProvider:
    """Serves one WebSocket after the other by `playing`, to who brings a key of `keys`."""

    playing: Playing = echo
    keys: set[str] = field(default_factory=lambda: {SECRET})
    subprotocols: tuple[str, ...] = ("realtime",)
    seen: list[Request] = field(default_factory=list)
    open: int = 0
    close_codes: list[int | None] = field(default_factory=list)
    url: str = ""
    server: Server | None = None

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[SocketProvider]:
        async with serve(
            self._play,
            "127.0.0.1",
            0,
            ssl=tls,
            process_request=self._look,
            select_subprotocol=self._select,
            max_size=None,
            ping_interval=None,
        ) as self.server:
            scheme = "http" if tls is None else "https"
            self.url = f"{scheme}://127.0.0.1:{next(iter(self.server.sockets)).getsockname()[1]}"
            yield self
            self.server.close(close_connections=True)

    def _look(self, _socket: ServerConnection, request: Request) -> Response | None:
        self.seen.append(request)
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = given or request.headers.get("api-key", "") or request.headers.get("x-goog-api-key", "")
        if given in self.keys:
            return None
        body = json.dumps(
            {
                "error": {
                    "message": "Incorrect API key",
                    "type": "invalid_request_error",
                    "code": "invalid_api_key",
                }
            }
        )
        return _socket.respond(http.HTTPStatus.UNAUTHORIZED, body)

    def _select(self, _socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        return next((one for one in offered if one in self.subprotocols), None)

    async def _play(self, socket: ServerConnection) -> None:
        self.open += 1
        with contextlib.suppress(ConnectionClosed):
            await self.playing(socket)
        await socket.wait_closed()
        self.close_codes.append(socket.close_code)
        self.open -= 1
