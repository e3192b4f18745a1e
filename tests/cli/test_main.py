"""The command as a whole: help everywhere, one line for each error, no secret in an argument."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from clawbot_manager import __version__
from clawbot_manager.cli.main import app
from tests.cli.conftest import TOKEN, Cli
from tests.cli.fake_api import FakeApi

SECRET_WORDS = ("secret", "password", "key-value", "api-key")


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    command = command or typer.main.get_command(app)
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


ALL = dict(commands())
LEAVES = {path: command for path, command in ALL.items() if not hasattr(command, "commands")}


def test_the_commands_are_these() -> None:
    assert {" ".join(path) for path in LEAVES} == {
        *("up", "serve", "doctor", "openapi", "db upgrade", "admin create"),
        *("login", "logout", "whoami"),
        *("bot list", "bot get", "bot create", "bot start", "bot stop", "bot delete", "bot logs", "bot chat"),
        *("bot edit", "bot restart", "bot upgrade", "bot events", "bot diagnose"),
        *("bot clone", "bot export", "bot import"),
        *("bot backup create", "bot backup list", "bot backup restore", "bot backup delete"),
        *("bot token list", "bot token create", "bot token revoke"),
        *("key list", "key health", "key add", "key check", "key verify"),
        *("key models", "key delete", "key edit"),
        *("audit list", "audit export", "audit verify"),
        *("usage list", "usage show", "usage summary", "vendor list", "persona list"),
    }


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_and_option_says_what_it_is_for(path: tuple[str, ...]) -> None:
    command = ALL[path]
    assert command.help
    assert not [param.name for param in command.params if not getattr(param, "help", None)]
    result = CliRunner().invoke(app, [*path, "--help"])
    assert result.exit_code == 0
    assert command.help.splitlines()[0][:40] in result.output


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_no_option_takes_a_secret(path: tuple[str, ...]) -> None:
    """Arguments are seen by every user of the machine. The API token is allowed: scripts set it that way."""
    for param in LEAVES[path].params:
        if any(word in option for option in param.opts for word in SECRET_WORDS):
            assert param.is_flag


@pytest.mark.parametrize(
    "path", [path for path in LEAVES if path[0] in {"bot", "key", "usage", "vendor", "persona"}], ids=" ".join
)
def test_commands_that_talk_to_the_api_take_its_address_and_token(path: tuple[str, ...]) -> None:
    options = {option for param in LEAVES[path].params for option in param.opts}
    assert options >= {"--url", "--token"}
    assert "--json" in options or path in {("bot", "token", "revoke"), ("key", "delete")}


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"clawbot-manager {__version__}\n")


@pytest.mark.parametrize("args", [["bot", "nonsense"], ["bot", "list", "--nonsense"], ["bot", "get"], []])
def test_wrong_usage_ends_with_2(cli: Cli, args: list[str]) -> None:
    assert cli(*args).exit_code == 2


def test_a_problem_document_is_one_line_with_field_and_trace(cli: Cli, api: FakeApi) -> None:
    api.problem(
        "GET",
        "/api/bot",
        422,
        "The input is not valid.",
        errors=[
            {"field": "limit", "code": "x", "detail": "Too many."},
            {"field": "q", "code": "y", "detail": "Bad"},
        ],
    )
    result = cli("bot", "list")
    assert result.exit_code == 1
    assert result.stderr == "Error: The input is not valid. limit: Too many; q: Bad. (trace trace-1)\n"
    assert result.stdout == ""


def test_what_the_detail_says_already_is_not_said_twice(cli: Cli, api: FakeApi) -> None:
    errors = [{"field": "limit", "code": "x", "detail": "Too many"}]
    api.problem("GET", "/api/bot", 422, "Correct limit: Too many.", errors=errors)
    assert cli("bot", "list").stderr == "Error: Correct limit: Too many. (trace trace-1)\n"
    api.problem("GET", "/api/bot", 422, "Too many", errors=errors)
    assert cli("bot", "list").stderr == "Error: limit: Too many. (trace trace-1)\n"


def test_an_error_cannot_drive_the_terminal(cli: Cli, api: FakeApi) -> None:
    api.problem("GET", "/api/bot", 409, "a\x1b[31mred\nline")
    assert cli("bot", "list").stderr == "Error: a�[31mred line. (trace trace-1)\n"


def test_too_many_requests_says_when(cli: Cli, api: FakeApi) -> None:
    api.problem("GET", "/api/bot", 429, "Too fast.", headers={"retry-after": "7"})
    assert "Too fast. Try again in 7 s." in cli("bot", "list").stderr


def test_a_wrong_token_says_where_it_came_from(cli: Cli, api: FakeApi) -> None:
    api.problem("GET", "/api/bot", 401, "The token is not valid.")
    by_variable = cli("bot", "list")
    assert by_variable.exit_code == 1
    assert f"CLAWBOT_API_TOKEN is not a valid token for {api.url}." in by_variable.stderr
    by_option = cli("bot", "list", "--token", "cba_other")
    assert "--token is not a valid token" in by_option.stderr
    assert api.asked[-1].headers["authorization"] == "Bearer cba_other"
    assert TOKEN not in by_variable.output + by_option.output


def test_without_a_token_nothing_is_asked(newcomer: Cli, api: FakeApi) -> None:
    result = newcomer("bot", "list")
    assert result.exit_code == 1
    assert f"Nobody is logged in at {api.url}. Run `clawbot-manager login --url {api.url}`" in result.stderr
    assert api.asked == []


def test_an_unreachable_server_says_how_to_start_it(cli: Cli) -> None:
    result = cli("bot", "list", "--url", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Cannot reach http://127.0.0.1:1 (Connection refused).")
    assert "Start the server with `clawbot-manager up`" in result.stderr


def test_an_address_that_is_none(cli: Cli) -> None:
    result = cli("bot", "list", "--url", "file:///etc/passwd")
    assert result.exit_code == 2
    assert "is not the address of a server" in result.stderr


def test_an_answer_of_another_version_is_no_crash(cli: Cli, api: FakeApi) -> None:
    api.on("GET", "/api/bot/helper", {"name": "Helper"})
    result = cli("bot", "get", "helper")
    assert result.exit_code == 1
    assert f"The answer of {api.url} has no 'status'. Server and command line" in result.stderr


def test_help_imports_neither_the_server_nor_the_http_client() -> None:
    """What makes help slow, without a stop-watch."""
    script = (
        "import sys; from typer.testing import CliRunner; from clawbot_manager.cli.main import app;"
        "assert CliRunner().invoke(app, ['bot', '--help']).exit_code == 0;"
        "heavy = {'fastapi', 'sqlalchemy', 'aiohttp', 'urllib.request', 'rich', 'clawbot_manager.settings'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_it_runs_as_a_module() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "clawbot_manager", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout == f"clawbot-manager {__version__}\n"
