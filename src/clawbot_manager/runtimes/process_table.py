"""Finding, starting and ending bot processes without ever touching one that is not ours.

A bot's process is known by its command line, not by a file that a killed manager may not have written:
`… --bot-id <id> --instance <label>`, owned by our user. psutil compares the creation time before each
signal, so a recycled process id is never hit.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from uuid import UUID

import psutil

# Popen objects of our children by process id: whoever looks reaps them, whichever runtime object asks.
_children: dict[int, subprocess.Popen[bytes]] = {}
_exit_codes: dict[int, int] = {}
_KEPT_EXIT_CODES = 1024
EXEC_SECONDS = 2.0
EXIT_SECONDS = 1.0


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    output: int,
    limits: Mapping[str, int],
) -> psutil.Process:
    """Start a process in its own session that outlives us, with this environment and nothing else of ours.

    Raises `OSError` when it cannot be started.
    """
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and file
        list(command),
        env=dict(environment),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        close_fds=True,
        umask=0o077,
    )
    _children[child.pid] = child
    _exit_codes.pop(child.pid, None)
    process = psutil.Process(child.pid)  # a child that is not yet reaped has an entry, even when it ended
    _limit(process, limits)
    _await_command_line(process)
    return process


def _await_command_line(process: psutil.Process) -> None:
    """Between exec and its end the command line is empty: until it is there, a search would miss the bot."""
    deadline = time.monotonic() + EXEC_SECONDS
    with contextlib.suppress(psutil.Error):
        while not process.cmdline() and time.monotonic() < deadline:
            time.sleep(0.001)


def _limit(process: psutil.Process, limits: Mapping[str, int]) -> None:
    """Set resource limits from outside: code between fork and exec is not safe in a threaded program."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(psutil.Error, OSError):
        for name, value in limits.items():
            resource = getattr(psutil, name)
            _soft, hard = process.rlimit(resource)
            bound = value if hard == psutil.RLIM_INFINITY else min(value, hard)
            process.rlimit(resource, (bound, bound))


def reap() -> None:
    """Collect the children that ended, so that none stays a zombie, and remember how they ended."""
    for pid, child in list(_children.items()):
        code = child.poll()
        if code is not None:
            _children.pop(pid, None)
            _exit_codes[pid] = code
    while len(_exit_codes) > _KEPT_EXIT_CODES:
        _exit_codes.pop(next(iter(_exit_codes)), None)


def exit_code(pid: int) -> int | None:
    """How our child ended (negative: by that signal); None when it runs, was not ours, or was long ago.

    Asked when its command line is gone: the kernel drops that a moment before the process can be waited for.
    """
    if (child := _children.get(pid)) is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=EXIT_SECONDS)
    reap()
    return _exit_codes.get(pid)


def find_all(label: str) -> dict[UUID, list[psutil.Process]]:
    """The living processes of every bot of this installation, the oldest first."""
    reap()
    found: dict[UUID, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        bot_id = _bot_of(process, label)
        if bot_id is not None:
            found.setdefault(bot_id, []).append(process)
    for processes in found.values():
        processes.sort(key=_age)
    return found


def recall(pid: int, created: float, bot_id: UUID, label: str) -> psutil.Process | None:
    """The process that was noted earlier, if it still is that one; saves the search through all."""
    reap()
    try:
        process = psutil.Process(pid)
        same = process.create_time() == created
    except psutil.Error:
        return None
    return process if same and _bot_of(process, label) == bot_id else None


def _age(process: psutil.Process) -> tuple[float, int]:
    with contextlib.suppress(psutil.Error):
        return process.create_time(), process.pid
    return float("inf"), process.pid


def _bot_of(process: psutil.Process, label: str) -> UUID | None:
    try:
        command = process.cmdline()  # empty for zombies
        if "--bot-id" not in command or process.uids().real != os.getuid():
            return None
        at = command.index("--bot-id")
        if command[at + 2 : at + 4] != ["--instance", label]:
            return None
        return UUID(command[at + 1])
    except (psutil.Error, OSError, ValueError, IndexError):
        return None


def with_children(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """The processes and all that descend from them."""
    family: dict[int, psutil.Process] = {}
    for process in processes:
        with contextlib.suppress(psutil.Error):
            family[process.pid] = process
            family.update((child.pid, child) for child in process.children(recursive=True))
    return list(family.values())


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; what waits to be reaped does not."""
    reap()
    running = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                running.append(process)
    return running


def signal_all(processes: Iterable[psutil.Process], number: int) -> None:
    """Send a signal to each that is still the one we found."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
