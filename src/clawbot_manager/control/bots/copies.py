"""Copies of bots: clones, exports, imports and backups. None holds a secret; files are moved by rename."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import orjson
from pydantic import ValidationError

from clawbot_manager.control.bots import archive, repository
from clawbot_manager.control.bots.archive import ArchiveLimits
from clawbot_manager.control.bots.errors import BadArchiveError, BotRestoringError, BotRunningError
from clawbot_manager.control.bots.models import Bot, BotBackup
from clawbot_manager.control.bots.record import note
from clawbot_manager.control.bots.schemas import BotCloneIn, BotIn
from clawbot_manager.control.bots.service import BotService
from clawbot_manager.control.bots.workspace import OWN_FILES, Workspaces
from clawbot_manager.control.shared.acts import acted
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.data_plane import tell_data_plane
from clawbot_manager.control.shared.events import BotTokensChanged, BotWanted
from clawbot_manager.infra.db import Database, Transaction
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.errors import NotFoundError
from clawbot_manager.kit.ids import uuid7

_SCHEMA = 1
_DRAFTS_LIVE_SECONDS = 24 * 3600.0


class BotCopies:
    """Makes and uses them. `root` is a directory on the file system of the workspaces."""

    def __init__(
        self,
        database: Database,
        bots: BotService,
        workspaces: Workspaces,
        clock: Clock,
        root: Path,
        *,
        limits: ArchiveLimits,
        kept: int,
    ) -> None:
        self._database = database
        self._bots = bots
        self._workspaces = workspaces
        self._clock = clock
        self._root = root
        self._limits = limits
        self._kept = kept

    # ---- one bot from another

    async def clone(self, caller: Caller, hostname: str, given: BotCloneIn) -> UUID:
        """A new bot with the settings of one, and with its files if wanted; never with its tokens.

        Raises:
            BotNotFoundError, HostnameTakenError, BadHostnameError, BadArchiveError.
        """
        async with self._database.reading() as tx:
            bot = await self._bots.get(tx, caller, hostname)
        settings = {
            **_settings_of(bot),
            "hostname": given.hostname,
            "name": given.name or bot.name,
            "auto_start": given.auto_start,
        }
        detail = f"clone of {hostname}"
        if not given.with_files:
            return await self._make(caller, BotIn.model_validate(settings), None, detail=detail)
        draft = self._draft("clone")
        try:
            await asyncio.to_thread(archive.pack, draft, b"{}", self._files(bot.id), self._limits)
            return await self._from_archive(caller, draft, BotIn.model_validate(settings), detail=detail)
        finally:
            draft.unlink(missing_ok=True)

    async def export(self, caller: Caller, hostname: str) -> Path:
        """An archive of the bot, for the caller of this to remove.

        Raises:
            BotNotFoundError, BadArchiveError.
        """
        async with self._database.reading() as tx:
            bot = await self._bots.get(tx, caller, hostname)
        draft = self._draft("export")
        await asyncio.to_thread(
            archive.pack, draft, _packed(bot, with_pins=False), self._files(bot.id), self._limits
        )
        async with self._database.transaction() as tx:
            acted(tx, caller, "EXPORT", "bot", bot.id, bot.hostname)
        return draft

    async def import_(self, caller: Caller, hostname: str | None, body: AsyncIterator[bytes]) -> UUID:
        """A new bot from an archive, under another hostname if one is given.

        Raises:
            BadArchiveError, HostnameTakenError, BadHostnameError, BadProviderError.
        """
        draft = self._draft("import")
        draft.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with draft.open("wb") as file:
                async for piece in body:
                    if file.tell() + len(piece) > self._limits.max_bytes:
                        raise BadArchiveError(f"The archive is larger than {self._limits.max_bytes} bytes.")
                    await asyncio.to_thread(file.write, piece)
            return await self._from_archive(caller, draft, None, hostname)
        finally:
            draft.unlink(missing_ok=True)

    async def _from_archive(
        self,
        caller: Caller,
        path: Path,
        given: BotIn | None,
        hostname: str | None = None,
        *,
        detail: str | None = None,
    ) -> UUID:
        folder = path.with_suffix(".files")
        try:
            raw = await asyncio.to_thread(archive.unpack, path, folder, self._limits)
            return await self._make(caller, given or _read(raw, hostname), folder, detail=detail)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _make(
        self, caller: Caller, given: BotIn, files: Path | None, *, detail: str | None = None
    ) -> UUID:
        """The files are in their place before anybody knows of the bot."""
        bot_id = uuid7()
        if files is not None:
            await asyncio.to_thread(self._place, files, bot_id)
        try:
            async with self._database.transaction() as tx:
                action: Literal["CREATE", "IMPORT"] = "IMPORT" if detail is None else "CREATE"
                await self._bots.create(tx, caller, given, bot_id=bot_id, action=action, detail=detail)
        except BaseException:
            await asyncio.to_thread(self._workspaces.remove, bot_id)
            raise
        return bot_id

    # ---- backups

    async def backups(self, tx: Transaction, bot: Bot) -> list[BotBackup]:
        """A bot's backups, the newest first."""
        return list(await repository.backups(tx, bot.id))

    async def back_up(self, caller: Caller, hostname: str, reason: str = "manual") -> BotBackup:
        """Keep the bot as it is now; of more than are kept the oldest goes.

        Raises:
            BotNotFoundError, BotRestoringError, BadArchiveError.
        """
        async with self._database.reading() as tx:
            bot = await self._bots.get(tx, caller, hostname)
            _must_not_be_restored(bot)
        backup = BotBackup(id=uuid7(), bot_id=bot.id, created_at=self._clock.now(), reason=reason)
        path = self._backup(bot.id, backup.id)
        backup.size_bytes = await asyncio.to_thread(
            archive.pack, path, _packed(bot, with_pins=True), self._files(bot.id), self._limits
        )
        async with self._database.transaction() as tx:
            tx.add(backup)
            note(tx, bot.id, self._clock.now(), "info", "backed_up", reason)
            acted(tx, caller, "CREATE", "backup", backup.id, bot.hostname, detail=reason)
            await tx.flush()
            old = (await repository.backups(tx, bot.id))[self._kept :]
            for one in old:
                await tx.delete(one)
        for one in old:
            self._backup(bot.id, one.id).unlink(missing_ok=True)
        return backup

    async def restore(self, caller: Caller, hostname: str, backup_id: UUID) -> None:
        """Put a stopped bot's settings back to what a backup holds; the reconciler puts its files back.

        Raises:
            BotNotFoundError, NotFoundError, BotRunningError, BotRestoringError, BadArchiveError.
        """
        async with self._database.reading() as tx:
            bot = await self._bots.get(tx, caller, hostname)
            await self._find(tx, bot, backup_id)
        raw = await asyncio.to_thread(archive.read_settings, self._backup(bot.id, backup_id))
        given = _read(raw, bot.hostname)
        async with self._database.transaction() as tx:
            row = await self._bots.get(tx, caller, hostname)
            _must_not_be_restored(row)
            if row.desired != "stopped" or row.state not in {"created", "stopped"}:
                raise BotRunningError("Stop the bot first, and wait until it is stopped.")
            await self._find(tx, row, backup_id)
            persona = given.persona.model_dump(mode="json") if given.persona else row.config["persona"]
            row.name, row.updated_at, row.restoring = given.name, self._clock.now(), backup_id
            row.config = {
                "providers": [one.model_dump(mode="json") for one in given.providers],
                "persona": persona,
                "features": given.features.model_dump(mode="json"),
                "tags": given.tags,
                "limits": given.limits.model_dump(exclude_none=True),
                "egress": given.egress,
            }
            acted(tx, caller, "UPDATE", "bot", row.id, row.hostname, detail=f"restore of {backup_id}")
            tx.tell(BotWanted(row.id))
            await tell_data_plane(tx, BotTokensChanged(row.id))

    async def put_files_back(self, bot: Bot) -> None:
        """The rest of a restore, for a bot that has no instance that runs. Killed anywhere, it is done again.

        Raises:
            OSError: the disk is full, say; the bot's files are what they were.
        """
        assert bot.restoring is not None
        folder, failure = self._draft("restore"), None
        try:
            path = self._backup(bot.id, bot.restoring)
            await asyncio.to_thread(archive.unpack, path, folder, self._limits)
            await asyncio.to_thread(self._place, folder, bot.id)
        except BadArchiveError as error:
            failure = error.detail
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        async with self._database.transaction() as tx:
            row = await repository.get(tx, bot.id)
            if row is not None:
                row.restoring = None
                code = "restored" if failure is None else "restore_failed"
                note(tx, row.id, self._clock.now(), "error" if failure else "info", code, failure)

    async def delete_backup(self, caller: Caller, hostname: str, backup_id: UUID) -> None:
        """Forget a backup, then remove its archive.

        Raises:
            BotNotFoundError, NotFoundError, BotRestoringError.
        """
        async with self._database.transaction() as tx:
            bot = await self._bots.get(tx, caller, hostname)
            _must_not_be_restored(bot)
            await tx.delete(await self._find(tx, bot, backup_id))
            acted(tx, caller, "DELETE", "backup", backup_id, bot.hostname)
        self._backup(bot.id, backup_id).unlink(missing_ok=True)

    def forget(self, bot_id: UUID) -> None:
        """Remove all archives of a bot that is deleted. Blocking."""
        shutil.rmtree(self._root / "backups" / str(bot_id), ignore_errors=True)

    def sweep(self) -> None:
        """Remove what a process that was killed left half made. Blocking."""
        before = self._clock.now().timestamp() - _DRAFTS_LIVE_SECONDS
        drafts = self._root / "drafts"
        for path in list(drafts.iterdir()) if drafts.is_dir() else []:
            with suppress(FileNotFoundError):
                if path.lstat().st_mtime >= before:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()

    async def _find(self, tx: Transaction, bot: Bot, backup_id: UUID) -> BotBackup:
        found = next((one for one in await repository.backups(tx, bot.id) if one.id == backup_id), None)
        if found is None:
            raise NotFoundError("There is no such backup of this bot.")
        return found

    # ---- places

    def _files(self, bot_id: UUID) -> Path:
        return self._workspaces.state(bot_id) / OWN_FILES

    def _backup(self, bot_id: UUID, backup_id: UUID) -> Path:
        return self._root / "backups" / str(bot_id) / f"{backup_id}.tar.gz"

    def _draft(self, what: str) -> Path:
        return self._root / "drafts" / f"{what}-{uuid7()}.tar.gz"

    def _place(self, files: Path, bot_id: UUID) -> None:
        """Move a directory to where the bot has its own, in place of that; both renames are on one disk."""
        target = self._files(bot_id)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        old = self._draft("old").with_suffix(".files")
        old.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if target.is_dir() and not target.is_symlink():
            target.rename(old)
        files.rename(target)
        shutil.rmtree(old, ignore_errors=True)


