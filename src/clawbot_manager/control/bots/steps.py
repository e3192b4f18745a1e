"""The steps of the reconciler for one bot: look, decide, act, record."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.brief import AgentRules, agent_of, instance_revision, made_with
from clawbot_manager.control.bots.copies import BotCopies
from clawbot_manager.control.bots.image_pulls import ImagePulls
from clawbot_manager.control.bots.kept_logs import MOST_LINES, KeptLogs
from clawbot_manager.control.bots.making import Maker
from clawbot_manager.control.bots.models import Bot, BotToken
from clawbot_manager.control.bots.plan import Decision, Step, decide
from clawbot_manager.control.bots.record import BotRecord, note
from clawbot_manager.control.bots.running import RunningSteps
from clawbot_manager.control.bots.service import BotService
from clawbot_manager.control.bots.tokens import new_token
from clawbot_manager.control.bots.workspace import Workspaces
from clawbot_manager.control.shared.data_plane import tell_data_plane
from clawbot_manager.control.shared.events import BotTokensChanged
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.clock import Clock
from clawbot_manager.runtimes.base import (
    Instance,
    InstanceFailedError,
    InstanceNotFoundError,
    InstanceState,
    Runtime,
    RuntimeUnavailableError,
)

_log = structlog.get_logger(__name__)

AT_ONCE = 0.0
_SOON = 0.25
_PULL_LOOK = 1.0
_PULLING = "image_pull"
_PORT_TAKEN_EXIT = 69  # the built-in bot's word for it (EX_UNAVAILABLE of sysexits.h)


@dataclass(frozen=True, slots=True)
class StepRules:
    """What the installation fixes for the reconciler.

    `proxy_url` is where bots reach the proxy; None while that is not known, and then none is made or started.
    `stop_grace_seconds` None is the agent's own.
    """

    proxy_url: Callable[[], str | None]
    stop_grace_seconds: float | None
    max_starting: int
    steady_seconds: float


class BotSteps:
    """Advances one bot by one step a call. Calls for one bot must not overlap."""

    def __init__(
        self,
        database: Database,
        runtime: Runtime,
        workspaces: Workspaces,
        bots: BotService,
        maker: Maker,
        running: RunningSteps,
        record: BotRecord,
        kept_logs: KeptLogs,
        copies: BotCopies,
        hasher: TokenHasher,
        clock: Clock,
        agents: AgentRules,
        rules: StepRules,
    ) -> None:
        self._database = database
        self._runtime = runtime
        self._workspaces = workspaces
        self._bots = bots
        self._maker = maker
        self._running = running
        self._record = record
        self._kept_logs = kept_logs
        self._copies = copies
        self._hasher = hasher
        self._clock = clock
        self._agents = agents
        self._rules = rules
        self._images = ImagePulls(runtime)
        self._acts: dict[Step, Callable[[Bot, Instance | None], Awaitable[float | None]]] = {
            Step.CREATE: self._create,
            Step.REPLACE: self._replace,
            Step.MEND: self._mend,
            Step.RESTORE: self._restore,
            Step.START: self._start,
            Step.AWAIT_READY: running.await_ready,
            Step.WATCH: running.watch,
            Step.STOP: self._stop,
            Step.REST: self._rest,
            Step.REMOVE: self._remove,
            Step.HOLD: self._hold,
        }

    async def advance(self, bot_id: UUID) -> float | None:
        """One step; seconds until the next look, 0 for at once, None when the bot is gone.

        Raises:
            RuntimeUnavailableError: nothing is known about the bot now.
        """
        async with self._database.reading() as tx:
            bot = await repository.get(tx, bot_id)
        if bot is None:
            return None
        instance = await self._runtime.inspect(bot.id)
        decision = decide(bot, instance, self._wanted_revision(bot, instance), self._clock.now())
        self._log_decision(bot, decision)
        try:
            return await self._acts[decision.step](bot, instance)
        except InstanceNotFoundError:
            return AT_ONCE  # it vanished under our hands: look again
        except InstanceFailedError as error:
            return await self._running.failed(bot, "instance_failed", f"{str(error).rstrip('.')}.")
        except OSError as error:  # of the bot's directories: no network call raises it
            why = f"The bot's workspace cannot be written: {error.strerror or type(error).__name__}."
            return await self._running.failed(bot, "workspace_failed", why)

    async def close(self) -> None:
        """End what goes on beside the steps."""
        await self._images.close()

    async def note_runtime_down(self, bot_id: UUID, why: str) -> None:
        """The runtime cannot be reached: the bot's health is unknown, its state stays what it was."""
        await self._record.observe(
            bot_id,
            health="unknown",
            code="runtime_unavailable",
            detail=f"The runtime cannot be reached: {why}",
        )

    def _wanted_revision(self, bot: Bot, instance: Instance | None) -> int:
        if (proxy_url := self._rules.proxy_url()) is not None:
            places = self._maker.places(bot)
            return instance_revision(bot, self._agents.image_of(bot), proxy_url, places)
        if bot.desired == "running":
            raise RuntimeUnavailableError("where bots reach the proxy is not known yet")
        return instance.revision if instance is not None else 0

    # ---- the steps

    async def _create(self, bot: Bot, _instance: Instance | None) -> float:
        await self._record.observe(bot.id, state="starting", health="unknown")
        image = self._agents.image_of(bot)
        if not await self._has_image(bot, image):
            return _PULL_LOOK
        await self._maker.write(bot)
        token, plain = new_token(self._hasher, bot.id, "instance", "container", self._clock)
        async with self._database.transaction() as tx:
            tx.add(token)
            await tell_data_plane(tx, BotTokensChanged(bot.id))
        try:
            spec = self._maker.spec(bot, image, self._wanted_revision(bot, None), plain)
            await self._runtime.create(spec)
        except InstanceFailedError:
            await self._revoke(bot, token.id)  # nobody holds it: they must not pile up
            raise
        await self._record.observe(bot.id, applied=made_with(bot), proved_revision=None)
        return AT_ONCE

    async def _has_image(self, bot: Bot, image: str) -> bool:
        progress = await self._images.progress(image)
        if progress is not None:
            await self._record.observe(bot.id, code=_PULLING, detail=progress)
            return False
        if bot.code == _PULLING:
            await self._record.observe(bot.id, code=None, detail=None)
        return True

    async def _revoke(self, bot: Bot, token_id: UUID) -> None:
        async with self._database.transaction() as tx:
            row = await tx.get(BotToken, token_id)
            if row is not None:
                row.revoked_at = self._clock.now()
                await tell_data_plane(tx, BotTokensChanged(bot.id))

    async def _replace(self, bot: Bot, instance: Instance | None) -> float:
        if not await self._has_image(bot, self._agents.image_of(bot)):
            return _PULL_LOOK  # what runs goes on meanwhile
        await self._record.observe(bot.id, state="starting", health="unknown")
        await self._end(bot, instance)
        await self._runtime.remove(bot.id)
        return AT_ONCE

    async def _mend(self, bot: Bot, instance: Instance | None) -> float:
        assert instance is not None
        what = ", ".join(instance.drift)
        if await self._runtime.mend(bot.id):
            await self._record.happened(
                bot.id, "warning", "drift_mended", f"Its instance was changed by other hands: {what}."
            )
            return AT_ONCE
        await self._record.happened(
            bot.id,
            "warning",
            "drift_replaced",
            f"Its instance was changed by other hands ({what}), so that another one is made.",
        )
        return await self._replace(bot, instance)

    async def _start(self, bot: Bot, instance: Instance | None) -> float:
        assert instance is not None
        ended = instance.state is InstanceState.STOPPED and bot.failures > 0
        if ended and instance.exit_code == _PORT_TAKEN_EXIT:
            await self._move_port(bot)
            return AT_ONCE  # another port is another revision: it is created again
        if ended and bot.failures > 1 and bot.retry_at is None:
            return await self._running.failed(bot, "bot_ended", await self._why_it_ended(bot, instance))
        if not self._running.may_start(bot.id, self._rules.max_starting):
            await self._record.observe(bot.id, code="start_queued", detail="Other bots are starting first.")
            return _SOON
        if instance.state is InstanceState.PAUSED:
            await self._record.happened(bot.id, "warning", "unpaused", "It was paused by other hands.")
        elif bot.state == "running":
            why = await self._why_it_ended(bot, instance)
            await self._record.happened(bot.id, "warning", "restarted", why)
        await self._maker.write(bot)
        await self._runtime.start(bot.id)
        # `failures` counts the starts since it last ran steadily; the first restart is free
        await self._record.observe(
            bot.id,
            state="starting",
            health="unknown",
            code=None,
            detail=None,
            started_at=self._clock.now(),
            failures=bot.failures + 1,
            retry_at=None,
        )
        return _SOON

    async def _stop(self, bot: Bot, instance: Instance | None) -> float:
        await self._record.observe(bot.id, state="stopping", health="unknown")
        await self._end(bot, instance)
        return AT_ONCE

    async def _end(self, bot: Bot, instance: Instance | None) -> None:
        self._running.forget(bot.id)
        if instance is not None and instance.state in {InstanceState.RUNNING, InstanceState.PAUSED}:
            grace = self._rules.stop_grace_seconds or agent_of(bot).stop_grace_seconds
            await self._runtime.stop(bot.id, grace_seconds=grace)

    async def _rest(self, bot: Bot, _instance: Instance | None) -> float:
        self._running.forget(bot.id)
        if bot.state not in {"created", "stopped"}:
            await self._record.observe(bot.id, state="stopped", health="unknown", code=None, detail=None)
        return self._rules.steady_seconds

    async def _remove(self, bot: Bot, _instance: Instance | None) -> None:
        self._running.forget(bot.id)
        await self._record.observe(bot.id, state="deleting", health="unknown")
        lines = await self._runtime.logs(bot.id, tail=MOST_LINES)
        await asyncio.to_thread(self._kept_logs.keep, bot.id, lines)
        await self._runtime.remove(bot.id)
        await asyncio.to_thread(self._workspaces.remove, bot.id)
        await asyncio.to_thread(self._copies.forget, bot.id)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            row = await repository.get(tx, bot.id)
            if row is not None:
                row.deleted_at = now
                await repository.revoke_tokens(tx, bot.id, now)
                note(tx, bot.id, now, "info", "deleted")
                await tell_data_plane(tx, BotTokensChanged(bot.id))
        _log.info("bot.deleted", bot_id=str(bot.id), hostname=bot.hostname)

    async def _restore(self, bot: Bot, _instance: Instance | None) -> float:
        await self._copies.put_files_back(bot)
        return AT_ONCE

    async def _hold(self, bot: Bot, _instance: Instance | None) -> float:
        assert bot.retry_at is not None
        return max((bot.retry_at - self._clock.now()).total_seconds(), 0.05)

    # ---- helpers

    async def _why_it_ended(self, bot: Bot, instance: Instance) -> str:
        lines = await self._runtime.logs(bot.id, tail=1)
        said = f"Its last words: {lines[-1][:200]}" if lines else "It said nothing."
        cause = f"{instance.detail}, " if instance.detail else ""
        return f"The bot ended by itself ({cause}exit code {instance.exit_code}). {said}"

    async def _move_port(self, bot: Bot) -> None:
        async with self._database.transaction() as tx:
            row = await repository.get(tx, bot.id)
            if row is not None:
                taken, row.port = row.port, await self._bots.free_port(tx, above=row.port)
                why = f"{taken} is taken: {row.port} now."
                note(tx, bot.id, self._clock.now(), "warning", "port_moved", why)
                _log.warning("bot.port_moved", bot_id=str(bot.id), hostname=bot.hostname, port=row.port)

    def _log_decision(self, bot: Bot, decision: Decision) -> None:
        quiet = {Step.WATCH, Step.REST, Step.AWAIT_READY, Step.HOLD}
        log = _log.debug if decision.step in quiet else _log.info
        log(
            "bot.step",
            bot_id=str(bot.id),
            hostname=bot.hostname,
            step=decision.step.value,
            reason=decision.reason,
        )
