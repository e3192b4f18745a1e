"""Bots as hardened containers of a Docker engine.

Nothing is kept beside the engine: an instance is a container with our labels, found by them and by nothing
else. The containers are on one internal network without a way out and without a way to each other; the
proxy is reached at that network's gateway address, the bot at its own address.
"""

import asyncio
import builtins
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import aiodocker
import aiohttp
from aiodocker.containers import DockerContainer
from aiodocker.exceptions import DockerError
from aiodocker.utils import clean_filters

from clawbot_manager.runtimes import docker_images
from clawbot_manager.runtimes.base import (
    ImageProgress,
    Instance,
    InstanceFailedError,
    InstanceNotFoundError,
    InstanceSpec,
    InstanceState,
    InstanceStats,
    Isolation,
    Leftover,
    Places,
    Ran,
    RuntimeUnavailableError,
)
from clawbot_manager.runtimes.docker_calls import engine_errors, unless
from clawbot_manager.runtimes.docker_network import BotNetwork
from clawbot_manager.runtimes.docker_reading import event_of, stamped_lines, stats_of, time_of
from clawbot_manager.runtimes.docker_spec import (
    GATEWAY_PORT,
    LABEL,
    MANAGED,
    STATE,
    WORKSPACE,
    container_config,
    drift_of,
    mended,
    prepare_directories,
)

DEFAULT_URL = "unix:///var/run/docker.sock"
CALL_SECONDS = 30.0
PROBE_SECONDS = 5.0
REMOVAL_SECONDS = 20.0
POLL_SECONDS = 0.25
AT_A_TIME = 8
LONGEST_OUTPUT = 64 * 1024

_STATES = {
    "created": InstanceState.CREATED,
    "paused": InstanceState.PAUSED,
    "exited": InstanceState.STOPPED,
    "dead": InstanceState.STOPPED,
}


def engine_url(given: str | None) -> str:
    """Where the engine is: as given, as `DOCKER_HOST` says, or at its usual place."""
    return given or os.environ.get("DOCKER_HOST") or DEFAULT_URL


