"""Waiting for something to become true, never for time to pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(question: Callable[[], Awaitable[T | None]], *, within: float = 20.0) -> T:
    """Ask until the answer is truthy; fails with the last answer."""
    deadline = time.monotonic() + within
    while True:
        answer = await question()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"did not come true within {within} s: {answer!r}"
        await asyncio.sleep(0.02)
