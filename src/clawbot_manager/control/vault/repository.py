"""All SQL of the vault."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select

from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.owned import readable
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.infra.db import Transaction
from clawbot_manager.kit.paging import Page, decode_cursor, encode_cursor

_LIVE = (ProviderKey.deleted_at.is_(None), ProviderKey.enabled.is_(True))


def _mine(caller: Caller) -> Select[ProviderKey]:
    return readable(ProviderKey, caller).where(ProviderKey.deleted_at.is_(None))


async def find(
    tx: Transaction, caller: Caller, key_id: UUID, *, for_update: bool = False
) -> ProviderKey | None:
    """The caller's key with this id; `for_update`: locked until the transaction ends."""
    query = _mine(caller).where(ProviderKey.id == key_id)
    found: ProviderKey | None = await tx.scalar(query.with_for_update() if for_update else query)
    return found


async def page(tx: Transaction, caller: Caller, cursor: str | None, limit: int) -> Page[ProviderKey]:
    """The caller's keys, newest first."""
    query = _mine(caller).order_by(ProviderKey.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(ProviderKey.id < decode_cursor(cursor))
    rows = list(await tx.scalars(query))
    return Page(rows[:limit], encode_cursor(rows[limit - 1].id) if len(rows) > limit else None)


async def all_of(tx: Transaction, caller: Caller) -> Sequence[ProviderKey]:
    """All of the caller's keys."""
    return list(await tx.scalars(_mine(caller)))


async def locked(tx: Transaction, key_id: UUID) -> ProviderKey | None:
    """The key with this id, whoever owns it, locked until the transaction ends: for the data plane alone."""
    query = select(ProviderKey).where(ProviderKey.id == key_id, ProviderKey.deleted_at.is_(None))
    found: ProviderKey | None = await tx.scalar(query.with_for_update())
    return found


async def due_for_check(tx: Transaction, now: datetime, limit: int) -> Sequence[ProviderKey]:
    """Failed and parked keys whose next check is due, the longest overdue first; locked.

    Those that another process has locked are left to it.
    """
    query = (
        select(ProviderKey)
        .where(*_LIVE, ProviderKey.health.in_(("failed", "parked")), ProviderKey.next_check_at <= now)
        .order_by(ProviderKey.next_check_at)
        .limit(limit)
    )
    return list(await tx.scalars(query.with_for_update(skip_locked=True)))


async def used_after_their_rest(tx: Transaction, now: datetime) -> Sequence[ProviderKey]:
    """Parked keys that were used when their rest was over and were not parked again; locked."""
    query = select(ProviderKey).where(
        *_LIVE,
        ProviderKey.health == "parked",
        ProviderKey.cooled_until <= now,
        ProviderKey.last_used_at > ProviderKey.cooled_until,
    )
    return list(await tx.scalars(query.with_for_update(skip_locked=True)))
