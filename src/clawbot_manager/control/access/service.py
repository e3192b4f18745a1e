"""Finds the caller behind a bearer token, and keeps API tokens."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select, update

from clawbot_manager.control.access.models import ApiToken
from clawbot_manager.control.access.schemas import ApiTokenIn
from clawbot_manager.control.accounts import repository as accounts
from clawbot_manager.control.shared.acts import acted
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.infra.crypto.access_tokens import AccessTokenError, AccessTokens
from clawbot_manager.infra.crypto.tokens import TokenHasher, hint_of
from clawbot_manager.infra.db import Database, Transaction
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.errors import NotFoundError, UnauthorizedError

API_TOKEN_PREFIX = "cbm_api"  # noqa: S105 - a prefix, not a token
_LAST_USED_STEP = timedelta(minutes=1)


class AccessService:
    """The one place that turns a bearer token into a caller."""

    def __init__(
        self, database: Database, hasher: TokenHasher, access_tokens: AccessTokens, clock: Clock
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._access_tokens = access_tokens
        self._clock = clock

    async def identify(self, bearer: str) -> Caller:
        """The caller of a session's access token or of an API token.

        Raises:
            UnauthorizedError: unknown, ended or revoked.
        """
        if bearer.startswith(API_TOKEN_PREFIX + "_"):
            return await self._of_api_token(ApiToken.token_hash == self._hasher.hash(bearer))
        try:
            claims = self._access_tokens.read(bearer, now=self._clock.now())
        except AccessTokenError as error:
            raise UnauthorizedError("The access token is not valid or has ended. Sign in again.") from error
        return await self._of_session(claims.session_id, claims.user_id)

    async def again(self, caller: Caller) -> Caller:
        """The same caller as they are now: for what outlives an access token, such as a WebSocket.

        Raises:
            UnauthorizedError: the session was signed out, or the API token revoked or expired.
        """
        if caller.session_id is not None:
            return await self._of_session(caller.session_id, caller.user_id)
        return await self._of_api_token(ApiToken.id == caller.api_token_id)

    async def _of_session(self, session_id: UUID, user_id: UUID) -> Caller:
        async with self._database.reading() as tx:
            session = await accounts.find_session(tx, session_id)
            user = await accounts.find_user(tx, user_id)
        if session is None or session.revoked_at is not None or user is None or session.user_id != user.id:
            raise UnauthorizedError("The session was signed out. Sign in again.")
        return Caller(user_id=user.id, role=user.role, session_id=session.id)

    async def _of_api_token(self, condition: ColumnElement[bool]) -> Caller:
        now = self._clock.now()
        async with self._database.reading() as tx:
            token = await tx.scalar(select(ApiToken).where(condition))
            user = await accounts.find_user(tx, token.user_id) if token else None
        if token is None or user is None or (token.expires_at is not None and token.expires_at <= now):
            raise UnauthorizedError("The API token is unknown, revoked or expired. Make a new one.")
        await self._note_use(token, now)
        return Caller(user_id=user.id, role=user.role, api_token_id=token.id)

    async def _note_use(self, token: ApiToken, now: datetime) -> None:
        if token.last_used_at is None or now - token.last_used_at >= _LAST_USED_STEP:
            async with self._database.transaction() as tx:
                await tx.execute(update(ApiToken).where(ApiToken.id == token.id).values(last_used_at=now))

    async def list_tokens(self, tx: Transaction, caller: Caller) -> list[ApiToken]:
        """The caller's API tokens, newest first."""
        query = select(ApiToken).where(ApiToken.user_id == caller.user_id).order_by(ApiToken.id.desc())
        return list(await tx.scalars(query))

    async def create_token(self, tx: Transaction, caller: Caller, given: ApiTokenIn) -> tuple[ApiToken, str]:
        """A new API token of the caller's; the text is returned this once."""
        text = self._hasher.new_token(API_TOKEN_PREFIX)
        now = self._clock.now()
        token = ApiToken(
            user_id=caller.user_id,
            name=given.name,
            token_hash=self._hasher.hash(text),
            hint=hint_of(text),
            created_at=now,
            expires_at=now + timedelta(days=given.expires_in_days) if given.expires_in_days else None,
            last_used_at=None,
        )
        tx.add(token)
        await tx.flush()
        acted(tx, caller, "CREATE", "api_token", token.id, token.name)
        return token, text

    async def revoke_token(self, tx: Transaction, caller: Caller, token_id: UUID) -> None:
        """Remove one of the caller's API tokens; it stops at once.

        Raises:
            NotFoundError: it is not the caller's.
        """
        token = await tx.get(ApiToken, token_id)
        if token is None or token.user_id != caller.user_id:
            raise NotFoundError("There is no such API token.")
        acted(tx, caller, "DELETE", "api_token", token.id, token.name)
        await tx.delete(token)
