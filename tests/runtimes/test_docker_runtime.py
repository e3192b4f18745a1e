"""The docker runtime keeps the contract with a real engine, and hardens what it runs."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from clawbot_manager.runtimes.base import InstanceFailedError, Runtime, RuntimeUnavailableError
from clawbot_manager.runtimes.docker import DockerRuntime
from tests.contracts.runtime_contract import (
    GATEWAY_SECRET,
    PROXY_SECRET,
    Harness,
    RuntimeContract,
    make_spec,
    started,
)
from tests.services import docker, docker_supervisor, run

PROXY_PORT = 7199


class DockerHarness:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = docker.engine()
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self.label = f"test-{worker}-{run.owner()}"
        self.network = f"clawbot-{worker}"
        self._made: list[DockerRuntime] = []

    def runtime(self) -> DockerRuntime:
        made = DockerRuntime(
            self.label,
            url=self.engine.url,
            network=self.network,
            images=[self.engine.image],
            proxy_ports=[PROXY_PORT],
        )
        self._made.append(made)
        return made

    def image(self) -> str:
        return self.engine.image

    def make_stubborn(self, bot_id: UUID) -> dict[str, str]:
        return {"STUB_STUBBORN": "1"}

    async def kill(self, bot_id: UUID) -> None:
        await self.docker("kill", await self.container(bot_id))

    async def half_made(self, runtime: Runtime) -> UUID:
        """A container that was made and never looked at."""
        spec = make_spec(self)
        await runtime.create(spec)
        return spec.bot_id

    async def container(self, bot_id: UUID, *options: str) -> str:
        label = f"label=clawbot-manager.bot-id={bot_id}"
        return (await self.docker("ps", "--quiet", "--no-trunc", "--filter", label, *options)).strip()

    async def running(self, bot_id: UUID) -> int:
        return len((await self.container(bot_id)).split())

    async def public(self, bot_id: UUID) -> str:
        listed = await self.docker("ps", "--all", "--no-trunc")
        return listed + await self.docker("top", await self.container(bot_id))

    async def docker(self, *arguments: str) -> str:
        done = await asyncio.to_thread(docker_supervisor.docker, self.engine.url, *arguments)
        return done.stdout.decode()

    async def inspect(self, bot_id: UUID) -> Any:
        return json.loads(await self.docker("inspect", await self.container(bot_id)))[0]

    async def close(self) -> None:
        runtime = self.runtime()
        for instance in await runtime.list():
            await runtime.remove(instance.bot_id)
        for made in self._made:
            await made.close()


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DockerHarness]:
    harness = DockerHarness(tmp_path)
    yield harness
    await harness.close()


class TestDockerRuntime(RuntimeContract):
    @pytest.fixture
    def harness(self, harness: DockerHarness) -> Harness:
        return harness


async def test_the_container_is_hardened(harness: DockerHarness) -> None:
    spec = make_spec(harness)
    await started(harness.runtime(), spec)
    seen = await harness.inspect(spec.bot_id)
    host = seen["HostConfig"]
    assert seen["Name"] == f"/clawbot-manager-{spec.hostname}-{spec.bot_id.hex[-8:]}"
    assert seen["Config"]["User"] == "1000:1000"
    assert host["ReadonlyRootfs"] is host["Init"] is True
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert (host["Memory"], host["MemorySwap"]) == (512 << 20, 512 << 20)
    assert (host["PidsLimit"], host["NanoCpus"]) == (64, 500_000_000)
    assert host["RestartPolicy"]["Name"] in ("no", "")
    assert not host["PortBindings"]
    writable = {mount["Destination"]: mount["RW"] for mount in seen["Mounts"]}
    assert writable == {"/workspace": False, "/state": True}
    labels = seen["Config"]["Labels"]
    assert labels["clawbot-manager.managed"] == "true"
    assert labels["clawbot-manager.owner"] == str(spec.owner_id)


async def test_the_bot_reads_a_private_workspace_and_writes_its_state_only(harness: DockerHarness) -> None:
    spec = make_spec(harness)
    spec.workspace.chmod(0o700)
    (spec.workspace / "soul.md").write_text("You are a fox.")
    inside = ("exec", (await started(harness.runtime(), spec)).instance_id, "/bin/busybox")
    assert await harness.docker(*inside, "cat", "/workspace/soul.md") == "You are a fox."
    await harness.docker(*inside, "touch", "/state/x")
    for path in ("/workspace/x", "/workspace/soul.md", "/x"):
        with pytest.raises(subprocess.CalledProcessError):
            await harness.docker(*inside, "touch", path)


async def test_the_bots_network_is_internal_and_keeps_them_apart(harness: DockerHarness) -> None:
    runtime = harness.runtime()
    gateway = await runtime.proxy_host()
    (seen,) = json.loads(await harness.docker("network", "inspect", harness.network))
    assert seen["Internal"] is True
    assert seen["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert seen["IPAM"]["Config"][0]["Gateway"] == gateway
    one, two = make_spec(harness), make_spec(harness)
    first, second = await started(runtime, one), await started(runtime, two)
    assert first.endpoint
    assert second.endpoint

    assert await asks(f"{second.endpoint}/healthz") == {"ok": True, "status": "live"}
    here, there = (
        seen.removeprefix("http://").partition(":")[0] for seen in (first.endpoint, second.endpoint)
    )
    connect = ("exec", first.instance_id, "/bin/busybox", "nc", "-w", "2")
    await harness.docker(*connect, here, "18789")
    for address in (there, "198.51.100.1"):  # the other bot, and the world
        with pytest.raises(subprocess.CalledProcessError):
            await harness.docker(*connect, address, "18789")


async def asks(url: str) -> object:
    """By a program of its own: the tests' process may talk to loopback only."""
    program = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"
    command = [sys.executable, "-I", "-c", program, url]
    answer = await asyncio.to_thread(
        subprocess.run, command, stdout=subprocess.PIPE, check=True, env={}, timeout=20
    )
    return json.loads(answer.stdout)


