"""Puts the data plane's parts together, the same way in the whole program and in a proxy that runs alone."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from clawbot_manager.control.dataplane.access_log import AccessLog, Requests
from clawbot_manager.control.dataplane.budgets import LocalBudgets
from clawbot_manager.control.dataplane.keyring import KeyRingService
from clawbot_manager.control.dataplane.snapshot import SnapshotStore
from clawbot_manager.control.dataplane.spool import Spool
from clawbot_manager.control.dataplane.store import Store, Turned
from clawbot_manager.control.dataplane.usage_sink import UsageSinkService
from clawbot_manager.control.dataplane.usage_writer import Outcome, UsageWriter
from clawbot_manager.infra.crypto.opening import Opener
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.telemetry.events import get_logger
from clawbot_manager.kit.clock import Clock
from clawbot_manager.proxy.ports import Budgets

_log = get_logger(__name__)


class StoreConfig(msgspec.Struct, frozen=True):
    """How to connect (see `infra.db.drivers`). It may hold a password, so `repr` says nothing."""

    dialect: Literal["sqlite", "postgresql"]
    positional: Sequence[str]
    named: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"StoreConfig({self.dialect!r})"


class DataPlaneConfig(msgspec.Struct, frozen=True):
    """Settings of the data plane, as plain values. Seconds and bytes.

    `packs_usage`: it is stored in batches, for a `UsageUnpacker` somewhere else to make rows of them.
    """

    store: StoreConfig
    packs_usage: bool
    bot_parallel: int
    bot_per_minute: int
    poll_seconds: float
    flush_seconds: float
    patience_seconds: float
    queue_size: int
    spool_dir: str
    spool_max_bytes: int
    log_requests: Requests
    redact: Sequence[str]


@dataclass(frozen=True, slots=True)
class DataPlane:
    """The proxy's ports over the database."""

    snapshots: SnapshotStore
    keyring: KeyRingService
    usage: UsageSinkService
    budgets: Budgets
    poll_seconds: float

    async def start(self) -> None:
        """Read what the proxy looks up, and begin to follow its changes and to write.

        Raises:
            StoreAwayError, OpenerError: it could not be read.
        """
        await self.snapshots.refresh()
        self.snapshots.follow(self.poll_seconds)
        await self.usage.start()

    async def close(self) -> None:
        """Write what is left, and give back the connections."""
        await self.snapshots.close()
        await self.usage.close()


def build_data_plane(
    config: DataPlaneConfig,
    opener: Opener,
    hasher: TokenHasher,
    clock: Clock,
    on_turned: Callable[[list[Turned]], Coroutine[Any, Any, None]],
) -> DataPlane:
    """Wire it; nothing is opened or started yet."""
    snapshots = SnapshotStore(open_store(config), opener, hasher, clock)
    keyring = KeyRingService(snapshots, clock, log=_log.warning)
    store = open_store(config)

    def make_writer(tell: Callable[[Outcome], None]) -> UsageWriter:
        spool = Spool(
            Path(config.spool_dir), max_bytes=config.spool_max_bytes, max_held=config.queue_size // 2
        )
        access_log = AccessLog(config.log_requests, config.redact)
        crowd = config.queue_size // 2
        return UsageWriter(store, spool, access_log, tell, crowd=crowd, packs=config.packs_usage)

    usage = UsageSinkService(
        store,
        make_writer,
        keyring,
        flush_seconds=config.flush_seconds,
        patience_seconds=config.patience_seconds,
        queue_size=config.queue_size,
        on_turned=on_turned,
    )
    return DataPlane(
        snapshots,
        keyring,
        usage,
        LocalBudgets(parallel=config.bot_parallel, per_minute=config.bot_per_minute),
        config.poll_seconds,
    )


def open_store(config: DataPlaneConfig) -> Store:
    """A connection of its own, opened when it is needed. Only the driver that is needed is loaded."""
    given = config.store
    if given.dialect == "sqlite":
        from clawbot_manager.control.dataplane.sqlite_store import SqliteStore  # noqa: PLC0415

        return SqliteStore(given.positional, given.named, patience=config.patience_seconds)
    from clawbot_manager.control.dataplane.postgres_store import PostgresStore  # noqa: PLC0415

    return PostgresStore(given.named)
