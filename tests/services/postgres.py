"""A private PostgreSQL for one test run: Debian's binaries, an empty folder, a free port on loopback.

The first test that asks starts it, under a lock, for all workers. It belongs to a small supervisor process,
which ends it when the run is over, however that happened: told so, failed, or killed.

CLAWBOT_TEST_POSTGRES_URL  use this server instead; its user must be allowed to create databases
CLAWBOT_TEST_POSTGRES=skip skip the tests that need PostgreSQL; without it they fail where there is none
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import signal
import time
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from tests.services import postgres_supervisor, run

GIVEN_URL = "CLAWBOT_TEST_POSTGRES_URL"
MODE = "CLAWBOT_TEST_POSTGRES"
EMPTY_TEMPLATE = "template1"


class PostgresUnavailableError(Exception):
    """The tests need PostgreSQL and it can't be had; the message says why."""


def unwanted() -> bool:
    return os.environ.get(MODE) == "skip"


def fresh_database(template: str = EMPTY_TEMPLATE) -> str:
    """Creates a database, a copy of `template` on the same server, and returns its SQLAlchemy URL."""
    name = f"test_{secrets.token_hex(8)}"
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    _admin().execute(statement)
    return _server().set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    """Drops it at once, with whoever is still connected."""
    name = make_url(url).database
    assert name is not None
    _admin().execute(sql.SQL("ALTER DATABASE {} WITH IS_TEMPLATE false").format(sql.Identifier(name)))
    _admin().execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def template_from(url: str) -> str:
    """Makes a prepared (say, migrated) database a template for `fresh_database`; nobody may be connected."""
    name = make_url(url).database
    assert name is not None
    _admin().execute(
        sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true").format(
            sql.Identifier(name)
        )
    )
    return name


@functools.cache
def _server() -> URL:
    given = os.environ.get(GIVEN_URL)
    if given:
        return make_url(given).set(drivername="postgresql+psycopg")
    with run.lock("postgres"):
        ready = run.folder() / postgres_supervisor.ANSWER
        if not ready.exists():
            postgres_supervisor.launch(run.folder(), run.owner())
    answer: dict[str, Any] = json.loads(ready.read_text())
    if "error" in answer:
        raise PostgresUnavailableError(answer["error"])
    return URL.create(
        "postgresql+psycopg",
        postgres_supervisor.SUPERUSER,
        answer["password"],
        "127.0.0.1",
        answer["port"],
        "postgres",
    )


@functools.cache
def _admin() -> psycopg.Connection[Any]:
    """One connection a worker; it is closed with its process."""
    plain = _server().set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True)


def close() -> None:
    """Closes this worker's connection and forgets the server."""
    if _admin.cache_info().currsize:
        _admin().close()
    _admin.cache_clear()
    _server.cache_clear()


def stop() -> None:
    """Ends this run's server, if one was started, and waits for it."""
    pid_file = run.folder() / postgres_supervisor.PID
    if not pid_file.exists():
        return
    pid = int(pid_file.read_text())
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 15
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
