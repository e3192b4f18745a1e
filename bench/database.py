"""The database of a measured installation: what is in its usage log, and how to make it unavailable."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.machine import LOAD_CPU, BenchError, clean_environment, free_port
from bench.mock import MockStats

_LEDGER = (
    "SELECT count(*), count(DISTINCT trace_id), coalesce(sum(input_tokens), 0),"
    " coalesce(sum(output_tokens), 0), coalesce(sum(cache_read_tokens), 0),"
    " coalesce(sum(reasoning_tokens), 0) FROM usage_records"
)
_BATCHES = "SELECT count(*) FROM usage_batches"


@dataclass(frozen=True, slots=True)
class Ledger:
    """The usage log as a whole; every request has a trace of its own."""

    rows: int
    traces: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int


def differences(ledger: Ledger, sent: MockStats) -> list[str]:
    """In what the log differs from what the mock sent; empty when every request is in it exactly once."""
    pairs = (
        ("requests", ledger.rows, sent.answered),
        ("distinct requests", ledger.traces, sent.answered),
        ("input tokens", ledger.input_tokens, sent.prompt_tokens),
        ("output tokens", ledger.output_tokens, sent.completion_tokens),
        ("cached tokens", ledger.cached_tokens, sent.cached_tokens),
        ("reasoning tokens", ledger.reasoning_tokens, sent.reasoning_tokens),
    )
    return [f"{name}: {logged} logged, {told} sent" for name, logged, told in pairs if logged != told]


class UsageDatabase(ABC):
    """A database with the usage log in it. `url` is for the program; None is its own SQLite file."""

    url: str | None = None

    @abstractmethod
    def ledger(self) -> Ledger:
        """What is logged now."""

    @abstractmethod
    def batches(self) -> int:
        """How many batches no worker has made rows of yet."""

    @abstractmethod
    def outage(self, seconds: float) -> None:
        """Let nothing be written for so long."""


class SqliteFile(UsageDatabase):
    """The program's own file. In an outage another process holds the lock that every writer needs."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def ledger(self) -> Ledger:
        """See `UsageDatabase`."""
        with contextlib.closing(sqlite3.connect(self._file, timeout=60)) as database:
            return Ledger(*database.execute(_LEDGER).fetchone())

    def batches(self) -> int:
        """See `UsageDatabase`."""
        with contextlib.closing(sqlite3.connect(self._file, timeout=60)) as database:
            return int(database.execute(_BATCHES).fetchone()[0])

    def outage(self, seconds: float) -> None:
        """See `UsageDatabase`."""
        with contextlib.closing(sqlite3.connect(self._file, timeout=60, isolation_level=None)) as database:
            database.execute("BEGIN EXCLUSIVE")
            try:
                time.sleep(seconds)
            finally:
                database.execute("ROLLBACK")


class PostgresServer(UsageDatabase):
    """A server of this run alone, on the loopback, owned by `postgres` when we are root."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self._data = folder / "data"
        self._binaries = binaries
        self._log = folder / "log"
        self._port = free_port()
        self._password = secrets.token_hex(16)
        self.url = f"postgresql://bench:{self._password}@127.0.0.1:{self._port}/postgres"

    def create(self, folder: Path) -> None:
        """Make its files.

        Raises:
            BenchError: PostgreSQL's tools fail.
        """
        word = folder / "word"
        word.write_text(self._password)
        if os.geteuid() == 0:
            for path in (folder, word):
                shutil.chown(path, "postgres", "postgres")
        self._run("initdb", "-D", str(self._data), "-U", "bench", "--auth=scram-sha-256", f"--pwfile={word}")

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._log), "-w", "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once; who is connected is cut off."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "fast", "-w", "stop")

    def ledger(self) -> Ledger:
        """See `UsageDatabase`."""
        with psycopg.connect(str(self.url)) as connection:
            row: tuple[Any, ...] | None = connection.execute(_LEDGER).fetchone()
            assert row is not None
            return Ledger(*map(int, row))

    def batches(self) -> int:
        """See `UsageDatabase`."""
        with psycopg.connect(str(self.url)) as connection:
            row: tuple[Any, ...] | None = connection.execute(_BATCHES).fetchone()
            assert row is not None
            return int(row[0])

    def outage(self, seconds: float) -> None:
        """See `UsageDatabase`."""
        self.stop()
        try:
            time.sleep(seconds)
        finally:
            self.start()

    def _run(self, program: str, *arguments: str) -> None:
        command = ["taskset", "-c", str(LOAD_CPU), str(self._binaries / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
        # a server that inherits a pipe would keep it open: it gets a file
        with (self._data.parent / "tools.log").open("ab") as log:
            done = subprocess.run(
                command,
                cwd="/",
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
                timeout=120,
            )
        if done.returncode != 0:
            raise BenchError(f"{program}: {(self._data.parent / 'tools.log').read_text()[-800:]}")


@contextlib.contextmanager
def postgres(work: Path) -> Iterator[PostgresServer]:
    """A running server.

    Raises:
        BenchError: PostgreSQL is not installed, or does not start.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise BenchError("PostgreSQL is not installed: run scripts/install-test-services.sh")
    folder = work / "postgres"
    folder.mkdir()
    server = PostgresServer(folder, found[-1].parent)
    work.chmod(0o711)  # for the user postgres, who has to get to that folder
    server.create(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
