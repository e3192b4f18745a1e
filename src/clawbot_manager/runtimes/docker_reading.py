"""Reading what the engine tells: events, logs, statistics."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from aiodocker.containers import DockerContainer

from clawbot_manager.runtimes.base import InstanceStats
from clawbot_manager.runtimes.docker_calls import unless
from clawbot_manager.runtimes.docker_spec import LABEL

_CHANGES = {"start", "die", "oom", "destroy", "pause", "unpause", "rename", "update"}
_NETWORK_CHANGES = {"connect", "disconnect", "destroy"}


def event_of(event: Mapping[str, Any], label: str, network: str) -> tuple[bool, UUID | None]:
    """Whether an event concerns us, and which bot; no bot: anything may have changed."""
    attributes = (event.get("Actor") or {}).get("Attributes") or {}
    action = str(event.get("Action", ""))
    if event.get("Type") == "network":
        return attributes.get("name") == network and action in _NETWORK_CHANGES, None
    if attributes.get(f"{LABEL}.instance") != label or action not in _CHANGES:
        return False, None
    with contextlib.suppress(ValueError):
        return True, UUID(attributes.get(f"{LABEL}.bot-id", ""))
    return False, None


async def stamped_lines(
    container: DockerContainer, options: Mapping[str, Any]
) -> AsyncIterator[tuple[str, str]]:
    """Each line with the engine's time stamp, which is of fixed width and sorts as text."""
    rest = ""
    with unless(404, 409):
        async for text in container.log(stdout=True, stderr=True, follow=True, **options):
            *whole, rest = (rest + text).split("\n")
            for line in whole:
                stamp, _, said = line.partition(" ")
                yield stamp, said.rstrip("\r")


def time_of(text: str | None) -> datetime | None:
    """The engine's way to write a time; None when it means none."""
    with contextlib.suppress(ValueError, TypeError):
        found = datetime.fromisoformat(text or "")
        return found if found.year > 1 else None
    return None


def stats_of(sample: Mapping[str, Any]) -> InstanceStats:
    """One sample of the engine, of cgroup v1 or v2."""
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
    networks = list((sample.get("networks") or {}).values())
    return InstanceStats(
        cpu_percent=percent,
        memory_bytes=None if usage is None else max(0, usage - cache),
        processes=(sample.get("pids_stats") or {}).get("current"),
        memory_limit_bytes=memory.get("limit"),
        received_bytes=sum(network["rx_bytes"] for network in networks) if networks else None,
        sent_bytes=sum(network["tx_bytes"] for network in networks) if networks else None,
    )