class DockerRuntime:
    """Talks to one engine on this node (workspaces are bind mounts).

    `instance_label` keeps the bots of several managers on one engine apart. `user` is who the bot is inside
    its container: by default this process' own user, or 1000:1000 when that is root.
    """

    name = "docker"

    def __init__(
        self,
        instance_label: str,
        *,
        url: str | None = None,
        network: str | None = None,
        user: str | None = None,
        images: Collection[str] = (),
        proxy_ports: Collection[int] = (),
        firewall: bool = True,
    ) -> None:
        self._label = instance_label
        self._url = engine_url(url)
        name = network or f"clawbot-manager-{instance_label}"
        self._network = BotNetwork(name, instance_label, proxy_ports, firewall=firewall)
        root = os.geteuid() == 0
        self._user = user or ("1000:1000" if root else f"{os.geteuid()}:{os.getegid()}")
        self._images = images
        self._engine: aiodocker.Docker | None = None

    @property
    def isolation(self) -> Isolation:
        """The network is internal always; whether the host's other ports are closed is looked at."""
        return self._network.isolation

    def places(self, workspace: Path, state_dir: Path, port: int) -> Places:  # noqa: ARG002
        """The same for each bot: a container has directories and ports of its own."""
        return Places(WORKSPACE, STATE, "0.0.0.0", GATEWAY_PORT)  # noqa: S104 - its own network

    def _docker(self) -> aiodocker.Docker:
        if self._engine is None:  # not earlier: the client wants a running loop
            limits = aiohttp.ClientTimeout(total=CALL_SECONDS, connect=PROBE_SECONDS)
            self._engine = aiodocker.Docker(url=self._url, timeout=limits)
        return self._engine

    async def probe(self) -> None:
        """Return when the engine answers."""
        with engine_errors():
            async with asyncio.timeout(PROBE_SECONDS):
                await self._docker().version()

    async def proxy_host(self) -> str | None:
        """The host's address on the bots' network; makes or mends the network and its rules."""
        with engine_errors():
            return await self._network.ensure(self._docker())

    async def list(self) -> builtins.list[Instance]:
        """Every container with our mark."""
        places = asyncio.Semaphore(AT_A_TIME)

        async def look(container: DockerContainer) -> Instance | None:
            found: Instance | None = None
            async with places:
                with unless(404):  # removed meanwhile
                    found = self._describe(await container.show())
            return found

        with engine_errors():
            seen = await asyncio.gather(*(look(container) for container in await self._find()))
        return [instance for instance in seen if instance is not None]

    async def _find(self, bot_id: UUID | None = None) -> builtins.list[DockerContainer]:
        labels = [MANAGED, f"{LABEL}.instance={self._label}"]
        if bot_id is not None:
            labels.append(f"{LABEL}.bot-id={bot_id}")
        filters = clean_filters({"label": labels})
        return await self._docker().containers.list(all=1, filters=filters)

    async def _one(self, bot_id: UUID) -> DockerContainer:
        found = await self._find(bot_id)
        if not found:
            raise InstanceNotFoundError(f"there is no container of bot {bot_id}")
        return found[0]

    async def inspect(self, bot_id: UUID) -> Instance | None:
        """The bot's container, or None."""
        with engine_errors():
            for container in await self._find(bot_id):
                with unless(404):
                    return self._describe(await container.show())
        return None

    async def create(self, spec: InstanceSpec) -> Instance:
        """Remove what there is of the bot and make a new container, which does not run yet."""
        with engine_errors(spec.environment):
            await self._remove(spec.bot_id)
            await self._network.ensure(self._docker())
            await asyncio.to_thread(prepare_directories, spec, self._user)
            network = self._network.name
            name, config = container_config(spec, label=self._label, network=network, user=self._user)
            try:
                container = await self._docker().containers.create(config, name=name)
            except DockerError as error:
                if error.status == 404:
                    raise InstanceFailedError(docker_images.absent(spec.image)) from error
                raise
            return self._describe(await container.show())

    async def start(self, bot_id: UUID) -> Instance:
        """Start the container; the engine itself sees to it that one start wins."""
        with engine_errors():
            container = await self._one(bot_id)
            if (await container.show())["State"].get("Paused"):
                with unless(409):  # it goes on already
                    await container.unpause()
            else:
                await self._set_going(container)
            return self._describe(await container.show())

    async def _set_going(self, container: DockerContainer) -> None:
        engine = self._docker()
        await self._network.ensure(engine)
        try:
            await container.start()
        except DockerError as error:
            if error.status != 404 or "network" not in str(error.message):
                raise
            # a pruned network was made anew: the stopped container still means the old one
            await self._network.rejoin(engine, container.id)
            await container.start()

    async def stop(self, bot_id: UUID, *, grace_seconds: float) -> None:
        """The engine sends SIGTERM and, after the grace, SIGKILL."""
        seconds = max(0, round(grace_seconds))
        limit = aiohttp.ClientTimeout(total=seconds + CALL_SECONDS)
        with engine_errors():
            for container in await self._find(bot_id):
                with unless(404):
                    if (await container.show())["State"].get("Paused"):
                        with unless(409):
                            await container.unpause()  # what is paused hears no signal
                    await container.stop(t=seconds, timeout=limit)

    async def remove(self, bot_id: UUID) -> None:
        """Kill and delete the container."""
        with engine_errors():
            await self._remove(bot_id)

    async def _remove(self, bot_id: UUID) -> None:
        async with asyncio.timeout(REMOVAL_SECONDS):
            while found := await self._find(bot_id):
                for container in found:
                    with unless(404, 409):  # 409: its removal is in progress
                        await container.delete(force=True, v=True)
                if await self._find(bot_id):
                    await asyncio.sleep(POLL_SECONDS)

    async def logs(self, bot_id: UUID, *, tail: int) -> builtins.list[str]:
        """The last lines of both outputs."""
        with engine_errors():
            for container in await self._find(bot_id):
                with unless(404, 409):  # 409: it is being removed
                    text = await container.log(stdout=True, stderr=True, tail=max(tail, 0))
                    return "".join(text).splitlines()
        return []

    async def follow_logs(self, bot_id: UUID, *, tail: int) -> AsyncGenerator[str]:
        """The last lines, then each new one; the engine ends its stream when the bot stops, ours goes on."""
        last = ""
        options: dict[str, Any] = {"tail": str(max(tail, 0)), "timestamps": 1}
        while True:
            with engine_errors():
                for container in await self._find(bot_id):
                    async for stamp, line in stamped_lines(container, options):
                        if stamp > last:  # `since` is in whole seconds and repeats some
                            last = stamp
                            yield line
                if await self.inspect(bot_id) is None:
                    return
            if last:
                options = {"since": int(datetime.fromisoformat(last).timestamp()), "timestamps": 1}
            await asyncio.sleep(POLL_SECONDS)

    async def stats(self, bot_id: UUID) -> InstanceStats | None:
        """What the engine measures in about a second."""
        with engine_errors():
            for container in await self._find(bot_id):
                with unless(404, 409):
                    state = (await container.show())["State"]
                    samples = await container.stats(stream=False) if state["Running"] else []
                    return stats_of(samples[0]) if samples else None
        return None

    async def mend(self, bot_id: UUID) -> bool:
        """Name, limits and network can be put right in place."""
        with engine_errors():
            for container in await self._find(bot_id):
                with unless(404):
                    shown = await container.show()
                    if drift := drift_of(shown):
                        await self._mend(container, shown, drift)
                        return not drift_of(await container.show())
        return True

    async def _mend(
        self, container: DockerContainer, shown: Mapping[str, Any], drift: Collection[str]
    ) -> None:
        name, network, update = mended(shown)
        engine = self._docker()
        if "name" in drift:
            with unless(409):  # somebody else has the name: another container is made
                await container.rename(name)
        if {"memory", "cpus", "processes", "restart policy"} & set(drift):
            path = f"containers/{container.id}/update"
            with unless(400, 409, 500):
                await engine._query_json(path, method="POST", data=update)
        if "network" in drift:
            await self._network.ensure(engine)
            there = shown["NetworkSettings"]["Networks"] or {}
            for foreign in set(there) - {network}:
                leave = {"Container": container.id, "Force": True}
                await (await engine.networks.get(foreign)).disconnect(leave)
            if network not in there:
                await (await engine.networks.get(network)).connect({"Container": container.id})

    async def run(self, bot_id: UUID, command: Sequence[str], *, seconds: float) -> Ran:
        """As the bot's own user."""
        with engine_errors():
            container = await self._one(bot_id)
            execution = await container.exec(list(command), user=self._user)
            output = b""
            try:
                async with asyncio.timeout(seconds), execution.start(timeout=None) as stream:
                    while (message := await stream.read_out()) is not None and len(output) < LONGEST_OUTPUT:
                        output += message.data
            except TimeoutError:
                raise InstanceFailedError(f"the command did not end within {seconds:.0f} s") from None
            code = (await execution.inspect()).get("ExitCode")
        return Ran(-1 if code is None else int(code), output[:LONGEST_OUTPUT].decode(errors="replace"))

    async def changes(self) -> AsyncGenerator[UUID | None]:
        """The engine's own events."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=PROBE_SECONDS)
        params = {"filters": clean_filters({"type": ["container", "network"]})}
        with engine_errors():
            async with self._docker()._query("events", params=params, timeout=limits) as answer, answer:
                yield None
                async for line in answer.content:
                    found, bot_id = event_of(json.loads(line), self._label, self._network.name)
                    if found:
                        yield bot_id
        raise RuntimeUnavailableError("the Docker engine ended its stream of events")

    async def has_image(self, image: str) -> bool:
        """Whether it is on the engine's machine."""
        with engine_errors():
            return await docker_images.has_image(self._docker(), image)

    async def fetch_image(self, image: str) -> AsyncIterator[ImageProgress]:
        """From its registry."""
        with engine_errors():
            async for progress in docker_images.fetch_image(self._docker(), image):
                yield progress

    async def leftovers(self) -> builtins.list[Leftover]:
        """Networks of ours beside the present one, and images of ours that no container is made from."""
        labels = [MANAGED, f"{LABEL}.instance={self._label}"]
        with engine_errors():
            networks = await self._docker().networks.list(filters={"label": labels})
            old = [
                Leftover("network", network["Id"], network["Name"], time_of(network.get("Created")))
                for network in networks
                if network["Name"] != self._network.name
            ]
            return old + await docker_images.unused_images(self._docker(), self._images)

    async def remove_leftover(self, leftover: Leftover) -> None:
        """Remove it; the engine refuses when something uses it."""
        with engine_errors(), unless(404):
            if leftover.kind == "network":
                await self._network.remove_old(self._docker(), leftover.id)
            elif leftover.kind == "image":
                await docker_images.remove_image(self._docker(), leftover.id)

    async def close(self) -> None:
        """Close the connections to the engine."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()

    def _describe(self, seen: Mapping[str, Any]) -> Instance:
        labels, state = seen["Config"]["Labels"] or {}, seen["State"]
        running = bool(state["Running"]) and not state.get("Paused")
        kind = InstanceState.RUNNING if running else _STATES.get(state["Status"], InstanceState.STOPPED)
        networks = seen["NetworkSettings"]["Networks"] or {}
        address = (networks.get(self._network.name) or {}).get("IPAddress")
        killed = "killed: out of memory" if state.get("OOMKilled") else None
        return Instance(
            instance_id=str(seen["Id"]),
            bot_id=UUID(labels[f"{LABEL}.bot-id"]),
            hostname=labels.get(f"{LABEL}.hostname", ""),
            owner_id=UUID(labels.get(f"{LABEL}.owner", str(UUID(int=0)))),
            revision=int(labels.get(f"{LABEL}.revision", 0)),
            state=kind,
            endpoint=f"http://{address}:{GATEWAY_PORT}" if running and address else None,
            started_at=None if kind is InstanceState.CREATED else time_of(state.get("StartedAt")),
            exit_code=int(state["ExitCode"]) if kind is InstanceState.STOPPED else None,
            detail=killed or state.get("Error") or None,
            drift=drift_of(seen),
        )
