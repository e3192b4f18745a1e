"""A PostgreSQL of one test's own, that it may stop, start again, and freeze."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.services import postgres_supervisor, run


class OwnPostgres:
    """A running server."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._server, answer = postgres_supervisor.start(data)
        self._port: int = answer["port"]
        self._password: str = answer["password"]

    @property
    def url(self) -> str:
        user = f"{postgres_supervisor.SUPERUSER}:{self._password}"
        return f"postgresql://{user}@127.0.0.1:{self._port}/postgres"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, connect_timeout=10) as connection:
            return connection.execute(query.encode()).fetchall()

    def stop(self) -> None:
        """Ends every session, and the server."""
        self._server.send_signal(signal.SIGINT)
        self._server.wait(30)

    def start(self) -> None:
        """Starts it again, on the same data and port."""
        self._server = postgres_supervisor.serve(self._data, self._port)
        assert postgres_supervisor.answers(self._server, self._port, self._password)

    def freeze(self) -> None:
        """It goes on to hold connections and takes new ones, and answers nothing."""
        for process in self._family():
            with suppress(psutil.NoSuchProcess):  # a helper of its that has just done its work
                process.suspend()

    def thaw(self) -> None:
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def _family(self) -> list[psutil.Process]:
        server = psutil.Process(self._server.pid)
        return [server, *server.children(recursive=True)]

    def kill(self) -> None:
        if self._server.poll() is None:
            self.thaw()
            self._server.send_signal(signal.SIGQUIT)
            try:
                self._server.wait(20)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait(10)
        shutil.rmtree(self._data, ignore_errors=True)


@contextmanager
def own_postgres(name: str) -> Iterator[OwnPostgres]:
    """A server that is gone afterwards."""
    server = OwnPostgres(run.folder() / f"own-{name}-{os.getpid()}")
    try:
        yield server
    finally:
        server.kill()
