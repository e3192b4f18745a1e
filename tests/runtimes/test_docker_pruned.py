"""What a clean-up of the engine by other hands takes away comes back."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from clawbot_manager.runtimes.base import InstanceFailedError, InstanceState
from clawbot_manager.runtimes.docker import DockerRuntime
from tests.contracts.runtime_contract import make_spec, started
from tests.runtimes.test_docker_runtime import DockerHarness


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DockerHarness]:
    harness = DockerHarness(tmp_path)
    yield harness
    await harness.close()


async def test_a_stopped_bot_starts_after_its_network_was_pruned(harness: DockerHarness) -> None:
    runtime = harness.runtime()
    spec = make_spec(harness)
    await started(runtime, spec)
    await runtime.stop(spec.bot_id, grace_seconds=10)
    await harness.docker("network", "rm", harness.network)
    again = await runtime.start(spec.bot_id)
    assert (again.state, again.drift) == (InstanceState.RUNNING, ())
    assert again.endpoint is not None


async def test_the_rules_of_an_old_network_go_with_it(harness: DockerHarness) -> None:
    old = DockerRuntime(harness.label, url=harness.engine.url, network=f"old-{uuid4().hex[:8]}")
    try:
        await old.proxy_host()
    finally:
        await old.close()
    bridge = old._network.bridge
    assert bridge in await iptables()
    runtime = harness.runtime()
    await runtime.proxy_host()
    for leftover in await runtime.leftovers():
        await runtime.remove_leftover(leftover)
    listed = await iptables()
    assert bridge not in listed
    assert runtime._network.bridge in listed


async def test_an_image_is_wanted_by_whatever_name(harness: DockerHarness) -> None:
    name = f"clawbot-manager/kept-{uuid4().hex[:8]}"
    spec = make_spec(harness)
    made = (await started(harness.runtime(), spec)).instance_id
    await harness.docker("commit", "--change", "LABEL clawbot-manager.managed=true", made, name)
    wants = DockerRuntime(harness.label, url=harness.engine.url, network=harness.network, images=[name])
    try:
        assert await wants.leftovers() == []
        (leftover,) = await harness.runtime().leftovers()
        user = (await harness.docker("create", name)).strip()
        with pytest.raises(InstanceFailedError, match="made from this image"):
            await wants.remove_leftover(leftover)
        await harness.docker("rm", user)
        await wants.remove_leftover(leftover)
        assert not await wants.has_image(name)
    finally:
        await wants.close()


async def test_a_network_with_ipv6_is_made_anew(harness: DockerHarness) -> None:
    name = f"six-{uuid4().hex[:8]}"
    runtime = DockerRuntime(harness.label, url=harness.engine.url, network=name, firewall=False)
    bridge = f"com.docker.network.bridge.name={runtime._network.bridge}"
    closed = ["--opt", "com.docker.network.bridge.enable_icc=false", "--opt", bridge]
    subnet = ["--ipv6", "--subnet", "fd00:c1a0:b0::/64"]
    await harness.docker("network", "create", "--internal", *closed, *subnet, name)
    try:
        gateway = await runtime.proxy_host()
        (seen,) = json.loads(await harness.docker("network", "inspect", name))
        assert seen["EnableIPv6"] is False
        warning = runtime.isolation.warning or ""
        assert f"iptables -I INPUT -i {runtime._network.bridge}" in warning
        assert gateway
    finally:
        await runtime.close()
        await harness.docker("network", "rm", name)


async def iptables() -> str:
    listed = await asyncio.to_thread(subprocess.run, ["iptables", "-S"], check=True, capture_output=True)
    return listed.stdout.decode()
