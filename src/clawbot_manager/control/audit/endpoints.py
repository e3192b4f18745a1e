"""Routes of the audit trail."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from clawbot_manager.control.access.endpoints import SignedInCaller
from clawbot_manager.control.audit import repository, service
from clawbot_manager.control.audit.repository import AuditFilter
from clawbot_manager.control.audit.schemas import AuditEventOut
from clawbot_manager.control.shared.acts import Action, Kind
from clawbot_manager.control.shared.edge import LIMIT, NO_NUL, SIGNED_IN, Limit, ReadTx, problems
from clawbot_manager.control.shared.edge import service as part
from clawbot_manager.control.shared.schemas import PageOut, Timestamp
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.errors import ForbiddenError, InvalidInputError

router = APIRouter(prefix="/api/audit", tags=["audit"], responses={**SIGNED_IN, **problems(403)})

_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}, "description": "All that match"}}


def _filter(
    caller: SignedInCaller,
    action: Action | None = None,
    kind: Kind | None = None,
    target: Annotated[
        str | None, Query(max_length=100, pattern=NO_NUL, description="Part of its name")
    ] = None,
    actor_id: UUID | None = None,
    refused: Annotated[bool | None, Query(description="Only what was refused, or only what was done")] = None,
    since: Timestamp | None = None,
    until: Timestamp | None = None,
    everybody: Annotated[bool, Query(description="Of all owners; administrators only")] = False,
) -> AuditFilter:
    if everybody and not caller.is_admin:
        raise ForbiddenError("Only an administrator of the installation may see what others do.")
    since, until = _known("since", since), _known("until", until)
    return AuditFilter(action, kind, target or None, actor_id, refused, since, until, everybody)


def _known(field: str, moment: datetime | None) -> datetime | None:
    if moment is not None and not 1970 <= moment.year <= 9998:
        raise InvalidInputError("Give a time between 1970 and 9998.", field=field)
    return moment


Wanted = Annotated[AuditFilter, Depends(_filter)]


@router.get("")
async def list_audit_events(
    caller: SignedInCaller,
    tx: ReadTx,
    wanted: Wanted,
    cursor: Annotated[
        str | None, Query(pattern=r"^[0-9]{1,18}$", description="`next_cursor` of the page before")
    ] = None,
    limit: Limit = LIMIT,
) -> PageOut[AuditEventOut]:
    """What the caller did and what was done to the caller's things, newest first."""
    before = int(cursor) if cursor is not None else None
    rows = await repository.page(tx, caller, wanted, before, limit + 1)
    following = str(rows[limit - 1].seq) if len(rows) > limit else None
    return PageOut[AuditEventOut](
        items=[AuditEventOut.model_validate(row) for row in rows[:limit]], next_cursor=following
    )


@router.get("/export", response_class=StreamingResponse, responses=_CSV)
async def export_audit_events(
    caller: SignedInCaller, wanted: Wanted, database: Annotated[Database, Depends(part(Database))]
) -> StreamingResponse:
    """The same as CSV, all of it."""
    headers = {"content-disposition": 'attachment; filename="audit.csv"'}
    rows = service.as_csv(database, caller, wanted)
    return StreamingResponse(rows, media_type="text/csv", headers=headers)
