"""A runner that has its own home, its own clock and a fake API."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from clawbot_manager.cli.main import app
from clawbot_manager.cli.profile import profile_path
from clawbot_manager.cli.session import World
from tests.cli.fake_api import FakeApi, fake_api

TOKEN = "cba_the-api-token-0123456789"


@dataclasses.dataclass
class Cli:
    """Runs commands. Its clock moves only when a command sleeps."""

    home: Path
    api: FakeApi
    now: float = 1000.0
    terminal: bool = False
    env: dict[str, str | None] = dataclasses.field(default_factory=dict)

    def __call__(self, *args: str, given: str | None = None, **env: str | None) -> Result:
        world = World(
            sleep=self._sleep,
            clock=lambda: self.now,
            stdin_is_terminal=lambda: self.terminal,
            stdout_is_terminal=lambda: self.terminal,
        )
        result = CliRunner(env=self.env | env).invoke(app, list(args), input=given, obj=world)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    @property
    def profile(self) -> Path:
        return profile_path({"XDG_CONFIG_HOME": str(self.home)})

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with fake_api() as running:
        yield running


@pytest.fixture
def cli(api: FakeApi, tmp_path: Path) -> Cli:
    """Signed in by environment variables."""
    env: dict[str, Any] = {
        "XDG_CONFIG_HOME": str(tmp_path),
        "CLAWBOT_URL": api.url,
        "CLAWBOT_API_TOKEN": TOKEN,
        "CLAWBOT_KEY_SECRET": None,
        "COLUMNS": None,
        "NO_COLOR": "1",
    }
    return Cli(tmp_path, api, env=env)


@pytest.fixture
def newcomer(cli: Cli) -> Cli:
    """Nobody is signed in; the server's address is in the environment."""
    return dataclasses.replace(cli, env={**cli.env, "CLAWBOT_API_TOKEN": None})
