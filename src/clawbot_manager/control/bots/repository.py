"""All SQL of the bots domain. What takes a caller shows that caller's bots; the rest is the reconciler's."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, delete, func, or_, select, update

from clawbot_manager.control.bots.models import Bot, BotBackup, BotEvent, BotToken
from clawbot_manager.control.bots.schemas import BotState
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.owned import readable
from clawbot_manager.infra.db import Transaction
from clawbot_manager.kit.paging import Page, decode_cursor, encode_cursor


def _mine(caller: Caller) -> Select[Bot]:
    return readable(Bot, caller).where(Bot.deleted_at.is_(None))


async def find(tx: Transaction, caller: Caller, hostname: str) -> Bot | None:
    """The caller's bot with this hostname."""
    found: Bot | None = await tx.scalar(_mine(caller).where(Bot.hostname == hostname))
    return found


async def page(
    tx: Transaction, caller: Caller, cursor: str | None, limit: int, search: str | None
) -> Page[Bot]:
    """The caller's bots, newest first; `search` looks into name and hostname."""
    query = _mine(caller).order_by(Bot.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(Bot.id < decode_cursor(cursor))
    if search:
        query = query.where(
            or_(Bot.hostname.icontains(search, autoescape=True), Bot.name.icontains(search, autoescape=True))
        )
    rows = list(await tx.scalars(query))
    return Page(rows[:limit], encode_cursor(rows[limit - 1].id) if len(rows) > limit else None)


async def all_of(tx: Transaction, caller: Caller) -> Sequence[Bot]:
    """All of the caller's bots."""
    return list(await tx.scalars(_mine(caller)))


async def count_by_state(tx: Transaction, caller: Caller) -> dict[BotState, int]:
    """How many of the caller's bots are in which state."""
    query = (
        select(Bot.state, func.count())
        .where(Bot.owner_id.in_(caller.owner_ids), Bot.deleted_at.is_(None))
        .group_by(Bot.state)
    )
    return {row[0]: row[1] for row in await tx.execute(query)}


async def get(tx: Transaction, bot_id: UUID) -> Bot | None:
    """The bot with this id, whoever owns it, unless it is gone."""
    found: Bot | None = await tx.scalar(select(Bot).where(Bot.id == bot_id, Bot.deleted_at.is_(None)))
    return found


async def living(tx: Transaction) -> Sequence[Bot]:
    """Every bot of every owner that is not gone."""
    return list(await tx.scalars(select(Bot).where(Bot.deleted_at.is_(None)).order_by(Bot.id)))


async def wanted_since(tx: Transaction, when: datetime) -> Sequence[UUID]:
    """The bots of which something was wanted at that time or later."""
    return list(await tx.scalars(select(Bot.id).where(Bot.updated_at >= when, Bot.deleted_at.is_(None))))


async def unproved(tx: Transaction, owner_id: UUID, prefix: str) -> Sequence[Bot]:
    """An owner's bots that wait because of what a code with this prefix says."""
    query = select(Bot).where(Bot.owner_id == owner_id, Bot.deleted_at.is_(None))
    return list(await tx.scalars(query.where(Bot.code.startswith(prefix, autoescape=True))))


async def backups(tx: Transaction, bot_id: UUID) -> Sequence[BotBackup]:
    """A bot's backups, newest first."""
    query = select(BotBackup).where(BotBackup.bot_id == bot_id).order_by(BotBackup.id.desc())
    return list(await tx.scalars(query))


async def removed(tx: Transaction, caller: Caller, cursor: str | None, limit: int) -> Page[Bot]:
    """The caller's bots that are deleted, newest first."""
    query = readable(Bot, caller).where(Bot.deleted_at.is_not(None)).order_by(Bot.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(Bot.id < decode_cursor(cursor))
    rows = list(await tx.scalars(query))
    return Page(rows[:limit], encode_cursor(rows[limit - 1].id) if len(rows) > limit else None)


async def was_mine(tx: Transaction, caller: Caller, bot_id: UUID) -> bool:
    """Whether the caller has or had this bot."""
    return await tx.scalar(readable(Bot, caller).where(Bot.id == bot_id)) is not None


async def last_event(tx: Transaction, bot_id: UUID) -> BotEvent | None:
    """What happened to a bot last."""
    query = select(BotEvent).where(BotEvent.bot_id == bot_id).order_by(BotEvent.id.desc()).limit(1)
    found: BotEvent | None = await tx.scalar(query)
    return found


async def trim_events(tx: Transaction, bot_id: UUID, most: int) -> None:
    """Forget what happened to a bot longest ago, beyond so many."""
    of_bot = select(BotEvent.id).where(BotEvent.bot_id == bot_id).order_by(BotEvent.id.desc())
    oldest = await tx.scalar(of_bot.offset(most).limit(1))
    if oldest is not None:
        await tx.execute(delete(BotEvent).where(BotEvent.bot_id == bot_id, BotEvent.id <= oldest))


async def events(tx: Transaction, bot_id: UUID, cursor: str | None, limit: int) -> Page[BotEvent]:
    """What happened to a bot, newest first."""
    query = select(BotEvent).where(BotEvent.bot_id == bot_id).order_by(BotEvent.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(BotEvent.id < decode_cursor(cursor))
    rows = list(await tx.scalars(query))
    return Page(rows[:limit], encode_cursor(rows[limit - 1].id) if len(rows) > limit else None)


async def used_ports(tx: Transaction, node: str) -> set[int]:
    """The ports that bots hold on a node."""
    query = select(Bot.port).where(Bot.node == node, Bot.deleted_at.is_(None), Bot.port.is_not(None))
    return {port for port in await tx.scalars(query) if port is not None}


async def tokens(tx: Transaction, bot_id: UUID) -> Sequence[BotToken]:
    """A bot's tokens that are not revoked, newest first."""
    query = select(BotToken).where(BotToken.bot_id == bot_id, BotToken.revoked_at.is_(None))
    return list(await tx.scalars(query.order_by(BotToken.id.desc())))


async def tokens_of_the_gone(tx: Transaction) -> Sequence[tuple[BotToken, Bot]]:
    """Tokens that are not revoked, of bots that are deleted; there should be none."""
    query = (
        select(BotToken, Bot)
        .join(Bot, Bot.id == BotToken.bot_id)
        .where(BotToken.revoked_at.is_(None), Bot.deleted_at.is_not(None))
    )
    return [(token, bot) for token, bot in await tx.execute(query)]


async def revoke_tokens(
    tx: Transaction, bot_id: UUID, now: datetime, *, kind: str | None = None, keep: UUID | None = None
) -> int:
    """Revoke a bot's tokens, of one kind and but for one if given; how many there were."""
    statement = update(BotToken).where(BotToken.bot_id == bot_id, BotToken.revoked_at.is_(None))
    if kind is not None:
        statement = statement.where(BotToken.kind == kind)
    if keep is not None:
        statement = statement.where(BotToken.id != keep)
    gone = await tx.scalars(statement.values(revoked_at=now).returning(BotToken.id))
    return len(list(gone))
