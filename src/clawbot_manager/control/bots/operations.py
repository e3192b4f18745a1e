"""What is asked of a bot's instance directly: logs, stats, chat, and the search for orphans.

None of it holds a transaction while it talks to the runtime or the bot.
"""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import structlog

from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.errors import BotNotRunningError, RuntimeDownError
from clawbot_manager.control.bots.gateway import GatewayClient
from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.schemas import BotLogsOut, BotStatsOut, ChatIn, CleanupOut, OrphanOut
from clawbot_manager.control.bots.service import BotService
from clawbot_manager.control.bots.workspace import Workspaces
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.infra.crypto.secretbox import SecretBox
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.clock import Clock
from clawbot_manager.runtimes.base import InstanceFailedError, Runtime, RuntimeUnavailableError

_log = structlog.get_logger(__name__)


class BotOperations:
    """Talks to instances on behalf of their owners, and to the runtime on behalf of the admin."""

    def __init__(
        self,
        database: Database,
        bots: BotService,
        runtime: Runtime,
        workspaces: Workspaces,
        gateway: GatewayClient,
        box: SecretBox,
        clock: Clock,
    ) -> None:
        self._database = database
        self._bots = bots
        self._runtime = runtime
        self._workspaces = workspaces
        self._gateway = gateway
        self._box = box
        self._clock = clock

    async def _bot(self, caller: Caller, hostname: str) -> Bot:
        async with self._database.reading() as tx:
            return await self._bots.get(tx, caller, hostname)

    async def logs(self, caller: Caller, hostname: str, tail: int) -> BotLogsOut:
        """The last lines that the bot wrote.

        Raises:
            BotNotFoundError, RuntimeDownError.
        """
        bot = await self._bot(caller, hostname)
        try:
            return BotLogsOut(lines=await self._runtime.logs(bot.id, tail=tail))
        except RuntimeUnavailableError as error:
            raise _runtime_down(error) from error

    async def stats(self, caller: Caller, hostname: str) -> BotStatsOut:
        """What the bot uses now; all null when it does not run.

        Raises:
            BotNotFoundError, RuntimeDownError.
        """
        bot = await self._bot(caller, hostname)
        try:
            sample = await self._runtime.stats(bot.id)
        except RuntimeUnavailableError as error:
            raise _runtime_down(error) from error
        if sample is None:
            return BotStatsOut()
        uptime = int((self._clock.now() - bot.started_at).total_seconds()) if bot.started_at else None
        return BotStatsOut(
            cpu_percent=sample.cpu_percent,
            memory_bytes=sample.memory_bytes,
            memory_limit_bytes=sample.memory_limit_bytes,
            processes=sample.processes,
            received_bytes=sample.received_bytes,
            sent_bytes=sample.sent_bytes,
            uptime_seconds=uptime,
        )

    async def chat(
        self, caller: Caller, hostname: str, given: ChatIn, *, trace_id: str
    ) -> AsyncIterator[bytes]:
        """Send a message to the bot; the events of its answer.

        Raises:
            BotNotFoundError, BotNotRunningError, BotUnreachableError, RuntimeDownError.
        """
        bot = await self._bot(caller, hostname)
        try:
            instance = await self._runtime.inspect(bot.id)
        except RuntimeUnavailableError as error:
            raise _runtime_down(error) from error
        if bot.state != "running" or instance is None or instance.endpoint is None:
            raise BotNotRunningError("Start the bot, and wait until it is running.")
        # the same words of two users are two conversations
        conversation = f"{caller.user_id}:{given.conversation or uuid4()}"
        return await self._gateway.chat(
            instance.endpoint,
            self._box.open(bot.sealed_operator_token, context=bot.seal_context),
            message=given.message,
            conversation=conversation,
            trace_id=trace_id,
        )

    async def orphans(self) -> list[OrphanOut]:
        """Instances and workspaces that belong to no bot, over all owners.

        Raises:
            RuntimeDownError: without the runtime nobody can say what is an orphan.
        """
        try:
            instances = await self._runtime.list()
        except RuntimeUnavailableError as error:
            raise _runtime_down(error) from error
        directories = await asyncio.to_thread(self._workspaces.listed)
        # read last: what was created meanwhile is then known, and never taken for an orphan
        async with self._database.reading() as tx:
            known = {bot.id for bot in await repository.living(tx)}
        found = [
            OrphanOut(
                kind="instance",
                id=str(instance.bot_id),
                hostname=instance.hostname,
                detail=f"{instance.state} instance {instance.instance_id}",
            )
            for instance in instances
            if instance.bot_id not in known
        ]
        return found + [
            OrphanOut(kind="workspace", id=str(bot_id), hostname=None, detail="workspace on disk")
            for bot_id in directories
            if bot_id not in known
        ]

    async def clean_up(self, *, dry_run: bool) -> CleanupOut:
        """Remove the orphans, or say which would go.

        Raises:
            RuntimeDownError.
        """
        result = CleanupOut(dry_run=dry_run, removed=[])
        for orphan in await self.orphans():
            try:
                if not dry_run:
                    await self._remove(orphan)
                result.removed.append(orphan)
            except (InstanceFailedError, RuntimeUnavailableError, OSError) as error:
                _log.warning("orphan.not_removed", kind=orphan.kind, id=orphan.id, error=str(error))
                result.failed.append({"kind": orphan.kind, "id": orphan.id, "reason": str(error)})
        return result

    async def _remove(self, orphan: OrphanOut) -> None:
        if orphan.kind == "instance":
            await self._runtime.remove(UUID(orphan.id))
        else:
            await asyncio.to_thread(self._workspaces.remove, UUID(orphan.id))
        _log.info("orphan.removed", kind=orphan.kind, id=orphan.id)


def _runtime_down(error: RuntimeUnavailableError) -> RuntimeDownError:
    return RuntimeDownError(f"The runtime cannot be reached: {error}. Run `clawbot-manager doctor`.")
