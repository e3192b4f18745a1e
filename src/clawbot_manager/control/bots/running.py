"""What is done about a bot whose instance runs: wait for it, let it prove itself, watch it; and failures."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.brief import agent_of
from clawbot_manager.control.bots.gateway import GatewayClient
from clawbot_manager.control.bots.making import Maker
from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.plan import UNPROVED, is_unproved
from clawbot_manager.control.bots.proof import Hop, Prover, Traffic, Witness, failing, has_failed
from clawbot_manager.control.bots.record import BotRecord, note
from clawbot_manager.control.shared.data_plane import tell_data_plane
from clawbot_manager.control.shared.events import BotTokensChanged
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.clock import Clock
from clawbot_manager.runtimes.base import Instance

_log = structlog.get_logger(__name__)

_SOON = 0.25
_LATER = 2.0
_AT_ONCE = 0.0
_LATELY = timedelta(seconds=60)
_STEADY = timedelta(seconds=60)  # a bot that ran this long has recovered: its failures are forgotten


@dataclass(frozen=True, slots=True)
class RunningRules:
    """`ready_seconds` None is the agent's own. `answers_again` None: a bot proves itself once an instance."""

    proves: bool
    answers_again: timedelta | None
    ready_seconds: float | None
    steady_seconds: float


class RunningSteps:
    """Steps for bots whose instance runs. Keeps in memory only which bots are starting now."""

    def __init__(
        self,
        database: Database,
        maker: Maker,
        gateway: GatewayClient,
        prover: Prover,
        witness: Witness,
        record: BotRecord,
        clock: Clock,
        rules: RunningRules,
    ) -> None:
        self._database = database
        self._maker = maker
        self._gateway = gateway
        self._prover = prover
        self._witness = witness
        self._record = record
        self._clock = clock
        self._rules = rules
        self._starting: set[UUID] = set()

    def may_start(self, bot_id: UUID, most: int) -> bool:
        """Take a place among the bots that are starting, if there is one."""
        if bot_id not in self._starting and len(self._starting) >= most:
            return False
        self._starting.add(bot_id)
        return True

    def forget(self, bot_id: UUID) -> None:
        """It is not starting any more."""
        self._starting.discard(bot_id)

    async def failed(self, bot: Bot, code: str, why: str) -> float:
        """A step failed: seconds until the next try. An upgrade that has not proved itself is taken back."""
        self.forget(bot.id)
        if bot.previous_image is not None and bot.desired == "running":
            await self._roll_back(bot, why)
            return _AT_ONCE
        return await self._record.failed(bot, code, why)

    async def await_ready(self, bot: Bot, instance: Instance | None) -> float:
        """Wait until the gateway answers, then until a prompt has come back."""
        assert instance is not None
        if instance.endpoint is None:
            return _SOON
        problem = await self._gateway.ready(instance.endpoint, self._maker.operator_token(bot))
        if problem is not None:
            return await self._not_ready(bot, instance, problem)
        if self._rules.proves and bot.proved_revision != instance.revision:
            await self._record.observe(
                bot.id, state="starting", code="proving", detail="It is up; a prompt is on its way."
            )
            return await self._prove(bot, instance, instance.endpoint)
        await self._became_ready(bot, instance)
        return self._rules.steady_seconds

    async def _not_ready(self, bot: Bot, instance: Instance, problem: str) -> float:
        since = instance.started_at or bot.started_at
        patience = timedelta(seconds=self._rules.ready_seconds or agent_of(bot).ready_seconds)
        if since is None or self._clock.now() - since <= patience:
            await self._record.observe(bot.id, state="starting")
            return _SOON
        self.forget(bot.id)
        detail = f"The bot runs but cannot answer: {problem}. Look at its logs."
        if bot.previous_image is not None:
            await self._roll_back(bot, detail)
            return _AT_ONCE
        if bot.code != "not_ready":
            await self._record.happened(bot.id, "error", "not_ready", detail)
        await self._record.observe(bot.id, state="error", health="unhealthy", code="not_ready", detail=detail)
        return _LATER

    async def _prove(self, bot: Bot, instance: Instance, endpoint: str) -> float:
        proof = await self._prover.prove(bot, endpoint, self._maker.operator_token(bot))
        if proof.hop is not None:
            return await self.failed(bot, f"{UNPROVED}{proof.hop}", proof.detail)
        _log.info("bot.proved", bot_id=str(bot.id), hostname=bot.hostname, ms=proof.latency_ms)
        await self._became_ready(bot, instance, proved=True)
        return self._rules.steady_seconds

    async def _became_ready(self, bot: Bot, instance: Instance, *, proved: bool = False) -> None:
        self.forget(bot.id)
        async with self._database.transaction() as tx:
            row = await repository.get(tx, bot.id)
            if row is None or row.desired != "running":
                return
            now = self._clock.now()
            row.state, row.health, row.code, row.detail = "running", "healthy", None, None
            row.observed_at = now
            row.started_at = instance.started_at or row.started_at
            row.retry_at = None
            if proved:
                row.proved_revision, row.proved_at = instance.revision, now
            if row.previous_image is not None:
                note(tx, bot.id, now, "info", "upgraded", f"From {row.previous_image} to {row.image}.")
                row.previous_image = None
            note(tx, bot.id, now, "info", "running")
            # The newest instance token is the one in the instance: it is minted right before each creation.
            newest = next((t for t in await repository.tokens(tx, bot.id) if t.kind == "instance"), None)
            if newest is not None:
                await repository.revoke_tokens(tx, bot.id, now, kind="instance", keep=newest.id)
                await tell_data_plane(tx, BotTokensChanged(bot.id))
        _log.info("bot.running", bot_id=str(bot.id), hostname=bot.hostname)

    async def watch(self, bot: Bot, instance: Instance | None) -> float:
        """Bring its files up to date, and see whether it can still answer."""
        assert instance is not None
        changed = await self._maker.write(bot)
        if changed:
            await self._record.written(bot, changed)
        problem: str | None = "it has no address"
        if instance.endpoint is not None:
            problem = await self._gateway.ready(instance.endpoint, self._maker.operator_token(bot))
        if problem is not None:
            detail = f"The bot runs but cannot answer: {problem}."
            await self._record.observe(bot.id, health="unhealthy", code="not_ready", detail=detail)
        elif instance.endpoint is not None and self._is_due(bot):
            await self._prove_again(bot, instance.endpoint)
        else:
            await self._heed_traffic(bot)
        return self._rules.steady_seconds

    async def _heed_traffic(self, bot: Bot) -> None:
        """What it asked for lately tells, for nothing, whether it gets answers."""
        seen = await self._witness(bot, self._clock.now() - _LATELY)
        if (lost := failing(seen)) is not None:
            await self._unanswered(bot, *lost)
        elif not is_unproved(bot) or self._speaks_well(seen):
            steady = bot.started_at is not None and self._clock.now() - bot.started_at > _STEADY
            failures = 0 if steady else bot.failures
            await self._record.observe(bot.id, health="healthy", code=None, detail=None, failures=failures)

    def _speaks_well(self, seen: Sequence[Traffic]) -> bool:
        """Of silence nothing is known: with no proof to come, the bot has its doubt's benefit."""
        return not has_failed(seen[-1]) if seen else self._rules.answers_again is None

    def _is_due(self, bot: Bot) -> bool:
        again = self._rules.answers_again
        return again is not None and (bot.proved_at is None or self._clock.now() - bot.proved_at > again)

    async def _prove_again(self, bot: Bot, endpoint: str) -> None:
        proof = await self._prover.prove(bot, endpoint, self._maker.operator_token(bot))
        proved_at = self._clock.now()  # of a failed one too: the next is due as long after it
        if proof.hop is None:
            await self._record.observe(bot.id, health="healthy", code=None, detail=None, proved_at=proved_at)
            return
        await self._unanswered(bot, proof.hop, proof.detail, proved_at=proved_at)

    async def _unanswered(self, bot: Bot, hop: Hop, detail: str, **seen: datetime) -> None:
        code = f"{UNPROVED}{hop}"
        await self._record.observe(bot.id, health="unhealthy", code=code, detail=detail, **seen)
        if bot.code != code:
            await self._record.happened(bot.id, "error", code, detail)

    async def _roll_back(self, bot: Bot, why: str) -> None:
        async with self._database.transaction() as tx:
            row = await repository.get(tx, bot.id)
            if row is None or row.previous_image is None:
                return
            tried, row.image, row.previous_image = row.image, row.previous_image, None
            row.state, row.failures, row.retry_at = "starting", 0, None
            row.observed_at = self._clock.now()
            detail = f"The upgrade to {tried} failed, and it went back to {row.image}: {why}"
            note(tx, bot.id, row.observed_at, "error", "rolled_back", detail)
        _log.warning("bot.rolled_back", bot_id=str(bot.id), hostname=bot.hostname, image=tried)
