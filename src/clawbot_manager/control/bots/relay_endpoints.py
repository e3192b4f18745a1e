"""The route to a bot's own gateway. It is in no document: what it takes and gives is the gateway's."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, WebSocket
from fastapi.responses import StreamingResponse

from clawbot_manager.control.access.endpoints import SignedInCaller
from clawbot_manager.control.access.service import AccessService
from clawbot_manager.control.bots.endpoints import Operations
from clawbot_manager.control.bots.operations import BotOperations
from clawbot_manager.control.bots.relay import GatewayRelay
from clawbot_manager.control.bots.relay_sockets import relay_socket
from clawbot_manager.control.shared.edge import HostnamePath, service
from clawbot_manager.kit.errors import ProblemError

router = APIRouter(prefix="/api/bot", include_in_schema=False)

Relay = Annotated[GatewayRelay, Depends(service(GatewayRelay))]
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@router.api_route("/{hostname}/gateway/{path:path}", methods=_METHODS)
async def relay_to_gateway(
    caller: SignedInCaller, hostname: HostnamePath, request: Request, operations: Operations, relay: Relay
) -> StreamingResponse:
    """Pass the request on to the bot's gateway, with the gateway's token in place of the caller's."""
    endpoint, token = await operations.gateway(caller, hostname)
    raw = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    answer = await relay.ask(
        endpoint,
        token,
        method=request.method,
        path=raw.partition("/gateway/")[2],
        query=request.scope["query_string"].decode("latin-1"),
        headers=request.headers.items(),
        body=request.stream(),
    )
    return StreamingResponse(answer.body, answer.status, dict(answer.headers))


@router.websocket("/{hostname}/gateway/{path:path}")
async def relay_socket_to_gateway(client: WebSocket, hostname: str) -> None:
    """The same for a WebSocket; the caller's token comes in `Authorization`. Refused with 403 otherwise."""
    services = client.app.state.services
    access: AccessService = services[AccessService]
    operations: BotOperations = services[BotOperations]
    relay: GatewayRelay = services[GatewayRelay]
    scheme, _, token = client.headers.get("authorization", "").partition(" ")

    async def gateway() -> tuple[str, str]:
        caller = await access.identify(token if scheme.lower() == "bearer" else "")
        return await operations.gateway(caller, hostname)

    async def still_allowed() -> bool:
        try:
            return await gateway() == (endpoint, operator_token)
        except ProblemError:
            return False

    try:
        endpoint, operator_token = await gateway()
        path = client.scope["raw_path"].decode("latin-1").partition("?")[0].partition("/gateway/")[2]
        await relay_socket(client, relay.session(), endpoint, operator_token, path, still_allowed)
    except ProblemError as error:
        await client.close(1008, error.code)
