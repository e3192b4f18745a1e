"""Tokens and keys in memory, so that no request through the proxy waits for the database."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeVar, cast
from uuid import UUID

import orjson

from clawbot_manager.control.dataplane.news import Health, KeyState
from clawbot_manager.control.dataplane.store import BotRow, KeyRow, Reading, StateRow, Store, StoreAwayError
from clawbot_manager.infra.crypto.opening import Opener, OpenerError, Sealed
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.telemetry.events import get_logger
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.tasks import TaskOwner
from clawbot_manager.proxy.ports import BotIdentity, ProviderKey

_log = get_logger(__name__)

T = TypeVar("T")
Pool = Mapping[tuple[UUID, str], list[ProviderKey]]
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the proxy looks up, at one moment. Keys are in the clear: never log it, `repr` hides them.

    `keys` has all enabled ones; `states` says which of them failed, are parked or rest.
    """

    tokens: Mapping[bytes, BotIdentity] = field(repr=False)
    keys: Pool = field(repr=False)
    states: Mapping[UUID, KeyState] = field(default_factory=dict)


_NOTHING = Snapshot(MappingProxyType({}), MappingProxyType({}))


class SnapshotStore:
    """Holds the newest snapshot and implements the proxy's `TokenDirectory` on it.

    What did not change is the same object in the next snapshot. `epoch` grows when a token, a bot or a key
    changed. `is_stale`: the database did not answer when it was last asked.
    """

    def __init__(self, store: Store, opener: Opener, hasher: TokenHasher, clock: Clock) -> None:
        self._store = store
        self._builder = _Builder(opener)
        self._hasher = hasher
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        self._reading = asyncio.Lock()
        self._tasks = TaskOwner(_report_failure)
        self._version = -1
        self.current = _NOTHING
        self.epoch = 0
        self.is_stale = False

    def follow(self, seconds: float) -> None:
        """Ask for the version so often, and read again when it grew: others may have changed something.

        While the database is away the last snapshot serves, and `is_stale` is true.
        """
        self._tasks.start(self._follow(seconds), name="snapshot")

    async def close(self) -> None:
        """Stop following, and give back the connection. It can't be read again."""
        await self._tasks.close()
        ending = asyncio.get_running_loop().run_in_executor(None, self._thread.shutdown)
        await self._patiently(ending)
        self._store.close()

    async def on_changed(self, _event: object) -> None:
        """Somebody in this process changed something: read it before that one is answered."""
        await self.refresh()

    async def refresh(self) -> None:
        """Read all live tokens and usable keys again. Callers that wait see their own change.

        Raises:
            StoreAwayError, OpenerError: it could not be read; the last snapshot stands.
        """
        async with self._reading:
            reading, snapshot = await self._in_thread(self._read)
            self._version = reading.version
            if snapshot is None:
                return
            before, self.current = self.current, snapshot
            if snapshot.tokens != before.tokens or snapshot.keys != before.keys:
                self.epoch += 1

    def find(self, token: str) -> BotIdentity | None:
        """The bot of a live token (see `proxy.ports.TokenDirectory`)."""
        found = self.current.tokens.get(self._hasher.hash(token))
        if found is None or (found.expires_at is not None and found.expires_at <= self._clock.now()):
            return None
        return found

    def _read(self) -> tuple[Reading, Snapshot | None]:
        reading = self._store.read()
        return reading, self._builder.build(reading)

    async def _follow(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                if await self._in_thread(self._store.version) != self._version:
                    await self.refresh()
            except (StoreAwayError, OpenerError) as error:
                if not self.is_stale:
                    _log.warning("snapshot.not_refreshed", error=type(error).__name__, reason=str(error))
                self.is_stale = True
            else:
                if self.is_stale:
                    _log.info("snapshot.refreshed_again")
                self.is_stale = False

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run in the one thread that uses the store."""
        return await self._patiently(asyncio.get_running_loop().run_in_executor(self._thread, work))

    async def _patiently(self, running: asyncio.Future[T]) -> T:
        """Wait for the thread; a call of the store that takes too long is made to fail."""
        too_long = asyncio.get_running_loop().call_later(_PATIENCE, self._store.interrupt)
        try:
            return await running
        finally:
            too_long.cancel()


class _Builder:
    """Makes snapshots of readings; for one thread. Keeps the objects of rows that stay as they are."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._reading: Reading | None = None
        self._bots: dict[str, tuple[BotRow, _BotFacts]] = {}
        self._tokens: dict[bytes, tuple[tuple[Any, ...], BotIdentity]] = {}
        self._keys: dict[str, tuple[KeyRow, ProviderKey | None]] = {}

    def build(self, reading: Reading) -> Snapshot | None:
        """The snapshot; None when nothing has changed.

        Raises:
            OpenerError: new secrets could not be opened.
        """
        before = self._reading
        if before is not None and _same(before, reading):
            return None
        snapshot = Snapshot(
            tokens=self._token_table(reading),
            keys=self._pool(reading),
            states={UUID(row.key_id): _state(row) for row in reading.states},
        )
        self._reading = reading
        return snapshot

    def _token_table(self, reading: Reading) -> dict[bytes, BotIdentity]:
        known_bots, self._bots = self._bots, {}
        for bot in reading.bots:
            known = known_bots.get(bot.bot_id)
            self._bots[bot.bot_id] = known if known is not None and known[0] == bot else (bot, _BotFacts(bot))
        known_tokens, self._tokens = self._tokens, {}
        for token in reading.tokens:
            if token.bot_id not in self._bots:
                continue
            bot, facts = self._bots[token.bot_id]
            rows = (token, bot)
            known_token = known_tokens.get(token.token_hash)
            if known_token is None or known_token[0] != rows:
                known_token = (rows, facts.identity(token.token_id, token.expires_at))
            self._tokens[token.token_hash] = known_token
        return {token_hash: identity for token_hash, (_, identity) in self._tokens.items()}

    def _pool(self, reading: Reading) -> dict[tuple[UUID, str], list[ProviderKey]]:
        self._open_new(reading.keys)
        pool: dict[tuple[UUID, str], list[ProviderKey]] = defaultdict(list)
        for _, key in self._keys.values():
            if key is not None:
                pool[key.owner_id, key.vendor].append(key)
        return dict(pool)

    def _open_new(self, rows: list[KeyRow]) -> None:
        new = [row for row in rows if (known := self._keys.get(row.key_id)) is None or known[0] != row]
        sealed = [Sealed(row.sealed_secret, seal_context(row)) for row in new if row.sealed_secret]
        opened = iter(self._opener(sealed) if sealed else [])
        made = {row.key_id: _key(row, next(opened) if row.sealed_secret else "") for row in new}
        self._keys = {
            row.key_id: (row, made[row.key_id]) if row.key_id in made else self._keys[row.key_id]
            for row in rows
        }


class _BotFacts:
    """What all tokens of a bot have in common."""

    def __init__(self, row: BotRow) -> None:
        providers = orjson.loads(row.providers)
        self._bot_id = UUID(row.bot_id)
        self._hostname = row.hostname
        self._owner_id = UUID(row.owner_id)
        self._tags = tuple(orjson.loads(row.tags))
        self._vendors = frozenset(provider["vendor"] for provider in providers)
        self._egress = frozenset(orjson.loads(row.egress) if row.egress else ())
        self._pinned = {
            provider["vendor"]: UUID(provider["key_id"]) for provider in providers if provider.get("key_id")
        }

    def identity(self, token_id: str, expires_at: str | None) -> BotIdentity:
        return BotIdentity(
            bot_id=self._bot_id,
            hostname=self._hostname,
            owner_id=self._owner_id,
            token_id=UUID(token_id),
            tags=self._tags,
            vendors=self._vendors,
            pinned_keys=self._pinned,
            expires_at=_time(expires_at),
            egress=self._egress,
        )


def seal_context(row: KeyRow) -> str:
    """What the sealed secret is bound to (see `vault.models.ProviderKey.seal_context`)."""
    return f"provider_keys.sealed_secret:{UUID(row.key_id)}:{row.owner_kind}:{UUID(row.owner_id)}"


def _key(row: KeyRow, secret: str | None) -> ProviderKey | None:
    if secret is None:
        _log.error("key.cannot_be_opened", key_id=str(UUID(row.key_id)))
        return None
    return ProviderKey(
        key_id=UUID(row.key_id),
        owner_id=UUID(row.owner_id),
        vendor=row.vendor,
        label=row.label,
        secret=secret,
        tag=row.tag,
        base_url=row.base_url,
        api_type=row.api_type,
        version=row.version,
    )


def _state(row: StateRow) -> KeyState:
    return KeyState(row.version, cast(Health, row.health), _time(row.cooled_until))


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def _same(before: Reading, now: Reading) -> bool:
    return (before.tokens, before.bots, before.keys, before.states) == (
        now.tokens,
        now.bots,
        now.keys,
        now.states,
    )


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("snapshot.task_failed", task=name, exc_info=error)
