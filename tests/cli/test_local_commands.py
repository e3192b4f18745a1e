"""Commands that run the program here: they parse, call the composition root, and print."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import clawbot_manager
from clawbot_manager.control.accounts.schemas import SignUpIn
from clawbot_manager.control.audit.service import Verdict
from clawbot_manager.control.diagnostics.schemas import CheckOut
from clawbot_manager.kit.errors import ConflictError
from clawbot_manager.settings import Settings, SettingsError
from tests.cli.conftest import Cli

PASSWORD = "correct horse battery"


class FakeApp:
    """The composition root's interface; `raises` makes its next call fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.raises: Exception | None = None
        self.verdict = Verdict(0, None, "")
        self.revisions = ["0001", "0002"]
        self.checks = [CheckOut(name="database", status="ok", detail="It answers.")]

    def _called(self, *call: Any) -> None:
        self.calls.append(call)
        if self.raises:
            raise self.raises

    def up(self, settings: Settings, report: Any) -> None:
        self._called("up", settings)
        report("Database: ready")
        report("Open http://127.0.0.1:7100")

    def serve(self, settings: Settings, role: str, reload: bool = False) -> None:
        self._called("serve", settings, role, reload)

    def upgrade_database(self, settings: Settings) -> list[str]:
        self._called("upgrade", settings)
        return self.revisions

    def create_admin(
        self, settings: Settings, email: str, password: str, nickname: str | None = None
    ) -> None:
        self._called("admin", settings, email, password, nickname)

    def verify_audit(self, settings: Settings) -> Verdict:
        self._called("audit", settings)
        return self.verdict

    def doctor(self, settings: Settings) -> list[CheckOut]:
        self._called("doctor", settings)
        return self.checks

    def openapi(self) -> dict[str, Any]:
        self._called("openapi")
        return {"paths": {"/b": 1, "/a": "长"}, "openapi": "3.1.0"}


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> FakeApp:
    fake = FakeApp()
    monkeypatch.setattr(clawbot_manager, "app", fake, raising=False)
    return fake


@pytest.fixture
def here(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """No settings in the environment."""
    for name in ("DATABASE_URL", "READ_DATABASE_URL", "BOT_MASTER_KEY", "PROXY_ADMIN_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return cli


def test_up_prints_what_is_reported(here: Cli, program: FakeApp) -> None:
    result = here("up")
    assert (result.exit_code, result.stdout) == (0, "Database: ready\nOpen http://127.0.0.1:7100\n")
    settings = program.calls[0][1]
    assert (settings.server.host, settings.server.port, settings.data_dir) == (
        "127.0.0.1",
        7100,
        Path("data"),
    )


def test_options_win_over_the_environment(here: Cli, program: FakeApp, tmp_path: Path) -> None:
    env = {"CLAWBOT_SERVER__PORT": "7200", "CLAWBOT_SERVER__HOST": "::1"}
    here("up", **env)
    here("up", "--port", "7300", "--host", "127.0.0.2", "--data-dir", str(tmp_path), **env)
    by_variable, by_option = (call[1] for call in program.calls)
    assert (by_variable.server.host, by_variable.server.port) == ("::1", 7200)
    assert (by_option.server.host, by_option.server.port) == ("127.0.0.2", 7300)
    assert by_option.data_dir == tmp_path


@pytest.mark.parametrize("role", ["all", "control", "proxy", "worker"])
def test_serve_passes_the_role_on(here: Cli, program: FakeApp, role: str) -> None:
    assert here("serve", "--role", role, "--reload").exit_code == 0
    assert program.calls[0][2:] == (role, True)
    assert here("serve", "--role", "nonsense").exit_code == 2


def test_a_wrong_setting_is_named(here: Cli, program: FakeApp) -> None:
    result = here("up", CLAWBOT_SERVER__PORT="high", CLAWBOT_NONSENSE="1")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "CLAWBOT_NONSENSE: there is no such setting." in result.stderr
    assert "CLAWBOT_SERVER__PORT: " in result.stderr
    assert program.calls == []


@pytest.mark.parametrize("args", [("up",), ("serve",), ("db", "upgrade"), ("doctor",)])
def test_what_the_system_refuses_is_one_line(here: Cli, program: FakeApp, args: tuple[str, ...]) -> None:
    program.raises = OSError(98, "Address already in use")
    result = here(*args)
    assert result.exit_code == 1
    assert "Error: The operating system refused: [Errno 98] Address already in use." in result.stderr


def test_a_wrong_installation_is_one_line(here: Cli, program: FakeApp) -> None:
    program.raises = SettingsError(["The database lacks 2 migrations. Run `clawbot-manager db upgrade`."])
    result = here("serve")
    assert result.exit_code == 1
    assert result.stderr == "Error: The database lacks 2 migrations. Run `clawbot-manager db upgrade`.\n"


def test_a_short_password_is_named_and_not_shown(here: Cli, program: FakeApp) -> None:
    with pytest.raises(ValidationError) as wrong:
        SignUpIn.model_validate({"email": "nonsense", "password": "short-1"})
    program.raises = wrong.value
    result = here("admin", "create", "--email", "nonsense", "--password-stdin", given="short-1\n")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: email: ")
    assert "; password: " in result.stderr
    assert "short-1" not in result.output


def test_db_upgrade(here: Cli, program: FakeApp) -> None:
    assert here("db", "upgrade").stdout == "applied 0001\napplied 0002\n"
    program.revisions = []
    assert here("db", "upgrade").stdout == "The database is up to date.\n"


def test_admin_create(here: Cli, program: FakeApp) -> None:
    args = ("admin", "create", "--email", "ada@example.com", "--nickname", "Ada")
    result = here(*args, "--password-stdin", given=f"{PASSWORD}\n")
    assert (result.exit_code, result.stdout) == (0, "ada@example.com is an administrator.\n")
    here.terminal = True
    typed = here(*args, given=f"{PASSWORD}\n{PASSWORD}\n")
    assert typed.exit_code == 0, typed.output
    assert [call[2:] for call in program.calls] == [("ada@example.com", PASSWORD, "Ada")] * 2
    assert PASSWORD not in result.output + typed.output


def test_admin_create_refused(here: Cli, program: FakeApp) -> None:
    program.raises = ConflictError("There is an account with this address.", field="email")
    result = here("admin", "create", "--email", "ada@example.com", "--password-stdin", given=PASSWORD)
    assert result.stderr == "Error: email: There is an account with this address.\n"
    here.terminal = False
    assert here("admin", "create", "--email", "a@b.example").exit_code == 2


def test_doctor(here: Cli, program: FakeApp) -> None:
    program.checks.append(CheckOut(name="runtime", status="warning", detail="No Docker.", hint="Install it."))
    result = here("doctor")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[2].split() == ["runtime", "warning", "No", "Docker.", "Install", "it."]
    program.checks.append(CheckOut(name="disk", status="fail", detail="Full."))
    failed = here("doctor", "--json")
    assert failed.exit_code == 1
    assert [check["name"] for check in json.loads(failed.stdout)] == ["database", "runtime", "disk"]


def test_openapi_is_sorted_and_ends_with_a_newline(here: Cli, program: FakeApp) -> None:
    result = here("openapi")
    assert result.stdout == '{\n  "openapi": "3.1.0",\n  "paths": {\n    "/a": "长",\n    "/b": 1\n  }\n}\n'
