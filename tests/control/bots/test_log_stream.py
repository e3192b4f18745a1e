"""A bot's log as events, whatever becomes of the reader and of the runtime."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from clawbot_manager.control.bots import log_stream
from clawbot_manager.runtimes.base import RuntimeUnavailableError


async def told(lines: AsyncGenerator[str]) -> list[dict[str, Any]]:
    return [json.loads(event.removeprefix(b"data: ")) async for event in log_stream.events(lines)]


async def some(count: int, error: Exception | None = None) -> AsyncGenerator[str]:
    for number in range(count):
        yield str(number)
    if error is not None:
        raise error


async def test_lines_and_the_end() -> None:
    assert await told(some(3)) == [{"lines": ["0", "1", "2"], "dropped": 0}, {"ended": True}]


async def test_a_runtime_that_goes_away_is_no_end() -> None:
    events = await told(some(1, RuntimeUnavailableError("the engine is away")))
    assert events == [{"lines": ["0"], "dropped": 0}]


async def test_a_slow_reader_loses_the_oldest_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_stream, "_HOLDS", 10)
    *batches, end = await told(some(100))
    assert end == {"ended": True}
    lines = [line for batch in batches for line in batch["lines"]]
    assert lines[-1] == "99"
    assert len(lines) + sum(batch["dropped"] for batch in batches) == 100
