"""What a process lets others see of its memory, dead or alive (Linux)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

_NOBODY = 65534


@contextlib.contextmanager
def cores_allowed() -> Iterator[None]:
    """What is started meanwhile may dump core as far as this process may let it."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    hard = resource.RLIM_INFINITY if os.geteuid() == 0 else before[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (before[0], hard))


def abort(pid: int) -> bool:
    """Kill a child of ours so that it dumps core if it ever does; whether it did."""
    os.kill(pid, signal.SIGABRT)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGABRT
    return os.WCOREDUMP(status)


def may_be_read(pid: int, user: int = _NOBODY) -> bool:
    """Whether a process of that user (of our own, when we are not root) may read the memory and the
    environment of another one of the same user.
    """
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        os._exit(1 if any(_opens(f"/proc/{pid}/{name}") for name in ("mem", "environ", "maps")) else 0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 1


def _opens(path: str) -> bool:
    try:
        with open(path, "rb", 0) as file:  # noqa: PTH123 - in a forked child, as little as possible
            file.read(1)
    except PermissionError:
        return False
    except OSError:
        return True  # it may be opened; that nothing is mapped at 0 is another matter
    return True


def become_nobody() -> None:
    """For a child that root has started: what it does then, it does as a user without rights, and as open
    to that user as a program is that the user has started.
    """
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, which a change of user takes away


def core_limits(pid: int) -> list[str]:
    """How large a core may be, soft and hard, as /proc says it."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith("Max core file size")).split()[4:6]


def cores_below(*roots: Path) -> list[Path]:
    """Core files, by their first bytes: ELF of the type ET_CORE."""
    found = []
    for root in roots:
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    begin = file.read(18)
                if begin[:4] == b"\x7fELF" and int.from_bytes(begin[16:18], sys.byteorder) == 4:
                    found.append(path)
    return found
