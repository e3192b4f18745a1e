"""What other hands do to containers is seen and mended; what comes from inside them goes nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from clawbot_manager.runtimes.base import InstanceFailedError, InstanceState, RuntimeUnavailableError
from clawbot_manager.runtimes.docker import DockerRuntime
from clawbot_manager.runtimes.docker_reading import event_of
from tests.contracts.runtime_contract import is_in, make_spec, started
from tests.contracts.waiting import eventually
from tests.runtimes.test_docker_runtime import PROXY_PORT, DockerHarness
from tests.services.registry import registry


@pytest.fixture
async def harness(tmp_path: Path) -> AsyncIterator[DockerHarness]:
    harness = DockerHarness(tmp_path)
    yield harness
    await harness.close()


@pytest.fixture
def runtime(harness: DockerHarness) -> DockerRuntime:
    return harness.runtime()


async def running(harness: DockerHarness, runtime: DockerRuntime) -> tuple[UUID, str]:
    """A bot that runs: its id and its container's."""
    spec = make_spec(harness)
    return spec.bot_id, (await started(runtime, spec)).instance_id


async def drift(runtime: DockerRuntime, bot_id: UUID) -> tuple[str, ...]:
    seen = await runtime.inspect(bot_id)
    assert seen is not None
    return seen.drift


class TestDrift:
    @pytest.mark.parametrize(
        ("command", "names"),
        [
            (["rename", "{id}", "somebody-{id}"], {"name"}),
            (["update", "--memory", "256m", "--memory-swap", "256m", "{id}"], {"memory"}),
            (["update", "--cpus", "1.5", "{id}"], {"cpus"}),
            (["update", "--pids-limit", "-1", "{id}"], {"processes"}),
            (["update", "--restart", "always", "{id}"], {"restart policy"}),
            (["network", "disconnect", "{network}", "{id}"], {"network"}),
        ],
        ids=lambda value: value[0] if isinstance(value, list) else "",
    )
    async def test_is_named_and_mended_in_place(
        self, harness: DockerHarness, runtime: DockerRuntime, command: list[str], names: set[str]
    ) -> None:
        bot_id, container = await running(harness, runtime)
        await harness.docker(*(word.format(id=container, network=harness.network) for word in command))
        assert set(await drift(runtime, bot_id)) == names
        assert await runtime.mend(bot_id)
        seen = await runtime.inspect(bot_id)
        assert seen is not None
        assert seen.drift == ()
        assert (seen.instance_id, seen.state) == (container, InstanceState.RUNNING)
        assert seen.endpoint is not None

    async def test_a_way_out_that_somebody_opened_is_closed(
        self, harness: DockerHarness, runtime: DockerRuntime
    ) -> None:
        bot_id, container = await running(harness, runtime)
        name = f"open-{uuid4().hex[:8]}"
        await harness.docker("network", "create", name)
        try:
            await harness.docker("network", "connect", name, container)
            assert await drift(runtime, bot_id) == ("network",)
            assert await runtime.mend(bot_id)
            assert await drift(runtime, bot_id) == ()
        finally:
            await harness.docker("network", "rm", name)

    async def test_a_name_that_is_taken_needs_another_container(
        self, harness: DockerHarness, runtime: DockerRuntime
    ) -> None:
        bot_id, container = await running(harness, runtime)
        name = (await harness.inspect(bot_id))["Name"].removeprefix("/")
        await harness.docker("rename", container, f"other-{container}")
        thief = (await harness.docker("create", "--name", name, harness.image())).strip()
        try:
            assert not await runtime.mend(bot_id)
        finally:
            await harness.docker("rm", thief)


class TestPause:
    async def test_is_seen_and_ended_by_a_start(self, harness: DockerHarness, runtime: DockerRuntime) -> None:
        bot_id, container = await running(harness, runtime)
        await harness.docker("pause", container)
        paused = await is_in(runtime, bot_id, InstanceState.PAUSED)
        assert paused
        assert paused.endpoint is None
        assert (await runtime.start(bot_id)).state is InstanceState.RUNNING

    async def test_a_paused_bot_stops_and_goes(self, harness: DockerHarness, runtime: DockerRuntime) -> None:
        bot_id, container = await running(harness, runtime)
        await harness.docker("pause", container)
        await runtime.stop(bot_id, grace_seconds=10)
        stopped = await is_in(runtime, bot_id, InstanceState.STOPPED)
        assert stopped
        assert stopped.exit_code != 137, "it was asked, and not killed"
        await runtime.start(bot_id)
        await harness.docker("pause", container)
        await runtime.remove(bot_id)
        assert await runtime.inspect(bot_id) is None


