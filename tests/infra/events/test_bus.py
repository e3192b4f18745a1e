"""Every handler of an event hears it, in order, whatever happens to the others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from clawbot_manager.infra.events.bus import EventBus


@dataclass(frozen=True)
class Changed:
    secret: str = "sk-in-the-event"


class ChangedMore(Changed):
    pass


async def test_handlers_of_exactly_this_type_in_order_of_subscription() -> None:
    bus, heard = EventBus(), list[str]()

    async def first(_event: Changed) -> None:
        await asyncio.sleep(0.01)
        heard.append("first")

    async def second(_event: Changed) -> None:
        heard.append("second")

    bus.subscribe(Changed, first)
    bus.subscribe(Changed, second)
    await bus.publish(ChangedMore())
    assert heard == []
    await bus.publish(Changed())
    assert heard == ["first", "second"]


async def test_a_failing_handler_is_logged_and_the_next_one_hears() -> None:
    bus, heard = EventBus(), list[Changed]()

    async def fail(_event: Changed) -> None:
        raise RuntimeError("broken")

    async def hear(event: Changed) -> None:
        heard.append(event)

    bus.subscribe(Changed, fail)
    bus.subscribe(Changed, hear)
    with capture_logs() as logs:
        await bus.publish(Changed())
    assert heard == [Changed()]
    assert [(line["event"], line["event_type"], line["log_level"]) for line in logs] == [
        ("event.handler_failed", "Changed", "error")
    ]
    assert logs[0]["exc_info"]
    assert "sk-in-the-event" not in repr(logs)


async def test_cancelling_is_not_a_failure() -> None:
    bus = EventBus()

    async def cancelled(_event: Changed) -> None:
        raise asyncio.CancelledError

    bus.subscribe(Changed, cancelled)
    with pytest.raises(asyncio.CancelledError):
        await bus.publish(Changed())


async def test_one_who_subscribes_meanwhile_hears_the_next() -> None:
    bus, heard = EventBus(), list[str]()

    async def late(_event: Changed) -> None:
        heard.append("late")

    async def subscribe(_event: Changed) -> None:
        bus.subscribe(Changed, late)

    bus.subscribe(Changed, subscribe)
    await bus.publish(Changed())
    assert heard == []
    await bus.publish(Changed())
    assert heard == ["late"]
