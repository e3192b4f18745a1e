"""The proxy's ports in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from clawbot_manager.kit.ids import uuid7
from clawbot_manager.proxy.ports import BotIdentity, ProviderKey, UsageRecord
from clawbot_manager.vendors.catalog import load_catalog


def bot(*, vendors: Iterable[str] | None = None, owner_id: UUID | None = None) -> BotIdentity:
    """A bot that may call every vendor, or those named."""
    return BotIdentity(
        bot_id=uuid7(),
        hostname="a-bot",
        owner_id=owner_id or uuid7(),
        token_id=uuid7(),
        tags=(),
        vendors=frozenset(load_catalog().ids if vendors is None else vendors),
    )


def key(
    vendor: str,
    secret: str,
    *,
    base_url: str | None = None,
    api_type: str | None = None,
    label: str = "a key",
    key_id: UUID | None = None,
) -> ProviderKey:
    """A provider key."""
    return ProviderKey(
        key_id=key_id or uuid7(),
        owner_id=uuid7(),
        vendor=vendor,
        label=label,
        secret=secret,
        base_url=base_url,
        api_type=api_type,
    )


@dataclass
class FakeTokens:
    """Tokens by their text."""

    bots: dict[str, BotIdentity] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    epoch: int = 0

    def find(self, token: str) -> BotIdentity | None:
        self.asked.append(token)
        return self.bots.get(token)


@dataclass(frozen=True)
class Report:
    """One call of `KeyRing.report`."""

    key_id: UUID
    status: int | None
    reason: str | None
    retry_after: float | None


@dataclass
class FakeKeys:
    """A key ring that hands out its keys in order, unless all rest, and notes what came of them."""

    keys: list[ProviderKey] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    resting: bool = False

    def candidates(self, bot: BotIdentity, vendor: str, tried: Collection[UUID] = ()) -> list[ProviderKey]:
        usable = [] if self.resting else self.keys
        return [one for one in usable if one.vendor == vendor and one.key_id not in tried]

    def report(
        self, key: ProviderKey, *, status: int | None, reason: str | None, retry_after: float | None
    ) -> None:
        self.reports.append(Report(key.key_id, status, reason, retry_after))

    def has_any(self, bot: BotIdentity, vendor: str) -> bool:
        return any(one.vendor == vendor for one in self.keys)

    def ready_in(self, bot: BotIdentity, vendor: str) -> float | None:
        return None


@dataclass
class FakeBudgets:
    """Budgets that let everything pass until `limit` is set."""

    limit: str | None = None
    admitted: int = 0
    settled: list[UsageRecord] = field(default_factory=list)

    def admit(self, bot: BotIdentity, vendor: str) -> str | None:
        if self.limit is None:
            self.admitted += 1
        return self.limit

    def settle(self, bot: BotIdentity, record: UsageRecord) -> None:
        self.settled.append(record)


@dataclass
class FakeUsage:
    """A sink that keeps what it is given."""

    records: list[UsageRecord] = field(default_factory=list)

    def record(self, record: UsageRecord) -> None:
        self.records.append(record)
