"""WebSockets to a bot's own gateway, passed on with the rights of the bot's owner."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
from fastapi import WebSocket, WebSocketDisconnect

from clawbot_manager.control.bots.relay import gateway_url, relayed_headers

_CONNECT = aiohttp.ClientWSTimeout(ws_close=5)
_CONNECT_SECONDS = 10.0
_LOOK_SECONDS = 5.0
_PING_SECONDS = 20.0
_LARGEST_MESSAGE = 4 * 1024 * 1024
_GONE, _FAILED, _REFUSED = 1001, 1011, 1008
_NEVER_SENT = {1005, 1006, 1015}  # RFC 6455 section 7.4.1: words for what was not said

_OURS = "clawbot-manager"
_BEARER = f"{_OURS}.bearer."

StillAllowed = Callable[[], Awaitable[bool]]


def bearer_of(client: WebSocket) -> str:
    """The caller's token from the request that opens a WebSocket; empty when there is none."""
    scheme, _, token = client.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token
    return next(
        (name.removeprefix(_BEARER) for name in _subprotocols(client) if name.startswith(_BEARER)), ""
    )


def _subprotocols(client: WebSocket) -> list[str]:
    asked = ",".join(client.headers.getlist("sec-websocket-protocol")).split(",")
    return [name.strip() for name in asked if name.strip()]


async def relay_socket(
    client: WebSocket,
    session: aiohttp.ClientSession,
    endpoint: str,
    operator_token: str,
    path: str,
    still_allowed: StillAllowed,
) -> None:
    """Pass messages both ways until one side closes, or the caller may no more. Accepts and closes `client`.

    Raises:
        InvalidInputError: the path would leave the gateway.
    """
    url = gateway_url(endpoint.replace("http", "ws", 1), path, client.url.query)
    headers = relayed_headers(client.headers.items(), operator_token)
    asked = [name for name in _subprotocols(client) if not name.startswith(_OURS)]
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            gateway = await session.ws_connect(
                url,
                headers=headers,
                protocols=asked,
                timeout=_CONNECT,
                heartbeat=_PING_SECONDS,
                max_msg_size=_LARGEST_MESSAGE,
            )
    except (aiohttp.ClientError, TimeoutError):
        await client.close(_FAILED, "The bot's gateway takes no WebSocket here.")
        return
    async with gateway:
        # a browser ends a WebSocket that agrees on none of the subprotocols it asked for
        await client.accept(gateway.protocol or (_OURS if _OURS in _subprotocols(client) else None))
        await _pass(client, gateway, still_allowed)


async def _pass(
    client: WebSocket, gateway: aiohttp.ClientWebSocketResponse, still_allowed: StillAllowed
) -> None:
    loop = asyncio.get_running_loop()
    both = {
        loop.create_task(_from_client(client, gateway), name="socket to bot"),
        loop.create_task(_from_gateway(client, gateway), name="socket from bot"),
    }
    try:
        while True:
            done, _ = await asyncio.wait(both, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if done:
                return
            if not await still_allowed():
                await client.close(_REFUSED, "Not allowed any more, or the bot stopped.")
                return
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _from_client(client: WebSocket, gateway: aiohttp.ClientWebSocketResponse) -> None:
    try:
        while True:
            message = await client.receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code") or _GONE
                await gateway.close(code=_GONE if code in _NEVER_SENT else code)
                return
            if (text := message.get("text")) is not None:
                await gateway.send_str(text)
            else:
                await gateway.send_bytes(message["bytes"])
    except (WebSocketDisconnect, aiohttp.ClientError, ConnectionError, RuntimeError):
        return  # one side is gone; the other task, or the caller, ends what is left


async def _from_gateway(client: WebSocket, gateway: aiohttp.ClientWebSocketResponse) -> None:
    try:
        async for message in gateway:
            if message.type is aiohttp.WSMsgType.TEXT:
                await client.send_text(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                await client.send_bytes(message.data)
        code = gateway.close_code
        await client.close(_FAILED if code is None or code in _NEVER_SENT else code)
    except (WebSocketDisconnect, RuntimeError, ConnectionError):
        return
