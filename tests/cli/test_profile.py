"""Which server and token a command uses, and the file that keeps them."""

import stat
from pathlib import Path

import pytest

from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.profile import (
    DEFAULT_URL,
    Profile,
    Target,
    check_url,
    forget_profile,
    profile_path,
    read_profile,
    resolve_target,
    save_profile,
)

PROFILE = Profile("https://bots.example.com", "cba_secret", "id-1", "ada@example.com")


def test_the_path_honours_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    tail = Path("clawbot-manager/profile.json")
    assert profile_path({"XDG_CONFIG_HOME": "/x"}) == Path("/x") / tail
    assert profile_path({}) == tmp_path / ".config" / tail
    assert profile_path({"XDG_CONFIG_HOME": "relative"}) == tmp_path / ".config" / tail


def test_it_is_written_for_this_user_alone_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "a" / "profile.json"
    save_profile(path, PROFILE)
    save_profile(path, PROFILE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0
    assert read_profile(path) == PROFILE
    assert [one.name for one in path.parent.iterdir()] == ["profile.json"]
    forget_profile(path)
    forget_profile(path)
    assert read_profile(path) is None


def test_a_file_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    save_profile(path, PROFILE)
    path.chmod(0o644)
    with pytest.raises(CliError, match="open to other users") as error:
        read_profile(path)
    assert f"chmod 600 {path}" in error.value.line()
    assert "cba_secret" not in error.value.line()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"url": "ftp://x", "token": "", "token_id": "", "email": ""}']
)
def test_a_broken_file_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "profile.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(CliError, match="is not a profile") as error:
        read_profile(path)
    assert "clawbot-manager login" in error.value.line()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CliError, match="cannot be written"):
        save_profile(tmp_path / "file" / "profile.json", PROFILE)


def test_the_token_is_in_no_repr() -> None:
    assert "cba_secret" not in repr(PROFILE) + repr(Target("http://x", "cba_secret", "option"))


def test_options_win_over_environment_over_profile() -> None:
    environ = {"CLAWBOT_URL": "http://env:1", "CLAWBOT_API_TOKEN": "env"}
    assert resolve_target("http://opt:1/", "opt", environ, PROFILE) == Target("http://opt:1", "opt", "option")
    assert resolve_target(None, None, environ, PROFILE) == Target("http://env:1", "env", "environment")
    assert resolve_target(None, None, {}, PROFILE) == Target(PROFILE.url, "cba_secret", "profile")
    assert resolve_target(None, None, {}, None) == Target(DEFAULT_URL, None, "none")


def test_the_profiles_token_goes_to_no_other_server() -> None:
    assert resolve_target("http://elsewhere:1", None, {}, PROFILE).token is None
    assert resolve_target(None, None, {"CLAWBOT_URL": "http://elsewhere:1"}, PROFILE).token is None


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://localhost:7100/", "http://localhost:7100"),
        (" https://x.example/bots/api ", "https://x.example/bots"),
        ("http://[::1]:7100", "http://[::1]:7100"),
    ],
)
def test_an_address_is_tidied(given: str, address: str) -> None:
    assert check_url(given) == address


@pytest.mark.parametrize(
    "given",
    ["", "localhost:7100", "file:///etc/passwd", "http://", "http://u:p@x", "http://x?a=1", "http://x:99999"],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(CliError, match="is not the address of a server") as error:
        check_url(given)
    assert error.value.exit_code == 2
