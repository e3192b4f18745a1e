"""Chooses provider keys for the proxy, and remembers which ones must rest."""

import itertools
from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import update

from clawbot_manager.control.dataplane.snapshot import SnapshotStore
from clawbot_manager.control.shared.events import ProviderKeysChanged
from clawbot_manager.control.vault.models import ProviderKey as KeyRow
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.clock import Clock
from clawbot_manager.proxy.ports import BotIdentity, ProviderKey

_log = structlog.get_logger(__name__)

_RATE_LIMIT_REST = 5.0
_QUOTA_REST = 600.0
_MAX_REST = 3600.0

# reason of the vendor's catalogue -> seconds of rest when the vendor names none
_RESTS = {"rate_limited": _RATE_LIMIT_REST, "quota_exhausted": _QUOTA_REST}


class KeyRingService:
    """The proxy's `KeyRing`: the pinned key, or the bot's tags in order and then untagged keys, round robin.

    A key that the vendor calls bad is left alone at once; `flush` writes what was learned to the database.
    """

    def __init__(self, snapshots: SnapshotStore, database: Database, clock: Clock) -> None:
        self._snapshots = snapshots
        self._database = database
        self._clock = clock
        self._turns: dict[tuple[UUID, str, str | None], itertools.count[int]] = defaultdict(itertools.count)
        self._resting: dict[UUID, datetime] = {}
        self._failed: set[UUID] = set()
        self._used: dict[UUID, datetime] = {}
        self._news: dict[UUID, dict[str, object]] = {}

    def candidates(self, bot: BotIdentity, vendor: str) -> list[ProviderKey]:
        """See `proxy.ports.KeyRing`."""
        pool = self._snapshots.current.keys.get((bot.owner_id, vendor), ())
        pinned = bot.pinned_keys.get(vendor)
        now = self._clock.now()
        usable = [key for key in pool if self._usable(key, now)]
        if pinned is not None:
            return [key for key in usable if key.key_id == pinned]
        chosen: list[ProviderKey] = []
        for tag in (*bot.tags, None):
            tier = [key for key in usable if key.tag == tag]
            if tier:
                turn = next(self._turns[bot.owner_id, vendor, tag]) % len(tier)
                chosen += tier[turn:] + tier[:turn]
        return chosen

    def _usable(self, key: ProviderKey, now: datetime) -> bool:
        rests_until = self._resting.get(key.key_id)
        return key.key_id not in self._failed and (rests_until is None or rests_until <= now)

    def report(
        self, key_id: UUID, *, status: int | None, reason: str | None, retry_after: float | None
    ) -> None:
        """See `proxy.ports.KeyRing`."""
        now = self._clock.now()
        self._used[key_id] = now
        if reason == "bad_key":
            self._failed.add(key_id)
            self._news[key_id] = {
                "health": "failed",
                "state_detail": f"The vendor refused the key ({status}).",
            }
            _log.warning("key.refused", key_id=str(key_id), status=status)
        elif reason in _RESTS:
            seconds = min(retry_after if retry_after is not None else _RESTS[reason], _MAX_REST)
            self._resting[key_id] = now + timedelta(seconds=seconds)
            self._news[key_id] = {
                "cooled_until": self._resting[key_id],
                "state_detail": f"It rests: {reason}.",
            }

    def has_any(self, bot: BotIdentity, vendor: str) -> bool:
        """See `proxy.ports.KeyInventory`."""
        pool = self._snapshots.current.keys.get((bot.owner_id, vendor), ())
        pinned = bot.pinned_keys.get(vendor)
        return any(key.key_id == pinned if pinned else key.tag in {None, *bot.tags} for key in pool)

    async def on_changed(self, _event: ProviderKeysChanged) -> None:
        """The keys changed: what was learned of failed ones is in the database, or is out of date."""
        self._failed.clear()

    async def flush(self) -> None:
        """Write last uses and new states. What cannot be written now is written next time."""
        used, news = self._used, self._news
        if not used and not news:
            return
        self._used, self._news = {}, {}
        try:
            async with self._database.transaction() as tx:
                for key_id in used.keys() | news.keys():
                    values = {**news.get(key_id, {})}
                    if key_id in used:
                        values["last_used_at"] = used[key_id]
                    await tx.execute(update(KeyRow).where(KeyRow.id == key_id).values(**values))
        except BaseException:
            self._used = {**used, **self._used}
            self._news = {**news, **self._news}
            raise
