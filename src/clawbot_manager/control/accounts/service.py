"""Sign-up, sign-in, and sessions whose refresh token rotates at each use."""

import hmac
from dataclasses import dataclass, field, replace
from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError

from clawbot_manager.control.accounts import repository
from clawbot_manager.control.accounts.errors import (
    EmailTakenError,
    SessionEndedError,
    SetupTokenError,
    SignUpClosedError,
    WrongCredentialsError,
)
from clawbot_manager.control.accounts.models import User, UserSession
from clawbot_manager.control.accounts.schemas import SignInIn, SignUpIn, UserPatch
from clawbot_manager.control.shared.acts import Act, acted
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.infra.crypto.access_tokens import AccessClaims, AccessTokens
from clawbot_manager.infra.crypto.passwords import Passwords
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.db import Database, Transaction
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.ids import uuid7

REFRESH_PREFIX = "cbm_refresh"

# A page that is closed while its refresh is under way never sees the new token: the one before it stays
# good for this long. After that, its use means a copy of it is about, and the session ends.
REUSE_LEEWAY = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Device:
    """Where a session is signed in from."""

    ip: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session just started or continued: the user, and the two tokens for them."""

    user: User
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class AccountService:
    """Accounts by e-mail and password. Hashing happens outside of transactions: it takes long."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        hasher: TokenHasher,
        access_tokens: AccessTokens,
        clock: Clock,
        *,
        sign_up_open: bool,
        refresh_days: int,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._hasher = hasher
        self._access_tokens = access_tokens
        self._clock = clock
        self._refresh_lifetime = timedelta(days=refresh_days)
        self.sign_up_open = sign_up_open

    @property
    def access_token_seconds(self) -> int:
        """How long an access token lives."""
        return self._access_tokens.lifetime_seconds

    @property
    def refresh_token_seconds(self) -> int:
        """How long a session lives without being used."""
        return int(self._refresh_lifetime.total_seconds())

    def setup_token(self) -> str:
        """The token of the one-time sign-up link; of use only while there is no account."""
        return self._hasher.derive("first administrator")

    async def needs_setup(self) -> bool:
        """Whether there is no account yet."""
        async with self._database.reading() as tx:
            return await repository.count_users(tx) == 0

    async def sign_up(self, given: SignUpIn, device: Device) -> SignedIn:
        """Make an account and sign it in; the first one is the administrator and needs the setup token.

        Raises:
            SetupTokenError, SignUpClosedError, EmailTakenError.
        """
        if await self.needs_setup():
            self._check_setup_token(given.setup_token)
        elif not self.sign_up_open:
            raise SignUpClosedError("Ask the administrator for an account.")
        hashed = await self._passwords.hash(given.password.get_secret_value())
        async with self._database.transaction() as tx:
            first = await repository.count_users(tx) == 0
            if first:
                self._check_setup_token(given.setup_token)
            user = await self._add_user(tx, given, hashed, admin=first)
            tx.record(Act("CREATE", "user", user.id, user.email, user.id, user.id, "sign_in"))
            return self._start_session(tx, user, device)

    def _check_setup_token(self, token: str | None) -> None:
        if token is None or not hmac.compare_digest(token.encode(), self.setup_token().encode()):
            raise SetupTokenError(
                "The first account is made with the one-time link that the server printed when it started.",
                field="setup_token",
            )

    async def create_admin(self, email: str, password: SecretStr, nickname: str | None) -> User:
        """Make an administrator's account (for the command line).

        Raises:
            EmailTakenError: the address has an account.
        """
        given = SignUpIn(email=email, password=password, nickname=nickname)
        hashed = await self._passwords.hash(password.get_secret_value())
        async with self._database.transaction() as tx:
            user = await self._add_user(tx, given, hashed, admin=True)
            tx.record(Act("CREATE", "user", user.id, user.email, user.id, None, "system"))
            return user

    async def _add_user(self, tx: Transaction, given: SignUpIn, hashed: str, *, admin: bool) -> User:
        now = self._clock.now()
        user = User(
            id=uuid7(),
            email=given.email.lower(),
            password_hash=hashed,
            nickname=given.nickname or given.email.partition("@")[0][:64],
            role="admin" if admin else "user",
            locale=given.locale,
            created_at=now,
            updated_at=now,
        )
        tx.add(user)
        try:
            await tx.flush()
        except IntegrityError as error:
            raise EmailTakenError("Sign in instead, or use another address.", field="email") from error
        return user

    async def sign_in(self, given: SignInIn, device: Device) -> SignedIn:
        """Start a session.

        Raises:
            WrongCredentialsError: for an unknown address as for a wrong password, and as slowly.
        """
        async with self._database.reading() as tx:
            user = await repository.find_by_email(tx, given.email)
        password = given.password.get_secret_value()
        if not await self._passwords.verify(password, user.password_hash if user else None) or user is None:
            await self._refused(given.email, user)
            raise WrongCredentialsError("Check the e-mail address and the password.")
        renewed = (
            await self._passwords.hash(password) if self._passwords.needs_rehash(user.password_hash) else None
        )
        async with self._database.transaction() as tx:
            user = await tx.merge(user, load=True)
            if renewed is not None:
                user.password_hash = renewed
            return self._start_session(tx, user, device)

    async def _refused(self, email: str, user: User | None) -> None:
        known = user.id if user is not None else None
        async with self._database.transaction() as tx:
            code = WrongCredentialsError.code
            tx.record(Act("LOGIN", "session", None, email.lower(), known, None, "sign_in", code=code))

    def _start_session(self, tx: Transaction, user: User, device: Device) -> SignedIn:
        now = self._clock.now()
        refresh = self._hasher.new_token(REFRESH_PREFIX)
        session = UserSession(
            id=uuid7(),
            user_id=user.id,
            refresh_hash=self._hasher.hash(refresh),
            previous_hash=None,
            rotated_at=now,
            created_at=now,
            expires_at=now + self._refresh_lifetime,
            revoked_at=None,
            ip=device.ip,
            user_agent=(device.user_agent or "")[:300] or None,
        )
        tx.add(session)
        tx.record(Act("LOGIN", "session", session.id, user.email, user.id, user.id, "sign_in"))
        return self._signed_in(user, session, refresh)

    def _signed_in(self, user: User, session: UserSession, refresh: str) -> SignedIn:
        claims = AccessClaims(user_id=user.id, session_id=session.id)
        return SignedIn(user, self._access_tokens.sign(claims, now=self._clock.now()), refresh)

    async def refresh(self, refresh_token: str) -> SignedIn:
        """Continue a session: a new access token and a new refresh token; the old one has been used.

        A token that was used before ends the whole session: somebody else holds a copy.

        Raises:
            SessionEndedError.
        """
        presented = self._hasher.hash(refresh_token)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            session = await repository.find_session_by_refresh(tx, presented)
            user = await repository.find_user(tx, session.user_id) if session else None
            alive = session is not None and session.revoked_at is None and session.expires_at > now
            if session is not None and alive and user is not None:
                following = self._hasher.successor(refresh_token, REFRESH_PREFIX)
                if presented == session.refresh_hash:
                    session.previous_hash = presented
                    session.refresh_hash = self._hasher.hash(following)
                    session.rotated_at = now
                    session.expires_at = now + self._refresh_lifetime
                    return self._signed_in(user, session, following)
                if now - session.rotated_at <= REUSE_LEEWAY:
                    # asked again: the same answer, and nothing moves, so that no second line of tokens begins
                    return self._signed_in(user, session, following)
                session.revoked_at = now
                reused = Act("LOGIN", "session", session.id, user.email, user.id, None, "sign_in")
                tx.record(replace(reused, code="token_reused"))
        raise SessionEndedError("Sign in again.")

    async def sign_out(self, refresh_token: str) -> None:
        """End the session of this refresh token; an unknown one is fine."""
        async with self._database.transaction() as tx:
            session = await repository.find_session_by_refresh(tx, self._hasher.hash(refresh_token))
            if session is not None and session.revoked_at is None:
                session.revoked_at = self._clock.now()
                user = await repository.find_user(tx, session.user_id)
                name = user.email if user is not None else ""
                owner = session.user_id
                tx.record(Act("LOGOUT", "session", session.id, name, owner, owner, "session"))

    async def update_me(self, tx: Transaction, caller: Caller, patch: UserPatch) -> User:
        """Change what users may change about themselves."""
        user = await repository.find_user(tx, caller.user_id)
        if user is None:
            raise SessionEndedError("Sign in again.")
        for name, value in patch.model_dump(exclude_unset=True, exclude_none=True).items():
            setattr(user, name, value)
        user.updated_at = self._clock.now()
        acted(tx, caller, "UPDATE", "user", user.id, user.email, fields=patch.model_fields_set)
        return user
