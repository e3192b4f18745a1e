"""Wires what bots are made of and run by."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clawbot_manager.app.bot_side import BotSide
from clawbot_manager.app.plan import redaction_patterns
from clawbot_manager.control.bots.archive import ArchiveLimits
from clawbot_manager.control.bots.brief import AgentRules
from clawbot_manager.control.bots.changes import BotChanges
from clawbot_manager.control.bots.copies import BotCopies
from clawbot_manager.control.bots.gateway import GatewayClient
from clawbot_manager.control.bots.kept_logs import KeptLogs
from clawbot_manager.control.bots.making import Maker
from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.operations import BotOperations
from clawbot_manager.control.bots.orphans import Orphans
from clawbot_manager.control.bots.proof import Prover, Traffic, Witness
from clawbot_manager.control.bots.reconciler import Reconciler
from clawbot_manager.control.bots.record import BotRecord
from clawbot_manager.control.bots.relay import GatewayRelay
from clawbot_manager.control.bots.running import RunningRules, RunningSteps
from clawbot_manager.control.bots.service import BotRules, BotService
from clawbot_manager.control.bots.steps import BotSteps, StepRules
from clawbot_manager.control.bots.tokens import BotTokens
from clawbot_manager.control.bots.workspace import Workspaces
from clawbot_manager.control.personas.service import PersonaService
from clawbot_manager.control.shared.events import BotWanted, ProviderKeysChanged
from clawbot_manager.control.usage.service import UsageService
from clawbot_manager.infra.crypto.secretbox import SecretBox
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.db import Database
from clawbot_manager.infra.events.bus import EventBus
from clawbot_manager.infra.telemetry.redaction import Redactor
from clawbot_manager.kit.clock import Clock
from clawbot_manager.proxy.egress_tunnels import EgressTunnels
from clawbot_manager.proxy.wire import ProxyServer
from clawbot_manager.runtimes.base import Runtime
from clawbot_manager.settings import Settings
from clawbot_manager.vendors.records import Catalog

_WITHOUT_IMAGES = {"process", "fake"}


@dataclass(frozen=True, slots=True)
class BotNeeds:
    """What the other parts of an installation give to this one."""

    settings: Settings
    database: Database
    bus: EventBus
    catalog: Catalog
    box: SecretBox
    hasher: TokenHasher
    clock: Clock
    personas: PersonaService
    usage: UsageService
    runtime: Runtime
    gateway: GatewayClient
    relay: GatewayRelay
    proxy_server: Callable[[], ProxyServer]
    tunnels: Callable[[], EgressTunnels]


@dataclass(frozen=True, slots=True)
class BotParts:
    """What runs bots. `services` is what endpoints find by type."""

    bots: BotService
    reconciler: Reconciler
    bot_side: BotSide
    maker: Maker
    prover: Prover
    services: dict[type[Any], Any]


def compose_bots(needs: BotNeeds) -> BotParts:
    """Wire them; nothing is started."""
    settings, database, clock, runtime = needs.settings, needs.database, needs.clock, needs.runtime
    agents = _agents(settings, runtime)
    bots = BotService(
        needs.catalog,
        needs.personas,
        needs.box,
        needs.hasher,
        clock,
        BotRules(
            first_port=settings.runtime.first_port,
            runtime=runtime.name,
            isolation_warning=lambda: runtime.isolation.warning,
            proxy_url=f"{settings.public_url}/api/v1",
            agents=agents,
        ),
    )
    bot_side = BotSide(
        runtime,
        needs.proxy_server,
        needs.tunnels,
        egress_port=settings.proxy.egress_port,
        port=settings.server.port,
        fixed_url=settings.proxy.url_for_bots and settings.proxy_url_for_bots,
        loopback_url=settings.proxy_url_for_bots,
    )
    workspaces = Workspaces((settings.data_dir / "bots").resolve())
    record = BotRecord(database, clock)
    maker = Maker(database, runtime, workspaces, needs.catalog, needs.box, bot_side.url, bot_side.egress)
    witness = _witness(database, needs.usage)
    prover = Prover(needs.gateway, witness, clock, timeout=settings.runtime.proof_timeout_seconds)
    running = RunningSteps(
        database, maker, needs.gateway, prover, witness, record, clock, _running_rules(settings)
    )
    copies = BotCopies(
        database,
        bots,
        workspaces,
        clock,
        settings.data_dir.resolve(),
        limits=ArchiveLimits(settings.runtime.archive_max_bytes),
        kept=settings.runtime.backups_kept,
    )
    kept_logs = KeptLogs(
        settings.data_dir.resolve() / "kept-logs",
        days=settings.runtime.kept_logs_days,
        redact=Redactor(redaction_patterns()).line,
    )
    rules = StepRules(
        proxy_url=bot_side.url,
        stop_grace_seconds=settings.runtime.stop_grace_seconds,
        max_starting=settings.runtime.max_starting,
        steady_seconds=settings.runtime.reconcile_seconds,
    )
    steps = BotSteps(
        database,
        runtime,
        workspaces,
        bots,
        maker,
        running,
        record,
        kept_logs,
        copies,
        needs.hasher,
        clock,
        agents,
        rules,
    )
    reconciler = Reconciler(
        database,
        steps,
        runtime,
        clock,
        sweep_seconds=settings.runtime.reconcile_seconds,
        max_parallel=settings.runtime.max_parallel,
        tidy=_tidy(copies, kept_logs),
    )
    needs.bus.subscribe(BotWanted, reconciler.on_wanted)
    needs.bus.subscribe(ProviderKeysChanged, reconciler.on_keys_changed)
    services: dict[type[Any], Any] = {
        BotService: bots,
        BotChanges: BotChanges(bots, agents, clock),
        BotTokens: BotTokens(needs.hasher, clock),
        BotOperations: BotOperations(database, bots, runtime, needs.gateway, needs.box, clock),
        BotCopies: copies,
        KeptLogs: kept_logs,
        GatewayRelay: needs.relay,
        Orphans: Orphans(database, runtime, workspaces, clock),
    }
    return BotParts(bots, reconciler, bot_side, maker, prover, services)


def _agents(settings: Settings, runtime: Runtime) -> AgentRules:
    images = {"builtin": settings.runtime.image, "openclaw": settings.runtime.openclaw_image}
    chosen = settings.runtime.agent
    if chosen == "auto":
        chosen = "builtin" if runtime.name in _WITHOUT_IMAGES else "openclaw"
    return AgentRules(images, chosen)


def _running_rules(settings: Settings) -> RunningRules:
    again = settings.runtime.proof_again_hours
    return RunningRules(
        proves=settings.runtime.proof,
        answers_again=timedelta(hours=again) if again is not None else None,
        ready_seconds=settings.runtime.ready_timeout_seconds,
        steady_seconds=settings.runtime.reconcile_seconds,
    )


def _tidy(copies: BotCopies, kept_logs: KeptLogs) -> Callable[[], Awaitable[None]]:
    async def tidy() -> None:
        await asyncio.to_thread(copies.sweep)
        await asyncio.to_thread(kept_logs.purge)

    return tidy


def _witness(database: Database, usage: UsageService) -> Witness:
    async def witness(bot: Bot, since: datetime) -> list[Traffic]:
        async with database.reading() as tx:
            return await usage.witness(tx, bot, since)

    return witness
