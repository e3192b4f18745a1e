"""An installation per test, on both databases, with a runtime that runs nothing."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from clawbot_manager import app
from clawbot_manager.app.compose import Installation, compose
from clawbot_manager.infra.crypto.passwords import Passwords
from clawbot_manager.runtimes.fake import FakeRuntime
from clawbot_manager.settings import Settings, load_settings
from clawbot_manager.settings.secrets import InstallationSecrets
from tests.fakes.gateway import FakeGateway
from tests.services import postgres
from tests.support.api import Api, serving
from tests.support.clock import MovableClock

SECRETS = InstallationSecrets(
    master_keys={1: bytes(range(32))},
    session_secret="session-secret-of-the-tests-0123456789",
    token_secret="token-secret-of-the-tests-0123456789abc",
    proxy_admin_token="admin-token-of-the-tests-0123456789abcd",
)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Per kind of database, one with schema and templates to copy from: a file, or a template's name."""
    return {}


@pytest.fixture
def ready_sqlite(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, migrated: dict[str, str]) -> str:
    """A SQLite database with the schema and the templates in it."""
    if "sqlite" not in migrated:
        source = tmp_path_factory.mktemp("migrated") / "clawbot.sqlite3"
        _prepare(f"sqlite:///{source}", tmp_path)
        migrated["sqlite"] = str(source)
    shutil.copy(migrated["sqlite"], tmp_path / "clawbot.sqlite3")
    return f"sqlite:///{tmp_path / 'clawbot.sqlite3'}"


@pytest.fixture
def ready_postgresql(tmp_path: Path, migrated: dict[str, str]) -> Iterator[str]:
    """A PostgreSQL database with the schema and the templates in it."""
    if postgres.unwanted():
        pytest.skip(f"{postgres.MODE}=skip")
    if "postgresql" not in migrated:
        url = postgres.fresh_database()
        _prepare(url, tmp_path)
        migrated["postgresql"] = postgres.template_from(url)
    url = postgres.fresh_database(migrated["postgresql"])
    yield url
    postgres.drop_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def ready_url(request: pytest.FixtureRequest) -> str:
    """A database that is ready for use; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"ready_{request.param}")
    return url


def _prepare(url: str, data_dir: Path) -> None:
    settings = load_settings({}, data_dir=data_dir, database={"url": url})
    app.upgrade_database(settings)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def runtime() -> FakeRuntime:
    return FakeRuntime()


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def settings(ready_url: str, tmp_path: Path) -> Settings:
    return load_settings(
        {},
        data_dir=tmp_path / "data",
        database={"url": ready_url},
        egress={"allow": ["127.0.0.1"]},
        runtime={"reconcile_seconds": 0.2, "kind": "fake"},
        proxy={"usage_flush_seconds": 0.02},
    )


@pytest.fixture
async def installation(
    settings: Settings, clock: MovableClock, runtime: FakeRuntime, gateway: FakeGateway
) -> AsyncIterator[Installation]:
    settings.data_dir.mkdir()
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    installation = compose(settings, SECRETS, clock=clock, runtime=runtime, passwords=cheap, gateway=gateway)
    yield installation
    await installation.close()


@pytest.fixture
async def api(installation: Installation) -> AsyncIterator[Api]:
    """The installation, serving; nobody is signed in."""
    async with serving(installation) as api:
        yield api


@pytest.fixture
async def admin(api: Api) -> Api:
    """The first user's view."""
    return await api.sign_up("admin@example.com")


@pytest.fixture
async def user(api: Api, admin: Api) -> Api:
    """An ordinary user's view."""
    return await api.sign_up("user@example.com")
