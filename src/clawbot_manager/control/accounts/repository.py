"""All SQL of the accounts domain."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select

from clawbot_manager.control.accounts.models import User, UserSession
from clawbot_manager.infra.db import Transaction


async def find_user(tx: Transaction, user_id: UUID) -> User | None:
    """The user with this id."""
    return await tx.get(User, user_id)


async def find_by_email(tx: Transaction, email: str) -> User | None:
    """The user with this address, whatever its case."""
    found: User | None = await tx.scalar(select(User).where(User.email == email.lower()))
    return found


async def emails_of(tx: Transaction, user_ids: Collection[UUID]) -> dict[UUID, str]:
    """The addresses of these users."""
    rows = await tx.execute(select(User.id, User.email).where(User.id.in_(user_ids)))
    return {row.id: row.email for row in rows}


async def count_users(tx: Transaction) -> int:
    """How many accounts there are."""
    return await tx.scalar(select(func.count()).select_from(User)) or 0


async def find_session(tx: Transaction, session_id: UUID) -> UserSession | None:
    """The session with this id."""
    return await tx.get(UserSession, session_id)


async def live_sessions(tx: Transaction, user_id: UUID, now: datetime) -> Sequence[UserSession]:
    """A user's sessions that are neither signed out nor over, the last used first."""
    query = select(UserSession).where(
        UserSession.user_id == user_id, UserSession.revoked_at.is_(None), UserSession.expires_at > now
    )
    return list(await tx.scalars(query.order_by(UserSession.rotated_at.desc(), UserSession.id.desc())))


async def find_session_by_refresh(tx: Transaction, token_hash: bytes) -> UserSession | None:
    """The session whose current or previous refresh token this is, locked against a concurrent rotation."""
    found: UserSession | None = await tx.scalar(
        select(UserSession)
        .where(or_(UserSession.refresh_hash == token_hash, UserSession.previous_hash == token_hash))
        .with_for_update()
    )
    return found
