"""What every runtime must do; each driver's test file subclasses `RuntimeContract` with its own harness."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from clawbot_manager.runtimes.base import (
    Instance,
    InstanceNotFoundError,
    InstanceSpec,
    InstanceState,
    Limits,
    Runtime,
)
from tests.contracts.waiting import eventually

STARTED = "the bot is up"
GATEWAY_SECRET = "gateway-secret-5f1c9e"
PROXY_SECRET = "proxy-secret-77ab01"


class Harness(Protocol):
    """One place where bots run, as a test sees it."""

    folder: Path

    def runtime(self) -> Runtime:
        """Another runtime object on the same place, as a restarted manager makes one."""
        ...

    def image(self) -> str: ...

    def make_stubborn(self, bot_id: UUID) -> dict[str, str]:
        """The bot shall ignore SIGTERM; the environment that makes it so."""
        ...

    async def kill(self, bot_id: UUID) -> None:
        """The bot dies by a hand that is not the runtime's."""
        ...

    async def half_made(self, runtime: Runtime) -> UUID:
        """Leave what a manager leaves that is killed while it makes a bot."""
        ...

    async def running(self, bot_id: UUID) -> int:
        """How many of this bot run, by the operating system's or the engine's word."""
        ...

    async def public(self, bot_id: UUID) -> str:
        """What anybody on the machine may read of the bot: command line, names, labels."""
        ...

    async def close(self) -> None: ...


def make_spec(harness: Harness, *, revision: int = 1, stubborn: bool = False) -> InstanceSpec:
    bot_id = uuid4()
    workspace, state = harness.folder / str(bot_id) / "workspace", harness.folder / str(bot_id) / "state"
    workspace.mkdir(parents=True)
    environment = {
        "CLAWBOT_PROXY_URL": "http://127.0.0.1:9/api/v1",
        "CLAWBOT_PROXY_TOKEN": PROXY_SECRET,
        "CLAWBOT_GATEWAY_TOKEN": GATEWAY_SECRET,
    }
    return InstanceSpec(
        bot_id=bot_id,
        hostname=f"bot-{bot_id.hex[:6]}",
        owner_id=uuid4(),
        revision=revision,
        image=harness.image(),
        workspace=workspace,
        state_dir=state,
        port=9200,
        environment={**environment, **(harness.make_stubborn(bot_id) if stubborn else {})},
        limits=Limits(memory_mb=512, cpus=0.5, processes=64),
    )


async def is_in(runtime: Runtime, bot_id: UUID, state: InstanceState) -> Instance | None:
    seen = await runtime.inspect(bot_id)
    return seen if seen is not None and seen.state is state else None


async def started(runtime: Runtime, spec: InstanceSpec) -> Instance:
    """A bot that runs and has said so."""
    await runtime.create(spec)
    instance = await runtime.start(spec.bot_id)

    async def said() -> bool:
        return STARTED in await runtime.logs(spec.bot_id, tail=10)

    await eventually(said)
    return instance


