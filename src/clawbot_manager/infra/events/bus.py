"""In-process events: told after the commit, handled before the caller goes on."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

Event = TypeVar("Event")
Handler = Callable[[Any], Awaitable[None]]

_log = structlog.get_logger(__name__)


class EventBus:
    """Delivers an event to every handler of its type, in order of subscription.

    A handler that fails is logged and does not stop the others: the change is already committed.
    """

    def __init__(self) -> None:
        self._handlers: dict[type[Any], list[Handler]] = defaultdict(list)

    def subscribe(self, kind: type[Event], handler: Callable[[Event], Awaitable[None]]) -> None:
        """Call `handler` for each event of exactly this type."""
        self._handlers[kind].append(handler)

    async def publish(self, event: object) -> None:
        """Deliver to all handlers and wait for them."""
        for handler in tuple(self._handlers.get(type(event), ())):
            try:
                await handler(event)
            except Exception:  # noqa: BLE001 - the rim: a listener's fault is not the caller's
                _log.exception("event.handler_failed", event_type=type(event).__name__)
