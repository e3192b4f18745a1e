"""Routes of usage."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from clawbot_manager.control.access.endpoints import SignedInCaller
from clawbot_manager.control.shared.edge import LIMIT, NO_NUL, SIGNED_IN, Cursor, Limit, ReadTx, service
from clawbot_manager.control.shared.schemas import PageOut
from clawbot_manager.control.usage.repository import UsageFilter
from clawbot_manager.control.usage.schemas import UsageOut, UsageSummary
from clawbot_manager.control.usage.service import UsageService

router = APIRouter(tags=["usage"], responses=SIGNED_IN)

Usage = Annotated[UsageService, Depends(service(UsageService))]


@router.get("/api/usage")
async def list_usage(
    caller: SignedInCaller,
    tx: ReadTx,
    usage: Usage,
    cursor: Cursor = None,
    limit: Limit = LIMIT,
    hostname: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    vendor: Annotated[str | None, Query(max_length=40, pattern=NO_NUL)] = None,
    trace_id: Annotated[
        str | None,
        Query(max_length=128, pattern=NO_NUL, description="As the header `x-clawbot-trace-id` told it"),
    ] = None,
    failed: Annotated[bool | None, Query(description="A client that left by itself is no failure")] = None,
) -> PageOut[UsageOut]:
    """Requests through the proxy, newest first."""
    wanted = UsageFilter(hostname=hostname, vendor=vendor, trace_id=trace_id, failed=failed)
    found = await usage.page(tx, caller, wanted, cursor=cursor, limit=limit)
    return PageOut[UsageOut].model_validate(found)


@router.get("/api/usage/summary")
async def usage_summary(
    caller: SignedInCaller, tx: ReadTx, usage: Usage, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> UsageSummary:
    """Totals, and the same by vendor and by bot."""
    return await usage.summary(tx, caller, days)