class RuntimeContract:
    @pytest.fixture
    def runtime(self, harness: Harness) -> Runtime:
        return harness.runtime()

    async def test_probe_tells_that_it_can_be_used(self, runtime: Runtime) -> None:
        await runtime.probe()

    async def test_created_is_not_running(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness, revision=7)
        made = await runtime.create(spec)
        assert made == await runtime.inspect(spec.bot_id)
        assert made.state is InstanceState.CREATED
        assert made.endpoint is None
        assert (made.bot_id, made.hostname, made.owner_id, made.revision) == (
            spec.bot_id,
            spec.hostname,
            spec.owner_id,
            7,
        )
        assert await harness.running(spec.bot_id) == 0
        assert await runtime.logs(spec.bot_id, tail=5) == []
        assert await runtime.stats(spec.bot_id) is None

    async def test_what_was_never_made_is_missing(self, runtime: Runtime) -> None:
        bot_id = uuid4()
        assert await runtime.inspect(bot_id) is None
        assert await runtime.logs(bot_id, tail=5) == []
        assert await runtime.stats(bot_id) is None
        await runtime.stop(bot_id, grace_seconds=1)
        await runtime.remove(bot_id)
        with pytest.raises(InstanceNotFoundError):
            await runtime.start(bot_id)

    async def test_start_twice_is_start_once(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        first = await started(runtime, spec)
        again = await runtime.start(spec.bot_id)
        assert first.state is again.state is InstanceState.RUNNING
        assert (first.instance_id, first.started_at) == (again.instance_id, again.started_at)
        assert again.endpoint is not None
        assert again.endpoint.startswith("http://")
        assert await harness.running(spec.bot_id) == 1

    async def test_two_starts_at_a_time_make_one_process(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        await runtime.create(spec)
        other = harness.runtime()
        seen = await asyncio.gather(*(r.start(spec.bot_id) for r in (runtime, other, runtime, other)))
        assert len({instance.instance_id for instance in seen}) == 1
        assert await harness.running(spec.bot_id) == 1

    async def test_stop_start_stop(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        await started(runtime, spec)
        for _ in range(2):
            await runtime.stop(spec.bot_id, grace_seconds=10)
            seen = await is_in(runtime, spec.bot_id, InstanceState.STOPPED)
            assert seen
            assert seen.endpoint is None
            assert seen.exit_code is not None
            assert await harness.running(spec.bot_id) == 0
        assert (await runtime.start(spec.bot_id)).state is InstanceState.RUNNING

    async def test_a_bot_that_ignores_sigterm_is_killed(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness, stubborn=True)
        await started(runtime, spec)
        await runtime.stop(spec.bot_id, grace_seconds=1)
        seen = await is_in(runtime, spec.bot_id, InstanceState.STOPPED)
        assert seen
        assert seen.exit_code in (137, -9), seen
        assert await harness.running(spec.bot_id) == 0

    async def test_remove_kills_and_forgets(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        await started(runtime, spec)
        (spec.workspace / "soul.md").write_text("stays")
        for _ in range(2):
            await runtime.remove(spec.bot_id)
            assert await runtime.inspect(spec.bot_id) is None
            assert await harness.running(spec.bot_id) == 0
        assert spec.bot_id not in {instance.bot_id for instance in await runtime.list()}
        assert (spec.workspace / "soul.md").read_text() == "stays"

    async def test_create_replaces_what_was_there(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        await started(runtime, spec)
        made = await runtime.create(replace(spec, revision=2))
        assert made.state is InstanceState.CREATED
        assert made.revision == 2
        assert await harness.running(spec.bot_id) == 0
        assert [i.revision for i in await runtime.list() if i.bot_id == spec.bot_id] == [2]

    async def test_list_sees_all_that_is_ours(self, harness: Harness, runtime: Runtime) -> None:
        idle, busy = make_spec(harness), make_spec(harness)
        await runtime.create(idle)
        await started(runtime, busy)
        seen = {instance.bot_id: instance.state for instance in await runtime.list()}
        assert seen == {idle.bot_id: InstanceState.CREATED, busy.bot_id: InstanceState.RUNNING}

    async def test_list_sees_what_is_half_made(self, harness: Harness, runtime: Runtime) -> None:
        bot_id = await harness.half_made(runtime)
        assert bot_id in {instance.bot_id for instance in await runtime.list()}
        await runtime.remove(bot_id)
        assert await runtime.list() == []

    async def test_a_restarted_manager_adopts(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        before = await started(runtime, spec)
        await runtime.close()
        other = harness.runtime()
        assert await other.inspect(spec.bot_id) == before
        assert await other.list() == [before]
        assert (await other.start(spec.bot_id)).instance_id == before.instance_id
        assert STARTED in await other.logs(spec.bot_id, tail=10)
        await other.stop(spec.bot_id, grace_seconds=10)
        assert await harness.running(spec.bot_id) == 0

    async def test_a_death_from_outside_is_seen(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        await started(runtime, spec)
        await harness.kill(spec.bot_id)
        await eventually(lambda: is_in(runtime, spec.bot_id, InstanceState.STOPPED))
        assert await runtime.stats(spec.bot_id) is None
        assert (await runtime.start(spec.bot_id)).state is InstanceState.RUNNING
        assert await harness.running(spec.bot_id) == 1

    async def test_logs_are_the_last_lines(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        await started(runtime, spec)
        assert (await runtime.logs(spec.bot_id, tail=1)) == [STARTED]
        assert (await runtime.logs(spec.bot_id, tail=0)) == []

    async def test_following_goes_on_through_a_restart(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        await started(runtime, spec)
        lines = runtime.follow_logs(spec.bot_id, tail=1)
        async with asyncio.timeout(30):
            assert await anext(lines) == STARTED
            seen: list[str] = []
            following = asyncio.ensure_future(collect(lines, seen))
            await runtime.stop(spec.bot_id, grace_seconds=10)
            await runtime.start(spec.bot_id)

            async def said_twice() -> bool:
                return (await runtime.logs(spec.bot_id, tail=100)).count(STARTED) == 2

            async def came() -> bool:
                return bool(seen)

            await eventually(said_twice)
            await eventually(came)
            await runtime.remove(spec.bot_id)
            await following
        assert seen == [STARTED]

    async def test_following_ends_when_the_caller_leaves(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        await started(runtime, spec)
        waiting = asyncio.ensure_future(collect(runtime.follow_logs(spec.bot_id, tail=0), []))
        await asyncio.sleep(0)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        assert (await runtime.start(spec.bot_id)).state is InstanceState.RUNNING

    async def test_stats_of_a_running_bot(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        await started(runtime, spec)
        await runtime.stats(spec.bot_id)
        sample = await runtime.stats(spec.bot_id)
        assert sample is not None
        assert sample.cpu_percent is not None
        assert sample.cpu_percent >= 0
        assert sample.memory_bytes
        assert sample.processes

    async def test_changes_tell_of_a_death(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        await started(runtime, spec)
        async with asyncio.timeout(30), contextlib.aclosing(runtime.changes()) as changes:
            assert await anext(changes) is None
            await harness.kill(spec.bot_id)
            assert await anext(changes) == spec.bot_id

    async def test_nothing_drifts_by_itself(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        assert (await started(runtime, spec)).drift == ()
        await runtime.stop(spec.bot_id, grace_seconds=10)
        await runtime.start(spec.bot_id)
        assert [instance.drift for instance in await runtime.list()] == [()]
        assert await harness.running(spec.bot_id) == 1

    async def test_its_own_image_need_not_be_fetched(self, harness: Harness, runtime: Runtime) -> None:
        assert await runtime.has_image(harness.image())

    async def test_nothing_is_left_over(self, harness: Harness, runtime: Runtime) -> None:
        await started(runtime, make_spec(harness))
        assert await runtime.leftovers() == []

    async def test_a_bot_finds_its_places(self, harness: Harness, runtime: Runtime) -> None:
        places = runtime.places(harness.folder / "workspace", harness.folder / "state", 9300)
        assert places.workspace.endswith("workspace")
        assert places.state.endswith("state")
        assert places.port > 0

    async def test_tokens_show_nowhere(self, harness: Harness, runtime: Runtime) -> None:
        spec = make_spec(harness)
        instance = await started(runtime, spec)
        shown = repr((spec, instance, runtime, await runtime.list()))
        shown += await harness.public(spec.bot_id) + "\n".join(await runtime.logs(spec.bot_id, tail=1000))
        for secret in (GATEWAY_SECRET, PROXY_SECRET):
            assert secret not in shown


async def collect(lines: AsyncIterator[str], seen: list[str]) -> None:
    async for line in lines:
        seen.append(line)  # noqa: PERF401 - each at once: the test looks on
