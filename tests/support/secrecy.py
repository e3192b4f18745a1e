"""Searches what a bot could read for what it must never hold."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

_LARGEST_MAP = 256 * 1024 * 1024


def environment(process: psutil.Process) -> dict[str, str]:
    return process.environ()


def in_memory(process: psutil.Process, needle: str) -> bool:
    """Whether the text stands anywhere in the process's readable memory (Linux, same user or root)."""
    wanted = needle.encode()
    with Path(f"/proc/{process.pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if found is None or "[v" in line:  # [vvar], [vdso], [vsyscall] cannot be read
                continue
            start, end = int(found[1], 16), int(found[2], 16)
            if end - start > _LARGEST_MAP:
                continue
            try:
                memory.seek(start)
                if wanted in memory.read(end - start):
                    return True
            except (OSError, ValueError):
                continue
    return False


def files_with(root: Path, needle: str) -> list[Path]:
    """Every file below the directory that holds the text."""
    wanted = needle.encode()
    return [path for path in root.rglob("*") if path.is_file() and wanted in path.read_bytes()]
