"""Views of what went through the proxy."""

from collections import defaultdict
from datetime import timedelta

from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.usage import repository
from clawbot_manager.control.usage.models import UsageRow
from clawbot_manager.control.usage.schemas import UsageSummary, UsageTotals
from clawbot_manager.infra.db import Transaction
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.paging import Page


class UsageService:
    """Reads usage rows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def page(
        self,
        tx: Transaction,
        caller: Caller,
        *,
        cursor: str | None,
        limit: int,
        hostname: str | None,
        vendor: str | None,
    ) -> Page[UsageRow]:
        """The caller's rows, newest first."""
        return await repository.page(tx, caller, cursor=cursor, limit=limit, hostname=hostname, vendor=vendor)

    async def summary(self, tx: Transaction, caller: Caller, days: int) -> UsageSummary:
        """Totals of the last `days` days, and the same by vendor and by bot."""
        since = self._clock.now() - timedelta(days=days)
        totals = _nothing()
        by_vendor: dict[str, UsageTotals] = defaultdict(_nothing)
        by_bot: dict[str, UsageTotals] = defaultdict(_nothing)
        for row in await repository.sums(tx, caller, since):
            for target in (totals, by_vendor[row.vendor], by_bot[row.hostname]):
                target.requests += row.requests
                target.errors += row.errors
                target.input_tokens += int(row.input_tokens)
                target.output_tokens += int(row.output_tokens)
        return UsageSummary(days=days, totals=totals, by_vendor=by_vendor, by_bot=by_bot)


def _nothing() -> UsageTotals:
    return UsageTotals(requests=0, errors=0, input_tokens=0, output_tokens=0)
