"""A key ring on keys of one vendor, with a snapshot and a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clawbot_manager.control.dataplane.keyring import KeyRingService
from clawbot_manager.control.dataplane.news import KeyNews, KeyState
from clawbot_manager.kit.ids import uuid7
from clawbot_manager.proxy.ports import BotIdentity, ProviderKey

OWNER = uuid7()


@dataclass
class Clock:
    """Stands still until it is moved."""

    at: datetime = datetime(2026, 11, 26, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass(frozen=True)
class Table:
    """A snapshot."""

    keys: dict[tuple[UUID, str], list[ProviderKey]]
    states: dict[UUID, KeyState]


@dataclass
class Ring:
    """A key ring on keys of one vendor, and what it told."""

    keys: list[ProviderKey]
    states: dict[UUID, KeyState] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    urgent: int = 0

    def __post_init__(self) -> None:
        self.current = Table({}, {})
        self.publish(*self.keys, states=self.states)
        self.service = KeyRingService(self, self.clock)
        self.service.on_urgent = self._count

    def _count(self) -> None:
        self.urgent += 1

    def publish(self, *keys: ProviderKey, states: dict[UUID, KeyState] | None = None) -> None:
        """The next snapshot."""
        self.keys = list(keys)
        pools: dict[tuple[UUID, str], list[ProviderKey]] = {}
        for key in keys:
            pools.setdefault((key.owner_id, key.vendor), []).append(key)
        self.current = Table(pools, states or {})

    def labels(self, bot: BotIdentity, tried: Iterable[ProviderKey] = ()) -> list[str]:
        used = [key.key_id for key in tried]
        return [key.label for key in self.service.candidates(bot, "openai", used)]

    def fail(
        self, key: ProviderKey, reason: str | None, said: float | None = None, status: int = 429
    ) -> None:
        self.service.report(key, status=status, reason=reason, retry_after=said)

    def told(self) -> list[KeyNews]:
        """The news of states."""
        return [one for one in self.service.take_news() if one.health is not None]


def a_key(label: str, tag: str | None = None, **change: object) -> ProviderKey:
    return replace(ProviderKey(uuid7(), OWNER, "openai", label, "sk-x", tag), **change)  # type: ignore[arg-type]


def a_bot(*tags: str, pinned: ProviderKey | None = None, owner_id: UUID = OWNER) -> BotIdentity:
    return BotIdentity(
        bot_id=uuid7(),
        hostname="scout",
        owner_id=owner_id,
        token_id=uuid7(),
        tags=tags,
        vendors=frozenset({"openai"}),
        pinned_keys={} if pinned is None else {"openai": pinned.key_id},
    )


def some(count: int) -> list[ProviderKey]:
    return [a_key(f"k{number}") for number in range(count)]
