"""All SQL of the usage domain."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, literal, not_, or_, select, tuple_

from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.owned import readable
from clawbot_manager.control.usage.models import UsageBatch, UsageRow
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.infra.db import Transaction
from clawbot_manager.kit.ids import made_at
from clawbot_manager.kit.paging import Page, decode_cursor, encode_cursor

# The proxy's code for a client that was gone before its answer was complete.
CLIENT_LEFT = "client_closed"
_LONGEST_TRACE = 64


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which rows; None = whatever it is."""

    hostname: str | None = None
    vendor: str | None = None
    trace_id: str | None = None
    failed: bool | None = None


def failed() -> ColumnElement[bool]:
    """Whether a request failed: a client that left by itself is no failure."""
    broke_off = and_(UsageRow.error_code.is_not(None), UsageRow.error_code != CLIENT_LEFT)
    refused = and_(UsageRow.status >= 400, func.coalesce(UsageRow.error_code, "") != CLIENT_LEFT)
    return or_(broke_off, refused)


def _mine(caller: Caller, wanted: UsageFilter) -> Select[UsageRow]:
    query = readable(UsageRow, caller)
    if wanted.hostname is not None:
        query = query.where(UsageRow.hostname == wanted.hostname)
    if wanted.vendor is not None:
        query = query.where(UsageRow.vendor == wanted.vendor)
    if wanted.trace_id is not None:
        query = query.where(UsageRow.trace_id == wanted.trace_id[:_LONGEST_TRACE])
    if wanted.failed is not None:
        query = query.where(failed() if wanted.failed else not_(failed()))
    return query


async def page(
    tx: Transaction, caller: Caller, wanted: UsageFilter, *, cursor: str | None, limit: int
) -> Page[UsageRow]:
    """The caller's rows, the newest requests first.

    By time and not by id, which tells when a row was written: the index that finds an owner's rows has
    them in order, and a page costs the same however many there are.
    """
    query = _mine(caller, wanted).order_by(UsageRow.at.desc(), UsageRow.id.desc()).limit(limit + 1)
    if cursor is not None:
        last = decode_cursor(cursor)
        at = await tx.scalar(select(UsageRow.at).where(UsageRow.id == last)) or made_at(last)
        place = tuple_(literal(at, UsageRow.at.type), literal(last, UsageRow.id.type))
        query = query.where(tuple_(UsageRow.at, UsageRow.id) < place)
    rows = list(await tx.scalars(query))
    return Page(rows[:limit], encode_cursor(rows[limit - 1].id) if len(rows) > limit else None)


async def of_bot(
    tx: Transaction, owner_id: UUID, bot_id: UUID, since: datetime, limit: int
) -> Sequence[UsageRow]:
    """A bot's last requests since a time, oldest first."""
    query = select(UsageRow).where(UsageRow.owner_id == owner_id, UsageRow.at >= since)
    query = query.where(UsageRow.bot_id == bot_id).order_by(UsageRow.at.desc(), UsageRow.id.desc())
    return list(await tx.scalars(query.limit(limit)))[::-1]


async def key_labels(tx: Transaction, caller: Caller, key_ids: Collection[UUID]) -> dict[UUID, str]:
    """The present labels of the caller's keys, of deleted ones too."""
    if not key_ids:
        return {}
    query = select(ProviderKey.id, ProviderKey.label).where(
        ProviderKey.owner_id.in_(caller.owner_ids), ProviderKey.id.in_(key_ids)
    )
    return {row.id: row.label for row in await tx.execute(query)}


async def oldest_batch(tx: Transaction) -> UUID | None:
    """The batch that waits longest for a worker; its id tells since when (UUIDv7)."""
    found: UUID | None = await tx.scalar(select(UsageBatch.id).order_by(UsageBatch.id).limit(1))
    return found


async def sums(tx: Transaction, caller: Caller, since: datetime) -> Sequence[Row[Any]]:
    """Requests, errors and tokens by vendor and hostname."""
    query = (
        select(
            UsageRow.vendor,
            UsageRow.hostname,
            func.count().label("requests"),
            func.sum(case((failed(), 1), else_=0)).label("errors"),
            func.coalesce(func.sum(UsageRow.input_tokens), 0).label("input_tokens"),
            func.coalesce(func.sum(UsageRow.output_tokens), 0).label("output_tokens"),
        )
        .where(UsageRow.owner_id.in_(caller.owner_ids), UsageRow.at >= since)
        .group_by(UsageRow.vendor, UsageRow.hostname)
    )
    rows: Sequence[Row[Any]] = (await tx.execute(query)).all()
    return rows
