"""The route to a bot's own gateway. It is in no document: what it takes and gives is the gateway's."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse

from clawbot_manager.control.access.endpoints import SignedInCaller
from clawbot_manager.control.bots.endpoints import Operations
from clawbot_manager.control.bots.relay import GatewayRelay
from clawbot_manager.control.shared.edge import HostnamePath, service

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
