"""Processes of a measurement: started on one core, measured as a tree, and ended whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

PROXY_CPU = 0
LOAD_CPU = 1 if (os.cpu_count() or 1) > 1 else 0
CACHE = Path(__file__).resolve().parent / ".cache"

_END_SECONDS = 30.0
_SETTLED_SHARE = 0.05
_CLEAN = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


class BenchError(Exception):
    """A measurement that cannot be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """A started process. `log` has what it printed."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def tree(self) -> list[psutil.Process]:
        """The process and all that it started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        raise BenchError(f"{self.name} ended: {self.last_words()}")

    def cpu_seconds(self) -> float:
        """CPU time of the whole tree, by the kernel's clock of each process (ended threads are in it)."""
        return sum(_cpu_clock(one.pid) for one in self.tree())

    def resident_bytes(self) -> int:
        """Resident memory, summed over the tree (shared pages count once for each process)."""
        total = 0
        for one in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += one.memory_info().rss
        return total

    def connections(self) -> int:
        """Open sockets of the tree that are connected."""
        total = 0
        for one in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                found = one.net_connections(kind="tcp")
                total += sum(1 for it in found if it.status not in {psutil.CONN_LISTEN, psutil.CONN_NONE})
        return total

    def pause(self) -> None:
        """Stop the whole group, so that it takes nothing from others that are measured."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run again."""
        os.killpg(self.process.pid, signal.SIGCONT)

    def last_words(self) -> str:
        """The end of what it printed."""
        with contextlib.suppress(OSError):
            return self.log.read_text(errors="replace")[-1500:].strip() or "it printed nothing"
        return "it left no log"

    def settle(self, limit_seconds: float = 30.0) -> None:
        """Return when the tree idles, or at the limit: what it put off belongs to the load before."""
        deadline = time.monotonic() + limit_seconds
        before, idle = self.cpu_seconds(), 0
        while idle < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
            now = self.cpu_seconds()
            idle = idle + 1 if now - before < _SETTLED_SHARE * 0.1 else 0
            before = now


def _cpu_clock(pid: int) -> float:
    """See clock_getcpuclockid(3): the kernel makes a process's clock id out of its pid."""
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str],
    *,
    cpu: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[Running]:
    """The command on one core, in a group of its own; asked to end at the end, and then made to."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            # should this process be killed, the kernel ends the other
            ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(cpu), *command],
            cwd=cwd,
            env={**clean_environment(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = Running(name, process, log)
    try:
        yield started
    finally:
        _end(process)


def clean_environment() -> dict[str, str]:
    """The few variables that a measured program gets from ours."""
    return {name: os.environ[name] for name in _CLEAN if name in os.environ}


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGTERM, _END_SECONDS), (signal.SIGKILL, _END_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
            os.killpg(process.pid, signal.SIGCONT)  # it may be paused
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):  # children that outlived it
        os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    condition: Callable[[], bool], *, seconds: float, what: str, alive: Running | None = None
) -> None:
    """Poll until the condition holds.

    Raises:
        BenchError: it does not within `seconds`, or the process ended meanwhile.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if alive is not None and alive.process.poll() is not None:
            raise BenchError(f"{alive.name} ended with {alive.process.returncode}: {alive.last_words()}")
        if time.monotonic() > deadline:
            words = f": {alive.last_words()}" if alive is not None else ""
            raise BenchError(f"not within {seconds:.0f} s: {what}{words}")
        time.sleep(0.05)


def wait_for_port(port: int, started: Running, seconds: float = 60.0) -> None:
    """Wait until the process listens.

    Raises:
        BenchError: it does not, or it ended.
    """

    def listens() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    wait_until(listens, seconds=seconds, what=f"{started.name} listens on {port}", alive=started)


def result_in(output: str, *, who: str, errors: str = "") -> dict[str, Any]:
    """What a load generator of ours told in its last line.

    Raises:
        BenchError: it told nothing.
    """
    line = next((line for line in output.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise BenchError(f"the load at {who} gave no result: {errors or output[-500:]}")
    found: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return found


def tool(name: str) -> str:
    """Where a program of the machine is.

    Raises:
        BenchError: it is not installed.
    """
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise BenchError(f"{name} is not installed: run scripts/install-bench-tools.sh")
    return found


def compiled(source: str) -> Path:
    """The program made from a C file of this folder, compiled again when a source is newer.

    Raises:
        BenchError: the compiler refuses it.
    """
    path = Path(__file__).resolve().parent / source
    target = CACHE / path.stem
    sources = [path, *path.parent.glob("*.h")]
    if target.exists() and target.stat().st_mtime > max(one.stat().st_mtime for one in sources):
        return target
    CACHE.mkdir(exist_ok=True)
    draft = CACHE / f"{path.stem}.{os.getpid()}"
    flags = ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror"]
    done = subprocess.run(
        [tool("gcc"), *flags, "-o", str(draft), str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode != 0:
        raise BenchError(f"{source} does not compile:\n{done.stderr}")
    return draft.replace(target)
