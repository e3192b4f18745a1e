"""The real server, which kills itself with SIGKILL at a chosen step.

    python -m tests.faults.crashing_server [--runtime docker] --data-dir D --port P

SIGUSR1 arms it: it reads a number N from `<data dir>/kill-after`, counts from then on every step that leaves
a trace outside of the process (a commit of something written, a file opened for writing, renamed or removed,
a directory made, a process started, a change asked of the container engine), and dies just before the N-th.
The product's code knows nothing of it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import aiodocker
from sqlalchemy import Connection, Engine, event

from clawbot_manager import app
from clawbot_manager.settings import load_settings

_TRACES = {
    "os.rename",
    "os.mkdir",
    "os.remove",
    "os.rmdir",
    "shutil.rmtree",
    "subprocess.Popen",
    "os.posix_spawn",
}


class Countdown:
    """Counts steps once armed; the last one is never taken."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._left: int | None = None

    def arm(self, *_: Any) -> None:
        self._left = int((self._data_dir / "kill-after").read_text())

    def step(self, name: str) -> None:
        if self._left is None:
            return
        self._left -= 1
        if self._left <= 0:
            os.write(2, f"killed before {name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, name: str, arguments: tuple[Any, ...]) -> None:
        if self._left is None:
            return
        if name in _TRACES:
            self.step(name)
        elif name == "open" and isinstance(arguments[0], str) and str(self._data_dir) in arguments[0]:
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            if flags & (os.O_WRONLY | os.O_RDWR) and "sqlite" not in arguments[0]:
                self.step(f"open {Path(arguments[0]).name}")


def count_commits(countdown: Countdown) -> None:
    """Those of transactions that wrote something: reading leaves no trace."""

    def wrote(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().startswith(("SELECT", "BEGIN", "PRAGMA")):
            connection.info["wrote"] = True

    def committed(connection: Connection) -> None:
        if connection.info.pop("wrote", False):
            countdown.step("commit")

    event.listen(Engine, "before_cursor_execute", wrote)
    event.listen(Engine, "commit", committed)


def count_engine_calls(countdown: Countdown) -> None:
    """Whatever changes something at the engine is a step."""
    query = aiodocker.Docker._query

    def counted(self: aiodocker.Docker, path: Any, method: str = "GET", **more: Any) -> Any:
        if method != "GET":
            countdown.step(f"{method} {path}")
        return query(self, path, method, **more)

    aiodocker.Docker._query = counted  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--runtime", default="process")
    given = parser.parse_args()
    countdown = Countdown(given.data_dir.resolve())
    signal.signal(signal.SIGUSR1, countdown.arm)
    sys.addaudithook(countdown.audit)
    count_commits(countdown)
    count_engine_calls(countdown)
    settings = load_settings(
        data_dir=given.data_dir,
        server={"port": given.port},
        runtime={"kind": given.runtime, "agent": "builtin", "reconcile_seconds": 1},
    )
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    app.up(settings, partial(print, file=sys.stdout))


if __name__ == "__main__":
    main()
