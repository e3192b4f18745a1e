"""The last lines of bots that are deleted: kept for a while, for their owners to find out why."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

MOST_LINES = 2000
_LONGEST_LINE = 4000
_DAY = 24 * 3600


class KeptLogs:
    """One file a bot, of its owner's bots only found by id. Blocking: call in a thread.

    `redact` takes secrets out of a line, as of our own logs.
    """

    def __init__(self, root: Path, *, days: int, redact: Callable[[str], str]) -> None:
        self._root = root
        self._days = days
        self._redact = redact

    def keep(self, bot_id: UUID, lines: Sequence[str]) -> None:
        """Keep the last lines; those of an earlier time are replaced."""
        if not lines:
            return
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._root / f".{bot_id}.new"
        text = "".join(f"{self._redact(line)[:_LONGEST_LINE]}\n" for line in lines[-MOST_LINES:])
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        draft.replace(self._path(bot_id))

    def has(self, bot_id: UUID) -> bool:
        """Whether there are any."""
        return self._path(bot_id).is_file()

    def read(self, bot_id: UUID) -> list[str]:
        """The lines, oldest first; [] when none are kept."""
        try:
            return self._path(bot_id).read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def purge(self) -> int:
        """Remove what is older than it is kept; how many."""
        before, gone = time.time() - self._days * _DAY, 0
        if self._root.is_dir():
            for path in self._root.glob("*.log"):
                if path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)
                    gone += 1
        return gone

    def _path(self, bot_id: UUID) -> Path:
        return self._root / f"{bot_id}.log"
