"""What happened: told after the commit, for those above to act on."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ProviderKeysChanged:
    """A provider key was added, changed or removed."""

    owner_id: UUID


@dataclass(frozen=True, slots=True)
class BotTokensChanged:
    """A bot's proxy tokens, vendors or tags changed."""

    bot_id: UUID


@dataclass(frozen=True, slots=True)
class BotWanted:
    """Somebody wants something else of a bot: the reconciler should look at it now."""

    bot_id: UUID
