"""Tells the owners of keys that were retired or parked by a proxy of this process."""

from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from clawbot_manager.control.dataplane.store import Turned
from clawbot_manager.control.shared.events import ProviderKeyParked, ProviderKeyRetired
from clawbot_manager.infra.events.bus import EventBus


def tell_owners(bus: EventBus) -> Callable[[list[Turned]], Coroutine[Any, Any, None]]:
    """What publishes an event for each of them."""

    async def tell(turned: list[Turned]) -> None:
        for one in turned:
            if (event := _event(one)) is not None:
                await bus.publish(event)

    return tell


def _event(turned: Turned) -> ProviderKeyRetired | ProviderKeyParked | None:
    news = turned.news
    facts = (
        UUID(turned.owner_id),
        news.key_id,
        turned.vendor,
        turned.label,
        news.state_reason or "",
        news.state_detail or "",
    )
    if news.health == "failed":
        return ProviderKeyRetired(*facts)
    if news.health == "parked" and news.cooled_until is not None:
        return ProviderKeyParked(*facts, until=news.cooled_until)
    return None
