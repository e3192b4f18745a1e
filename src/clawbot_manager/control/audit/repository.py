"""All SQL of the audit domain."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, or_, select, text

from clawbot_manager.control.audit.models import AuditEvent
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.infra.db import Transaction

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to show; None is anything. `everybody`: of all owners, for administrators."""

    action: str | None = None
    kind: str | None = None
    target: str | None = None
    actor_id: UUID | None = None
    refused: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    everybody: bool = False


async def last(tx: Transaction) -> AuditEvent | None:
    """The newest row; on PostgreSQL the chain is the caller's until its transaction ends."""
    if tx.get_bind().dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('clawbot-manager audit'))"))
    found: AuditEvent | None = await tx.scalar(select(AuditEvent).order_by(AuditEvent.seq.desc()).limit(1))
    return found


async def page(
    tx: Transaction, caller: Caller, wanted: AuditFilter, before: int | None, limit: int
) -> Sequence[AuditEvent]:
    """What the caller did and what was done to their things, newest first."""
    query = _wanted(caller, wanted).order_by(AuditEvent.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEvent.seq < before)
    return list(await tx.scalars(query))


async def whole_chain(tx: Transaction) -> AsyncIterator[AuditEvent]:
    """Every row, oldest first, in batches."""
    after = 0
    while True:
        query = select(AuditEvent).where(AuditEvent.seq > after).order_by(AuditEvent.seq).limit(_AT_ONCE)
        rows = list(await tx.scalars(query))
        for row in rows:
            yield row
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].seq
        tx.expunge_all()


def _wanted(caller: Caller, wanted: AuditFilter) -> Select[AuditEvent]:
    query = select(AuditEvent)
    if not (wanted.everybody and caller.is_admin):
        mine = caller.owner_ids
        query = query.where(or_(AuditEvent.owner_id.in_(mine), AuditEvent.actor_id == caller.user_id))
    for column, value in (
        (AuditEvent.action, wanted.action),
        (AuditEvent.kind, wanted.kind),
        (AuditEvent.actor_id, wanted.actor_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.target is not None:
        query = query.where(AuditEvent.target.icontains(wanted.target, autoescape=True))
    if wanted.refused is not None:
        query = query.where(AuditEvent.code.is_not(None) if wanted.refused else AuditEvent.code.is_(None))
    if wanted.since is not None:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEvent.at < wanted.until)
    return query
