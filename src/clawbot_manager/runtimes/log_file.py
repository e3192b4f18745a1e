"""The log file of a bot that runs as a process: written by the bot in append mode, bounded and read by us."""

import os
import shutil
from collections import deque
from pathlib import Path

BLOCK = 64 * 1024
MAX_LINE = 64 * 1024
MAX_READ = 4 * 1024 * 1024


def rotate(path: Path, max_bytes: int) -> None:
    """Move what is in a too large log to `<name>.1` and go on with an empty one.

    Copies and truncates, since a running bot keeps its descriptor: it appends at the new end. A line that
    is written between the two steps is lost; a log without bound would be worse.
    """
    try:
        if path.stat().st_size <= max_bytes:
            return
        old = path.with_name(path.name + ".1")
        with path.open("rb") as source, os.fdopen(_private(old, os.O_TRUNC), "wb") as copy:
            source.seek(-max_bytes, os.SEEK_END)
            shutil.copyfileobj(source, copy, BLOCK)
        os.truncate(path, 0)
    except FileNotFoundError:
        return


def open_for_append(path: Path) -> int:
    """A descriptor for a bot's output, readable by nobody else."""
    return _private(path, os.O_APPEND)


def _private(path: Path, flag: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | flag, 0o600)


def tail(path: Path, lines: int) -> list[str]:
    """The last lines, read from the end and never more than `MAX_READ`; [] when there is no file."""
    return Follower(path).first(lines)


class Follower:
    """Reads a log from its last lines on, through truncation and replacement."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._position = 0
        self._rest = b""

    def first(self, lines: int) -> list[str]:
        """The last `lines` lines; `more` goes on behind them."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                self._inode, self._position = status.st_ino, status.st_size
                data = self._read_back(file.fileno(), status.st_size, lines)
        except FileNotFoundError:
            return []
        return list(deque(self._split(data), maxlen=max(lines, 0)))

    def more(self) -> list[str] | None:
        """The lines that came since, [] when there are none, None when the file is gone."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_ino != self._inode or status.st_size < self._position:
                    self._inode, self._position, self._rest = status.st_ino, 0, b""
                file.seek(self._position)
                data = file.read(MAX_READ)
                self._position += len(data)
        except FileNotFoundError:
            return None
        return self._split(data)

    @staticmethod
    def _read_back(descriptor: int, size: int, lines: int) -> bytes:
        """Enough of the end to hold the lines asked for."""
        data, start = b"", size
        while start > 0 and size - start < MAX_READ and data.count(b"\n") <= lines:
            step = min(BLOCK, start)
            start -= step
            data = os.pread(descriptor, step, start) + data
        return data

    def _split(self, data: bytes) -> list[str]:
        """Whole lines; the unfinished one waits for its end unless it grows too long."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE:
            whole.append(self._rest)
            self._rest = b""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in whole]
