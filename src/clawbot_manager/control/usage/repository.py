"""All SQL of the usage domain."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, case, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.owned import readable
from clawbot_manager.control.usage.models import UsageRow
from clawbot_manager.infra.db import Database, Transaction
from clawbot_manager.kit.paging import Page, decode_cursor, encode_cursor

_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


async def add_all(database: Database, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows in one batch; a row that is there already (a batch tried again) is left as it is."""
    make_insert = _INSERTS.get(database.dialect, insert)
    async with database.connection() as connection:
        await connection.execute(make_insert(UsageRow).on_conflict_do_nothing(), list(rows))


def _mine(caller: Caller, hostname: str | None, vendor: str | None) -> Select[UsageRow]:
    query = readable(UsageRow, caller)
    if hostname is not None:
        query = query.where(UsageRow.hostname == hostname)
    if vendor is not None:
        query = query.where(UsageRow.vendor == vendor)
    return query


async def page(
    tx: Transaction,
    caller: Caller,
    *,
    cursor: str | None,
    limit: int,
    hostname: str | None,
    vendor: str | None,
) -> Page[UsageRow]:
    """The caller's rows, newest first."""
    query = _mine(caller, hostname, vendor).order_by(UsageRow.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(UsageRow.id < decode_cursor(cursor))
    rows = list(await tx.scalars(query))
    return Page(rows[:limit], encode_cursor(rows[limit - 1].id) if len(rows) > limit else None)


async def sums(tx: Transaction, caller: Caller, since: datetime) -> Sequence[Row[Any]]:
    """Requests, errors and tokens by vendor and hostname."""
    query = (
        select(
            UsageRow.vendor,
            UsageRow.hostname,
            func.count().label("requests"),
            func.sum(case((UsageRow.status >= 400, 1), else_=0)).label("errors"),
            func.coalesce(func.sum(UsageRow.input_tokens), 0).label("input_tokens"),
            func.coalesce(func.sum(UsageRow.output_tokens), 0).label("output_tokens"),
        )
        .where(UsageRow.owner_id.in_(caller.owner_ids), UsageRow.at >= since)
        .group_by(UsageRow.vendor, UsageRow.hostname)
    )
    rows: Sequence[Row[Any]] = (await tx.execute(query)).all()
    return rows
