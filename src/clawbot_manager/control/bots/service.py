"""Bots as their owners see them: what is wanted is written down here, the reconciler brings it about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from clawbot_manager.control.bots import repository
from clawbot_manager.control.bots.brief import AgentRules, keys_for, made_with, providers_of
from clawbot_manager.control.bots.errors import (
    BadHostnameError,
    BadProviderError,
    BotDeletingError,
    BotNotFoundError,
    HostnameTakenError,
    PortsExhaustedError,
)
from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.record import note
from clawbot_manager.control.bots.schemas import (
    BotCounts,
    BotIn,
    BotLimits,
    BotOut,
    BotProvider,
    BotStatus,
    BotSummary,
    Features,
    Persona,
)
from clawbot_manager.control.personas.service import PersonaService
from clawbot_manager.control.shared.acts import Action, acted
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.events import BotWanted
from clawbot_manager.control.vault import repository as vault
from clawbot_manager.control.vault.models import ProviderKey
from clawbot_manager.infra.crypto.secretbox import SecretBox
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.db import Transaction
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.errors import InvalidInputError
from clawbot_manager.kit.ids import uuid7
from clawbot_manager.kit.paging import Page
from clawbot_manager.vendors.records import Catalog
from clawbot_manager.vendors.simulator import SIMULATED_BASE_URL

NODE = "local"
_OPERATOR_PREFIX = "cbm_op"
_HIGHEST_PORT = 65_000
_ACTIONS: dict[str, Action] = {"running": "START", "stopped": "STOP", "deleted": "DELETE"}

# Words that stand where a hostname stands in the routes, now or on the road.
RESERVED_HOSTNAMES = frozenset(
    {"admin", "api", "batch", "cleanup", "events", "export", "import", "new", "removed"}
) | frozenset({"orphans", "search", "stats", "system", "template", "templates", "usage", "wizard"})


@dataclass(frozen=True, slots=True)
class BotRules:
    """What the installation fixes for all bots."""

    first_port: int
    runtime: str
    isolation_warning: Callable[[], str | None]
    proxy_url: str
    agents: AgentRules


class BotService:
    """Creates, lists, starts, stops and deletes bots."""

    def __init__(
        self,
        catalog: Catalog,
        personas: PersonaService,
        box: SecretBox,
        hasher: TokenHasher,
        clock: Clock,
        rules: BotRules,
    ) -> None:
        self._catalog = catalog
        self._personas = personas
        self._box = box
        self._hasher = hasher
        self._clock = clock
        self._rules = rules

    # ---- reading

    async def get(self, tx: Transaction, caller: Caller, hostname: str) -> Bot:
        """The caller's bot.

        Raises:
            BotNotFoundError: there is none, or it is somebody else's.
        """
        bot = await repository.find(tx, caller, hostname)
        if bot is None:
            raise BotNotFoundError("There is no such bot.")
        return bot

    async def page(
        self, tx: Transaction, caller: Caller, cursor: str | None, limit: int, search: str | None
    ) -> Page[BotSummary]:
        """The caller's bots, newest first."""
        found = await repository.page(tx, caller, cursor, limit, search)
        keys = await vault.all_of(tx, caller)
        return Page([BotSummary(**_summary(bot, keys)) for bot in found.items], found.next_cursor)

    async def counts(self, tx: Transaction, caller: Caller) -> BotCounts:
        """How many bots are in which state."""
        by_state = await repository.count_by_state(tx, caller)
        return BotCounts(total=sum(by_state.values()), by_state=by_state)

    async def show(self, tx: Transaction, caller: Caller, bot: Bot) -> BotOut:
        """The bot as the API shows it."""
        return BotOut(
            **_summary(bot, await vault.all_of(tx, caller)),
            providers=providers_of(bot),
            persona=Persona.model_validate(bot.config["persona"]),
            features=Features.model_validate(bot.config["features"]),
            tags=bot.config["tags"],
            agent=bot.agent,
            limits=BotLimits.model_validate(bot.config.get("limits", {})),
            egress=bot.config.get("egress", []),
            image=self._rules.agents.image_of(bot),
            upgrade=self._upgrade(bot),
            is_upgrading=bot.previous_image is not None,
            is_restoring=bot.restoring is not None,
            is_pending_restart=bot.applied is not None and bot.applied != made_with(bot),
            port=bot.port,
            runtime=self._rules.runtime,
            isolation_warning=self._rules.isolation_warning(),
            started_at=bot.started_at,
            proved_at=bot.proved_at,
            updated_at=bot.updated_at,
        )

    def _upgrade(self, bot: Bot) -> str | None:
        offered = self._rules.agents.images[bot.agent]
        return offered if offered != self._rules.agents.image_of(bot) else None

    async def users_of_keys(
        self, tx: Transaction, caller: Caller, keys: Sequence[ProviderKey]
    ) -> dict[UUID, list[str]]:
        """The hostnames of the bots that may use each key."""
        bots = await repository.all_of(tx, caller)
        return {
            key.id: sorted(
                bot.hostname for bot in bots if any(key in keys_for(bot, p, keys) for p in providers_of(bot))
            )
            for key in keys
        }

    # ---- wanting

    async def create(
        self,
        tx: Transaction,
        caller: Caller,
        given: BotIn,
        *,
        bot_id: UUID | None = None,
        action: Literal["CREATE", "IMPORT"] = "CREATE",
        detail: str | None = None,
    ) -> Bot:
        """Write down a new bot; the reconciler makes it. `action` and `detail` are for the audit trail.

        Raises:
            BadHostnameError, BadProviderError, HostnameTakenError, PortsExhaustedError, InvalidInputError.
        """
        if given.hostname in RESERVED_HOSTNAMES:
            raise BadHostnameError(f"{given.hostname!r} is reserved. Choose another one.", field="hostname")
        await self.check_providers(tx, caller, given.providers)
        persona = await self._persona(tx, given)
        now = self._clock.now()
        agent = given.agent or self._rules.agents.default
        bot = Bot(
            id=bot_id or uuid7(),
            owner_kind="user",
            owner_id=caller.user_id,
            name=given.name,
            hostname=given.hostname,
            config={
                "providers": [provider.model_dump(mode="json") for provider in given.providers],
                "persona": persona.model_dump(mode="json"),
                "features": given.features.model_dump(mode="json"),
                "tags": list(dict.fromkeys(given.tags)),
                "limits": given.limits.model_dump(exclude_none=True),
                "egress": given.egress,
            },
            agent=agent,
            image=self._rules.agents.images[agent],
            desired="running" if given.auto_start else "stopped",
            revision=1,
            node=NODE,
            state="starting" if given.auto_start else "created",
            health="unknown",
            failures=0,
            created_at=now,
            updated_at=now,
        )
        bot.sealed_operator_token = self._box.seal(
            self._hasher.new_token(_OPERATOR_PREFIX), context=bot.seal_context
        )
        if await repository.find(tx, caller, bot.hostname) is not None:
            raise _taken(bot.hostname)
        bot.port = await self.free_port(tx)
        tx.add(bot)
        try:
            await tx.flush()
        except IntegrityError as error:
            raise _taken(bot.hostname) from error
        note(tx, bot.id, now, "info", "created")
        acted(tx, caller, action, "bot", bot.id, bot.hostname, detail=detail)
        tx.tell(BotWanted(bot.id))
        return bot

    async def check_providers(
        self, tx: Transaction, caller: Caller, providers: Sequence[BotProvider]
    ) -> None:
        """Whether the caller's bot may have these.

        Raises:
            BadProviderError.
        """
        keys = {key.id: key for key in await vault.all_of(tx, caller)}
        seen: set[str] = set()
        for index, provider in enumerate(providers):
            where = f"providers.{index}"
            if self._catalog.get(provider.vendor) is None:
                known = ", ".join(self._catalog.ids)
                raise BadProviderError(
                    f"{provider.vendor!r} is not a vendor. Use one of: {known}.", field=f"{where}.vendor"
                )
            if provider.vendor in seen:
                raise BadProviderError("Name each vendor once, with all its models.", field=f"{where}.vendor")
            seen.add(provider.vendor)
            if provider.key_id is not None:
                key = keys.get(provider.key_id)
                if key is None or key.vendor != provider.vendor:
                    raise BadProviderError("You have no such key of this vendor.", field=f"{where}.key_id")

    async def _persona(self, tx: Transaction, given: BotIn) -> Persona:
        if given.persona is not None:
            return given.persona
        if given.persona_template_id is None:
            return Persona(name=given.name[:100])
        template = await self._personas.find(tx, given.persona_template_id)
        if template is None:
            raise InvalidInputError("There is no such template.", field="persona_template_id")
        return Persona(name=template.name, soul_markdown=template.soul_markdown, emoji=template.emoji)

    async def free_port(self, tx: Transaction, *, above: int | None = None) -> int:
        """A port of this node that no bot holds; the caller's transaction must store it.

        Raises:
            PortsExhaustedError.
        """
        if tx.get_bind().dialect.name == "postgresql":  # SQLite has one writer at a time anyway
            await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('clawbot-manager ports'))"))
        used = await repository.used_ports(tx, NODE)
        start = self._rules.first_port if above is None else above + 1
        port = next((port for port in range(start, _HIGHEST_PORT) if port not in used), None)
        if port is None:
            raise PortsExhaustedError("Delete a bot, or lower CLAWBOT_RUNTIME__FIRST_PORT.")
        return port

    async def want(self, tx: Transaction, caller: Caller, hostname: str, desired: str) -> Bot:
        """Want the bot running, stopped or deleted. Wanting what is wanted already is fine.

        Raises:
            BotNotFoundError, BotDeletingError: it is on its way out, which nothing turns back.
        """
        bot = await self.get(tx, caller, hostname)
        if bot.desired == "deleted" and desired != "deleted":
            raise BotDeletingError("Wait until it is gone, then create it again.")
        if desired == "running" and bot.state != "running":
            bot.state = "starting"
        elif desired == "stopped" and bot.state in {"running", "starting", "error"}:
            bot.state = "stopping"
        elif desired == "deleted":
            bot.state = "deleting"
        bot.desired = desired  # type: ignore[assignment]  # the three words of the routes
        bot.failures, bot.retry_at, bot.code, bot.detail = 0, None, None, None
        bot.updated_at = self._clock.now()
        note(tx, bot.id, bot.updated_at, "info", f"wanted_{desired}")
        acted(tx, caller, _ACTIONS[desired], "bot", bot.id, bot.hostname)
        tx.tell(BotWanted(bot.id))
        return bot

    def base_urls(self, bot: Bot) -> dict[str, str]:
        """What to give the vendors' SDKs as base URL, by vendor."""
        return {p.vendor: f"{self._rules.proxy_url}/{p.vendor}" for p in providers_of(bot)}


def _taken(hostname: str) -> HostnameTakenError:
    return HostnameTakenError(
        f"You have a bot called {hostname!r}. Choose another hostname.", field="hostname"
    )


def _summary(bot: Bot, keys: Sequence[ProviderKey]) -> dict[str, Any]:
    providers = providers_of(bot)
    simulated = any(key.base_url == SIMULATED_BASE_URL for p in providers for key in keys_for(bot, p, keys))
    return {
        "id": bot.id,
        "owner": bot.owner,
        "name": bot.name,
        "hostname": bot.hostname,
        "emoji": bot.config["persona"].get("emoji"),
        "status": BotStatus.model_validate(bot),
        "vendors": [provider.vendor for provider in providers],
        "primary_model": providers[0].primary_model,
        "is_simulated": simulated,
        "created_at": bot.created_at,
    }
