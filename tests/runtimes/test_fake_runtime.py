"""The fake keeps the contract, and fails as it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from clawbot_manager.runtimes.base import (
    InstanceFailedError,
    InstanceState,
    Runtime,
    RuntimeUnavailableError,
)
from clawbot_manager.runtimes.fake import FakeRuntime, FakeWorld, Fault
from tests.contracts.runtime_contract import STARTED, Harness, RuntimeContract, make_spec


class FakeHarness:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = FakeWorld(first_line=STARTED)

    def runtime(self) -> FakeRuntime:
        return FakeRuntime(self.world)

    def image(self) -> str:
        return "none"

    def make_stubborn(self, bot_id: UUID) -> dict[str, str]:
        self.world.ignore_sigterm.add(bot_id)
        return {}

    async def kill(self, bot_id: UUID) -> None:
        await self.world.kill(bot_id)

    async def half_made(self, runtime: Runtime) -> UUID:
        spec = make_spec(self)
        self.world.fail("create", Fault.HALF_DONE)
        with contextlib.suppress(RuntimeUnavailableError):
            await runtime.create(spec)
        return spec.bot_id

    async def running(self, bot_id: UUID) -> int:
        seen = self.world.instances.get(bot_id)
        return int(seen is not None and seen.state is InstanceState.RUNNING)

    async def public(self, bot_id: UUID) -> str:
        return repr(self.world)

    async def close(self) -> None:
        pass


class TestFakeRuntime(RuntimeContract):
    @pytest.fixture
    async def harness(self, tmp_path: Path) -> AsyncIterator[Harness]:
        harness = FakeHarness(tmp_path)
        yield harness
        await harness.close()


async def test_faults_hit_the_next_calls_only(tmp_path: Path) -> None:
    harness = FakeHarness(tmp_path)
    runtime, world, spec = harness.runtime(), harness.world, make_spec(harness)
    world.fail("create", Fault.BAD)
    with pytest.raises(InstanceFailedError):
        await runtime.create(spec)
    assert world.instances == {}
    await runtime.create(spec)
    world.fail("start", Fault.UNAVAILABLE, times=2)
    for _ in range(2):
        with pytest.raises(RuntimeUnavailableError):
            await runtime.start(spec.bot_id)
    world.fail("start", Fault.HALF_DONE)
    with pytest.raises(RuntimeUnavailableError):
        await runtime.start(spec.bot_id)
    assert await harness.running(spec.bot_id) == 1
    assert [verb for verb, _ in world.calls] == ["create", "create", "start", "start", "start"]


async def test_slow_waits_for_the_test_and_never_for_nobody(tmp_path: Path) -> None:
    harness = FakeHarness(tmp_path)
    runtime, spec = harness.runtime(), make_spec(harness)
    harness.world.fail("create", Fault.SLOW)
    making = asyncio.ensure_future(runtime.create(spec))
    harness.world.go_on.set()
    assert (await making).state is InstanceState.CREATED
    harness.world.fail("start", Fault.NEVER)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await runtime.start(spec.bot_id)
    assert await harness.running(spec.bot_id) == 0
