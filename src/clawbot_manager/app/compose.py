"""Builds every part of an installation and wires them; nothing is started here."""

from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import structlog

from clawbot_manager.app.bot_side import BotSide
from clawbot_manager.app.bots import BotNeeds, compose_bots
from clawbot_manager.app.plan import data_plane_config, egress_policy, proxy_config
from clawbot_manager.app.wiring import build_pipeline
from clawbot_manager.control.access.service import AccessService
from clawbot_manager.control.accounts.security import AccountSecurity
from clawbot_manager.control.accounts.service import AccountService
from clawbot_manager.control.audit.service import AuditTrail
from clawbot_manager.control.bots.gateway import GatewayClient
from clawbot_manager.control.bots.reconciler import Reconciler
from clawbot_manager.control.bots.relay import GatewayRelay
from clawbot_manager.control.dataplane.owners import tell_owners
from clawbot_manager.control.dataplane.plane import DataPlane, build_data_plane, open_store
from clawbot_manager.control.dataplane.prober import VendorProber
from clawbot_manager.control.dataplane.reviver import KeyReviver, log_key_events
from clawbot_manager.control.dataplane.snapshot import SnapshotStore
from clawbot_manager.control.dataplane.unpacker import UsageUnpacker
from clawbot_manager.control.dataplane.usage_sink import UsageSinkService
from clawbot_manager.control.diagnostics.bot_checks import BotDiagnosis
from clawbot_manager.control.diagnostics.machine import MachineDiagnostics
from clawbot_manager.control.diagnostics.service import DiagnosticsService
from clawbot_manager.control.personas.service import PersonaService
from clawbot_manager.control.shared.events import BotTokensChanged, ProviderKeysChanged
from clawbot_manager.control.shared.latency import Latencies
from clawbot_manager.control.usage.service import UsageService
from clawbot_manager.control.vault.service import VaultService
from clawbot_manager.infra.crypto.access_tokens import AccessTokens
from clawbot_manager.infra.crypto.opening import open_here
from clawbot_manager.infra.crypto.passwords import Passwords
from clawbot_manager.infra.crypto.secretbox import SecretBox
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.db import Database
from clawbot_manager.infra.events.bus import EventBus
from clawbot_manager.infra.http import EgressDeniedError, EgressPolicy, check_base_url
from clawbot_manager.kit.clock import Clock, SystemClock
from clawbot_manager.proxy.app import ProxyApp
from clawbot_manager.proxy.egress_tunnels import EgressTunnels, TunnelEnd
from clawbot_manager.proxy.forward import UpstreamClient
from clawbot_manager.proxy.wire import ProxyServer
from clawbot_manager.runtimes.base import Runtime
from clawbot_manager.runtimes.registry import RuntimeOptions, UnknownRuntimeError, build_runtime
from clawbot_manager.settings import Settings, SettingsError
from clawbot_manager.settings.models import normalise_database_url
from clawbot_manager.settings.secrets import InstallationSecrets
from clawbot_manager.vendors.catalog import load_catalog

_log = structlog.get_logger(__name__)

_UNPACK_SECONDS = 0.5


@dataclass(slots=True)
class Installation:
    """All parts, wired. `services` is what endpoints find by type."""

    settings: Settings
    database: Database
    runtime: Runtime
    accounts: AccountService
    plane: DataPlane
    bus: EventBus
    reconciler: Reconciler
    reviver: KeyReviver
    unpacker: UsageUnpacker
    gateway: GatewayClient
    relay: GatewayRelay
    upstream: UpstreamClient
    proxy: ProxyApp
    wire: ProxyServer
    bot_side: BotSide
    services: dict[type[Any], Any]

    @property
    def snapshots(self) -> SnapshotStore:
        """The proxy's tokens and keys."""
        return self.plane.snapshots

    @property
    def usage_sink(self) -> UsageSinkService:
        """Where the proxy's records go."""
        return self.plane.usage

    async def start_proxy(self) -> None:
        """Begin to serve as a proxy: read what it looks up, and again at every change.

        Raises:
            StoreAwayError, OpenerError: it could not be read.
        """
        for kind in (BotTokensChanged, ProviderKeysChanged):
            self.bus.subscribe(kind, self.snapshots.on_changed)
        await self.plane.start()

    async def close(self) -> None:
        """Write what is left, and give back what holds connections; may be called twice.

        The parts that run are stopped by the server first.
        """
        await self.plane.close()
        await self.gateway.close()
        await self.relay.close()
        await self.runtime.close()
        await self.database.close()


def migrations_dir() -> Path:
    """Where Alembic's scripts are in the installed package."""
    return Path(str(files("clawbot_manager.migrations")))


def open_database(settings: Settings, bus: EventBus) -> Database:
    """The database of the settings."""
    read_url = settings.database.read_url
    return Database(
        settings.database_url,
        bus,
        read_url=normalise_database_url(read_url) if read_url else None,
        pool_size=settings.database.pool_size,
    )


async def seed(database: Database) -> int:
    """Bring what ships with the program into the database; how many rows changed."""
    async with database.transaction() as tx:
        return await PersonaService().seed(tx)


