"""One test run: a folder that every worker of the run shares, named in the environment, gone at the end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

FOLDER = "CLAWBOT_TEST_RUN_DIR"
OWNER = "CLAWBOT_TEST_RUN_PID"
ROOM_BYTES = 3 << 30


def begin() -> None:
    """Called by the process that the person started; the workers it starts inherit what is set here."""
    # Not below pytest's own folder: that one is closed to other users, PostgreSQL's among them.
    folder = Path(tempfile.mkdtemp(prefix="clawbot-tests-", dir=_memory()))
    folder.chmod(0o711)
    os.environ[FOLDER] = str(folder)
    os.environ[OWNER] = str(os.getpid())


def end() -> None:
    shutil.rmtree(os.environ.pop(FOLDER, ""), ignore_errors=True)
    os.environ.pop(OWNER, None)


def _memory() -> Path | None:
    """A file system in memory, if there is a roomy one: a database is made there in a tenth of the time."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_BYTES:
        return memory
    return None


def folder() -> Path:
    return Path(os.environ[FOLDER])


def owner() -> int:
    return int(os.environ[OWNER])


@contextlib.contextmanager
def lock(name: str) -> Iterator[None]:
    """Held by one worker of this run at a time."""
    with (folder() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
