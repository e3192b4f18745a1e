"""The steps of the reconciler for one bot: look, decide, act, record."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.gateway import GatewayClient
from clawbot_manager.control.bots.models import Bot, BotToken
from clawbot_manager.control.bots.plan import Decision, Step, decide
from clawbot_manager.control.bots.schemas import Features, Persona
from clawbot_manager.control.bots.service import BotService, keys_for, new_token, providers_of
from clawbot_manager.control.bots.workspace import Workspaces, render
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.data_plane import tell_data_plane
from clawbot_manager.control.shared.events import BotTokensChanged
from clawbot_manager.control.vault import repository as vault
from clawbot_manager.infra.crypto.secretbox import SecretBox
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.clock import Clock
from clawbot_manager.runtimes.base import (
    Instance,
    InstanceFailedError,
    InstanceNotFoundError,
    InstanceSpec,
    InstanceState,
    Runtime,
)
from clawbot_manager.vendors.records import Catalog

_log = structlog.get_logger(__name__)

AT_ONCE = 0.0
_READY_POLL = 0.25
_STEADY = timedelta(seconds=60)  # a bot that ran this long has recovered: its failures are forgotten
_MAX_BACKOFF = 60
_LONGEST_DETAIL = 500
_PORT_TAKEN_EXIT = 69  # the built-in bot's word for it (EX_UNAVAILABLE of sysexits.h)
_SPOKEN = ("openai-chat", "anthropic-messages", "google-generatecontent", "ollama")


@dataclass(frozen=True, slots=True)
class StepRules:
    """What the installation fixes for the reconciler."""

    image: str
    proxy_url: str
    ready_timeout: timedelta
    stop_grace_seconds: float
    steady_seconds: float


class BotSteps:
    """Advances one bot by one step a call. Calls for one bot must not overlap."""

    def __init__(
        self,
        database: Database,
        runtime: Runtime,
        workspaces: Workspaces,
        gateway: GatewayClient,
        bots: BotService,
        catalog: Catalog,
        box: SecretBox,
        hasher: TokenHasher,
        clock: Clock,
        rules: StepRules,
    ) -> None:
        self._database = database
        self._runtime = runtime
        self._workspaces = workspaces
        self._gateway = gateway
        self._bots = bots
        self._catalog = catalog
        self._box = box
        self._hasher = hasher
        self._clock = clock
        self._rules = rules
        self._acts: dict[Step, Callable[[Bot, Instance | None], Awaitable[float | None]]] = {
            Step.CREATE: self._create,
            Step.START: self._start,
            Step.AWAIT_READY: self._await_ready,
            Step.WATCH: self._watch,
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
        decision = decide(bot, instance, self._wanted_revision(bot), self._clock.now())
        self._log_decision(bot, decision)
        try:
            return await self._acts[decision.step](bot, instance)
        except InstanceNotFoundError:
            return AT_ONCE  # it vanished under our hands: look again
        except InstanceFailedError as error:
            return await self._failed(bot, "instance_failed", str(error))

    async def note_runtime_down(self, bot_id: UUID, why: str) -> None:
        """The runtime cannot be reached: the bot's health is unknown, its state stays what it was."""
        await self._observe(
            bot_id,
            health="unknown",
            code="runtime_unavailable",
            detail=f"The runtime cannot be reached: {why}",
        )

    # ---- the steps

    async def _create(self, bot: Bot, _instance: Instance | None) -> float:
        await self._observe(bot.id, state="starting", health="unknown")
        await self._write_workspace(bot)
        token, plain = new_token(self._hasher, bot.id, "instance", "container", self._clock)
        async with self._database.transaction() as tx:
            tx.add(token)
            await tell_data_plane(tx, BotTokensChanged(bot.id))
        try:
            await self._runtime.create(self._spec(bot, plain))
        except InstanceFailedError:
            await self._revoke(
                bot, token.id
            )  # nobody holds it: a bot that cannot be made must not pile them up
            raise
        return AT_ONCE

    async def _revoke(self, bot: Bot, token_id: UUID) -> None:
        async with self._database.transaction() as tx:
            row = await tx.get(BotToken, token_id)
            if row is not None:
                row.revoked_at = self._clock.now()
                await tell_data_plane(tx, BotTokensChanged(bot.id))

    async def _start(self, bot: Bot, instance: Instance | None) -> float:
        assert instance is not None
        ended = instance.state is InstanceState.STOPPED and bot.failures > 0
        if ended and instance.exit_code == _PORT_TAKEN_EXIT:
            await self._move_port(bot)
            return AT_ONCE  # another port is another revision: it is created again
        if ended and bot.failures > 1 and bot.retry_at is None:
            why = f"The bot ended by itself (exit code {instance.exit_code}). {await self._last_words(bot)}"
            return await self._failed(bot, "bot_ended", why)
        await self._write_workspace(bot)
        await self._runtime.start(bot.id)
        # `failures` counts the starts since it last ran steadily; the first restart is free
        await self._observe(
            bot.id,
            state="starting",
            health="unknown",
            started_at=self._clock.now(),
            failures=bot.failures + 1,
            retry_at=None,
        )
        return _READY_POLL

    async def _await_ready(self, bot: Bot, instance: Instance | None) -> float:
        assert instance is not None
        if instance.endpoint is None:
            return _READY_POLL
        problem = await self._gateway.ready(instance.endpoint, self._operator_token(bot))
        if problem is None:
            await self._became_ready(bot, instance)
            return self._rules.steady_seconds
        since = instance.started_at or bot.started_at
        if since is not None and self._clock.now() - since > self._rules.ready_timeout:
            detail = f"The bot runs but cannot answer: {problem}. Look at its logs."
            await self._observe(bot.id, state="error", health="unhealthy", code="not_ready", detail=detail)
            return 2.0
        await self._observe(bot.id, state="starting")
        return _READY_POLL

    async def _became_ready(self, bot: Bot, instance: Instance) -> None:
        async with self._database.transaction() as tx:
            row = await repository.get(tx, bot.id)
            if row is None or row.desired != "running":
                return
            row.state, row.health, row.code, row.detail = "running", "healthy", None, None
            row.observed_at = self._clock.now()
            row.started_at = instance.started_at or row.started_at
            row.retry_at = None
            # The newest instance token is the one in the instance: it is minted right before each creation.
            newest = next((t for t in await repository.tokens(tx, bot.id) if t.kind == "instance"), None)
            if newest is not None:
                await repository.revoke_tokens(tx, bot.id, row.observed_at, kind="instance", keep=newest.id)
                await tell_data_plane(tx, BotTokensChanged(bot.id))
        _log.info("bot.running", bot_id=str(bot.id), hostname=bot.hostname)

    async def _watch(self, bot: Bot, instance: Instance | None) -> float:
        assert instance is not None
        await self._write_workspace(bot)
        problem: str | None = "it has no address"
        if instance.endpoint is not None:
            problem = await self._gateway.ready(instance.endpoint, self._operator_token(bot))
        if problem is None:
            steady = bot.started_at is not None and self._clock.now() - bot.started_at > _STEADY
            failures = 0 if steady else bot.failures
            await self._observe(bot.id, health="healthy", code=None, detail=None, failures=failures)
        else:
            detail = f"The bot runs but cannot answer: {problem}."
            await self._observe(bot.id, health="unhealthy", code="not_ready", detail=detail)
        return self._rules.steady_seconds

    async def _stop(self, bot: Bot, _instance: Instance | None) -> float:
        await self._observe(bot.id, state="stopping", health="unknown")
        await self._runtime.stop(bot.id, grace_seconds=self._rules.stop_grace_seconds)
        return AT_ONCE

    async def _rest(self, bot: Bot, _instance: Instance | None) -> float:
        if bot.state not in {"created", "stopped"}:
            await self._observe(bot.id, state="stopped", health="unknown", code=None, detail=None)
        return self._rules.steady_seconds

    async def _remove(self, bot: Bot, _instance: Instance | None) -> None:
        await self._observe(bot.id, state="deleting", health="unknown")
        await self._runtime.remove(bot.id)
        await asyncio.to_thread(self._workspaces.remove, bot.id)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            row = await repository.get(tx, bot.id)
            if row is not None:
                row.deleted_at = now
                await repository.revoke_tokens(tx, bot.id, now)
                await tell_data_plane(tx, BotTokensChanged(bot.id))
        _log.info("bot.deleted", bot_id=str(bot.id), hostname=bot.hostname)

    async def _hold(self, bot: Bot, _instance: Instance | None) -> float:
        assert bot.retry_at is not None
        return max((bot.retry_at - self._clock.now()).total_seconds(), 0.05)

    # ---- helpers

    async def _failed(self, bot: Bot, code: str, why: str) -> float:
        failures = bot.failures + 1
        wait = min(2**failures, _MAX_BACKOFF)
        detail = f"{why} Next try in {wait} s."
        retry_at = self._clock.now() + timedelta(seconds=wait)
        await self._observe(
            bot.id,
            state="error",
            health="unhealthy",
            code=code,
            detail=detail,
            failures=failures,
            retry_at=retry_at,
        )
        _log.warning("bot.failed", bot_id=str(bot.id), hostname=bot.hostname, code=code, failures=failures)
        return float(wait)

    async def _last_words(self, bot: Bot) -> str:
        lines = await self._runtime.logs(bot.id, tail=1)
        return f"Its last words: {lines[-1][:200]}" if lines else "It said nothing."

    async def _move_port(self, bot: Bot) -> None:
        async with self._database.transaction() as tx:
            row = await repository.get(tx, bot.id)
            if row is not None:
                row.port = await self._bots.free_port(tx, above=row.port)
                _log.warning("bot.port_moved", bot_id=str(bot.id), hostname=bot.hostname, port=row.port)

    async def _write_workspace(self, bot: Bot) -> None:
        owner = Caller(user_id=bot.owner_id, role="user")
        async with self._database.reading() as tx:
            keys = await vault.all_of(tx, owner)
        providers = []
        for provider in providers_of(bot):
            own = next((key.api_type for key in keys_for(bot, provider, keys) if key.api_type), None)
            providers.append((provider, own or self._dialect(provider.vendor)))
        files = render(
            bot_id=bot.id,
            name=bot.name,
            hostname=bot.hostname,
            proxy_url=self._rules.proxy_url,
            providers=providers,
            persona=Persona.model_validate(bot.config["persona"]),
            features=Features.model_validate(bot.config["features"]),
        )
        changed = await asyncio.to_thread(self._workspaces.write, bot.id, files)
        if changed:
            _log.info("bot.workspace_written", bot_id=str(bot.id), hostname=bot.hostname, files=changed)

    def _dialect(self, vendor_id: str) -> str:
        vendor = self._catalog.get(vendor_id)
        offered = (vendor.main_dialect, *vendor.dialects) if vendor else ()
        return next((dialect for dialect in offered if dialect in _SPOKEN), _SPOKEN[0])

    def _wanted_revision(self, bot: Bot) -> int:
        basis = f"{bot.revision}|{self._rules.image}|{self._rules.proxy_url}|{bot.port}"
        return int.from_bytes(hashlib.sha256(basis.encode()).digest()[:4], "big") >> 1

    def _operator_token(self, bot: Bot) -> str:
        return self._box.open(bot.sealed_operator_token, context=bot.seal_context)

    def _spec(self, bot: Bot, proxy_token: str) -> InstanceSpec:
        workspace, state = self._workspaces.workspace(bot.id), self._workspaces.state(bot.id)
        assert bot.port is not None
        return InstanceSpec(
            bot_id=bot.id,
            hostname=bot.hostname,
            owner_id=bot.owner_id,
            revision=self._wanted_revision(bot),
            image=self._rules.image,
            workspace=workspace,
            state_dir=state,
            port=bot.port,
            environment={
                "CLAWBOT_PROXY_URL": self._rules.proxy_url,
                "CLAWBOT_PROXY_TOKEN": proxy_token,
                "CLAWBOT_GATEWAY_TOKEN": self._operator_token(bot),
                "CLAWBOT_GATEWAY_PORT": str(bot.port),
                "CLAWBOT_WORKSPACE": str(workspace),
                "CLAWBOT_STATE_DIR": str(state),
            },
        )

    async def _observe(self, bot_id: UUID, **seen: Any) -> None:
        """Record what was seen, when it differs from what is recorded. What is wanted is never touched."""
        if seen.get("detail"):
            seen["detail"] = seen["detail"].replace("\x00", "")[:_LONGEST_DETAIL]
        async with self._database.reading() as tx:
            bot = await repository.get(tx, bot_id)
        if bot is None or all(getattr(bot, name) == value for name, value in seen.items()):
            return
        async with self._database.transaction() as tx:
            row = await repository.get(tx, bot_id)
            if row is not None:
                for name, value in seen.items():
                    setattr(row, name, value)
                row.observed_at = self._clock.now()

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