def _must_not_be_restored(bot: Bot) -> None:
    if bot.restoring is not None:
        raise BotRestoringError("Wait until the backup's files are back in their place.")


def _settings_of(bot: Bot) -> dict[str, Any]:
    """What a bot is created with."""
    config = bot.config
    return {
        "name": bot.name,
        "hostname": bot.hostname,
        "providers": config["providers"],
        "persona": config["persona"],
        "features": config["features"],
        "tags": config["tags"],
        "agent": bot.agent,
        "limits": config.get("limits", {}),
        "egress": config.get("egress", []),
    }


def _packed(bot: Bot, *, with_pins: bool) -> bytes:
    """Its settings; which keys are pinned is of use to its owner alone."""
    settings = _settings_of(bot)
    if not with_pins:
        settings["providers"] = [{**provider, "key_id": None} for provider in settings["providers"]]
    return orjson.dumps({"schema": _SCHEMA, "bot": settings}, option=orjson.OPT_INDENT_2)


def _read(raw: bytes, hostname: str | None) -> BotIn:
    try:
        told = orjson.loads(raw)
        if told["schema"] != _SCHEMA:
            raise BadArchiveError("The archive is of another version of ClawBotManager.")
        return BotIn.model_validate({**told["bot"], **({"hostname": hostname} if hostname else {})})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadArchiveError(f"Its settings are not valid: {where}: {first['msg']}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadArchiveError(f"{archive.SETTINGS} cannot be read.") from error
