"""The caller dependency, the caller's own profile, and API tokens."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from clawbot_manager.control.access.schemas import ApiTokenCreated, ApiTokenIn, ApiTokenOut
from clawbot_manager.control.access.service import AccessService
from clawbot_manager.control.accounts import repository as accounts
from clawbot_manager.control.accounts.endpoints import Accounts
from clawbot_manager.control.accounts.schemas import UserOut, UserPatch
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.edge import SIGNED_IN, ReadTx, WriteTx, problems, service
from clawbot_manager.kit.errors import ForbiddenError, UnauthorizedError

router = APIRouter(tags=["account"], responses=SIGNED_IN)

Access = Annotated[AccessService, Depends(service(AccessService))]
_bearer = HTTPBearer(auto_error=False, description="An access token of a session, or an API token")


async def _caller(
    access: Access, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Caller:
    if credentials is None:
        raise UnauthorizedError(
            "Send `Authorization: Bearer <access token or API token>`.",
            headers={"www-authenticate": "Bearer"},
        )
    return await access.identify(credentials.credentials)


SignedInCaller = Annotated[Caller, Depends(_caller)]


async def _admin(caller: SignedInCaller) -> Caller:
    if not caller.is_admin:
        raise ForbiddenError("Only an administrator of the installation may do this.")
    return caller


AdminCaller = Annotated[Caller, Depends(_admin)]


@router.get("/api/user/me")
async def get_me(caller: SignedInCaller, tx: ReadTx) -> UserOut:
    """The caller's own account."""
    return UserOut.model_validate(await accounts.find_user(tx, caller.user_id))


@router.patch("/api/user/me")
async def update_me(caller: SignedInCaller, patch: UserPatch, tx: WriteTx, service: Accounts) -> UserOut:
    """Change one's nickname or language."""
    return UserOut.model_validate(await service.update_me(tx, caller, patch))


@router.get("/api/api-token")
async def list_api_tokens(caller: SignedInCaller, tx: ReadTx, access: Access) -> list[ApiTokenOut]:
    """The caller's API tokens, newest first, without the tokens themselves."""
    return [ApiTokenOut.model_validate(token) for token in await access.list_tokens(tx, caller)]


@router.post("/api/api-token", status_code=201)
async def create_api_token(
    caller: SignedInCaller, given: ApiTokenIn, tx: WriteTx, access: Access
) -> ApiTokenCreated:
    """Make an API token. The answer shows it this once."""
    token, text = await access.create_token(tx, caller, given)
    return ApiTokenCreated(**ApiTokenOut.model_validate(token).model_dump(), token=text)


@router.delete("/api/api-token/{token_id}", status_code=204, responses=problems(404))
async def revoke_api_token(caller: SignedInCaller, token_id: UUID, tx: WriteTx, access: Access) -> None:
    """Revoke an API token; it stops at once."""
    await access.revoke_token(tx, caller, token_id)
