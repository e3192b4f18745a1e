"""A whole installation under load: provider, database, proxy and worker, each a real one."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.database import SqliteFile, UsageDatabase, postgres
from bench.machine import BenchError, Running
from bench.mock import Mock, mock
from bench.proxy_server import Seeded, seed, worker


@dataclass(frozen=True, slots=True)
class Scene:
    """All but the proxy, which is each measurement's own to start and stop."""

    work: Path
    upstream: Mock
    seeded: Seeded
    database: UsageDatabase
    worker: Running


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """For the options of a scene, and what a measurement adds."""
    found = argparse.ArgumentParser(prog=f"bench.{name}", description=(description or "").splitlines()[0])
    found.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    return found


def play(
    options: argparse.Namespace, measure: Callable[[Scene, argparse.Namespace], list[str]], fine: str
) -> int:
    """Set the scene, measure, and say the problems that were found, or `fine`; the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clawbot-bench-")))
            upstream = stack.enter_context(mock(work))
            server = stack.enter_context(postgres(work)) if options.database == "postgresql" else None
            seeded = seed(work / "data", upstream.base_url, database_url=server.url if server else None)
            database = server or SqliteFile(seeded.database)
            rows = stack.enter_context(worker(seeded, work))
            problems = measure(Scene(work, upstream, seeded, database, rows), options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print("\n".join(f"PROBLEM: {one}" for one in problems) or fine)
    return 1 if problems else 0
