"""What the data plane needs from the rest of the program: four small protocols, and the records they carry.

The all-in-one process implements them over the database with in-memory snapshots; a stand-alone proxy
does the same over the same database. Lookups are synchronous and never touch I/O: no request waits
for a database.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from clawbot_manager.vendors.usage import Usage, UsageSource

__all__ = [
    "Attempt",
    "BotIdentity",
    "Budgets",
    "KeyInventory",
    "KeyRing",
    "LimitHit",
    "ProviderKey",
    "TokenDirectory",
    "Usage",
    "UsageRecord",
    "UsageSink",
    "UsageSource",
]


@dataclass(frozen=True, slots=True)
class BotIdentity:
    """The bot that a token belongs to. `tags` are the bot's key tags in order of preference.

    `pinned_keys` maps a vendor to the one key the bot's owner picked for it; absent = choose from the pool.
    `expires_at` is when the token stops, None = never by itself. `egress` are the hosts (`name` for port 443,
    or `name:port`) that the bot itself may reach by a tunnel.
    """

    bot_id: UUID
    hostname: str
    owner_id: UUID
    token_id: UUID
    tags: tuple[str, ...]
    vendors: frozenset[str]
    pinned_keys: dict[str, UUID] = field(default_factory=dict)
    expires_at: datetime | None = None
    egress: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """A provider key ready for use. The secret is in the clear: it must never be logged, `repr` hides it.

    `secret` is "" for vendors that need none. `base_url` replaces the vendor's own (custom, ollama, azure, a
    regional host); `api_type` is the dialect of a custom endpoint (`openai-chat`, `anthropic-messages`, ...).
    `version` counts the changes of secret and address, so that no news of an old secret falls on a new one.
    """

    key_id: UUID
    owner_id: UUID
    vendor: str
    label: str
    secret: str = field(repr=False)
    tag: str | None = None
    base_url: str | None = None
    api_type: str | None = None
    version: int = 1


class LimitHit(str):
    """The code of a limit that stands against a request, and when to come back, where that is known."""

    __slots__ = ("retry_after",)
    retry_after: float | None

    def __new__(cls, code: str, retry_after: float | None = None) -> "LimitHit":
        """A code like any text, with the seconds until the limit lifts."""
        hit = super().__new__(cls, code)
        hit.retry_after = retry_after
        return hit


class Attempt(msgspec.Struct, gc=False, array_like=True):
    """One try with one key: the upstream's status, or the reason there was none."""

    key_id: UUID | None
    status: int | None
    reason: str | None = None


class UsageRecord(msgspec.Struct, gc=False, array_like=True):
    """One finished request, as it is stored. Holds no prompt, no answer and no secret.

    Proxies and workers of different versions pass them on by position: a new field goes to the end and has a
    default, and none is moved or taken away. The same holds for `Attempt` and `Usage`.
    """

    at: datetime
    trace_id: str
    owner_id: UUID
    bot_id: UUID
    hostname: str
    token_id: UUID
    vendor: str
    method: str
    endpoint: str
    dialect: str | None
    key_id: UUID | None
    key_label: str | None
    model_asked: str | None
    model_answered: str | None
    streamed: bool
    status: int
    error_code: str | None
    usage: Usage
    duration_ms: float
    first_byte_ms: float | None
    attempts: list[Attempt] = []
    simulated: bool = False


class TokenDirectory(Protocol):
    """Finds the bot behind a token.

    `epoch` changes whenever an answer of `find` may have changed (but for a token that expired meanwhile),
    so a transport may keep what it found for as long as the epoch stands.
    """

    @property
    def epoch(self) -> int:
        """The number of the present state."""
        ...

    def find(self, token: str) -> BotIdentity | None:
        """The bot, or None for a token that is unknown, revoked or expired."""
        ...


class KeyRing(Protocol):
    """Chooses provider keys."""

    def candidates(self, bot: BotIdentity, vendor: str, tried: Collection[UUID] = ()) -> list[ProviderKey]:
        """The keys this bot may use for the vendor now, best first; [] when there is none.

        Only keys of the bot's owner; a pinned key alone; else the bot's tags in order, then untagged ones,
        never another tag's; round robin within a tier; disabled, failed and cooling keys left out. The
        first key's turn is taken by this call: before another try, ask again and name in `tried` the keys
        that this request has used, so that turns stay fair and a key that must rest meanwhile is left alone.
        """
        ...

    def report(
        self, key: ProviderKey, *, status: int | None, reason: str | None, retry_after: float | None
    ) -> None:
        """What came of using a key: `reason` is an error kind of the catalogue, None when it worked."""
        ...


class KeyInventory(Protocol):
    """Tells "no key was ever stored" from "all keys are resting"; a key ring may offer it besides.

    The bots treat the two differently: they retry the second (503) and give up on the first (404).
    """

    def has_any(self, bot: BotIdentity, vendor: str) -> bool:
        """Whether the bot's owner has stored any key for the vendor that this bot may ever use."""
        ...

    def ready_in(self, bot: BotIdentity, vendor: str) -> float | None:
        """Seconds until the first of those keys has rested enough; None when none of them rests."""
        ...


class Budgets(Protocol):
    """Admits requests."""

    def admit(self, bot: BotIdentity, vendor: str) -> str | None:
        """None to go on, or the code of the limit in the way (a `LimitHit` says when it lifts)."""
        ...

    def settle(self, bot: BotIdentity, record: UsageRecord) -> None:
        """An admitted request has ended with this usage. Called once for each `admit` that gave None."""
        ...


class UsageSink(Protocol):
    """Takes finished requests; writing them is its own business."""

    def record(self, record: UsageRecord) -> None:
        """Queue the record. Never blocks and never raises."""
        ...