async def test_an_open_network_of_that_name_is_refused_while_something_uses_it(
    harness: DockerHarness,
) -> None:
    name = f"open-{uuid4().hex[:8]}"
    await harness.docker("network", "create", name)
    runtime = DockerRuntime(harness.label, url=harness.engine.url, network=name, firewall=False)
    try:
        user = (await harness.docker("run", "--detach", "--network", name, harness.image())).strip()
        with pytest.raises(InstanceFailedError, match="not internal"):
            await runtime.create(make_spec(harness))
        await harness.docker("rm", "--force", user)
        await runtime.create(make_spec(harness))
        (seen,) = json.loads(await harness.docker("network", "inspect", name))
        assert seen["Internal"] is True
    finally:
        for instance in await runtime.list():
            await runtime.remove(instance.bot_id)
        await runtime.close()
        await harness.docker("network", "rm", name)


async def test_a_missing_image_is_told_with_the_way_to_get_it(harness: DockerHarness) -> None:
    spec = replace(make_spec(harness), image="clawbot-manager/none:1")
    with pytest.raises(
        InstanceFailedError, match=r"make bot-images.*docker pull clawbot-manager/none:1"
    ) as told:
        await harness.runtime().create(spec)
    assert GATEWAY_SECRET not in str(told.value)


async def test_what_the_engine_refuses_is_told_without_secrets(harness: DockerHarness) -> None:
    spec = make_spec(harness)
    spec = replace(spec, hostname=f"{PROXY_SECRET} {spec.hostname}")
    with pytest.raises(InstanceFailedError) as told:
        await harness.runtime().create(spec)
    assert PROXY_SECRET not in str(told.value)


async def test_no_engine_is_unavailable_and_never_stopped(tmp_path: Path) -> None:
    runtime = DockerRuntime("x", url=f"unix://{tmp_path / 'none.sock'}")
    try:
        for ask in (runtime.probe, runtime.list, lambda: runtime.inspect(uuid4())):
            with pytest.raises(RuntimeUnavailableError):
                await ask()
    finally:
        await runtime.close()