class TestRun:
    async def test_a_command_runs_as_the_bot(self, harness: DockerHarness, runtime: DockerRuntime) -> None:
        bot_id, _ = await running(harness, runtime)
        done = await runtime.run(bot_id, ["/bin/busybox", "id", "-u"], seconds=20)
        assert (done.exit_code, done.output.strip()) == (0, "1000")
        failed = await runtime.run(bot_id, ["/bin/busybox", "cat", "/nothing"], seconds=20)
        assert failed.exit_code == 1
        assert "/nothing" in failed.output

    async def test_one_that_does_not_end_is_given_up(
        self, harness: DockerHarness, runtime: DockerRuntime
    ) -> None:
        bot_id, _ = await running(harness, runtime)
        with pytest.raises(InstanceFailedError, match="did not end"):
            await runtime.run(bot_id, ["/bin/busybox", "sleep", "600"], seconds=0.5)

    async def test_output_is_bounded(self, harness: DockerHarness, runtime: DockerRuntime) -> None:
        bot_id, _ = await running(harness, runtime)
        done = await runtime.run(bot_id, ["/bin/busybox", "seq", "1", "100000"], seconds=20)
        assert len(done.output) == 64 * 1024


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[None]:
    """Something answers there, on this machine."""
    with socket.create_server((host, port)):
        yield


class TestFirewall:
    async def test_of_this_machine_only_the_proxy_answers(
        self, harness: DockerHarness, runtime: DockerRuntime
    ) -> None:
        bot_id, _ = await running(harness, runtime)
        gateway = await runtime.proxy_host()
        assert gateway is not None
        assert runtime.isolation.warning is None

        async def reached(address: str, port: int) -> bool:
            connect = ["/bin/busybox", "nc", "-w", "2", address, str(port), "-e", "/bin/busybox", "true"]
            return (await runtime.run(bot_id, connect, seconds=20)).exit_code == 0

        async def refused(*ends: tuple[str, int]) -> None:
            # at once: a machine with many networks has many addresses, and each is waited for
            answers = await asyncio.gather(*(reached(address, port) for address, port in ends))
            assert not any(answers), list(zip(ends, answers, strict=True))

        others = {address for address in await _addresses() if not address.startswith("127.")} - {gateway}
        with listening("0.0.0.0", PROXY_PORT), listening("0.0.0.0", PROXY_PORT + 1):
            assert await reached(gateway, PROXY_PORT)
            open_ends = [(address, port) for address in others for port in (PROXY_PORT, PROXY_PORT + 1)]
            await refused((gateway, PROXY_PORT + 1), *open_ends)
        await refused(("169.254.169.254", 80), ("1.1.1.1", 443), ("198.51.100.1", 443))

    async def test_rules_that_were_flushed_come_back(
        self, harness: DockerHarness, runtime: DockerRuntime
    ) -> None:
        gateway = await runtime.proxy_host()
        assert gateway is not None
        firewall = runtime._network.firewall
        chain = firewall._chain
        subprocess.run(["iptables", "-D", "INPUT", "-i", firewall._bridge, "-j", chain], check=True)
        subprocess.run(["iptables", "-F", chain], check=True)
        other = harness.runtime()
        assert await other.proxy_host() == gateway
        listed = subprocess.run(["iptables", "-S", chain], check=True, capture_output=True, text=True).stdout
        assert listed.splitlines()[1:] == firewall.rules(gateway)
        jumps = subprocess.run(["iptables", "-S", "INPUT"], check=True, capture_output=True, text=True).stdout
        assert jumps.count(chain) == 1

    async def test_without_rules_it_says_so(self, harness: DockerHarness) -> None:
        runtime = DockerRuntime(
            harness.label, url=harness.engine.url, network=harness.network, firewall=False
        )
        try:
            await runtime.proxy_host()
            assert "CLAWBOT_RUNTIME__FIREWALL" in (runtime.isolation.warning or "")
        finally:
            await runtime.close()


async def _addresses() -> list[str]:
    found = await asyncio.to_thread(subprocess.run, ["hostname", "-I"], capture_output=True, text=True)
    return [address for address in found.stdout.split() if ":" not in address]


