"""Checks of what this process needs: database, runtime, disk."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from time import perf_counter

from sqlalchemy.exc import SQLAlchemyError

from clawbot_manager.control.dataplane.usage_sink import UsageState, usage_check
from clawbot_manager.control.diagnostics.schemas import CheckOut, ReadyOut
from clawbot_manager.control.usage.service import UsageService
from clawbot_manager.infra.db import Database
from clawbot_manager.runtimes.base import Runtime, RuntimeUnavailableError

_CHECK_TIMEOUT = 5.0
_LONG_WAIT = timedelta(minutes=1)
_LOW_DISK_BYTES = 512 * 1024 * 1024


class DiagnosticsService:
    """Runs the checks behind `/health/ready`, side by side, each bounded in time."""

    def __init__(
        self,
        database: Database,
        runtime: Runtime,
        data_dir: Path,
        usage_state: Callable[[], UsageState],
        usage: UsageService,
    ) -> None:
        self._database = database
        self._runtime = runtime
        self._data_dir = data_dir
        self._usage_state = usage_state
        self._usage = usage

    async def ready(self) -> ReadyOut:
        """All checks; ready when none fails. A warning does not make it unready."""
        checks = list(
            await asyncio.gather(
                self._timed("database", self._check_database),
                self._timed("runtime", self._check_runtime),
                self._timed("disk", self._check_disk),
                self._timed("usage", self._check_usage),
            )
        )
        failed = any(check.status == "fail" for check in checks)
        return ReadyOut(status="not_ready" if failed else "ready", checks=checks)

    async def _timed(self, name: str, run: Callable[[], Awaitable[CheckOut]]) -> CheckOut:
        started = perf_counter()
        try:
            check = await asyncio.wait_for(run(), _CHECK_TIMEOUT)
        except TimeoutError:
            check = CheckOut(name=name, status="fail", detail=f"no answer within {_CHECK_TIMEOUT:.0f} s")
        check.latency_ms = round((perf_counter() - started) * 1000)
        return check

    async def _check_database(self) -> CheckOut:
        try:
            await self._database.ping()
        except (SQLAlchemyError, OSError) as error:
            return CheckOut(
                name="database",
                status="fail",
                detail=f"{self._database.dialect} does not answer ({type(error).__name__})",
                hint="Start the database, or correct DATABASE_URL.",
            )
        return CheckOut(name="database", status="ok", detail=f"{self._database.dialect} answers")

    async def _check_runtime(self) -> CheckOut:
        try:
            await self._runtime.probe()
        except RuntimeUnavailableError as error:
            return CheckOut(
                name="runtime",
                status="fail",
                detail=f"{self._runtime.name} cannot be reached: {error}",
                hint="Start the container engine, or set CLAWBOT_RUNTIME__KIND=process to do without.",
            )
        isolation = self._runtime.isolation
        if not isolation.isolated:
            return CheckOut(
                name="runtime",
                status="warning",
                detail=f"{self._runtime.name} works. {isolation.warning or ''}".strip(),
                hint="Run bots in containers to keep them apart: see docs/runtimes.md.",
            )
        return CheckOut(name="runtime", status="ok", detail=f"{self._runtime.name} works")

    async def _check_usage(self) -> CheckOut:
        """How usage of this process gets along, and whether a worker takes that of others."""
        check = CheckOut(name="usage", **usage_check(self._usage_state()))
        try:
            async with self._database.reading() as tx:
                waited = await self._usage.waits_for_worker(tx)
        except (SQLAlchemyError, OSError):
            return check  # the database's own check tells
        if check.status == "ok" and waited > _LONG_WAIT:
            return CheckOut(
                name="usage",
                status="warning",
                detail=f"usage of a proxy waits for a worker since {waited.total_seconds():.0f} s",
                hint="Start a worker: clawbot-manager serve --role worker.",
            )
        return check

    async def _check_disk(self) -> CheckOut:
        free = shutil.disk_usage(self._data_dir).free
        detail = f"{free // (1024 * 1024)} MiB free in the data directory"
        if free < _LOW_DISK_BYTES:
            return CheckOut(
                name="disk", status="warning", detail=detail, hint="Make room; writes fail when it is full."
            )
        return CheckOut(name="disk", status="ok", detail=detail)
