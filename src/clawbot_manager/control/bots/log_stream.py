"""A bot's log as server-sent events, for as long as somebody reads."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

import orjson

from clawbot_manager.runtimes.base import InstanceFailedError, RuntimeUnavailableError

_HOLDS = 2000
_TOGETHER = 200
_KEEP_ALIVE_SECONDS = 15.0


async def events(lines: AsyncGenerator[str]) -> AsyncIterator[bytes]:
    """`{"lines": […], "dropped": n}` as they come, a comment while none do, `{"ended": true}` at the end.

    A reader that is too slow loses the oldest lines that wait for it, and is told how many. When the runtime
    goes away the stream stops without an end: a reader asks again.
    """
    waiting: asyncio.Queue[str | None] = asyncio.Queue(_HOLDS)
    dropped, is_broken = 0, False

    def put(line: str | None) -> None:
        nonlocal dropped
        if waiting.full():
            waiting.get_nowait()
            dropped += 1
        waiting.put_nowait(line)

    async def collect() -> None:
        nonlocal is_broken
        try:
            async with aclosing(lines):
                async for line in lines:
                    put(line)
        except (RuntimeUnavailableError, InstanceFailedError):
            is_broken = True
        finally:
            put(None)

    collector = asyncio.get_running_loop().create_task(collect(), name="bot log")
    try:
        while True:
            try:
                async with asyncio.timeout(_KEEP_ALIVE_SECONDS):
                    batch = [await waiting.get()]
            except TimeoutError:
                yield b": still here\n\n"
                continue
            while len(batch) < _TOGETHER and not waiting.empty():
                batch.append(waiting.get_nowait())
            said = [line for line in batch if line is not None]
            if said:
                lost, dropped = dropped, 0
                yield _event({"lines": said, "dropped": lost})
            if None in batch:
                if not is_broken:
                    yield _event({"ended": True})
                return
    finally:
        collector.cancel()
        with suppress(asyncio.CancelledError):
            await collector


def _event(told: dict[str, object]) -> bytes:
    return b"data: " + orjson.dumps(told) + b"\n\n"