class TestLeftovers:
    async def test_old_networks_and_images_are_found_and_removed(
        self, harness: DockerHarness, runtime: DockerRuntime
    ) -> None:
        name = f"old-{uuid4().hex[:8]}"
        labels = ["clawbot-manager.managed=true", f"clawbot-manager.instance={harness.label}"]
        await harness.docker("network", "create", *(f"--label={label}" for label in labels), name)
        tag = f"clawbot-manager/old:{uuid4().hex[:8]}"
        _, container = await running(harness, runtime)
        change = ("--change", f"LABEL {labels[0]}")
        await harness.docker("commit", *change, container, tag)
        found = {leftover.detail: leftover for leftover in await runtime.leftovers()}
        assert found[name].kind == "network"
        assert found[tag].kind == "image"
        assert found[tag].size_bytes
        for leftover in found.values():
            assert leftover.created_at is not None
            await runtime.remove_leftover(leftover)
            await runtime.remove_leftover(leftover)
        assert await runtime.leftovers() == []


class TestImages:
    async def test_one_that_a_registry_has_is_fetched_with_progress(
        self, harness: DockerHarness, runtime: DockerRuntime, tmp_path: Path
    ) -> None:
        with registry(tmp_path) as host:
            image = f"{host}/clawbot/bot:7"
            await harness.docker("tag", harness.image(), image)
            await harness.docker("push", image)
            await harness.docker("rmi", image)
            assert not await runtime.has_image(image)
            told = [one async for one in runtime.fetch_image(image)]
            assert await runtime.has_image(image)
            assert any("Downloaded newer image" in one.text for one in told)
            (digest,) = json.loads(await harness.docker("inspect", image))[0]["RepoDigests"]
            await harness.docker("rmi", image)
            async for _ in runtime.fetch_image(digest):
                pass
            assert await runtime.has_image(digest)
            await harness.docker("rmi", digest)

    async def test_one_that_no_registry_has_is_told(self, runtime: DockerRuntime) -> None:
        image = "127.0.0.1:9/clawbot/none:1"
        assert not await runtime.has_image(image)
        with pytest.raises(InstanceFailedError, match="cannot be fetched"):
            async for _ in runtime.fetch_image(image):
                pass


async def first_of(runtime: DockerRuntime) -> None:
    async with contextlib.aclosing(runtime.changes()) as changes:
        await anext(changes)


async def test_an_engine_that_goes_away_is_unavailable(tmp_path: Path) -> None:
    runtime = DockerRuntime("x", url=f"unix://{tmp_path / 'none.sock'}")
    bot_id = uuid4()
    try:
        for ask in (
            lambda: runtime.mend(bot_id),
            lambda: runtime.run(bot_id, ["true"], seconds=1),
            lambda: runtime.has_image("x"),
            lambda: first_of(runtime),
            runtime.proxy_host,
            runtime.leftovers,
        ):
            with pytest.raises(RuntimeUnavailableError):
                await ask()
    finally:
        await runtime.close()


async def test_the_network_that_was_removed_is_made_again(
    harness: DockerHarness, runtime: DockerRuntime
) -> None:
    bot_id, container = await running(harness, runtime)
    await harness.docker("network", "disconnect", "--force", harness.network, container)
    await harness.docker("network", "rm", harness.network)
    assert await drift(runtime, bot_id) == ("network",)
    assert await runtime.mend(bot_id)

    async def reachable() -> bool:
        seen = await runtime.inspect(bot_id)
        return seen is not None and seen.endpoint is not None

    await eventually(reachable)
    (seen,) = json.loads(await harness.docker("network", "inspect", harness.network))
    assert seen["Internal"] is True


@pytest.mark.parametrize(
    ("event", "concerns"),
    [
        ({"Type": "container", "Action": "exec_start: sh", "Actor": {"Attributes": {}}}, False),
        ({"Type": "network", "Action": "disconnect", "Actor": {"Attributes": {"name": "bots"}}}, True),
        ({"Type": "network", "Action": "disconnect", "Actor": {"Attributes": {"name": "x"}}}, False),
        ({}, False),
    ],
)
def test_other_events_concern_nobody(event: dict[str, object], concerns: bool) -> None:
    assert event_of(event, "label", "bots") == (concerns, None)
