"""The route to a bot's own gateway. It is in no document: what it takes and gives is the gateway's."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Request, Response, WebSocket
from fastapi.responses import StreamingResponse

from clawbot_manager.control.access.endpoints import SignedInCaller
from clawbot_manager.control.access.service import AccessService
from clawbot_manager.control.bots.endpoints import Operations
from clawbot_manager.control.bots.operations import BotOperations
from clawbot_manager.control.bots.relay import GatewayRelay
from clawbot_manager.control.bots.relay_sockets import bearer_of, relay_socket
from clawbot_manager.control.shared.edge import HostnamePath, service
from clawbot_manager.kit.errors import ProblemError

T = TypeVar("T")

router = APIRouter(prefix="/api/bot", include_in_schema=False)

Relay = Annotated[GatewayRelay, Depends(service(GatewayRelay))]
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_CLIENT_LEFT = 499  # nginx's word for it in a log; nobody is there to read it


@router.api_route("/{hostname}/gateway/{path:path}", methods=_METHODS)
async def relay_to_gateway(
    caller: SignedInCaller, hostname: HostnamePath, request: Request, operations: Operations, relay: Relay
) -> Response:
    """Pass the request on to the bot's gateway, with the gateway's token in place of the caller's."""
    endpoint, token = await operations.gateway(caller, hostname)
    raw = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    body = _Body(request)
    answer = await body.unless_left(
        relay.ask(
            endpoint,
            token,
            method=request.method,
            path=raw.partition("/gateway/")[2],
            query=request.scope["query_string"].decode("latin-1"),
            headers=request.headers.items(),
            body=body.pieces() if body.is_there else None,
        )
    )
    if answer is None:
        return Response(status_code=_CLIENT_LEFT)
    return StreamingResponse(answer.body, answer.status, dict(answer.headers))


class _Body:
    """A request's body on its way up, and whether the client still waits for the answer."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.is_there = not {"content-length", "transfer-encoding"}.isdisjoint(request.headers.keys())
        self._taken = asyncio.Event()
        if not self.is_there:
            self._taken.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        async for piece in self._request.stream():
            yield piece
        self._taken.set()

    async def unless_left(self, asking: Coroutine[None, None, T]) -> T | None:
        """What it returns; None, and it is cancelled, when the client leaves first."""
        loop = asyncio.get_running_loop()
        asked, left = loop.create_task(asking), loop.create_task(self._left())
        try:
            await asyncio.wait({asked, left}, return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else None
        finally:
            for task in (asked, left):
                task.cancel()
            await asyncio.gather(asked, left, return_exceptions=True)

    async def _left(self) -> None:
        await self._taken.wait()
        while (await self._request.receive())["type"] != "http.disconnect":
            pass


@router.websocket("/{hostname}/gateway/{path:path}")
async def relay_socket_to_gateway(client: WebSocket, hostname: str) -> None:
    """The same for a WebSocket. Refused with 403 when the caller may not.

    The caller's token comes in `Authorization` or, as browsers cannot set that, as a subprotocol
    `clawbot-manager.bearer.<token>` beside `clawbot-manager`, which is agreed on when the bot chooses none.
    """
    services = client.app.state.services
    access: AccessService = services[AccessService]
    operations: BotOperations = services[BotOperations]
    relay: GatewayRelay = services[GatewayRelay]
    try:
        caller = await access.identify(bearer_of(client))
        endpoint, operator_token = await operations.gateway(caller, hostname)

        async def still_allowed() -> bool:
            try:
                now = await operations.gateway(await access.again(caller), hostname)
            except ProblemError:
                return False
            return now == (endpoint, operator_token)

        path = client.scope["raw_path"].decode("latin-1").partition("?")[0].partition("/gateway/")[2]
        await relay_socket(client, relay.session(), endpoint, operator_token, path, still_allowed)
    except ProblemError as error:
        await client.close(1008, error.code)
