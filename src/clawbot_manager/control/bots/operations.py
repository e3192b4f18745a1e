"""What is asked of a bot's instance directly: logs, stats, chat.

None of it holds a transaction while it talks to the runtime or the bot.
"""

from collections.abc import AsyncIterator
from uuid import uuid4

from clawbot_manager.control.bots import log_stream
from clawbot_manager.control.bots.errors import BotNotRunningError, RuntimeDownError
from clawbot_manager.control.bots.gateway import GatewayClient
from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.schemas import BotLogsOut, BotStatsOut, ChatIn
from clawbot_manager.control.bots.service import BotService
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.infra.crypto.secretbox import SecretBox
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.clock import Clock
from clawbot_manager.runtimes.base import Runtime, RuntimeUnavailableError


class BotOperations:
    """Talks to instances on behalf of their owners."""

    def __init__(
        self,
        database: Database,
        bots: BotService,
        runtime: Runtime,
        gateway: GatewayClient,
        box: SecretBox,
        clock: Clock,
    ) -> None:
        self._database = database
        self._bots = bots
        self._runtime = runtime
        self._gateway = gateway
        self._box = box
        self._clock = clock

    async def _bot(self, caller: Caller, hostname: str) -> Bot:
        async with self._database.reading() as tx:
            return await self._bots.get(tx, caller, hostname)

    async def _running(self, caller: Caller, hostname: str) -> tuple[Bot, str]:
        """The caller's bot, and where its gateway answers."""
        bot = await self._bot(caller, hostname)
        try:
            instance = await self._runtime.inspect(bot.id)
        except RuntimeUnavailableError as error:
            raise runtime_down(error) from error
        if bot.state != "running" or instance is None or instance.endpoint is None:
            raise BotNotRunningError("Start the bot, and wait until it is running.")
        return bot, instance.endpoint

    async def gateway(self, caller: Caller, hostname: str) -> tuple[str, str]:
        """Where the gateway of the caller's bot answers, and its token: for the relay alone.

        Raises:
            BotNotFoundError, BotNotRunningError, RuntimeDownError.
        """
        bot, endpoint = await self._running(caller, hostname)
        return endpoint, self._box.open(bot.sealed_operator_token, context=bot.seal_context)

    async def logs(self, caller: Caller, hostname: str, tail: int) -> BotLogsOut:
        """The last lines that the bot wrote.

        Raises:
            BotNotFoundError, RuntimeDownError.
        """
        bot = await self._bot(caller, hostname)
        try:
            return BotLogsOut(lines=await self._runtime.logs(bot.id, tail=tail))
        except RuntimeUnavailableError as error:
            raise runtime_down(error) from error

    async def follow_logs(self, caller: Caller, hostname: str, tail: int) -> AsyncIterator[bytes]:
        """The last lines and each new one, as server-sent events.

        Raises:
            BotNotFoundError, RuntimeDownError.
        """
        bot = await self._bot(caller, hostname)
        try:
            await self._runtime.probe()
        except RuntimeUnavailableError as error:
            raise runtime_down(error) from error
        return log_stream.events(self._runtime.follow_logs(bot.id, tail=tail))

    async def stats(self, caller: Caller, hostname: str) -> BotStatsOut:
        """What the bot uses now; all null when it does not run.

        Raises:
            BotNotFoundError, RuntimeDownError.
        """
        bot = await self._bot(caller, hostname)
        try:
            sample = await self._runtime.stats(bot.id)
        except RuntimeUnavailableError as error:
            raise runtime_down(error) from error
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
        bot, endpoint = await self._running(caller, hostname)
        # the same words of two users are two conversations
        conversation = f"{caller.user_id}:{given.conversation or uuid4()}"
        return await self._gateway.chat(
            endpoint,
            self._box.open(bot.sealed_operator_token, context=bot.seal_context),
            message=given.message,
            conversation=conversation,
            trace_id=trace_id,
        )


def runtime_down(error: RuntimeUnavailableError) -> RuntimeDownError:
    """The problem to answer with."""
    return RuntimeDownError(f"The runtime cannot be reached: {error}. Run `clawbot-manager doctor`.")
