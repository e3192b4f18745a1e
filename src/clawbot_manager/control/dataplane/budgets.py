"""Admission to the proxy, counted in this process.

Limits in tokens and money come with the quota domain, through the same port. What stands here keeps one bot
that runs wild from taking the whole proxy: requests at a time, and requests a minute.
"""

import time
from collections.abc import Callable

from clawbot_manager.proxy.ports import BotIdentity, LimitHit, UsageRecord

_MOST_COUNTS = 20_000
_MINUTE = 60.0


class _Count:
    """`running` requests; at `full_at` the bucket of requests a minute was, or will be, full again."""

    __slots__ = ("full_at", "running")

    def __init__(self) -> None:
        self.running = 0
        self.full_at = 0.0


class LocalBudgets:
    """The proxy's `Budgets` of one process. 0 = no limit.

    Requests a minute are a token bucket (GCRA, ITU-T I.371): a bot that was silent for a minute may send all
    of them at once. With several processes each counts what it admits.
    """

    def __init__(
        self, *, parallel: int = 0, per_minute: int = 0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._parallel = parallel or 1 << 62
        self._interval = _MINUTE / per_minute if per_minute else 0.0
        self._monotonic = monotonic
        self._counts: dict[int, _Count] = {}

    def admit(self, bot: BotIdentity, vendor: str) -> str | None:  # noqa: ARG002 - the port's signature
        """See `proxy.ports.Budgets`; the codes are `parallel_limit` and `rate_limit`."""
        count = self._counts.get(bot.bot_id.int)
        if count is None:
            count = self._begin(bot)
        if count.running >= self._parallel:
            return LimitHit("parallel_limit", 1.0)
        if self._interval:
            now = self._monotonic()
            full_at = max(count.full_at, now) + self._interval
            wait = full_at - now - _MINUTE
            if wait > 0:
                return LimitHit("rate_limit", wait)
            count.full_at = full_at
        count.running += 1
        return None

    def settle(self, bot: BotIdentity, record: UsageRecord) -> None:  # noqa: ARG002 - the port's signature
        """See `proxy.ports.Budgets`."""
        self._counts[bot.bot_id.int].running -= 1

    def _begin(self, bot: BotIdentity) -> _Count:
        if len(self._counts) >= _MOST_COUNTS:
            now = self._monotonic()
            self._counts = {key: one for key, one in self._counts.items() if one.running or one.full_at > now}
        count = self._counts[bot.bot_id.int] = _Count()
        return count
