"""Routes of bots."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from clawbot_manager.control.access.endpoints import AdminCaller, SignedInCaller
from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.changes import BotChanges
from clawbot_manager.control.bots.copies import BotCopies
from clawbot_manager.control.bots.operations import BotOperations
from clawbot_manager.control.bots.orphans import Orphans
from clawbot_manager.control.bots.schemas import (
    BotCounts,
    BotEventOut,
    BotIn,
    BotLogsOut,
    BotOut,
    BotPatch,
    BotStatsOut,
    BotSummary,
    BotTokenCreated,
    BotTokenIn,
    BotTokenOut,
    BotUpgradeIn,
    ChatIn,
    CleanupIn,
    CleanupOut,
    OrphanOut,
)
from clawbot_manager.control.bots.service import BotService
from clawbot_manager.control.bots.tokens import BotTokens
from clawbot_manager.control.shared.edge import (
    LIMIT,
    NO_NUL,
    SIGNED_IN,
    Cursor,
    HostnamePath,
    Limit,
    ReadTx,
    WriteTx,
    problems,
    service,
)
from clawbot_manager.control.shared.schemas import PageOut
from clawbot_manager.infra.db import Database
from clawbot_manager.infra.telemetry.logs import trace_id_var

router = APIRouter(prefix="/api/bot", tags=["bot"], responses=SIGNED_IN)

Bots = Annotated[BotService, Depends(service(BotService))]
Changes = Annotated[BotChanges, Depends(service(BotChanges))]
Tokens = Annotated[BotTokens, Depends(service(BotTokens))]
FoundOrphans = Annotated[Orphans, Depends(service(Orphans))]
Copies = Annotated[BotCopies, Depends(service(BotCopies))]
Db = Annotated[Database, Depends(service(Database))]
Operations = Annotated[BotOperations, Depends(service(BotOperations))]

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {}}, "description": "OpenAI chat chunks, then `[DONE]`"}
}


@router.get("")
async def list_bots(
    caller: SignedInCaller,
    tx: ReadTx,
    bots: Bots,
    cursor: Cursor = None,
    limit: Limit = LIMIT,
    q: Annotated[
        str | None, Query(max_length=100, pattern=NO_NUL, description="Part of a name or hostname")
    ] = None,
) -> PageOut[BotSummary]:
    """The caller's bots, newest first."""
    return PageOut[BotSummary].model_validate(await bots.page(tx, caller, cursor, limit, q))


@router.post("", status_code=201, responses=problems(409, 503))
async def create_bot(caller: SignedInCaller, given: BotIn, tx: WriteTx, bots: Bots) -> BotOut:
    """Create a bot. It is made, and started if wanted, right after; follow its `status`."""
    return await bots.show(tx, caller, await bots.create(tx, caller, given))


@router.get("/stats")
async def bot_counts(caller: SignedInCaller, tx: ReadTx, bots: Bots) -> BotCounts:
    """How many bots are in which state."""
    return await bots.counts(tx, caller)


@router.get("/admin/orphans", responses=problems(403, 503))
async def list_orphans(_caller: AdminCaller, orphans: FoundOrphans) -> list[OrphanOut]:
    """What of this installation belongs to no bot: instances, workspaces, tokens, networks, images."""
    return await orphans.found()


@router.post("/admin/cleanup", responses=problems(403, 503))
async def clean_up(caller: AdminCaller, given: CleanupIn, orphans: FoundOrphans) -> CleanupOut:
    """Remove the orphans, or say which would go (`dry_run`, the default)."""
    return await orphans.clean_up(caller, dry_run=given.dry_run, ids=given.ids)


@router.get("/{hostname}", responses=problems(404))
async def get_bot(caller: SignedInCaller, hostname: HostnamePath, tx: ReadTx, bots: Bots) -> BotOut:
    """One bot, whole."""
    return await bots.show(tx, caller, await bots.get(tx, caller, hostname))


@router.delete("/{hostname}", status_code=202, responses=problems(404))
async def delete_bot(caller: SignedInCaller, hostname: HostnamePath, tx: WriteTx, bots: Bots) -> BotOut:
    """Delete the bot with its instance, workspace and tokens; it is gone when it is not found any more."""
    return await bots.show(tx, caller, await bots.want(tx, caller, hostname, "deleted"))


@router.post("/{hostname}/start", status_code=202, responses=problems(404, 409))
async def start_bot(caller: SignedInCaller, hostname: HostnamePath, tx: WriteTx, bots: Bots) -> BotOut:
    """Want the bot running; follow its `status`."""
    return await bots.show(tx, caller, await bots.want(tx, caller, hostname, "running"))


@router.post("/{hostname}/stop", status_code=202, responses=problems(404, 409))
async def stop_bot(caller: SignedInCaller, hostname: HostnamePath, tx: WriteTx, bots: Bots) -> BotOut:
    """Want the bot stopped; follow its `status`."""
    return await bots.show(tx, caller, await bots.want(tx, caller, hostname, "stopped"))


