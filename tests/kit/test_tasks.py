"""An owner keeps its tasks, tells their failures, and ends with none of them running."""

from __future__ import annotations

import asyncio
import gc

import pytest

from clawbot_manager.kit.tasks import TaskOwner


class Failures(list[tuple[str, BaseException]]):
    def __call__(self, name: str, error: BaseException) -> None:
        self.append((name, error))


async def fail(error: BaseException) -> None:
    raise error


async def test_a_failure_is_told_with_the_name_of_the_task() -> None:
    failures, error = Failures(), RuntimeError("broken")
    owner = TaskOwner(failures)
    task = owner.start(fail(error), name="flush")
    await asyncio.wait([task])
    await owner.close()
    assert failures == [("flush", error)]


async def test_success_and_cancelling_are_no_failures() -> None:
    failures = Failures()
    owner = TaskOwner(failures)
    await owner.start(asyncio.sleep(0), name="short")
    cancelled = owner.start(asyncio.sleep(60), name="long")
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    assert failures == []


async def test_a_task_lives_though_nobody_holds_it() -> None:
    owner, done = TaskOwner(Failures()), asyncio.Event()

    async def work() -> None:
        await asyncio.get_running_loop().run_in_executor(None, gc.collect)
        done.set()

    owner.start(work(), name="work")
    gc.collect()
    async with asyncio.timeout(5):
        await done.wait()


async def test_close_cancels_and_waits_for_the_cleaning_up() -> None:
    owner, cleaned = TaskOwner(Failures()), []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            cleaned.append(True)

    owner.start(work(), name="work")
    await asyncio.sleep(0)
    await owner.close()
    assert cleaned == [True]
    await owner.close()


async def test_close_ends_what_a_task_starts_while_it_ends() -> None:
    owner = TaskOwner(Failures())
    late: list[asyncio.Task[None]] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            late.append(owner.start(asyncio.sleep(60), name="late"))

    owner.start(work(), name="work")
    await asyncio.sleep(0)
    await owner.close()
    assert late[0].cancelled()


async def test_a_failure_while_closing_is_told() -> None:
    failures = Failures()
    owner = TaskOwner(failures)

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise OSError("lost on the way out")

    owner.start(work(), name="work")
    await asyncio.sleep(0)
    await owner.close()
    assert [(name, type(error)) for name, error in failures] == [("work", OSError)]


async def test_a_task_may_close_its_own_owner() -> None:
    owner = TaskOwner(Failures())
    other = owner.start(asyncio.sleep(60), name="other")
    async with asyncio.timeout(5):
        await owner.start(owner.close(), name="closer")
    assert other.cancelled()


@pytest.mark.parametrize("count", [0, 100])
async def test_close_ends_all(count: int) -> None:
    owner = TaskOwner(Failures())
    tasks = [owner.start(asyncio.sleep(60), name=str(number)) for number in range(count)]
    await owner.close()
    assert all(task.done() for task in tasks)
