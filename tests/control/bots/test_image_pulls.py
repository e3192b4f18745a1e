"""An image is fetched once for all who wait, and a failure is told to each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from clawbot_manager.control.bots import image_pulls
from clawbot_manager.control.bots.image_pulls import ImagePulls
from clawbot_manager.runtimes.base import InstanceFailedError
from clawbot_manager.runtimes.fake import FakeRuntime, Fault
from tests.contracts.waiting import eventually

IMAGE = "registry.example/bot:2"


@pytest.fixture
async def pulls(runtime: FakeRuntime) -> AsyncIterator[ImagePulls]:
    runtime.world.missing.add(IMAGE)
    made = ImagePulls(runtime)
    yield made
    await made.close()


def fetched(runtime: FakeRuntime) -> int:
    return [verb for verb, _ in runtime.world.calls].count("fetch_image")


async def test_one_pull_for_all_who_wait(pulls: ImagePulls, runtime: FakeRuntime) -> None:
    runtime.world.fail("fetch_image", Fault.SLOW)
    told = await asyncio.gather(*(pulls.progress(IMAGE) for _ in range(20)))
    assert {text is not None and IMAGE in text for text in told} == {True}
    runtime.world.go_on.set()

    async def there() -> bool:
        return await pulls.progress(IMAGE) is None

    await eventually(there)
    assert fetched(runtime) == 1


async def test_a_failure_is_told_to_all_and_then_tried_again(
    pulls: ImagePulls, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.world.fail("fetch_image", Fault.BAD)
    assert await pulls.progress(IMAGE) is not None
    await asyncio.sleep(0.05)
    for _ in range(3):
        with pytest.raises(InstanceFailedError):
            await pulls.progress(IMAGE)
    assert fetched(runtime) == 1
    monkeypatch.setattr(image_pulls, "_TELL_FAILURE_SECONDS", 0.0)
    assert await pulls.progress(IMAGE) is not None
    await asyncio.sleep(0.05)
    assert await pulls.progress(IMAGE) is None
    assert fetched(runtime) == 2
