"""What a key ring learns of its keys, on its way to the database, and what comes back from there.

Within one version of a key its health only gets worse (active, parked, failed) and its rest only longer: so
several processes may write what they learned in any order. A new secret or address, and a revival, begin a
new version; news of an older one are dropped. So a state is written only where this holds (see `replaces`):

    version = :version AND deleted_at IS NULL AND (
        health IN (:replaces) OR
        health = :health AND :cooled_until IS NOT NULL AND coalesce(cooled_until < :cooled_until, TRUE))

`last_used_at` needs `version = :version` alone. A row that goes from another health to "failed" or "parked"
has something to tell its owner (`ProviderKeyRetired`, `ProviderKeyParked`, once, after the commit).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

Health = Literal["active", "parked", "failed"]
OnUrgent = Callable[[], None]
_ORDER: tuple[Health, ...] = ("active", "parked", "failed")


@dataclass(frozen=True, slots=True)
class KeyNews:
    """News of one version of a key.

    `health` None = the state is as it was: only `last_used_at` is to be written. Otherwise the state is told
    whole: `cooled_until`, `state_reason`, `state_detail` and `next_check_at` are written as they are, None
    too. `last_used_at` None = not used since the last news.
    """

    key_id: UUID
    version: int
    health: Health | None = None
    cooled_until: datetime | None = None
    state_reason: str | None = None
    state_detail: str | None = None
    next_check_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def replaces(self) -> tuple[Health, ...]:
        """The healths that are better than the one told: a row with one of them always takes it."""
        return () if self.health is None else _ORDER[: _ORDER.index(self.health)]


@dataclass(frozen=True, slots=True)
class KeyState:
    """The state of a key as the database has it. `cooled_until` None = it does not rest.

    A failed key is not used; any other one is used again once `cooled_until` has passed.
    """

    version: int
    health: Health
    cooled_until: datetime | None = None


class NewsSource(Protocol):
    """Where a writer gets news of keys (`KeyRingService`)."""

    on_urgent: OnUrgent
    """Called, in the loop's thread, when a key was cooled, parked or retired: write now. Must not raise."""

    def take_news(self) -> list[KeyNews]:
        """All news since the last call, at most one for each key; they are the caller's now."""
        ...

    def give_back(self, news: list[KeyNews]) -> None:
        """They could not be written: they come again with the next `take_news`, newer ones before them."""
        ...
