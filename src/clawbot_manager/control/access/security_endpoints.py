"""Routes of a user's own sessions and password."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from clawbot_manager.control.access.endpoints import SignedInCaller
from clawbot_manager.control.accounts.schemas import EndedOut, PasswordIn, UserSessionOut
from clawbot_manager.control.accounts.security import AccountSecurity
from clawbot_manager.control.shared.edge import SIGNED_IN, ReadTx, WriteTx, problems, service

router = APIRouter(prefix="/api/user/me", tags=["account"], responses={**SIGNED_IN, **problems(403)})

Security = Annotated[AccountSecurity, Depends(service(AccountSecurity))]


@router.get("/session")
async def list_sessions(caller: SignedInCaller, tx: ReadTx, security: Security) -> list[UserSessionOut]:
    """Where the caller is signed in, the last used first."""
    return [
        UserSessionOut(
            id=one.id,
            created_at=one.created_at,
            used_at=one.rotated_at,
            expires_at=one.expires_at,
            ip=one.ip,
            user_agent=one.user_agent,
            is_current=one.id == caller.session_id,
        )
        for one in await security.sessions(tx, caller)
    ]


@router.delete("/session")
async def end_other_sessions(caller: SignedInCaller, tx: WriteTx, security: Security) -> EndedOut:
    """Sign out everywhere but here."""
    return EndedOut(ended=await security.end_others(tx, caller))


@router.delete("/session/{session_id}", status_code=204, responses=problems(404))
async def end_session(caller: SignedInCaller, session_id: UUID, tx: WriteTx, security: Security) -> None:
    """Sign out there, at once."""
    await security.end_session(tx, caller, session_id)


@router.post("/password", status_code=204)
async def change_password(caller: SignedInCaller, given: PasswordIn, security: Security) -> None:
    """Take another password, and sign out everywhere but here."""
    await security.change_password(caller, given.current_password, given.new_password)
