"""Bots as plain processes of this machine: for trying things out, where there is no container engine.

The processes live in sessions of their own and survive the manager, which finds them again by their
command line and adopts them. Nothing keeps a bot from the machine's files and network: `isolation` says so.
"""

import asyncio
import builtins
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psutil

from clawbot_manager.runtimes import builtin_bot, log_file, process_table
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
from clawbot_manager.runtimes.instance_files import POLL_SECONDS, InstanceFiles, Started, blocking
from clawbot_manager.runtimes.plain import PlainRuntime

NOBODY = UUID(int=0)
REPLACE_GRACE_SECONDS = 5.0
KILL_SECONDS = 10.0
FOLLOW_SECONDS = 0.25
LOOK_SECONDS = 1.0
OVERHEAD_MB = 512  # address space that is no memory: the interpreter's mappings and its threads' stacks
MIB = 1024 * 1024


class ProcessRuntime(PlainRuntime):
    """Runs the built-in bot (or another program with its interface) as child processes.

    `root` is ours alone. `instance_label` marks the processes of this installation: two managers with
    different labels never see each other's bots. The bot gets the spec's environment and where it is placed
    (`CLAWBOT_GATEWAY_PORT`, `_BIND`, `CLAWBOT_WORKSPACE`, `CLAWBOT_STATE_DIR`), nothing of the manager's.
    """

    name = "process"
    isolation = Isolation(
        isolated=False,
        warning="Bots run as plain processes of this machine: they can reach its files and its network, and "
        "each other. Use a container runtime for anything but a trial.",
    )

    def __init__(
        self,
        root: Path,
        instance_label: str,
        python: str = sys.executable,
        *,
        program: Path | None = None,
        max_log_bytes: int = 5 * MIB,
    ) -> None:
        self._root = root
        self._label = instance_label
        self._python = python
        self._program = program or Path(builtin_bot.__file__).parent
        self._max_log_bytes = max_log_bytes
        self._cpu_samples: dict[UUID, tuple[int, float, float]] = {}

    async def probe(self) -> None:
        """Return when the root can be written and the interpreter is there."""
        await blocking(self._probe)

    def _probe(self) -> None:
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RuntimeUnavailableError(f"the directory of the bots: {error.strerror}") from error
        if not os.access(self._root, os.W_OK | os.X_OK):
            raise RuntimeUnavailableError("the directory of the bots cannot be written")
        if not os.access(self._python, os.X_OK):
            raise RuntimeUnavailableError(f"there is no interpreter at {self._python}")

    async def list(self) -> builtins.list[Instance]:
        """Everything with our mark: directories, whole or half made, and processes without one."""
        return await blocking(self._list)

    def _list(self) -> builtins.list[Instance]:
        found = process_table.find_all(self._label)
        known = set(found)
        with contextlib.suppress(FileNotFoundError):
            for entry in self._root.iterdir():
                with contextlib.suppress(ValueError):
                    known.add(UUID(entry.name))
        for bot_id in known:  # called periodically: the place to bound the logs of those that run
            log_file.rotate(self._files(bot_id).log, self._max_log_bytes)
        seen = (self._describe(bot_id, found.get(bot_id, [])) for bot_id in sorted(known))
        return [instance for instance in seen if instance is not None]

    async def inspect(self, bot_id: UUID) -> Instance | None:
        """The bot's instance, or None when there is neither a directory nor a process."""
        return await blocking(self._inspect, bot_id)

    def _inspect(self, bot_id: UUID) -> Instance | None:
        return self._describe(bot_id, self._processes(bot_id))

    async def create(self, spec: InstanceSpec) -> Instance:
        """Keep the spec for `start`; an earlier instance of this bot is ended and replaced."""
        files = self._files(spec.bot_id)
        async with files.locked():
            await self._end(spec.bot_id, REPLACE_GRACE_SECONDS)
            await blocking(files.write, spec)
            instance = await self.inspect(spec.bot_id)
        if instance is None:
            raise InstanceFailedError("the instance vanished while it was created")
        return instance

    async def start(self, bot_id: UUID) -> Instance:
        """Start the process unless it runs; two callers at a time start one."""
        async with self._files(bot_id).locked():
            instance = await blocking(self._start, bot_id)
        if instance is None:
            raise InstanceFailedError("the instance vanished while it was started")
        return instance

    def _start(self, bot_id: UUID) -> Instance | None:
        files = self._files(bot_id)
        spec = files.read()
        if spec is None:
            raise InstanceNotFoundError(f"there is no instance of bot {bot_id}")
        if not process_table.find_all(self._label).get(bot_id):  # a full search: never two of one bot
            process = self._spawn(spec, files)
            files.write_started(Started(process.pid, process.create_time()))
        return self._inspect(bot_id)

    def _spawn(self, spec: InstanceSpec, files: InstanceFiles) -> psutil.Process:
        environment = {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            **spec.environment,
            "CLAWBOT_GATEWAY_PORT": str(spec.port),
            "CLAWBOT_GATEWAY_BIND": "127.0.0.1",
            "CLAWBOT_WORKSPACE": str(spec.workspace),
            "CLAWBOT_STATE_DIR": str(spec.state_dir),
        }
        command = [self._python, "-I", "-S", str(self._program)]  # -S: nothing of what is installed for us
        command += ["--bot-id", str(spec.bot_id), "--instance", self._label]
        # processes are counted per user, not per bot: RLIMIT_NPROC would hit the manager itself
        limits = {
            "RLIMIT_CORE": 0,  # a core dump would hold the tokens and the conversations
            "RLIMIT_AS": (spec.limits.memory_mb + OVERHEAD_MB) * MIB,
            "RLIMIT_FSIZE": max(64 * MIB, 2 * self._max_log_bytes),
            "RLIMIT_NOFILE": 1024,
        }
        log_file.rotate(files.log, self._max_log_bytes)
        spec.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        output = log_file.open_for_append(files.log)
        try:
            return process_table.spawn(
                command, environment=environment, cwd=spec.state_dir, output=output, limits=limits
            )
        finally:
            os.close(output)

    async def stop(self, bot_id: UUID, *, grace_seconds: float) -> None:
        """SIGTERM, and SIGKILL to what is left of it and its children after the grace."""
        async with self._files(bot_id).locked():
            await self._end(bot_id, grace_seconds)

    async def remove(self, bot_id: UUID) -> None:
        """Kill what runs and delete the directory; workspace and state stay."""
        files = self._files(bot_id)
        async with files.locked(removing=True):
            await self._end(bot_id, 0)
            await blocking(files.delete)
        self._cpu_samples.pop(bot_id, None)

    async def _end(self, bot_id: UUID, grace_seconds: float) -> None:
        main = await blocking(self._search, bot_id)
        family = await blocking(process_table.with_children, main)
        if grace_seconds > 0:
            await blocking(process_table.signal_all, main, signal.SIGTERM)
            family = await self._await_end(family, grace_seconds)
        await blocking(process_table.signal_all, family, signal.SIGKILL)
        if await self._await_end(family, KILL_SECONDS):
            raise InstanceFailedError("the process does not end, even when it is killed")
        await blocking(self._note_exit, bot_id)

    async def _await_end(
        self, processes: builtins.list[psutil.Process], seconds: float
    ) -> builtins.list[psutil.Process]:
        """Those that still run after the time, [] as soon as none does."""
        deadline = time.monotonic() + seconds
        while processes := await blocking(process_table.alive, processes):
            if time.monotonic() >= deadline:
                break
            await asyncio.sleep(POLL_SECONDS)
        return processes

    async def logs(self, bot_id: UUID, *, tail: int) -> builtins.list[str]:
        """The last lines of the bot's output."""
        return await blocking(log_file.tail, self._files(bot_id).log, tail)

    async def follow_logs(self, bot_id: UUID, *, tail: int) -> AsyncGenerator[str]:
        """The last lines, then each new one, until the instance is gone, through restarts."""
        files = self._files(bot_id)
        follower = log_file.Follower(files.log)
        lines: builtins.list[str] | None = await blocking(follower.first, tail)
        while lines is not None or await blocking(files.exists):
            for line in lines or ():
                yield line
            lines = await blocking(follower.more)
            if not lines:
                await asyncio.sleep(FOLLOW_SECONDS)

    async def stats(self, bot_id: UUID) -> InstanceStats | None:
        """CPU time of the bot and its children since the last sample (None the first time), memory, count."""
        return await blocking(self._stats, bot_id)

    def _stats(self, bot_id: UUID) -> InstanceStats | None:
        processes = self._processes(bot_id)
        if not processes:
            return None
        used, memory, count = 0.0, 0, 0
        for process in process_table.with_children(processes):
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                memory += process.memory_info().rss
                used += times.user + times.system
                count += 1
        if not count:
            return None
        now, main = time.monotonic(), processes[0].pid
        before = self._cpu_samples.get(bot_id)
        self._cpu_samples[bot_id] = (main, now, used)
        percent = None
        if before and before[0] == main and now > before[1]:
            percent = max(0.0, 100 * (used - before[2]) / (now - before[1]))
        return InstanceStats(cpu_percent=percent, memory_bytes=memory, processes=count)

    async def changes(self) -> AsyncGenerator[UUID | None]:
        """The bots of which a process came or went, looked at each second."""
        before = await blocking(self._pids)
        yield None
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = await blocking(self._pids)
            for bot_id in {*before, *now}:
                if before.get(bot_id) != now.get(bot_id):
                    yield bot_id
            before = now

    def _pids(self) -> dict[UUID, builtins.list[int]]:
        found = process_table.find_all(self._label)
        return {bot_id: [process.pid for process in processes] for bot_id, processes in found.items()}

    async def close(self) -> None:
        """Nothing to give back; the bots go on running."""

    def _files(self, bot_id: UUID) -> InstanceFiles:
        return InstanceFiles(self._root, bot_id)

    def _processes(self, bot_id: UUID) -> builtins.list[psutil.Process]:
        """The bot's processes: the noted one when it still is that, else all that a search finds."""
        noted = self._files(bot_id).read_started()
        process = noted and process_table.recall(noted.pid, noted.created, bot_id, self._label)
        return [process] if process else self._search(bot_id)

    def _search(self, bot_id: UUID) -> builtins.list[psutil.Process]:
        return process_table.find_all(self._label).get(bot_id, [])

    def _note_exit(self, bot_id: UUID) -> Started | None:
        """What was noted of the last process, with its exit code once we know it."""
        files = self._files(bot_id)
        noted = files.read_started()
        if noted is None or noted.exit_code is not None:
            return noted
        code = process_table.exit_code(noted.pid)
        if code is not None:
            noted = replace(noted, exit_code=code)
            with contextlib.suppress(FileNotFoundError):  # being removed
                files.write_started(noted)
        return noted

    def _describe(self, bot_id: UUID, processes: builtins.list[psutil.Process]) -> Instance | None:
        files = self._files(bot_id)
        spec = files.read()
        running = processes[0] if processes else None
        if spec is None and running is None and not files.exists():
            return None
        noted = self._note_exit(bot_id) if running is None else None
        state, started_at = InstanceState.CREATED, None
        if running is not None:
            state = InstanceState.RUNNING
            with contextlib.suppress(psutil.Error):
                started_at = datetime.fromtimestamp(running.create_time(), UTC)
        elif noted is not None:
            state, started_at = InstanceState.STOPPED, datetime.fromtimestamp(noted.created, UTC)
        return Instance(
            instance_id=str(running.pid) if running else str(bot_id),
            bot_id=bot_id,
            hostname=spec.hostname if spec else "",
            owner_id=spec.owner_id if spec else NOBODY,
            revision=spec.revision if spec else 0,
            state=state,
            endpoint=f"http://127.0.0.1:{spec.port}" if spec and running else None,
            started_at=started_at,
            exit_code=noted.exit_code if noted else None,
            detail=None if spec else "half made: the description of this instance is missing",
        )