@router.patch("/{hostname}", responses=problems(404, 409))
async def change_bot(
    caller: SignedInCaller,
    hostname: HostnamePath,
    given: BotPatch,
    tx: WriteTx,
    bots: Bots,
    changes: Changes,
) -> BotOut:
    """Change settings: a running bot reads them at once, or at its restart (`is_pending_restart`)."""
    return await bots.show(tx, caller, await changes.patch(tx, caller, hostname, given))


@router.post("/{hostname}/restart", status_code=202, responses=problems(404, 409))
async def restart_bot(
    caller: SignedInCaller, hostname: HostnamePath, tx: WriteTx, bots: Bots, changes: Changes
) -> BotOut:
    """Make the bot's instance anew, with a new token and all its settings; a stopped bot is started."""
    return await bots.show(tx, caller, await changes.restart(tx, caller, hostname))


@router.post("/{hostname}/upgrade", status_code=202, responses=problems(404, 409))
async def upgrade_bot(
    caller: SignedInCaller,
    hostname: HostnamePath,
    given: BotUpgradeIn,
    bots: Bots,
    changes: Changes,
    copies: Copies,
    database: Db,
) -> BotOut:
    """Back the bot up and make it from another image; it goes back if it does not prove itself with it."""
    async with database.reading() as tx:
        is_other = changes.is_other_image(await bots.get(tx, caller, hostname), given)
    if is_other:
        await copies.back_up(caller, hostname, "upgrade")
    async with database.transaction() as tx:
        return await bots.show(tx, caller, await changes.upgrade(tx, caller, hostname, given))


@router.get("/{hostname}/events", responses=problems(404))
async def bot_events(
    caller: SignedInCaller,
    hostname: HostnamePath,
    tx: ReadTx,
    bots: Bots,
    cursor: Cursor = None,
    limit: Limit = LIMIT,
) -> PageOut[BotEventOut]:
    """What happened to the bot, newest first."""
    bot = await bots.get(tx, caller, hostname)
    return PageOut[BotEventOut].model_validate(await repository.events(tx, bot.id, cursor, limit))


@router.get("/{hostname}/logs", responses=problems(404, 503))
async def bot_logs(
    caller: SignedInCaller,
    hostname: HostnamePath,
    operations: Operations,
    tail: Annotated[int, Query(ge=1, le=2000)] = 200,
) -> BotLogsOut:
    """The last lines that the bot wrote."""
    return await operations.logs(caller, hostname, tail)


@router.get("/{hostname}/stats", responses=problems(404, 503))
async def bot_stats(caller: SignedInCaller, hostname: HostnamePath, operations: Operations) -> BotStatsOut:
    """What the bot uses now."""
    return await operations.stats(caller, hostname)


@router.post(
    "/{hostname}/chat",
    response_class=StreamingResponse,
    responses={**problems(404, 409, 502, 503), **_EVENTS},
)
async def chat_with_bot(
    caller: SignedInCaller, hostname: HostnamePath, given: ChatIn, operations: Operations
) -> StreamingResponse:
    """Send one message through the manager to the bot; the answer streams."""
    events = await operations.chat(caller, hostname, given, trace_id=trace_id_var.get() or "")
    return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})


@router.get("/{hostname}/token", responses=problems(404))
async def list_bot_tokens(
    caller: SignedInCaller, hostname: HostnamePath, tx: ReadTx, bots: Bots
) -> list[BotTokenOut]:
    """The bot's proxy tokens, without the tokens themselves."""
    bot = await bots.get(tx, caller, hostname)
    return [BotTokenOut.model_validate(token) for token in await repository.tokens(tx, bot.id)]


@router.post("/{hostname}/token", status_code=201, responses=problems(404))
async def create_bot_token(
    caller: SignedInCaller,
    hostname: HostnamePath,
    given: BotTokenIn,
    tx: WriteTx,
    bots: Bots,
    tokens: Tokens,
) -> BotTokenCreated:
    """Make a proxy token for an own client: it uses the bot's keys and counts as the bot. Shown this once."""
    bot = await bots.get(tx, caller, hostname)
    token, text = await tokens.add(tx, caller, bot, given)
    shown = BotTokenOut.model_validate(token).model_dump()
    return BotTokenCreated(**shown, token=text, base_urls=bots.base_urls(bot))


@router.delete("/{hostname}/token/{token_id}", status_code=204, responses=problems(404))
async def revoke_bot_token(
    caller: SignedInCaller, hostname: HostnamePath, token_id: UUID, tx: WriteTx, bots: Bots, tokens: Tokens
) -> None:
    """Revoke a proxy token; it stops at once."""
    await tokens.revoke(tx, caller, await bots.get(tx, caller, hostname), token_id)
