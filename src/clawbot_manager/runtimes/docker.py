"""Bots as hardened containers of a Docker engine.

Nothing is kept beside the engine: an instance is a container with our labels, found by them and by nothing
else. The containers are on one internal network without a way out and without a way to each other; the
proxy is reached at that network's gateway address, the bot at its own address.
"""

import asyncio
import builtins
import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import aiodocker
import aiohttp
from aiodocker.containers import DockerContainer
from aiodocker.exceptions import DockerError
from aiodocker.utils import clean_filters

from clawbot_manager.runtimes.base import (
    Instance,
    InstanceFailedError,
    InstanceNotFoundError,
    InstanceSpec,
    InstanceState,
    InstanceStats,
    Isolation,
    RuntimeUnavailableError,
)
from clawbot_manager.runtimes.docker_spec import (
    GATEWAY_PORT,
    LABEL,
    MANAGED,
    container_config,
    network_config,
    prepare_directories,
)

DEFAULT_URL = "unix:///var/run/docker.sock"
CALL_SECONDS = 30.0
PROBE_SECONDS = 5.0
REMOVAL_SECONDS = 20.0
POLL_SECONDS = 0.25
AT_A_TIME = 8
NOT_CONNECTED = 900  # aiodocker's own number for "no engine there"

_STATES = {"created": InstanceState.CREATED, "exited": InstanceState.STOPPED, "dead": InstanceState.STOPPED}


