"""Changes to bots that exist: settings, restart, another image."""

from clawbot_manager.control.bots.brief import AgentRules
from clawbot_manager.control.bots.errors import BotDeletingError, BotUpgradingError
from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.record import note
from clawbot_manager.control.bots.schemas import BotPatch, BotUpgradeIn
from clawbot_manager.control.bots.service import BotService
from clawbot_manager.control.shared.acts import acted
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.data_plane import tell_data_plane
from clawbot_manager.control.shared.events import BotTokensChanged, BotWanted
from clawbot_manager.infra.db import Transaction
from clawbot_manager.kit.clock import Clock


class BotChanges:
    """Writes down what is wanted otherwise; the reconciler brings it about."""

    def __init__(self, bots: BotService, agents: AgentRules, clock: Clock) -> None:
        self._bots = bots
        self._agents = agents
        self._clock = clock

    async def patch(self, tx: Transaction, caller: Caller, hostname: str, given: BotPatch) -> Bot:
        """Change settings. Those of files reach a running bot at once, the others at its next restart.

        Raises:
            BotNotFoundError, BotDeletingError, BadProviderError.
        """
        bot = await self._living(tx, caller, hostname)
        if given.providers is not None:
            await self._bots.check_providers(tx, caller, given.providers)
        if given.name is not None:
            bot.name = given.name
        changes = given.model_dump(
            mode="json", exclude_none=True, exclude={"name", "limits", "persona", "features"}
        )
        if given.persona is not None:
            changes["persona"] = given.persona.model_dump(mode="json")
        if given.features is not None:
            changes["features"] = given.features.model_dump(mode="json")
        if given.limits is not None:
            changes["limits"] = given.limits.model_dump(exclude_none=True)
        if given.tags is not None:
            changes["tags"] = list(dict.fromkeys(given.tags))
        bot.config = {**bot.config, **changes}
        self._wanted(tx, bot, "settings_changed", ", ".join(sorted(given.model_fields_set)))
        acted(tx, caller, "UPDATE", "bot", bot.id, bot.hostname, fields=given.model_fields_set)
        await tell_data_plane(tx, BotTokensChanged(bot.id))
        return bot

    async def restart(self, tx: Transaction, caller: Caller, hostname: str) -> Bot:
        """Make the bot's instance anew, with a new token and all settings; a stopped bot is started.

        Raises:
            BotNotFoundError, BotDeletingError.
        """
        bot = await self._living(tx, caller, hostname)
        self._renew(bot)
        self._wanted(tx, bot, "restart_wanted")
        acted(tx, caller, "START", "bot", bot.id, bot.hostname, detail="restart")
        return bot

    async def upgrade(self, tx: Transaction, caller: Caller, hostname: str, given: BotUpgradeIn) -> Bot:
        """Make the bot from another image; when it does not prove itself with it, it goes back by itself.

        Raises:
            BotNotFoundError, BotDeletingError, BotUpgradingError.
        """
        bot = await self._living(tx, caller, hostname)
        if bot.previous_image is not None:
            raise BotUpgradingError("Wait until the upgrade that is under way has proved itself.")
        before, image = self._agents.image_of(bot), self._wanted_image(bot, given)
        if image != before:
            bot.image, bot.previous_image = image, before
            self._renew(bot)
            self._wanted(tx, bot, "upgrade_wanted", f"From {before} to {image}.")
            acted(tx, caller, "UPDATE", "bot", bot.id, bot.hostname, fields=["image"], detail=image)
        return bot

    def is_other_image(self, bot: Bot, given: BotUpgradeIn) -> bool:
        """Whether an upgrade would change anything."""
        return self._wanted_image(bot, given) != self._agents.image_of(bot)

    def _wanted_image(self, bot: Bot, given: BotUpgradeIn) -> str:
        return given.image or self._agents.images[bot.agent]

    async def _living(self, tx: Transaction, caller: Caller, hostname: str) -> Bot:
        bot = await self._bots.get(tx, caller, hostname)
        if bot.desired == "deleted":
            raise BotDeletingError("Wait until it is gone, then create it again.")
        return bot

    @staticmethod
    def _renew(bot: Bot) -> None:
        bot.revision += 1
        bot.desired, bot.state, bot.health = "running", "starting", "unknown"
        bot.failures, bot.retry_at, bot.code, bot.detail = 0, None, None, None

    def _wanted(self, tx: Transaction, bot: Bot, code: str, detail: str | None = None) -> None:
        bot.updated_at = self._clock.now()
        note(tx, bot.id, bot.updated_at, "info", code, detail)
        tx.tell(BotWanted(bot.id))
