"""How the machine, its bots and the API are: for the administrator's page."""

import asyncio
import os
import shutil
from pathlib import Path

import psutil

from clawbot_manager.control.accounts import repository as accounts
from clawbot_manager.control.diagnostics.schemas import (
    ContainerUseOut,
    DiagnosticsOut,
    GaugeOut,
    RouteLatencyOut,
)
from clawbot_manager.control.shared.latency import Latencies
from clawbot_manager.infra.db import Database
from clawbot_manager.kit.clock import Clock
from clawbot_manager.runtimes.base import Instance, InstanceState, Runtime, RuntimeUnavailableError

_AT_A_TIME = 32
_SAMPLES_SECONDS = 4.0
_LEVELS = {"cpu": (60, 85), "memory": (70, 90), "disk": (80, 95), "load": (100, 200)}


class MachineDiagnostics:
    """Samples when asked; keeps nothing but what the CPU had done at the last time."""

    def __init__(
        self, database: Database, runtime: Runtime, latencies: Latencies, clock: Clock, data_dir: Path
    ) -> None:
        self._database = database
        self._runtime = runtime
        self._latencies = latencies
        self._clock = clock
        self._data_dir = data_dir
        psutil.cpu_percent()  # the first one has nothing to compare with

    async def look(self) -> DiagnosticsOut:
        """Gauges, a row for each instance, and the routes of the last minutes."""
        gauges, containers = await asyncio.gather(asyncio.to_thread(self._gauges), self._containers())
        latency = [RouteLatencyOut.model_validate(row) for row in self._latencies.groups()]
        return DiagnosticsOut(gauges=gauges, containers=containers, latency=latency)

    def _gauges(self) -> list[GaugeOut]:
        memory, disk = psutil.virtual_memory(), shutil.disk_usage(self._data_dir)
        cores, load = psutil.cpu_count() or 1, os.getloadavg()[0]
        return [
            _gauge("cpu", psutil.cpu_percent(), None, cores),
            _gauge("memory", memory.percent, memory.total - memory.available, memory.total),
            _gauge("disk", 100 * disk.used / disk.total, disk.used, disk.total),
            _gauge("load", 100 * load / cores, load, cores),
        ]

    async def _containers(self) -> list[ContainerUseOut]:
        try:
            instances = await self._runtime.list()
        except RuntimeUnavailableError:
            return []
        async with self._database.reading() as tx:
            owners = await accounts.emails_of(tx, {instance.owner_id for instance in instances})
        places = asyncio.Semaphore(_AT_A_TIME)

        async def use(instance: Instance) -> ContainerUseOut:
            row = ContainerUseOut(
                hostname=instance.hostname,
                owner=owners.get(instance.owner_id),
                state=instance.state,
            )
            if instance.state is InstanceState.RUNNING:
                async with places:
                    await self._sample(instance, row)
            return row

        return list(await asyncio.gather(*(use(instance) for instance in instances)))

    async def _sample(self, instance: Instance, row: ContainerUseOut) -> None:
        if instance.started_at is not None:
            row.uptime_seconds = int((self._clock.now() - instance.started_at).total_seconds())
        try:
            async with asyncio.timeout(_SAMPLES_SECONDS):
                sample = await self._runtime.stats(instance.bot_id)
        except (RuntimeUnavailableError, TimeoutError):
            return
        if sample is not None:
            row.cpu_percent, row.processes = sample.cpu_percent, sample.processes
            row.memory_bytes, row.memory_limit_bytes = sample.memory_bytes, sample.memory_limit_bytes
            row.received_bytes, row.sent_bytes = sample.received_bytes, sample.sent_bytes


def _gauge(name: str, percent: float, used: float | None, total: float | None) -> GaugeOut:
    warning, danger = _LEVELS[name]
    level = "danger" if percent >= danger else "warning" if percent >= warning else "ok"
    return GaugeOut.model_validate(
        {"name": name, "percent": round(percent, 1), "used": used, "total": total, "level": level}
    )