class DockerRuntime:
    """Talks to one engine on this node (workspaces are bind mounts).

    `instance_label` keeps the bots of several managers on one engine apart. `user` is who the bot is inside
    its container: by default this process' own user, or 1000:1000 when that is root.
    """

    name = "docker"
    isolation = Isolation(
        isolated=True,
        warning="Bots have no way out of their network, but services of this host that listen on all "
        "addresses can be reached from it unless a firewall forbids it.",
    )

    def __init__(
        self,
        instance_label: str,
        *,
        url: str | None = None,
        network: str = "clawbot-manager",
        user: str | None = None,
    ) -> None:
        self._label = instance_label
        self._url = url or os.environ.get("DOCKER_HOST") or DEFAULT_URL
        self._network = network
        root = os.geteuid() == 0
        self._user = user or ("1000:1000" if root else f"{os.geteuid()}:{os.getegid()}")
        self._engine: aiodocker.Docker | None = None

    def _docker(self) -> aiodocker.Docker:
        if self._engine is None:  # not earlier: the client wants a running loop
            limits = aiohttp.ClientTimeout(total=CALL_SECONDS, connect=PROBE_SECONDS)
            self._engine = aiodocker.Docker(url=self._url, timeout=limits)
        return self._engine

    async def probe(self) -> None:
        """Return when the engine answers."""
        with _engine_errors():
            async with asyncio.timeout(PROBE_SECONDS):
                await self._docker().version()

    async def network_gateway(self) -> str:
        """The host's address on the bots' network, where the proxy must listen; makes a missing network."""
        with _engine_errors():
            found = await self._ensure_network()
        for pool in (found.get("IPAM") or {}).get("Config") or []:
            if gateway := pool.get("Gateway"):
                return str(gateway)
        raise InstanceFailedError(f"the network {self._network} has no gateway address")

    async def _ensure_network(self) -> dict[str, Any]:
        networks = self._docker().networks
        try:
            found = await (await networks.get(self._network)).show()
        except DockerError as error:
            if error.status != 404:
                raise
            with _unless(409):  # another manager made it
                await networks.create(network_config(self._network))
            found = await (await networks.get(self._network)).show()
        if not found.get("Internal"):
            raise InstanceFailedError(
                f"the network {self._network} is not internal: bots would reach the internet past the proxy. "
                f"Remove it, then it is made anew as it must be"
            )
        return dict(found)

    async def list(self) -> builtins.list[Instance]:
        """Every container with our mark."""
        places = asyncio.Semaphore(AT_A_TIME)

        async def look(container: DockerContainer) -> Instance | None:
            found: Instance | None = None
            async with places:
                with _unless(404):  # removed meanwhile
                    found = self._describe(await container.show())
            return found

        with _engine_errors():
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
        with _engine_errors():
            for container in await self._find(bot_id):
                with _unless(404):
                    return self._describe(await container.show())
        return None

    async def create(self, spec: InstanceSpec) -> Instance:
        """Remove what there is of the bot and make a new container, which does not run yet."""
        with _engine_errors(spec.environment):
            await self._remove(spec.bot_id)
            await self._ensure_network()
            await asyncio.to_thread(prepare_directories, spec, self._user)
            name, config = container_config(spec, label=self._label, network=self._network, user=self._user)
            try:
                container = await self._docker().containers.create(config, name=name)
            except DockerError as error:
                if error.status == 404:
                    raise InstanceFailedError(
                        f"the image {spec.image} is not on this machine: fetch it (docker pull {spec.image}) "
                        f"or build it (see deploy/bot-image)"
                    ) from error
                raise
            return self._describe(await container.show())

    async def start(self, bot_id: UUID) -> Instance:
        """Start the container; the engine itself sees to it that one start wins."""
        with _engine_errors():
            container = await self._one(bot_id)
            await container.start()
            return self._describe(await container.show())

    async def stop(self, bot_id: UUID, *, grace_seconds: float) -> None:
        """The engine sends SIGTERM and, after the grace, SIGKILL."""
        seconds = max(0, round(grace_seconds))
        limit = aiohttp.ClientTimeout(total=seconds + CALL_SECONDS)
        with _engine_errors():
            for container in await self._find(bot_id):
                with _unless(404):
                    await container.stop(t=seconds, timeout=limit)

    async def remove(self, bot_id: UUID) -> None:
        """Kill and delete the container."""
        with _engine_errors():
            await self._remove(bot_id)

    async def _remove(self, bot_id: UUID) -> None:
        async with asyncio.timeout(REMOVAL_SECONDS):
            while found := await self._find(bot_id):
                for container in found:
                    with _unless(404, 409):  # 409: its removal is in progress
                        await container.delete(force=True, v=True)
                if await self._find(bot_id):
                    await asyncio.sleep(POLL_SECONDS)

    async def logs(self, bot_id: UUID, *, tail: int) -> builtins.list[str]:
        """The last lines of both outputs."""
        with _engine_errors():
            for container in await self._find(bot_id):
                with _unless(404):
                    text = await container.log(stdout=True, stderr=True, tail=max(tail, 0))
                    return "".join(text).splitlines()
        return []

    async def follow_logs(self, bot_id: UUID, *, tail: int) -> AsyncIterator[str]:
        """The last lines, then each new one; the engine ends its stream when the bot stops, ours goes on."""
        last = ""
        options: dict[str, Any] = {"tail": str(max(tail, 0)), "timestamps": 1}
        while True:
            with _engine_errors():
                for container in await self._find(bot_id):
                    async for stamp, line in _stamped_lines(container, options):
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
        with _engine_errors():
            for container in await self._find(bot_id):
                with _unless(404, 409):
                    state = (await container.show())["State"]
                    samples = await container.stats(stream=False) if state["Running"] else []
                    return _stats(samples[0]) if samples else None
        return None

    async def close(self) -> None:
        """Close the connections to the engine."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()

    def _describe(self, seen: Mapping[str, Any]) -> Instance:
        labels, state = seen["Config"]["Labels"] or {}, seen["State"]
        running = bool(state["Running"])
        kind = InstanceState.RUNNING if running else _STATES.get(state["Status"], InstanceState.STOPPED)
        networks = seen["NetworkSettings"]["Networks"] or {}
        address = (networks.get(self._network) or {}).get("IPAddress")
        killed = "killed: out of memory" if state.get("OOMKilled") else None
        return Instance(
            instance_id=str(seen["Id"]),
            bot_id=UUID(labels[f"{LABEL}.bot-id"]),
            hostname=labels.get(f"{LABEL}.hostname", ""),
            owner_id=UUID(labels.get(f"{LABEL}.owner", str(UUID(int=0)))),
            revision=int(labels.get(f"{LABEL}.revision", 0)),
            state=kind,
            endpoint=f"http://{address}:{GATEWAY_PORT}" if running and address else None,
            started_at=None if kind is InstanceState.CREATED else _time(state.get("StartedAt")),
            exit_code=int(state["ExitCode"]) if kind is InstanceState.STOPPED else None,
            detail=killed or state.get("Error") or None,
        )


@contextlib.contextmanager
def _unless(*statuses: int) -> Iterator[None]:
    """Pass over these answers of the engine."""
    try:
        yield
    except DockerError as error:
        if error.status not in statuses:
            raise


@contextlib.contextmanager
def _engine_errors(secrets: Mapping[str, str] | None = None) -> Iterator[None]:
    """Turn what the client raises into our errors; the values of `secrets` never get into a message."""
    try:
        yield
    except DockerError as error:
        message = str(error.message).strip()
        for value in (secrets or {}).values():
            message = message.replace(value, "***") if len(value) >= 8 else message
        if error.status == NOT_CONNECTED:
            raise RuntimeUnavailableError("the Docker engine cannot be reached") from None
        if error.status == 404:
            raise InstanceNotFoundError(message) from None
        raise InstanceFailedError(f"the Docker engine refused: {message}") from None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise RuntimeUnavailableError(f"the Docker engine does not answer ({type(error).__name__})") from None
    except OSError as error:
        raise RuntimeUnavailableError(f"the Docker engine cannot be reached: {error.strerror}") from None


async def _stamped_lines(
    container: DockerContainer, options: Mapping[str, Any]
) -> AsyncIterator[tuple[str, str]]:
    """Each line with the engine's time stamp, which is of fixed width and sorts as text."""
    rest = ""
    with _unless(404, 409):
        async for text in container.log(stdout=True, stderr=True, follow=True, **options):
            *whole, rest = (rest + text).split("\n")
            for line in whole:
                stamp, _, said = line.partition(" ")
                yield stamp, said.rstrip("\r")


def _time(text: str | None) -> datetime | None:
    with contextlib.suppress(ValueError, TypeError):
        found = datetime.fromisoformat(text or "")
        return found if found.year > 1 else None
    return None


def _stats(sample: Mapping[str, Any]) -> InstanceStats:
    cpu, before = sample.get("cpu_stats") or {}, sample.get("precpu_stats") or {}
    percent = None
    with contextlib.suppress(KeyError, TypeError):
        used = cpu["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
        passed = cpu["system_cpu_usage"] - before["system_cpu_usage"]
        percent = 100.0 * used / passed * (cpu.get("online_cpus") or 1) if passed > 0 else None
    memory = sample.get("memory_stats") or {}
    details = memory.get("stats") or {}
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))  # cgroup v1, v2
    usage = memory.get("usage")
    return InstanceStats(
        cpu_percent=percent,
        memory_bytes=None if usage is None else max(0, usage - cache),
        processes=(sample.get("pids_stats") or {}).get("current"),
    )