def compose(
    settings: Settings,
    secrets: InstallationSecrets,
    *,
    clock: Clock | None = None,
    runtime: Runtime | None = None,
    passwords: Passwords | None = None,
    gateway: GatewayClient | None = None,
) -> Installation:
    """Wire an installation. What touches the outside can be given (tests do).

    Raises:
        SettingsError: an entry of the egress allow-list or the kind of runtime is wrong.
    """
    clock = clock or SystemClock()
    bus = EventBus()
    database = open_database(settings, bus)
    catalog = load_catalog()
    box = SecretBox(secrets.master_keys)
    hasher = TokenHasher(secrets.token_secret)
    access_tokens = AccessTokens(
        secrets.session_secret, lifetime_seconds=settings.security.access_token_seconds
    )
    trail = AuditTrail(hasher, clock)
    database.keep_acts(trail.keep)
    policy = egress_policy(settings)
    runtime = runtime or _runtime(settings, hasher)
    passwords = passwords or Passwords()
    accounts = AccountService(
        database,
        passwords,
        hasher,
        access_tokens,
        clock,
        sign_up_open=settings.security.sign_up == "open",
        refresh_days=settings.security.refresh_token_days,
    )
    personas = PersonaService()
    usage = UsageService(clock)
    plane_config = data_plane_config(settings)
    opener = partial(open_here, secrets.master_keys)
    plane = build_data_plane(plane_config, opener, hasher, clock, tell_owners(bus))
    config = proxy_config(settings)
    pipeline = build_pipeline(plane, catalog, config, clock)

    def proxy_server() -> ProxyServer:
        return ProxyServer(pipeline, policy=policy, config=config, on_failure=_report_failure)

    gateway, relay = gateway or GatewayClient(), GatewayRelay()
    parts = compose_bots(
        BotNeeds(
            settings=settings,
            database=database,
            bus=bus,
            catalog=catalog,
            box=box,
            hasher=hasher,
            clock=clock,
            personas=personas,
            usage=usage,
            runtime=runtime,
            gateway=gateway,
            relay=relay,
            proxy_server=proxy_server,
            tunnels=lambda: EgressTunnels(plane.snapshots, policy, _log_tunnel),
        )
    )
    prober = VendorProber(catalog, box, policy, clock)
    vault = VaultService(
        database,
        catalog,
        box,
        hasher,
        clock,
        prober,
        base_url_problem=lambda url: _base_url_problem(url, policy),
        users_of_keys=parts.bots.users_of_keys,
        simulator_enabled=settings.simulator_enabled,
    )
    log_key_events(bus)
    latencies = Latencies()
    upstream = UpstreamClient(policy, config)
    services: dict[type[Any], Any] = {
        Settings: settings,
        Database: database,
        Runtime: runtime,
        AccountService: accounts,
        AccountSecurity: AccountSecurity(database, passwords, clock),
        AccessService: AccessService(database, hasher, access_tokens, clock),
        AuditTrail: trail,
        PersonaService: personas,
        VaultService: vault,
        **parts.services,
        UsageService: usage,
        DiagnosticsService: DiagnosticsService(
            database, runtime, settings.data_dir, lambda: plane.usage.state, usage
        ),
        Latencies: latencies,
        MachineDiagnostics: MachineDiagnostics(database, runtime, latencies, clock, settings.data_dir),
        BotDiagnosis: BotDiagnosis(
            database,
            parts.bots,
            runtime,
            parts.maker,
            gateway,
            parts.prover,
            prober,
            clock,
            settings.data_dir,
            parts.bot_side.url,
        ),
    }
    return Installation(
        settings=settings,
        database=database,
        runtime=runtime,
        accounts=accounts,
        plane=plane,
        bus=bus,
        reconciler=parts.reconciler,
        reviver=KeyReviver(database, prober, clock),
        unpacker=UsageUnpacker(open_store(plane_config), poll_seconds=_UNPACK_SECONDS),
        gateway=gateway,
        relay=relay,
        upstream=upstream,
        proxy=ProxyApp(pipeline, upstream),
        wire=proxy_server(),
        bot_side=parts.bot_side,
        services=services,
    )


def _log_tunnel(end: TunnelEnd) -> None:
    _log.info("egress.tunnel", **end._asdict())


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("proxy.task_failed", task=name, exc_info=error)


def _base_url_problem(url: str, policy: EgressPolicy) -> str | None:
    try:
        check_base_url(url, policy)
    except EgressDeniedError as error:
        return error.detail
    return None


def _runtime(settings: Settings, hasher: TokenHasher) -> Runtime:
    options = RuntimeOptions(
        root=(settings.data_dir / "runtime").resolve(),
        instance_label=hasher.derive("installation")[:12],
        docker_url=settings.runtime.docker_url,
        images=(settings.runtime.image, settings.runtime.openclaw_image),
        proxy_ports=(settings.server.port, settings.proxy.egress_port),
        firewall=settings.runtime.firewall,
    )
    try:
        return build_runtime(settings.runtime.kind, options)
    except UnknownRuntimeError as error:
        raise SettingsError([f"CLAWBOT_RUNTIME__KIND: {error}."]) from error
