"""What belongs to no bot any more, of all owners: found, and removed for the administrator."""

import asyncio
import os
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import structlog

from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.operations import runtime_down
from clawbot_manager.control.bots.schemas import CleanupOut, OrphanOut
from clawbot_manager.control.bots.workspace import Workspaces
from clawbot_manager.control.shared.acts import acted
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.data_plane import tell_data_plane
from clawbot_manager.control.shared.events import BotTokensChanged
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.clock import Clock
from clawbot_manager.runtimes.base import InstanceFailedError, Leftover, Runtime, RuntimeUnavailableError

_log = structlog.get_logger(__name__)


class Orphans:
    """Instances, workspaces, live tokens of deleted bots, and what the runtime has left over."""

    def __init__(self, database: Database, runtime: Runtime, workspaces: Workspaces, clock: Clock) -> None:
        self._database = database
        self._runtime = runtime
        self._workspaces = workspaces
        self._clock = clock

    async def found(self) -> list[OrphanOut]:
        """All of them, over all owners.

        Raises:
            RuntimeDownError: without the runtime nobody can say what is an orphan.
        """
        try:
            instances = await self._runtime.list()
            leftovers = await self._runtime.leftovers()
        except RuntimeUnavailableError as error:
            raise runtime_down(error) from error
        directories = await asyncio.to_thread(self._workspaces.listed)
        # read last: what was created meanwhile is then known, and never taken for an orphan
        async with self._database.reading() as tx:
            known = {bot.id for bot in await repository.living(tx)}
            tokens = await repository.tokens_of_the_gone(tx)
        found = [
            OrphanOut(
                kind="instance",
                id=str(instance.bot_id),
                hostname=instance.hostname,
                detail=f"{instance.state} instance {instance.instance_id[:12]}",
                created_at=instance.started_at,
            )
            for instance in instances
            if instance.bot_id not in known
        ]
        unknown = [bot_id for bot_id in directories if bot_id not in known]
        found += await asyncio.to_thread(self._directories, unknown)
        found += [
            OrphanOut(
                kind="token",
                id=str(token.id),
                hostname=bot.hostname,
                detail=f"proxy token {token.hint} of a deleted bot",
                created_at=token.created_at,
            )
            for token, bot in tokens
        ]
        return found + [_leftover(one) for one in leftovers]

    async def clean_up(
        self, caller: Caller, *, dry_run: bool, ids: Collection[str] | None = None
    ) -> CleanupOut:
        """Remove them, or say which would go; `ids` None means all.

        Raises:
            RuntimeDownError.
        """
        result = CleanupOut(dry_run=dry_run, removed=[])
        for orphan in await self.found():
            if ids is not None and orphan.id not in ids:
                continue
            try:
                if not dry_run:
                    await self._remove(caller, orphan)
                result.removed.append(orphan)
            except (InstanceFailedError, RuntimeUnavailableError, OSError) as error:
                _log.warning("orphan.not_removed", kind=orphan.kind, id=orphan.id, error=str(error))
                result.failed.append({"kind": orphan.kind, "id": orphan.id, "reason": str(error)})
        return result

    async def _remove(self, caller: Caller, orphan: OrphanOut) -> None:
        if orphan.kind == "instance":
            await self._runtime.remove(UUID(orphan.id))
        elif orphan.kind == "workspace":
            await asyncio.to_thread(self._workspaces.remove, UUID(orphan.id))
        elif orphan.kind == "token":
            await self._revoke(UUID(orphan.id))
        else:
            await self._runtime.remove_leftover(Leftover(orphan.kind, orphan.id, orphan.detail))
        async with self._database.transaction() as tx:
            acted(tx, caller, "DELETE", "orphan", None, orphan.id, detail=f"{orphan.kind}: {orphan.detail}")
        _log.info("orphan.removed", kind=orphan.kind, id=orphan.id)

    async def _revoke(self, token_id: UUID) -> None:
        async with self._database.transaction() as tx:
            for token, bot in await repository.tokens_of_the_gone(tx):
                if token.id == token_id:
                    token.revoked_at = self._clock.now()
                    await tell_data_plane(tx, BotTokensChanged(bot.id))

    def _directories(self, bot_ids: Collection[UUID]) -> list[OrphanOut]:
        found = []
        for bot_id in bot_ids:
            path = self._workspaces.directory(bot_id)
            try:
                made = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
            except FileNotFoundError:
                continue
            found.append(
                OrphanOut(
                    kind="workspace",
                    id=str(bot_id),
                    hostname=None,
                    detail="workspace on disk",
                    created_at=made,
                    size_bytes=_size(path),
                )
            )
        return found


def _size(path: Path) -> int:
    """Of all files below, following no link."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += (Path(folder) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total


def _leftover(one: Leftover) -> OrphanOut:
    told = {"kind": one.kind, "id": one.id, "hostname": None, "detail": one.detail}
    return OrphanOut.model_validate({**told, "created_at": one.created_at, "size_bytes": one.size_bytes})
