"""Settings come from the environment; every mistake is named by its variable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clawbot_manager.settings import Settings, SettingsError, load_settings


def problems_of(environ: dict[str, str], **overrides: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, **overrides)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def at(settings: Settings, path: str) -> Any:
    value: Any = settings
    for part in path.split("."):
        value = getattr(value, part)
    return value.get_secret_value() if hasattr(value, "get_secret_value") else value


@pytest.mark.parametrize(
    ("name", "raw", "path", "value"),
    [
        ("CLAWBOT_ENVIRONMENT", "production", "environment", "production"),
        ("CLAWBOT_DATA_DIR", "/srv/clawbot", "data_dir", Path("/srv/clawbot")),
        ("CLAWBOT_SERVER__PORT", "7200", "server.port", 7200),
        ("CLAWBOT_DATABASE__POOL_SIZE", "3", "database.pool_size", 3),
        ("CLAWBOT_DATABASE__URL", "sqlite:////tmp/a.db", "database.url", "sqlite:////tmp/a.db"),
        ("CLAWBOT_SECURITY__SESSION_SECRET", "s3cret", "security.session_secret", "s3cret"),
        ("CLAWBOT_SECURITY__SIGN_UP", "closed", "security.sign_up", "closed"),
        ("CLAWBOT_PROXY__READ_TIMEOUT_SECONDS", "1.5", "proxy.read_timeout_seconds", 1.5),
        ("CLAWBOT_RUNTIME__KIND", "process", "runtime.kind", "process"),
        ("CLAWBOT_EGRESS__ALLOW_HTTP", "true", "egress.allow_http", True),
        ("CLAWBOT_SIMULATOR__ENABLED", "false", "simulator.enabled", False),
        ("CLAWBOT_LOG__LEVEL", "debug", "log.level", "debug"),
        ("DATABASE_URL", "postgres://u:p@h/d", "database.url", "postgres://u:p@h/d"),
        ("READ_DATABASE_URL", "postgresql://u:p@h/d", "database.read_url", "postgresql://u:p@h/d"),
        ("BOT_MASTER_KEY", "1:abc", "security.master_key", "1:abc"),
        ("PROXY_ADMIN_TOKEN", "t0ken", "security.proxy_admin_token", "t0ken"),
    ],
)
def test_a_variable_sets_its_setting(name: str, raw: str, path: str, value: object) -> None:
    assert at(load_settings({name: raw}), path) == value
    assert at(load_settings({}), path) != value


@pytest.mark.parametrize(
    "name", ["CLAWBOT_PROT", "CLAWBOT_SERVER", "CLAWBOT_SERVER__PROT", "CLAWBOT_SERVER__PORT__X", "CLAWBOT_"]
)
def test_an_unknown_variable_is_named(name: str) -> None:
    assert problems_of({name: "1"}) == [
        f"{name}: there is no such setting. See docs/settings.md for the list."
    ]


def test_variables_of_others_are_left_alone() -> None:
    others = {"PATH": "/bin", "CLAWBOT_URL": "x", "CLAWBOT_API_TOKEN": "x", "CLAWBOT_TEST_ANY": "x"}
    assert load_settings(others) == load_settings({})


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("CLAWBOT_ENVIRONMENT", "prod"),
        ("CLAWBOT_SERVER__PORT", "0"),
        ("CLAWBOT_SERVER__PORT", ""),
        ("CLAWBOT_SERVER__MAX_BODY_BYTES", "-1"),
        ("CLAWBOT_SERVER__PUBLIC_URL", "bots.example.org"),
        ("CLAWBOT_SERVER__PUBLIC_URL", "javascript:alert(1)"),
        ("CLAWBOT_SERVER__PUBLIC_URL", "https://user:secret@bots.example.org"),
        ("CLAWBOT_PROXY__URL_FOR_BOTS", "http://h/api/v1?x=1"),
        ("CLAWBOT_PROXY__READ_TIMEOUT_SECONDS", "inf"),
        ("CLAWBOT_PROXY__READ_TIMEOUT_SECONDS", "nan"),
        ("CLAWBOT_SECURITY__ACCESS_TOKEN_SECONDS", "86400"),
        ("CLAWBOT_EGRESS__ALLOW", "[1"),
        ("CLAWBOT_EGRESS__ALLOW", "[1]"),
        ("DATABASE_URL", "mysql://u:hunter2@h/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@h:port/d"),
        ("DATABASE_URL", "postgresql://u:hunter2@h"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", ""),
        ("READ_DATABASE_URL", "redis://h"),
    ],
)
def test_a_bad_value_is_named_by_its_variable_and_not_repeated(name: str, raw: str) -> None:
    (problem,) = problems_of({name: raw})
    assert problem.startswith(f"{name}: ")
    assert "hunter2" not in problem


def test_all_problems_are_told_at_once() -> None:
    told = problems_of({"CLAWBOT_X": "1", "CLAWBOT_SERVER__PORT": "x", "CLAWBOT_LOG__LEVEL": "loud"})
    assert sorted(line.split(":")[0] for line in told) == [
        "CLAWBOT_LOG__LEVEL", "CLAWBOT_SERVER__PORT", "CLAWBOT_X"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "raw", ["10.0.0.0/8, ollama:11434", '["10.0.0.0/8", "ollama:11434"]', ",10.0.0.0/8,ollama:11434,"]
)
def test_a_list_is_written_with_commas_or_as_json(raw: str) -> None:
    assert load_settings({"CLAWBOT_EGRESS__ALLOW": raw}).egress.allow == ["10.0.0.0/8", "ollama:11434"]


@pytest.mark.parametrize("raw", ["", " ", "[]"])
def test_a_list_can_be_empty(raw: str) -> None:
    assert load_settings({"CLAWBOT_EGRESS__ALLOW": raw}).egress.allow == []


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("sqlite:////tmp/a.db", "sqlite+aiosqlite:////tmp/a.db"),
        ("sqlite+aiosqlite:////tmp/a.db", "sqlite+aiosqlite:////tmp/a.db"),
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://u:p@h:1/d?sslmode=require", "postgresql+psycopg://u:p@h:1/d?sslmode=require"),
    ],
)
def test_the_database_url_gets_the_driver_that_is_shipped(given: str, used: str) -> None:
    assert load_settings({"DATABASE_URL": given}).database_url == used


def test_both_names_of_one_setting_must_agree() -> None:
    one, other = {"DATABASE_URL": "sqlite:////a.db"}, {"CLAWBOT_DATABASE__URL": "sqlite:////b.db"}
    (problem,) = problems_of(one | other)
    assert "DATABASE_URL" in problem
    assert "CLAWBOT_DATABASE__URL" in problem
    assert load_settings(one | {"CLAWBOT_DATABASE__URL": "sqlite:////a.db"}).database.url == "sqlite:////a.db"


def test_overrides_come_last_and_leave_the_rest_of_a_group(tmp_path: Path) -> None:
    environ = {"CLAWBOT_SERVER__PORT": "7200", "CLAWBOT_SERVER__HOST": "::1"}
    settings = load_settings(environ, server={"port": 7300}, data_dir=tmp_path)
    assert (settings.server.port, settings.server.host, settings.data_dir) == (7300, "::1", tmp_path)
    assert problems_of({}, server={"port": 0})[0].startswith("CLAWBOT_SERVER__PORT: ")
