"""`login`, `logout`, `whoami`: the password is used once, the token is kept and revoked."""

import dataclasses
import json
import stat

import pytest

from clawbot_manager.cli.profile import Profile, read_profile, save_profile
from clawbot_manager.control.access.schemas import ApiTokenIn
from clawbot_manager.control.accounts.schemas import SignInIn
from tests.cli import samples
from tests.cli.conftest import Cli
from tests.cli.fake_api import Answer, FakeApi

PASSWORD = "correct horse battery"
NEW_TOKEN = "cba_fresh-token-42"
COOKIE = {"set-cookie": "cbm_refresh=r; Path=/api/auth; HttpOnly; SameSite=strict"}


@pytest.fixture
def server(api: FakeApi) -> FakeApi:
    api.on("POST", "/api/auth/sign-in", Answer(200, samples.session("access-jwt"), COOKIE))
    api.on("POST", "/api/auth/sign-out", None, status=204)
    api.on("POST", "/api/api-token", samples.api_token(NEW_TOKEN), status=201)
    api.on("DELETE", f"/api/api-token/{samples.TOKEN_ID}", None, status=204)
    api.on("DELETE", "/api/api-token/old", None, status=204)
    api.on("GET", "/api/user/me", samples.user())
    return api


def logged_in(cli: Cli) -> Cli:
    save_profile(cli.profile, Profile(cli.api.url, "cba_old", "old", "ada@example.com"))
    return dataclasses.replace(cli, env={**cli.env, "CLAWBOT_URL": None})


def test_login_keeps_a_token_and_not_the_password(newcomer: Cli, server: FakeApi) -> None:
    result = newcomer("login", "--email", "ada@example.com", "--password-stdin", given=PASSWORD + "\n")
    assert result.exit_code == 0, result.output
    assert f"Logged in at {server.url} as ada@example.com." in result.stderr
    assert PASSWORD not in result.output
    assert NEW_TOKEN not in result.output
    assert read_profile(newcomer.profile) == Profile(
        server.url, NEW_TOKEN, samples.TOKEN_ID, "ada@example.com"
    )
    assert stat.S_IMODE(newcomer.profile.stat().st_mode) == 0o600
    assert PASSWORD not in newcomer.profile.read_text()
    (signed_in,) = server.calls("POST", "/api/auth/sign-in")
    assert SignInIn.model_validate(signed_in.body).password.get_secret_value() == PASSWORD
    assert "authorization" not in signed_in.headers
    (made,) = server.calls("POST", "/api/api-token")
    asked = ApiTokenIn.model_validate(made.body)
    assert asked.name.startswith("cli@")
    assert asked.expires_in_days == 90
    assert made.headers["authorization"] == "Bearer access-jwt"


def test_login_ends_the_session_that_made_the_token(newcomer: Cli, server: FakeApi) -> None:
    newcomer("login", "--email", "ada@example.com", "--password-stdin", given=PASSWORD)
    (ended,) = server.calls("POST", "/api/auth/sign-out")
    assert ended.headers["cookie"] == "cbm_refresh=r"


def test_login_asks_a_person_without_echo(newcomer: Cli, server: FakeApi) -> None:
    newcomer.terminal = True
    result = newcomer("login", given=f"ada@example.com\n{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output


@pytest.mark.parametrize(
    ("args", "option"), [((), "--email"), (("--email", "a@b.example"), "--password-stdin")]
)
def test_login_with_nobody_to_ask(newcomer: Cli, server: FakeApi, args: tuple[str, ...], option: str) -> None:
    result = newcomer("login", *args)
    assert result.exit_code == 2
    assert option in result.stderr
    assert server.asked == []


def test_login_with_an_empty_password(newcomer: Cli, server: FakeApi) -> None:
    result = newcomer("login", "--email", "a@b.example", "--password-stdin", given="")
    assert result.exit_code == 2
    assert "standard input is empty" in result.stderr


def test_a_wrong_password(newcomer: Cli, server: FakeApi) -> None:
    server.problem("POST", "/api/auth/sign-in", 401, "E-mail or password is wrong.")
    result = newcomer("login", "--email", "a@b.example", "--password-stdin", given=PASSWORD)
    assert result.exit_code == 1
    assert "E-mail or password is wrong. Check the e-mail address and the password." in result.stderr
    assert not newcomer.profile.exists()


def test_logging_in_again_revokes_the_token_before(newcomer: Cli, server: FakeApi) -> None:
    cli = logged_in(newcomer)
    cli("login", "--email", "ada@example.com", "--password-stdin", given=PASSWORD)
    assert len(server.calls("DELETE", "/api/api-token/old")) == 1
    profile = read_profile(cli.profile)
    assert profile is not None
    assert profile.token == NEW_TOKEN


def test_http_over_a_network_is_warned_about(newcomer: Cli, server: FakeApi) -> None:
    result = newcomer("login", "--url", "http://bots.invalid:1", "--email", "a@b.example")
    assert "Warning: http://bots.invalid:1 is not https" in result.stderr
    assert "is not https" not in newcomer("login", "--email", "a@b.example").stderr


def test_logout_revokes_and_forgets(newcomer: Cli, server: FakeApi) -> None:
    cli = logged_in(newcomer)
    result = cli("logout")
    assert result.exit_code == 0
    assert f"Logged out at {server.url}." in result.stderr
    (revoked,) = server.calls("DELETE", "/api/api-token/old")
    assert revoked.headers["authorization"] == "Bearer cba_old"
    assert not cli.profile.exists()
    assert "Nobody was logged in." in cli("logout").stderr


@pytest.mark.parametrize("status", [401, 404])
def test_logout_of_a_token_that_is_gone_is_fine(newcomer: Cli, server: FakeApi, status: int) -> None:
    server.problem("DELETE", "/api/api-token/old", status, "No.")
    assert logged_in(newcomer)("logout").exit_code == 0


def test_logout_without_a_server_says_that_the_token_lives(newcomer: Cli, server: FakeApi) -> None:
    save_profile(newcomer.profile, Profile("http://127.0.0.1:1", "cba_old", "old", "ada@example.com"))
    result = newcomer("logout")
    assert result.exit_code == 1
    assert "could not be revoked at http://127.0.0.1:1" in result.stderr
    assert not newcomer.profile.exists()


def test_whoami_with_the_saved_token(newcomer: Cli, server: FakeApi) -> None:
    cli = logged_in(newcomer)
    result = cli("whoami")
    assert result.exit_code == 0
    assert "ada@example.com" in result.stdout
    assert str(cli.profile) in result.stdout
    assert "cba_old" not in result.output
    assert server.asked[-1].headers["authorization"] == "Bearer cba_old"
    assert json.loads(cli("whoami", "--json").stdout) == samples.user()


def test_an_expired_saved_token_says_to_log_in_again(newcomer: Cli, server: FakeApi) -> None:
    server.problem("GET", "/api/user/me", 401, "The token is not valid.")
    result = logged_in(newcomer)("whoami")
    assert "revoked or expired: log in again with `clawbot-manager login`" in result.stderr
