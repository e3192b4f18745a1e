"""All SQL of the vault."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select

from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.owned import readable
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.infra.db import Transaction
from clawbot_manager.kit.paging import Page, decode_cursor, encode_cursor


def _mine(caller: Caller) -> Select[ProviderKey]:
    return readable(ProviderKey, caller).where(ProviderKey.deleted_at.is_(None))


async def find(tx: Transaction, caller: Caller, key_id: UUID) -> ProviderKey | None:
    """The caller's key with this id."""
    found: ProviderKey | None = await tx.scalar(_mine(caller).where(ProviderKey.id == key_id))
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


async def usable(tx: Transaction) -> Sequence[ProviderKey]:
    """Every key of every owner that may be used: for the data plane alone."""
    query = select(ProviderKey).where(ProviderKey.deleted_at.is_(None), ProviderKey.enabled.is_(True))
    return list(await tx.scalars(query.order_by(ProviderKey.id)))


async def get(tx: Transaction, key_id: UUID) -> ProviderKey | None:
    """The key with this id, whoever owns it: for the data plane alone."""
    return await tx.get(ProviderKey, key_id)
