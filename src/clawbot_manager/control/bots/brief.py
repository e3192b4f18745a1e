"""What a bot is told and made of: pure functions from its row and the installation's rules."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.schemas import AgentName, BotLimits, BotProvider, Persona
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.runtimes.agents import AGENTS, Agent, Brief, Provider
from clawbot_manager.runtimes.base import Limits, Places
from clawbot_manager.vendors.records import Catalog

_SPOKEN = ("openai-chat", "anthropic-messages", "google-generatecontent", "ollama")


@dataclass(frozen=True, slots=True)
class AgentRules:
    """Which image the installation has for each agent, and which agent a bot is when nobody says."""

    images: Mapping[str, str]
    default: AgentName

    def image_of(self, bot: Bot) -> str:
        """The image that the bot's instance is wanted from."""
        return bot.image or self.images[bot.agent]


def agent_of(bot: Bot) -> Agent:
    """The program the bot is."""
    return AGENTS[bot.agent]


def providers_of(bot: Bot) -> list[BotProvider]:
    """The bot's providers; the first one is its primary."""
    return [BotProvider.model_validate(item) for item in bot.config["providers"]]


def limits_of(bot: Bot) -> Limits:
    """What the bot may use: its own limits over its agent's."""
    own = BotLimits.model_validate(bot.config.get("limits", {})).model_dump(exclude_none=True)
    return replace(agent_of(bot).limits, **own)


def keys_for(bot: Bot, provider: BotProvider, keys: Sequence[ProviderKey]) -> list[ProviderKey]:
    """The owner's keys that a bot may use for one of its providers: the pinned one, or its tags'."""
    if provider.key_id is not None:
        return [key for key in keys if key.id == provider.key_id]
    tags = {None, *bot.config["tags"]}
    return [
        key
        for key in keys
        if key.vendor == provider.vendor and key.owner_id == bot.owner_id and key.tag in tags
    ]


def brief_of(
    bot: Bot, keys: Sequence[ProviderKey], catalog: Catalog, *, proxy_url: str, places: Places
) -> Brief:
    """All that goes into the bot's files; `keys` are its owner's."""
    persona = Persona.model_validate(bot.config["persona"])
    return Brief(
        bot_id=bot.id,
        name=bot.name,
        hostname=bot.hostname,
        proxy_url=proxy_url,
        providers=[_provider(bot, one, keys, catalog, proxy_url) for one in providers_of(bot)],
        persona_name=persona.name,
        persona_emoji=persona.emoji,
        soul_markdown=persona.soul_markdown,
        features=bot.config["features"],
        places=places,
    )


def _provider(
    bot: Bot, given: BotProvider, keys: Sequence[ProviderKey], catalog: Catalog, proxy_url: str
) -> Provider:
    own = next((key.api_type for key in keys_for(bot, given, keys) if key.api_type), None)
    return Provider(
        vendor=given.vendor,
        dialect=own or _dialect(catalog, given.vendor),
        base_url=f"{proxy_url}/{given.vendor}",
        models=given.models,
        primary_model=given.primary_model or given.models[0],
    )


def _dialect(catalog: Catalog, vendor_id: str) -> str:
    vendor = catalog.get(vendor_id)
    offered = (vendor.main_dialect, *vendor.dialects) if vendor else ()
    return next((dialect for dialect in offered if dialect in _SPOKEN), _SPOKEN[0])


def instance_revision(bot: Bot, image: str, proxy_url: str, places: Places) -> int:
    """What a bot's instance must carry; one made under another revision is replaced.

    Limits and the like are not in it: they wait for a restart, which raises `bot.revision`.
    """
    return int(_digest([bot.revision, bot.agent, image, proxy_url, places.port])[:8], 16) >> 1


def made_with(bot: Bot) -> str:
    """A digest of the settings that reach an instance only when it is made."""
    return _digest([bot.agent, bot.config.get("limits", {}), bot.config.get("egress", [])])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
