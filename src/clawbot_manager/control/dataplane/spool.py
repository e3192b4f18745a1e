"""Where usage waits while the database is away: on disk, as files of JSON lines, in order, read back once.

A file begins with a line that names the columns; each further line is a row (see `usage_rows`), so there is
no prompt and no secret in it. Files are readable for their owner alone. A batch is on the disk (`fdatasync`)
when `append` returns; of a batch that was being appended when the machine stopped, whole lines count and a
torn one does not. The process that has a file locked owns it; files of processes that ended are taken over by
`adopt`.
"""

import fcntl
import os
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

import orjson

from clawbot_manager.control.dataplane.usage_rows import COLUMNS, NULL, Row
from clawbot_manager.infra.telemetry.events import get_logger

_log = get_logger(__name__)

_SUFFIX = ".jsonl"
_DRAFT = ".draft-"
_SEGMENT_BYTES = 16 << 20
_READ_BYTES = 512 << 10  # more than the longest line, and some 1,000 rows of the usual length
_HEADER = orjson.dumps({"columns": list(COLUMNS)}) + b"\n"


class Spool:
    """The rows of one process that wait, and those of its predecessors. For one thread.

    `max_bytes` bounds what waits on the disk; 0 = nothing may. What finds no place there, for that or because
    the disk refuses, waits in memory, `max_held` rows at most. No method raises for what the disk does.
    `unreadable` counts lines that could not be read back.
    """

    def __init__(
        self, directory: Path, *, max_bytes: int, max_held: int, segment_bytes: int = _SEGMENT_BYTES
    ) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_held = max_held
        self._segment_bytes = segment_bytes
        self._segments: deque[_Segment] = deque()
        self._held: deque[Sequence[Row]] = deque()
        self._held_rows = 0
        self._reading = 0
        self._numbers = count()
        self.unreadable = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._segments and not self._held

    @property
    def waiting_bytes(self) -> int:
        """How much waits on the disk."""
        return sum(segment.size - segment.offset for segment in list(self._segments))

    def adopt(self) -> None:
        """Take over the files of processes that have ended. Call it before the first `append`."""
        with suppress(OSError):
            for path in sorted(self._directory.glob(f"*{_SUFFIX}")):
                segment = _Segment.of_another(path)
                if segment is None:
                    continue
                if path.name.startswith(_DRAFT):  # it ended before the first row
                    segment.remove()
                    continue
                _log.info("usage.spool_adopted", file=path.name, bytes=segment.size)
                self._segments.append(segment)

    def append(self, rows: Sequence[Row]) -> bool:
        """Keep the rows, all of them or none: False when there is no room."""
        if self._store(b"".join([orjson.dumps(row) + b"\n" for row in rows])):
            return True
        if self._held_rows + len(rows) > self._max_held:
            return False
        self._held.append(rows)
        self._held_rows += len(rows)
        return True

    def _store(self, data: bytes) -> bool:
        if self.waiting_bytes + len(data) > self._max_bytes:
            return False
        try:
            if not self._segments or not self._segments[-1].takes(len(data), self._segment_bytes):
                self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                name = f"usage-{time.time_ns():020d}-{os.getpid()}-{next(self._numbers)}{_SUFFIX}"
                self._segments.append(_Segment.new(self._directory / name))
            self._segments[-1].append(data)
        except OSError as error:
            _log.error("usage.spool_failed", error=type(error).__name__, errno=error.errno)
            return False
        return True

    def next(self) -> Sequence[Row]:
        """The oldest rows that wait, some 1,000; [] when none waits. They wait until `done` is called."""
        while self._segments:
            try:
                rows, self._reading, unreadable = self._segments[0].read()
            except OSError as error:  # it stays on the disk, for the next start
                _log.error("usage.spool_failed", error=type(error).__name__, errno=error.errno)
                self._segments.popleft().close()
                continue
            if unreadable:
                self.unreadable += unreadable
                _log.error("usage.spool_unreadable", lines=unreadable, file=self._segments[0].path.name)
            if rows:
                return rows
            if self._reading:  # nothing but unreadable lines
                self._segments[0].offset += self._reading
            else:
                self._segments.popleft().remove()
        return self._held[0] if self._held else []

    def done(self) -> None:
        """What `next` gave last need not wait any more."""
        if not self._segments:
            self._held_rows -= len(self._held.popleft())
            return
        segment = self._segments[0]
        segment.offset += self._reading
        self._reading = 0
        if segment.offset >= segment.size:
            self._segments.popleft().remove()

    def close(self) -> int:
        """Let go of the files; what waits in them stays for the next process. How many rows are lost."""
        while self._segments:
            self._segments.popleft().close()
        return self._held_rows


class _Segment:
    """One file, open and locked. `own` = made by this process; the others are only read."""

    def __init__(self, path: Path, descriptor: int, *, own: bool) -> None:
        self.path = path
        self._descriptor = descriptor
        self._own = own
        self.size = os.fstat(descriptor).st_size
        self.offset = 0
        self._columns: list[str] = list(COLUMNS)

    @classmethod
    def new(cls, path: Path) -> "_Segment":
        """A file with its header. It gets its name when it is locked, so that nobody adopts it before."""
        draft = path.with_name(f"{_DRAFT}{path.name}")
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(draft, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(descriptor, _HEADER)
            draft.rename(path)
            _sync_directory(path.parent)
        except BaseException:
            os.close(descriptor)
            draft.unlink(missing_ok=True)
            raise
        segment = cls(path, descriptor, own=True)
        segment.offset = len(_HEADER)
        return segment

    @classmethod
    def of_another(cls, path: Path) -> "_Segment | None":
        """The file, if nobody has it locked; None when somebody has, or it is gone."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return cls(path, descriptor, own=False)
        except OSError:
            pass
        os.close(descriptor)
        return None

    def takes(self, more: int, most: int) -> bool:
        """Whether so many bytes may still be appended."""
        return self._own and self.size + more <= most

    def append(self, data: bytes) -> None:
        """Write to the end, and to the disk; all or nothing."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fdatasync(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(data)

    def read(self) -> tuple[list[Row], int, int]:
        """The next rows, how many bytes they take, and how many lines of those are unreadable.

        Raises:
            OSError: the disk refuses.
        """
        data = os.pread(self._descriptor, _READ_BYTES, self.offset)
        whole = data.rfind(b"\n") + 1
        if not whole:  # a torn line at the end, or no line at all
            return [], len(data), bool(data)
        rows: list[Row] = []
        unreadable = 0
        for number, line in enumerate(data[:whole].splitlines()):
            if self.offset == 0 and number == 0:
                unreadable += not self._take_header(line)
            elif (row := self._row(line)) is not None:
                rows.append(row)
            else:
                unreadable += 1
        return rows, whole, unreadable

    def _take_header(self, line: bytes) -> bool:
        try:
            columns = orjson.loads(line)["columns"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return False
        self._columns = [str(column) for column in columns]
        return True

    def _row(self, line: bytes) -> Row | None:
        """The row, also of a version of the program that had other columns."""
        try:
            values = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(values, list) or len(values) != len(self._columns):
            return None
        by_name = dict(zip(self._columns, values, strict=True))
        return tuple(NULL if (value := by_name.get(name)) is None else value for name in COLUMNS)

    def remove(self) -> None:
        """Its rows are in the database."""
        with suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        os.close(self._descriptor)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
