"""What happened: told after the commit, for those above to act on."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ProviderKeysChanged:
    """A provider key was added, changed or removed."""

    owner_id: UUID


@dataclass(frozen=True, slots=True)
class ProviderKeyRetired:
    """The vendor refused a key: it is not used until a free check finds it good. `detail` is for people."""

    owner_id: UUID
    key_id: UUID
    vendor: str
    label: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class ProviderKeyParked:
    """A key's account has no money left: the key rests until `until`."""

    owner_id: UUID
    key_id: UUID
    vendor: str
    label: str
    reason: str
    detail: str
    until: datetime


@dataclass(frozen=True, slots=True)
class ProviderKeyRevived:
    """A key that was retired or parked (`was` "failed" or "parked") works again."""

    owner_id: UUID
    key_id: UUID
    vendor: str
    label: str
    was: str


@dataclass(frozen=True, slots=True)
class BotTokensChanged:
    """A bot's proxy tokens, vendors or tags changed."""

    bot_id: UUID


@dataclass(frozen=True, slots=True)
class BotWanted:
    """Somebody wants something else of a bot: the reconciler should look at it now."""

    bot_id: UUID
