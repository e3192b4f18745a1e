"""What every test stands on: no outside network, a fixed locale and timezone, fresh databases."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import network_guard, postgres, run


def pytest_configure(config: pytest.Config) -> None:
    # Eight hours off UTC, written so that no timezone files are needed: code that means UTC has to say so.
    os.environ.update({"TZ": "CST-8", "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"})
    time.tzset()
    network_guard.install()
    if not _is_worker(config):
        run.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    postgres.close()
    if not _is_worker(config):
        postgres.stop()
        run.end()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A SQLite file that does not exist yet."""
    return f"sqlite+aiosqlite:///{tmp_path / 'clawbot.sqlite3'}"


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """An empty PostgreSQL database of this test's own."""
    if postgres.unwanted():
        pytest.skip(f"{postgres.MODE}=skip")
    url = postgres.fresh_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, empty database; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url
