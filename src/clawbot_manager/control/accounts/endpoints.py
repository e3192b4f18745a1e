"""Routes of accounts. The refresh token is in a cookie that no script reads and no other site sends."""

from typing import Annotated, Literal

from fastapi import APIRouter, Cookie, Depends, Request, Response

from clawbot_manager.control.accounts.errors import SessionEndedError
from clawbot_manager.control.accounts.schemas import SessionOut, SignInIn, SignUpIn, UserOut
from clawbot_manager.control.accounts.service import AccountService, Device, SignedIn
from clawbot_manager.control.shared.edge import problems, service

router = APIRouter(prefix="/api/auth", tags=["account"])

REFRESH_COOKIE = "cbm_refresh"

Accounts = Annotated[AccountService, Depends(service(AccountService))]
RefreshCookie = Annotated[str | None, Cookie(alias=REFRESH_COOKIE, include_in_schema=False)]


def _device(request: Request) -> Device:
    return Device(request.client.host if request.client else None, request.headers.get("user-agent"))


def _answer(
    request: Request, response: Response, accounts: AccountService, signed_in: SignedIn
) -> SessionOut:
    same_site: Literal["strict"] = "strict"
    response.set_cookie(
        REFRESH_COOKIE,
        signed_in.refresh_token,
        max_age=accounts.refresh_token_seconds,
        path="/api/auth",
        httponly=True,
        samesite=same_site,
        secure=request.app.state.secure_cookies,
    )
    return SessionOut(
        access_token=signed_in.access_token,
        expires_in=accounts.access_token_seconds,
        user=UserOut.model_validate(signed_in.user),
    )


@router.post("/sign-up", status_code=201, responses=problems(400, 403, 409, 413, 422))
async def sign_up(given: SignUpIn, request: Request, response: Response, accounts: Accounts) -> SessionOut:
    """Make an account and sign in. The first one needs the one-time token and is the administrator."""
    return _answer(request, response, accounts, await accounts.sign_up(given, _device(request)))


@router.post("/sign-in", responses=problems(400, 401, 413, 422))
async def sign_in(given: SignInIn, request: Request, response: Response, accounts: Accounts) -> SessionOut:
    """Sign in with e-mail and password."""
    return _answer(request, response, accounts, await accounts.sign_in(given, _device(request)))


@router.post("/refresh", responses=problems(401, 422))
async def refresh(
    request: Request, response: Response, accounts: Accounts, token: RefreshCookie = None
) -> SessionOut:
    """Continue the session of the cookie: a new access token, and a new cookie."""
    if token is None:
        raise SessionEndedError("Sign in again.")
    return _answer(request, response, accounts, await accounts.refresh(token))


@router.post("/sign-out", status_code=204, responses=problems(422))
async def sign_out(response: Response, accounts: Accounts, token: RefreshCookie = None) -> None:
    """End the session of the cookie."""
    if token is not None:
        await accounts.sign_out(token)
    response.delete_cookie(REFRESH_COOKIE, path="/api/auth")
