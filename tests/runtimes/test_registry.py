"""A runtime is chosen by its name; `auto` looks for an engine."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from clawbot_manager.runtimes import registry
from clawbot_manager.runtimes.base import InstanceState
from clawbot_manager.runtimes.docker import DockerRuntime
from clawbot_manager.runtimes.fake import FakeRuntime
from clawbot_manager.runtimes.process import ProcessRuntime
from clawbot_manager.runtimes.registry import RuntimeOptions, UnknownRuntimeError, build_runtime
from tests.contracts.runtime_contract import make_spec
from tests.contracts.waiting import eventually
from tests.runtimes.bot_world import free_port
from tests.runtimes.test_process_runtime import ProcessHarness
from tests.services import docker


def options(folder: Path, docker_url: str | None = None, *images: str) -> RuntimeOptions:
    return RuntimeOptions(
        root=folder / "bots",
        instance_label=f"test-{uuid4()}",
        docker_url=docker_url,
        images=images,
    )


@pytest.mark.parametrize(
    ("kind", "made"), [("docker", DockerRuntime), ("process", ProcessRuntime), ("fake", FakeRuntime)]
)
async def test_by_name(tmp_path: Path, kind: str, made: type) -> None:
    runtime = build_runtime(kind, options(tmp_path))
    assert isinstance(runtime, made)
    assert runtime.name == kind


async def test_auto_without_an_engine_is_process(tmp_path: Path) -> None:
    runtime = build_runtime("auto", options(tmp_path, f"unix://{tmp_path / 'none.sock'}"))
    assert runtime.name == "process"


async def test_auto_is_docker_when_the_engine_can_run_bots(tmp_path: Path) -> None:
    engine = docker.engine()
    chosen = [
        build_runtime("auto", options(tmp_path, engine.url, engine.image)),
        build_runtime("auto", options(tmp_path, engine.url, "clawbot-manager/none:1", engine.image)),
        build_runtime("auto", options(tmp_path, engine.url, "clawbot-manager/none:1")),
    ]
    assert [runtime.name for runtime in chosen] == ["docker", "docker", "process"]


async def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(UnknownRuntimeError, match="auto, docker, fake, process"):
        build_runtime("podman", options(tmp_path))


async def test_another_package_brings_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("podman", f"{__name__}:make_podman", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints([point]).select(group=group))
    assert isinstance(build_runtime("podman", options(tmp_path)), FakeRuntime)


def make_podman(_options: RuntimeOptions) -> FakeRuntime:
    return FakeRuntime()


async def test_the_process_runtime_runs_the_built_in_bot(tmp_path: Path) -> None:
    chosen = options(tmp_path)
    runtime = build_runtime("process", chosen)
    spec = replace(make_spec(ProcessHarness(tmp_path)), port=free_port())
    await runtime.create(spec)
    instance = await runtime.start(spec.bot_id)
    try:
        async with aiohttp.ClientSession() as session:

            async def why() -> list[str] | None:
                try:
                    async with session.get(f"{instance.endpoint}/readyz") as response:
                        return (await response.json())["failing"]  # type: ignore[no-any-return]
                except aiohttp.ClientError:
                    return None

            assert await eventually(why) == ["config.json is missing"]
        await runtime.stop(spec.bot_id, grace_seconds=10)
        seen = await runtime.inspect(spec.bot_id)
        assert seen
        assert (seen.state, seen.exit_code) == (InstanceState.STOPPED, 0)
    finally:
        await runtime.remove(spec.bot_id)
