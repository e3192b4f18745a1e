"""What keeps an account its owner's: where it is signed in, and its password."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import SecretStr

from clawbot_manager.control.accounts import repository
from clawbot_manager.control.accounts.errors import (
    SessionEndedError,
    SessionRequiredError,
    WrongPasswordError,
)
from clawbot_manager.control.accounts.models import UserSession
from clawbot_manager.control.shared.acts import Act, acted
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.infra.crypto.passwords import Passwords
from clawbot_manager.infra.db import Database, Transaction
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.errors import NotFoundError


class AccountSecurity:
    """For the signed-in user alone: an API token, which a script holds, may do none of it."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    async def sessions(self, tx: Transaction, caller: Caller) -> Sequence[UserSession]:
        """Where the caller is signed in, the last used first.

        Raises:
            SessionRequiredError.
        """
        _must_be_signed_in(caller)
        return await repository.live_sessions(tx, caller.user_id, self._clock.now())

    async def end_session(self, tx: Transaction, caller: Caller, session_id: UUID) -> None:
        """Sign out there, at once; it may be the caller's own session.

        Raises:
            SessionRequiredError, NotFoundError.
        """
        session = next((one for one in await self.sessions(tx, caller) if one.id == session_id), None)
        if session is None:
            raise NotFoundError("There is no such session of yours.")
        self._end(tx, caller, session)

    async def end_others(self, tx: Transaction, caller: Caller) -> int:
        """Sign out everywhere but here; how many sessions ended.

        Raises:
            SessionRequiredError.
        """
        others = [one for one in await self.sessions(tx, caller) if one.id != caller.session_id]
        for session in others:
            self._end(tx, caller, session)
        return len(others)

    async def change_password(self, caller: Caller, current: SecretStr, new: SecretStr) -> None:
        """Take another password, and sign out everywhere but here.

        Raises:
            SessionRequiredError, WrongPasswordError.
        """
        _must_be_signed_in(caller)
        async with self._database.reading() as tx:
            user = await repository.find_user(tx, caller.user_id)
        if user is None:
            raise SessionEndedError("Sign in again.")
        if not await self._passwords.verify(current.get_secret_value(), user.password_hash):
            async with self._database.transaction() as tx:
                code = WrongPasswordError.code
                tx.record(Act("UPDATE", "user", user.id, user.email, user.id, user.id, "session", code=code))
            raise WrongPasswordError("This is not your present password.", field="current_password")
        hashed = await self._passwords.hash(new.get_secret_value())
        async with self._database.transaction() as tx:
            row = await repository.find_user(tx, caller.user_id)
            if row is None or row.password_hash != user.password_hash:
                raise SessionEndedError("The password was changed meanwhile. Sign in again.")
            row.password_hash, row.updated_at = hashed, self._clock.now()
            acted(tx, caller, "UPDATE", "user", row.id, row.email, fields=["password"])
            await self.end_others(tx, caller)

    def _end(self, tx: Transaction, caller: Caller, session: UserSession) -> None:
        session.revoked_at = self._clock.now()
        acted(tx, caller, "LOGOUT", "session", session.id, session.ip or "")


def _must_be_signed_in(caller: Caller) -> None:
    if caller.session_id is None:
        raise SessionRequiredError("Sign in to the console; an API token may not do this.")
