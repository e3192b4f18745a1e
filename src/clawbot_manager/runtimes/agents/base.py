"""What the manager tells a bot's program, whichever it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from clawbot_manager.runtimes.base import Limits, Places


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor as the bot reaches it: through the proxy at `base_url`, in this dialect.

    `dialect` is a name of the catalogue ("openai-chat", "anthropic-messages").
    """

    vendor: str
    dialect: str
    base_url: str
    models: Sequence[str]
    primary_model: str


@dataclass(frozen=True, slots=True)
class Brief:
    """Who a bot is and what it may use: all that goes into its files. It holds no secret.

    The first provider is the primary one; there is at least one. `features` are those of the API by name.
    """

    bot_id: UUID
    name: str
    hostname: str
    proxy_url: str
    providers: Sequence[Provider]
    persona_name: str
    persona_emoji: str | None
    soul_markdown: str
    features: Mapping[str, Any]
    places: Places


@dataclass(frozen=True, slots=True)
class Tokens:
    """The bot's own two tokens: of the proxy, and of its own gateway."""

    proxy: str = field(repr=False)
    operator: str = field(repr=False)


class Agent(Protocol):
    """One program that a bot can be. Pure: it renders, it touches nothing."""

    name: str
    limits: Limits
    ready_seconds: float
    stop_grace_seconds: float

    def files(self, brief: Brief) -> Mapping[str, bytes]:
        """The files of the workspace by name, which the manager writes and the bot reads."""
        ...

    def own_files(self, brief: Brief) -> Mapping[str, bytes]:
        """Files by name that must be in a directory which the bot itself writes, `files` of its state."""
        ...

    def environment(self, brief: Brief, tokens: Tokens) -> Mapping[str, str]:
        """Its variables; the two tokens are the only secrets among them."""
        ...

    def reach(self, host: str, port: int) -> Sequence[str]:
        """A command of its image that ends with 0 when it can connect to there within three seconds."""
        ...
