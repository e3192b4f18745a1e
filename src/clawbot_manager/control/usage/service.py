"""Views of what went through the proxy."""

from collections import defaultdict
from datetime import datetime, timedelta

from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.proof import Traffic
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.usage import repository
from clawbot_manager.control.usage.repository import UsageFilter
from clawbot_manager.control.usage.schemas import UsageOut, UsageSummary, UsageTotals
from clawbot_manager.infra.db import Transaction
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.ids import made_at
from clawbot_manager.kit.paging import Page

_WITNESSED = 20


class UsageService:
    """Reads usage rows."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def waits_for_worker(self, tx: Transaction) -> timedelta:
        """How long the oldest usage waits for a worker to make rows of it; nothing waits longer than a second
        where one runs.
        """
        oldest = await repository.oldest_batch(tx)
        if oldest is None:
            return timedelta()
        return max(timedelta(), self._clock.now() - made_at(oldest))

    async def witness(self, tx: Transaction, bot: Bot, since: datetime) -> list[Traffic]:
        """What the proxy saw of a bot since a time, oldest first; the last few when there was more."""
        rows = await repository.of_bot(tx, bot.owner_id, bot.id, since, _WITNESSED)
        return [Traffic(row.vendor, row.model_asked, row.status, row.error_code) for row in rows]

    async def page(
        self,
        tx: Transaction,
        caller: Caller,
        wanted: UsageFilter,
        *,
        cursor: str | None,
        limit: int,
    ) -> Page[UsageOut]:
        """The caller's requests, newest first."""
        found = await repository.page(tx, caller, wanted, cursor=cursor, limit=limit)
        shown = [UsageOut.model_validate(row) for row in found.items]
        attempts = [one for row in shown for one in row.attempts]
        key_ids = {one.key_id for one in attempts if one.key_id is not None}
        labels = await repository.key_labels(tx, caller, key_ids)
        for one in attempts:
            one.key_label = labels.get(one.key_id) if one.key_id is not None else None
        return Page(shown, found.next_cursor)

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
