"""Tokens and keys in memory, so that no request through the proxy waits for the database."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from clawbot_manager.control.bots import repository as bots
from clawbot_manager.control.bots.models import Bot, BotToken
from clawbot_manager.control.bots.service import providers_of
from clawbot_manager.control.shared.events import BotTokensChanged, ProviderKeysChanged
from clawbot_manager.control.vault import repository as vault
from clawbot_manager.control.vault.models import ProviderKey as KeyRow
from clawbot_manager.infra.crypto.secretbox import SecretBox, SecretBoxError
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.db import Database
from clawbot_manager.infra.events.bus import EventBus
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.tasks import TaskOwner
from clawbot_manager.proxy.ports import BotIdentity, ProviderKey

_log = structlog.get_logger(__name__)

Pool = dict[tuple[UUID, str], list[ProviderKey]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the proxy looks up, at one moment. Keys are in the clear: never log it, `repr` hides them."""

    tokens: dict[bytes, tuple[BotIdentity, datetime | None]] = field(repr=False)
    keys: Pool = field(repr=False)


class SnapshotStore:
    """Holds the newest snapshot and implements the proxy's `TokenDirectory` on it."""

    def __init__(self, database: Database, box: SecretBox, hasher: TokenHasher, clock: Clock) -> None:
        self._database = database
        self._box = box
        self._hasher = hasher
        self._clock = clock
        self._reading = asyncio.Lock()
        self._tasks = TaskOwner(_report_failure)
        self.current = Snapshot(tokens={}, keys={})

    def listen(self, bus: EventBus) -> None:
        """Refresh at every change, before the one who changed it is answered."""

        async def on_change(_event: object) -> None:
            await self.refresh()

        bus.subscribe(BotTokensChanged, on_change)
        bus.subscribe(ProviderKeysChanged, on_change)

    def follow(self, seconds: float) -> None:
        """Refresh by the clock as well: for a process that does not hear the events of the control plane."""
        self._tasks.start(self._follow(seconds), name="snapshot")

    async def _follow(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.refresh()
            except Exception as error:  # noqa: BLE001 - serve from the last snapshot while the database is away
                _log.warning("snapshot.not_refreshed", error=type(error).__name__)

    async def close(self) -> None:
        """Stop following."""
        await self._tasks.close()

    async def refresh(self) -> None:
        """Read all live tokens and usable keys again. Callers that wait see their own change."""
        async with self._reading, self._database.reading() as tx:
            tokens = await bots.live_tokens(tx)
            keys = await vault.usable(tx)
            self.current = Snapshot(
                tokens={token.token_hash: (_identity(token, bot), token.expires_at) for token, bot in tokens},
                keys=self._pool(keys),
            )

    def find(self, token: str) -> BotIdentity | None:
        """The bot of a live token (see `proxy.ports.TokenDirectory`)."""
        found = self.current.tokens.get(self._hasher.hash(token))
        if found is None:
            return None
        identity, expires_at = found
        return None if expires_at is not None and expires_at <= self._clock.now() else identity

    def _pool(self, rows: Sequence[KeyRow]) -> Pool:
        pool: Pool = defaultdict(list)
        for row in rows:
            if row.health == "failed":
                continue
            try:
                pool[row.owner_id, row.vendor].append(open_key(row, self._box))
            except SecretBoxError:
                _log.error("key.cannot_be_opened", key_id=str(row.id))
        return dict(pool)


def open_key(row: KeyRow, box: SecretBox) -> ProviderKey:
    """The key with its secret in the clear.

    Raises:
        SecretBoxError: it was not sealed by a master key of this installation.
    """
    secret = box.open(row.sealed_secret, context=row.seal_context) if row.sealed_secret else ""
    return ProviderKey(
        key_id=row.id,
        owner_id=row.owner_id,
        vendor=row.vendor,
        label=row.label,
        secret=secret,
        tag=row.tag,
        base_url=row.base_url,
        api_type=row.api_type,
    )


def _identity(token: BotToken, bot: Bot) -> BotIdentity:
    providers = providers_of(bot)
    return BotIdentity(
        bot_id=bot.id,
        hostname=bot.hostname,
        owner_id=bot.owner_id,
        token_id=token.id,
        tags=tuple(bot.config["tags"]),
        vendors=frozenset(provider.vendor for provider in providers),
        pinned_keys={p.vendor: p.key_id for p in providers if p.key_id is not None},
    )


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("snapshot.task_failed", task=name, exc_info=error)
