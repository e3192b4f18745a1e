"""Chooses provider keys for the proxy, and remembers which ones must rest.

A proxy that is a process of its own uses it as it is: nothing here imports a framework, logs go through a
callback, and a writer takes the news (`news.py`).
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from clawbot_manager.control.dataplane import rests
from clawbot_manager.control.dataplane.news import Health, KeyNews, KeyState, OnUrgent
from clawbot_manager.kit.clock import Clock
from clawbot_manager.proxy.ports import BotIdentity, ProviderKey

Log = Callable[..., None]
_NOW = datetime.min.replace(tzinfo=UTC)  # due at once
_MOST_PLANS = 20_000
_NOT_WORTH_TELLING = timedelta(seconds=1)


class KeyTable(Protocol):
    """The keys of a snapshot. A key that did not change is the same object in the next one."""

    @property
    def keys(self) -> Mapping[tuple[UUID, str], Sequence[ProviderKey]]:
        """All enabled keys by owner and vendor, those that failed or rest too."""
        ...

    @property
    def states(self) -> Mapping[UUID, KeyState]:
        """The states of those keys that failed, are parked or rest."""
        ...


class Snapshots(Protocol):
    """Where the newest snapshot is."""

    @property
    def current(self) -> KeyTable:
        """The newest one; another object when anything in it changed."""
        ...


class _Tier:
    """Keys that take turns. `wants`: their tag, None for untagged ones, or a pinned key's id.

    `ready` and `spare` are in the order of their turns; `spare` ones are used when nothing else is ready.
    Others rest or have failed.
    """

    __slots__ = ("ready", "spare", "wants")

    def __init__(self, wants: str | UUID | None) -> None:
        self.wants = wants
        self.ready: deque[ProviderKey] = deque()
        self.spare: deque[ProviderKey] = deque()

    def takes(self, key: ProviderKey) -> bool:
        return key.key_id == self.wants if isinstance(self.wants, UUID) else key.tag == self.wants


class _Pool:
    """An owner's keys for a vendor, in tiers. At `due` they must be put together again; None = no need to.

    `stamp` counts how often that was done.
    """

    __slots__ = ("due", "keys", "stamp", "tiers")

    def __init__(self) -> None:
        self.keys: Sequence[ProviderKey] = ()
        self.tiers: dict[str | UUID | None, _Tier] = {}
        self.due: datetime | None = _NOW
        self.stamp = 0


class _Plan:
    """Where a bot takes its keys for a vendor: the queue whose turn it is, and those to go on with."""

    __slots__ = ("bot", "head", "pool", "stamp", "tail", "tiers")

    def __init__(self, bot: BotIdentity, pool: _Pool, tiers: Sequence[_Tier]) -> None:
        self.bot = bot  # held, so that its id is not another's
        self.pool = pool
        self.tiers = tiers
        self.stamp = -1
        self.head: deque[ProviderKey] = deque()
        self.tail: list[deque[ProviderKey]] = []

    def arrange(self) -> None:
        """The queues that have keys now."""
        queues = [*[tier.ready for tier in self.tiers], *[tier.spare for tier in self.tiers]]
        self.head, *self.tail = [queue for queue in queues if queue] or [deque()]
        self.stamp = self.pool.stamp

    def take_untried(self, tried: Collection[UUID]) -> list[ProviderKey]:
        """All keys but those tried, best first; the first one's turn is taken, nobody else's."""
        chosen: list[ProviderKey] = []
        for queue in (self.head, *self.tail):
            untried = [key for key in queue if key.key_id not in tried]
            if untried and not chosen:
                queue.remove(untried[0])
                queue.append(untried[0])
            chosen += untried
        return chosen


@dataclass(slots=True)
class _Learned:
    """What this process learned of one version of a key."""

    key: ProviderKey
    health: Health = "active"
    cooled_until: datetime | None = None
    spared_until: datetime | None = None
    strikes: int = 0


class KeyRingService:
    """The proxy's `KeyRing`: the pinned key, or the bot's tags in order and then untagged keys, round robin.

    A key that the vendor calls bad, empty or too fast is left alone at once here, and by other processes as
    soon as they read what the writer wrote. Turns are taken when a key is really used: a key that is passed
    over keeps its turn, one that comes back from its rest takes one like any other.
    """

    def __init__(self, snapshots: Snapshots, clock: Clock, *, log: Log = lambda *_, **__: None) -> None:
        self._snapshots = snapshots
        self._clock = clock
        self._log = log
        self._table: KeyTable | None = None
        self._plans: dict[tuple[int, str], _Plan] = {}
        self._pools: dict[tuple[UUID, str], _Pool] = {}
        self._learned: dict[UUID, _Learned] = {}
        self._used: dict[int, ProviderKey] = {}
        self._news: dict[UUID, KeyNews] = {}
        self.on_urgent: OnUrgent = lambda: None

    def candidates(self, bot: BotIdentity, vendor: str, tried: Collection[UUID] = ()) -> list[ProviderKey]:
        """See `proxy.ports.KeyRing`."""
        if self._snapshots.current is not self._table:
            self._adopt()
        plan = self._plans.get((id(bot), vendor)) or self._plan(bot, vendor)
        pool = plan.pool
        if pool.due is not None and pool.due <= (now := self._clock.now()):
            self._put_together(pool, now)
        if plan.stamp != pool.stamp:
            plan.arrange()
        if tried:
            return plan.take_untried(tried)
        head = plan.head
        chosen = list(head)
        head.rotate(-1)
        for queue in plan.tail:
            chosen += queue
        return chosen

    def report(
        self, key: ProviderKey, *, status: int | None, reason: str | None, retry_after: float | None
    ) -> None:
        """See `proxy.ports.KeyRing`."""
        self._used[id(key)] = key
        if reason is not None:
            self._learn(key, status, reason, retry_after)

    def has_any(self, bot: BotIdentity, vendor: str) -> bool:
        """See `proxy.ports.KeyInventory`."""
        return bool(self._usable_ever(bot, vendor))

    def ready_in(self, bot: BotIdentity, vendor: str) -> float | None:
        """See `proxy.ports.KeyInventory`."""
        now = self._clock.now()
        outlooks = [self._outlook(key, now) for key in self._usable_ever(bot, vendor)]
        rests = [until for failed, until, _ in outlooks if until is not None and not failed]
        return (min(rests) - now).total_seconds() if rests else None

    def _usable_ever(self, bot: BotIdentity, vendor: str) -> list[ProviderKey]:
        if self._snapshots.current is not self._table:
            self._adopt()
        pool = self._snapshots.current.keys.get((bot.owner_id, vendor), ())
        pinned = bot.pinned_keys.get(vendor)
        return [key for key in pool if (key.key_id == pinned if pinned else key.tag in {None, *bot.tags})]

    def take_news(self) -> list[KeyNews]:
        """See `news.NewsSource`."""
        now = self._clock.now()
        news, self._news = self._news, {}
        used, self._used = self._used, {}
        for key in used.values():
            known = news.get(key.key_id)
            if known is None or known.version < key.version:
                news[key.key_id] = KeyNews(key.key_id, key.version, last_used_at=now)
            elif known.version == key.version:
                news[key.key_id] = replace(known, last_used_at=now)
        return list(news.values())

    def give_back(self, news: list[KeyNews]) -> None:
        """See `news.NewsSource`."""
        for old in news:
            newer = self._news.get(old.key_id)
            if newer is None:
                self._news[old.key_id] = old
            elif newer.version == old.version:
                told = newer if newer.health is not None else old
                used_at = newer.last_used_at or old.last_used_at
                self._news[old.key_id] = replace(told, last_used_at=used_at)

    def _adopt(self) -> None:
        """A new snapshot: what was learned stands only for keys that still have the same version."""
        self._table = table = self._snapshots.current
        self._plans.clear()
        self._pools = {place: pool for place, pool in self._pools.items() if place in table.keys}
        for place, pool in self._pools.items():
            pool.keys, pool.due = table.keys[place], _NOW
        self._learned = {
            key_id: learned for key_id, learned in self._learned.items() if self._is_current(learned.key)
        }

    def _plan(self, bot: BotIdentity, vendor: str) -> _Plan:
        """A new plan: the pinned key alone, or the bot's tags in order and then untagged ones."""
        pool = self._pool(bot.owner_id, vendor)
        pinned = bot.pinned_keys.get(vendor)
        wanted: Iterable[str | UUID | None] = (pinned,) if pinned else dict.fromkeys((*bot.tags, None))
        tiers = [pool.tiers.get(wants) or _Tier(wants) for wants in wanted]
        tiers = [tier for tier in tiers if any(tier.takes(key) for key in pool.keys)]
        for tier in tiers:
            if tier.wants not in pool.tiers:
                pool.tiers[tier.wants] = tier
                pool.due = _NOW
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        plan = self._plans[id(bot), vendor] = _Plan(bot, pool, tiers)
        return plan

    def _pool(self, owner_id: UUID, vendor: str) -> _Pool:
        assert self._table is not None
        pool = self._pools.get((owner_id, vendor))
        if pool is None:
            pool = _Pool()
            pool.keys = self._table.keys.get((owner_id, vendor), ())
            if pool.keys:
                self._pools[owner_id, vendor] = pool
        return pool

    def _put_together(self, pool: _Pool, now: datetime) -> None:
        """Who is ready now, in the order of before; those that come back stand at the end."""
        changes: list[datetime] = []
        for tier in pool.tiers.values():
            members = {key.key_id: key for key in pool.keys if tier.takes(key)}
            before = [key.key_id for key in (*tier.ready, *tier.spare) if key.key_id in members]
            tier.ready.clear()
            tier.spare.clear()
            for key_id in dict.fromkeys((*before, *members)):
                key = members[key_id]
                failed, rests_until, spared_until = self._outlook(key, now)
                changes += [until for until in (rests_until, spared_until) if until is not None]
                if not failed and rests_until is None:
                    (tier.ready if spared_until is None else tier.spare).append(key)
        pool.due = min(changes, default=None)
        pool.stamp += 1

    def _outlook(self, key: ProviderKey, now: datetime) -> tuple[bool, datetime | None, datetime | None]:
        """Whether it failed, and until when it rests and is spared; None = not, or not any more."""
        assert self._table is not None
        here = self._learned.get(key.key_id) or _Learned(key)
        there = self._table.states.get(key.key_id)
        failed, rests_until = here.health == "failed", here.cooled_until
        if there is not None and there.version == key.version:
            failed = failed or there.health == "failed"
            rests_until = max(filter(None, (rests_until, there.cooled_until)), default=None)
        return failed, _if_later(rests_until, now), _if_later(here.spared_until, now)

    def _is_current(self, key: ProviderKey) -> bool:
        """Whether the newest snapshot has this version of the key."""
        assert self._table is not None
        pool = self._table.keys.get((key.owner_id, key.vendor), ())
        return any(one.key_id == key.key_id and one.version == key.version for one in pool)

    def _learn(self, key: ProviderKey, status: int | None, reason: str, said: float | None) -> None:
        effect = rests.EFFECTS.get(reason)
        if effect is None:
            return
        if self._snapshots.current is not self._table:
            self._adopt()
        if not self._is_current(key):
            return
        now = self._clock.now()
        learned = self._learned.get(key.key_id)
        if learned is None:
            learned = self._learned[key.key_id] = self._from_table(key)
        if effect == "spare":
            learned.spared_until = now + rests.spare(said)
        elif not _worsen(learned, effect, said, now):
            return
        elif learned.health != "active" or _lasts(learned.cooled_until, now):
            check_in = rests.first_check(effect)
            self._news[key.key_id] = KeyNews(
                key.key_id,
                key.version,
                health=learned.health,
                cooled_until=learned.cooled_until,
                state_reason=reason,
                state_detail=rests.detail(effect, status),
                next_check_at=None if check_in is None else now + check_in,
            )
            self._log("key.rests", key_id=str(key.key_id), vendor=key.vendor, status=status, reason=reason)
            self.on_urgent()
        self._pool(key.owner_id, key.vendor).due = _NOW

    def _from_table(self, key: ProviderKey) -> _Learned:
        """What to worsen: the state that the snapshot tells."""
        assert self._table is not None
        told = self._table.states.get(key.key_id)
        if told is None or told.version != key.version:
            return _Learned(key)
        return _Learned(key, told.health, told.cooled_until)


def _worsen(learned: _Learned, effect: rests.Effect, said: float | None, now: datetime) -> bool:
    """Retire it or let it rest; False when that changes nothing."""
    if learned.health == "failed":
        return False
    if effect == "retire":
        learned.health, learned.cooled_until = "failed", None
        return True
    before = learned.cooled_until
    parks = effect == "park"
    if not parks and said is None and before is not None:
        if before > now:  # the answers to one burst count once
            return False
        learned.strikes = learned.strikes + 1 if now - before < rests.FORGIVEN_AFTER else 0
    until = now + (rests.park(said) if parks else rests.cool(said, learned.strikes))
    if (
        before is not None
        and until < before + _NOT_WORTH_TELLING
        and not (parks and learned.health == "active")
    ):
        return False
    learned.cooled_until = until if before is None else max(until, before)
    if parks:
        learned.health = "parked"
    return True


def _lasts(until: datetime | None, now: datetime) -> bool:
    """Whether a rest is long enough for others to hear of it in time."""
    return until is not None and until - now >= _NOT_WORTH_TELLING


def _if_later(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at > now else None
