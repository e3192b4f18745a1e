"""What a bot's instance is made of: its files on disk and its spec."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog

from clawbot_manager.control.bots.brief import agent_of, brief_of, limits_of
from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.workspace import Workspaces
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.vault import repository as vault
from clawbot_manager.infra.crypto.secretbox import SecretBox
from clawbot_manager.infra.db import Database
from clawbot_manager.runtimes.agents import Tokens
from clawbot_manager.runtimes.base import InstanceSpec, Places, Runtime, RuntimeUnavailableError
from clawbot_manager.vendors.records import Catalog

_log = structlog.get_logger(__name__)


class Maker:
    """Renders bots for the runtime."""

    def __init__(
        self,
        database: Database,
        runtime: Runtime,
        workspaces: Workspaces,
        catalog: Catalog,
        box: SecretBox,
        proxy_url: Callable[[], str | None],
        egress: Callable[[], str | None],
    ) -> None:
        self._database = database
        self._runtime = runtime
        self._workspaces = workspaces
        self._catalog = catalog
        self._box = box
        self._proxy_url = proxy_url
        self._egress = egress

    def places(self, bot: Bot) -> Places:
        """Where the bot finds its directories and its port."""
        assert bot.port is not None
        return self._runtime.places(
            self._workspaces.workspace(bot.id), self._workspaces.state(bot.id), bot.port
        )

    async def write(self, bot: Bot) -> list[str]:
        """Bring the bot's files to what they must be; the names that differed.

        Raises:
            OSError: they cannot be written.
        """
        async with self._database.reading() as tx:
            keys = await vault.all_of(tx, Caller(user_id=bot.owner_id, role="user"))
        brief = brief_of(bot, keys, self._catalog, proxy_url=self._known_proxy_url(), places=self.places(bot))
        agent = agent_of(bot)
        changed = await asyncio.to_thread(
            self._workspaces.write, bot.id, agent.files(brief), agent.own_files(brief)
        )
        if changed:
            _log.info("bot.workspace_written", bot_id=str(bot.id), hostname=bot.hostname, files=changed)
        return changed

    def operator_token(self, bot: Bot) -> str:
        """The token of the bot's own gateway."""
        return self._box.open(bot.sealed_operator_token, context=bot.seal_context)

    def spec(self, bot: Bot, image: str, revision: int, proxy_token: str) -> InstanceSpec:
        """What the runtime needs to make the instance."""
        assert bot.port is not None
        brief = brief_of(bot, [], self._catalog, proxy_url=self._known_proxy_url(), places=self.places(bot))
        tokens = Tokens(proxy=proxy_token, operator=self.operator_token(bot))
        return InstanceSpec(
            bot_id=bot.id,
            hostname=bot.hostname,
            owner_id=bot.owner_id,
            revision=revision,
            image=image,
            workspace=self._workspaces.workspace(bot.id),
            state_dir=self._workspaces.state(bot.id),
            port=bot.port,
            environment={**agent_of(bot).environment(brief, tokens), **self._way_out(bot, proxy_token)},
            limits=limits_of(bot),
        )

    def _way_out(self, bot: Bot, proxy_token: str) -> dict[str, str]:
        """What makes a bot's program use the tunnels to the hosts that its owner allows; {} without any."""
        where = self._egress()
        if where is None or not bot.config.get("egress"):
            return {}
        url = f"http://bot:{proxy_token}@{where}"
        inside = urlsplit(self._known_proxy_url()).hostname or ""
        return {
            "HTTPS_PROXY": url,
            "https_proxy": url,
            "NO_PROXY": inside,
            "no_proxy": inside,
            "NODE_USE_ENV_PROXY": "1",
        }

    def _known_proxy_url(self) -> str:
        url = self._proxy_url()
        if url is None:
            raise RuntimeUnavailableError("where bots reach the proxy is not known yet")
        return url
