"""Admission to the proxy. Limits come with the quota domain; until then every known bot is admitted."""

from clawbot_manager.proxy.ports import BotIdentity, UsageRecord


class OpenBudgets:
    """The proxy's `Budgets` of an installation without limits."""

    def admit(self, bot: BotIdentity, vendor: str) -> str | None:  # noqa: ARG002 - the port's signature
        """Always admitted."""
        return None

    def settle(self, bot: BotIdentity, record: UsageRecord) -> None:
        """Nothing was reserved."""
