"""Builds every part of an installation and wires them; nothing is started here."""

from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from clawbot_manager.control.access.service import AccessService
from clawbot_manager.control.accounts.service import AccountService
from clawbot_manager.control.bots.gateway import GatewayClient
from clawbot_manager.control.bots.operations import BotOperations
from clawbot_manager.control.bots.reconciler import Reconciler
from clawbot_manager.control.bots.service import BotRules, BotService
from clawbot_manager.control.bots.steps import BotSteps, StepRules
from clawbot_manager.control.bots.workspace import Workspaces
from clawbot_manager.control.dataplane.budgets import OpenBudgets
from clawbot_manager.control.dataplane.keyring import KeyRingService
from clawbot_manager.control.dataplane.prober import VendorProber
from clawbot_manager.control.dataplane.snapshot import SnapshotStore
from clawbot_manager.control.dataplane.usage_sink import UsageSinkService
from clawbot_manager.control.diagnostics.service import DiagnosticsService
from clawbot_manager.control.personas.service import PersonaService
from clawbot_manager.control.shared.events import BotWanted, ProviderKeysChanged
from clawbot_manager.control.usage.service import UsageService
from clawbot_manager.control.vault.service import VaultService
from clawbot_manager.infra.crypto.access_tokens import AccessTokens
from clawbot_manager.infra.crypto.passwords import Passwords
from clawbot_manager.infra.crypto.secretbox import SecretBox
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.db import Database
from clawbot_manager.infra.events.bus import EventBus
from clawbot_manager.infra.http import EgressDeniedError, EgressPolicy, check_base_url
from clawbot_manager.kit.clock import Clock, SystemClock
from clawbot_manager.proxy.app import ProxyApp
from clawbot_manager.proxy.forward import UpstreamClient
from clawbot_manager.proxy.messages import ProxyConfig
from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.runtimes.base import Runtime
from clawbot_manager.runtimes.registry import RuntimeOptions, UnknownRuntimeError, build_runtime
from clawbot_manager.settings import Settings, SettingsError
from clawbot_manager.settings.models import normalise_database_url
from clawbot_manager.settings.secrets import InstallationSecrets
from clawbot_manager.vendors.catalog import load_catalog


@dataclass(slots=True)
class Installation:
    """All parts, wired. `services` is what endpoints find by type."""

    settings: Settings
    database: Database
    runtime: Runtime
    accounts: AccountService
    snapshots: SnapshotStore
    usage_sink: UsageSinkService
    reconciler: Reconciler
    gateway: GatewayClient
    upstream: UpstreamClient
    proxy: ProxyApp
    services: dict[type[Any], Any]

    async def close(self) -> None:
        """Give back what holds connections; the parts that run are stopped by the server first."""
        await self.gateway.close()
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
    policy = _egress(settings)
    runtime = runtime or _runtime(settings, hasher)
    proxy_url = settings.proxy_url_for_bots

    accounts = AccountService(
        database,
        passwords or Passwords(),
        hasher,
        access_tokens,
        clock,
        sign_up_open=settings.security.sign_up == "open",
        refresh_days=settings.security.refresh_token_days,
    )
    personas = PersonaService()
    bots = BotService(
        catalog,
        personas,
        box,
        hasher,
        clock,
        BotRules(
            first_port=settings.runtime.first_port,
            runtime=runtime.name,
            isolation_warning=runtime.isolation.warning,
            proxy_url=f"{settings.public_url}/api/v1",
        ),
    )
    vault = VaultService(
        database,
        catalog,
        box,
        hasher,
        clock,
        VendorProber(catalog, box, policy, clock),
        base_url_problem=lambda url: _base_url_problem(url, policy),
        users_of_keys=bots.users_of_keys,
        simulator_enabled=settings.simulator_enabled,
    )
    gateway = gateway or GatewayClient()
    workspaces = Workspaces((settings.data_dir / "bots").resolve())
    steps = BotSteps(
        database,
        runtime,
        workspaces,
        gateway,
        bots,
        catalog,
        box,
        hasher,
        clock,
        StepRules(
            image=settings.runtime.image,
            proxy_url=proxy_url,
            ready_timeout=timedelta(seconds=settings.runtime.ready_timeout_seconds),
            stop_grace_seconds=settings.runtime.stop_grace_seconds,
            steady_seconds=settings.runtime.reconcile_seconds,
        ),
    )
    reconciler = Reconciler(
        database,
        steps,
        sweep_seconds=settings.runtime.reconcile_seconds,
        max_parallel=settings.runtime.max_parallel,
    )
    bus.subscribe(BotWanted, reconciler.on_wanted)

    snapshots = SnapshotStore(database, box, hasher, clock)
    snapshots.listen(bus)
    keyring = KeyRingService(snapshots, database, clock)
    bus.subscribe(ProviderKeysChanged, keyring.on_changed)
    usage_sink = UsageSinkService(
        database,
        keyring,
        flush_seconds=settings.proxy.usage_flush_seconds,
        queue_size=settings.proxy.usage_queue_size,
    )
    proxy_config = ProxyConfig(
        connect_timeout=settings.proxy.connect_timeout_seconds,
        read_timeout=settings.proxy.read_timeout_seconds,
        max_buffered_body=settings.proxy.max_json_body_bytes,
        simulator_enabled=settings.simulator_enabled,
    )
    upstream = UpstreamClient(policy, proxy_config)
    pipeline = Pipeline(
        tokens=snapshots,
        keys=keyring,
        inventory=keyring,
        budgets=OpenBudgets(),
        usage=usage_sink,
        catalog=catalog,
        config=proxy_config,
        clock=clock,
    )
    services: dict[type[Any], Any] = {
        Settings: settings,
        Database: database,
        Runtime: runtime,
        AccountService: accounts,
        AccessService: AccessService(database, hasher, access_tokens, clock),
        PersonaService: personas,
        VaultService: vault,
        BotService: bots,
        BotOperations: BotOperations(database, bots, runtime, workspaces, gateway, box, clock),
        UsageService: UsageService(clock),
        DiagnosticsService: DiagnosticsService(database, runtime, settings.data_dir),
    }
    return Installation(
        settings=settings,
        database=database,
        runtime=runtime,
        accounts=accounts,
        snapshots=snapshots,
        usage_sink=usage_sink,
        reconciler=reconciler,
        gateway=gateway,
        upstream=upstream,
        proxy=ProxyApp(pipeline, upstream),
        services=services,
    )


def _egress(settings: Settings) -> EgressPolicy:
    try:
        return EgressPolicy.from_entries(settings.egress.allow, allow_http=settings.egress.allow_http)
    except ValueError as error:
        raise SettingsError([f"CLAWBOT_EGRESS__ALLOW: {error}"]) from error


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
        image=settings.runtime.image,
        containers_ready=settings.proxy.url_for_bots is not None,
    )
    try:
        return build_runtime(settings.runtime.kind, options)
    except UnknownRuntimeError as error:
        raise SettingsError([f"CLAWBOT_RUNTIME__KIND: {error}."]) from error
