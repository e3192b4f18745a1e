"""Routes of what outlives a bot: copies, backups, logs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from clawbot_manager.control.access.endpoints import SignedInCaller
from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.endpoints import Bots, Copies, Db, Operations
from clawbot_manager.control.bots.kept_logs import KeptLogs
from clawbot_manager.control.bots.schemas import (
    BackupOut,
    BotCloneIn,
    BotLogsOut,
    BotOut,
    Hostname,
    RemovedBotOut,
)
from clawbot_manager.control.shared.edge import (
    LIMIT,
    SIGNED_IN,
    Cursor,
    HostnamePath,
    Limit,
    ReadTx,
    problems,
    service,
)
from clawbot_manager.control.shared.schemas import PageOut
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.errors import NotFoundError

router = APIRouter(prefix="/api/bot", tags=["bot"], responses=SIGNED_IN)

Kept = Annotated[KeptLogs, Depends(service(KeptLogs))]

_ARCHIVE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/gzip": {}}, "description": "A gzipped tar: `bot.json` and `files/…`"}
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/gzip": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/event-stream": {}},
        "description": 'Events of `{"lines": [], "dropped": 0}`; the last one is `{"ended": true}`',
    }
}
_PIECE = 256 * 1024


async def _shown(database: Database, bots: Bots, caller: SignedInCaller, bot_id: UUID) -> BotOut:
    async with database.reading() as tx:
        bot = await repository.get(tx, bot_id)
        if bot is None:
            raise NotFoundError("The bot is gone already.")
        return await bots.show(tx, caller, bot)


@router.post("/import", status_code=201, responses=problems(409, 503), openapi_extra=_BODY)
async def import_bot(
    caller: SignedInCaller,
    request: Request,
    copies: Copies,
    bots: Bots,
    database: Db,
    hostname: Annotated[Hostname | None, Query(description="Instead of the one in the archive")] = None,
) -> BotOut:
    """A new bot from an archive that an export gave. Keys are not in it: the bot draws from the caller's."""
    return await _shown(database, bots, caller, await copies.import_(caller, hostname, request.stream()))


@router.get("/removed")
async def list_removed_bots(
    caller: SignedInCaller, tx: ReadTx, kept: Kept, cursor: Cursor = None, limit: Limit = LIMIT
) -> PageOut[RemovedBotOut]:
    """The caller's deleted bots, newest first."""
    page = await repository.removed(tx, caller, cursor, limit)
    items = [
        RemovedBotOut.model_validate(
            {
                "id": bot.id,
                "hostname": bot.hostname,
                "name": bot.name,
                "deleted_at": bot.deleted_at,
                "has_logs": kept.has(bot.id),
            }
        )
        for bot in page.items
    ]
    return PageOut[RemovedBotOut](items=items, next_cursor=page.next_cursor)


@router.get("/removed/{bot_id}/logs", responses=problems(404))
async def removed_bot_logs(caller: SignedInCaller, bot_id: UUID, tx: ReadTx, kept: Kept) -> BotLogsOut:
    """The last lines of a deleted bot."""
    if not await repository.was_mine(tx, caller, bot_id):
        raise NotFoundError("There is no such bot.")
    return BotLogsOut(lines=kept.read(bot_id))


@router.post("/{hostname}/clone", status_code=201, responses=problems(404, 409, 503))
async def clone_bot(
    caller: SignedInCaller,
    hostname: HostnamePath,
    given: BotCloneIn,
    copies: Copies,
    bots: Bots,
    database: Db,
) -> BotOut:
    """Another bot of the same settings."""
    return await _shown(database, bots, caller, await copies.clone(caller, hostname, given))


@router.get("/{hostname}/export", response_class=StreamingResponse, responses={**problems(404), **_ARCHIVE})
async def export_bot(caller: SignedInCaller, hostname: HostnamePath, copies: Copies) -> StreamingResponse:
    """The bot's settings and own files in an archive, without any secret."""
    path = await copies.export(caller, hostname)
    headers = {
        "content-disposition": f'attachment; filename="{hostname}.tar.gz"',
        "content-length": str(path.stat().st_size),
    }
    return StreamingResponse(_once(path), media_type="application/gzip", headers=headers)


def _once(path: Path) -> Iterator[bytes]:
    """The file's contents; it is gone afterwards, read or not."""
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    finally:
        path.unlink(missing_ok=True)


@router.get("/{hostname}/backup", responses=problems(404))
async def list_backups(
    caller: SignedInCaller, hostname: HostnamePath, tx: ReadTx, bots: Bots, copies: Copies
) -> list[BackupOut]:
    """The bot's backups, newest first."""
    bot = await bots.get(tx, caller, hostname)
    return [BackupOut.model_validate(one) for one in await copies.backups(tx, bot)]


@router.post("/{hostname}/backup", status_code=201, responses=problems(404, 409))
async def back_up_bot(caller: SignedInCaller, hostname: HostnamePath, copies: Copies) -> BackupOut:
    """Keep the bot's settings and own files as they are now."""
    return BackupOut.model_validate(await copies.back_up(caller, hostname))


@router.post("/{hostname}/backup/{backup_id}/restore", status_code=202, responses=problems(404, 409))
async def restore_bot(
    caller: SignedInCaller,
    hostname: HostnamePath,
    backup_id: UUID,
    copies: Copies,
    bots: Bots,
    database: Db,
) -> BotOut:
    """Put a stopped bot back to what a backup holds: its settings at once, its files within seconds."""
    await copies.restore(caller, hostname, backup_id)
    async with database.reading() as tx:
        return await bots.show(tx, caller, await bots.get(tx, caller, hostname))


@router.delete("/{hostname}/backup/{backup_id}", status_code=204, responses=problems(404, 409))
async def delete_backup(
    caller: SignedInCaller, hostname: HostnamePath, backup_id: UUID, copies: Copies
) -> None:
    """Forget a backup."""
    await copies.delete_backup(caller, hostname, backup_id)


@router.get(
    "/{hostname}/logs/follow",
    response_class=StreamingResponse,
    responses={**problems(404, 503), **_EVENTS},
)
async def follow_bot_logs(
    caller: SignedInCaller,
    hostname: HostnamePath,
    operations: Operations,
    tail: Annotated[int, Query(ge=0, le=2000)] = 200,
) -> StreamingResponse:
    """The bot's last lines, then each new one as it comes."""
    events = await operations.follow_logs(caller, hostname, tail)
    return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
