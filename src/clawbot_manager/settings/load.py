"""Reads settings from the environment and names the variable of every bad value."""

import json
import os
from collections.abc import Mapping
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from clawbot_manager.settings.models import Settings, normalise_database_url

PREFIX = "CLAWBOT_"

WELL_KNOWN: dict[str, tuple[str, ...]] = {
    "DATABASE_URL": ("database", "url"),
    "READ_DATABASE_URL": ("database", "read_url"),
    "BOT_MASTER_KEY": ("security", "master_key"),
    "PROXY_ADMIN_TOKEN": ("security", "proxy_admin_token"),
}

_DATABASE_SCHEMES = ("sqlite+aiosqlite", "postgresql+psycopg")


class SettingsError(Exception):
    """One or more settings are wrong; each problem is one readable line that names the variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(environ: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Settings from the environment, then `overrides` (nested dicts by group) on top.

    Raises:
        SettingsError: a variable is unknown or its value is not valid.
    """
    values: dict[str, Any] = {}
    names: dict[tuple[str, ...], str] = {}
    problems: list[str] = []
    for name, raw in sorted((os.environ if environ is None else environ).items()):
        path = _path_of(name)
        if path is None:
            continue
        field = _field_at(path)
        if field is None:
            problems.append(f"{name}: there is no such setting. See docs/settings.md for the list.")
            continue
        if path in names and _parse(raw, field) != _at(values, path):
            problems.append(f"{name}: {names[path]} says otherwise and means the same. Set one of them.")
            continue
        names[path] = name
        _put(values, path, _parse(raw, field))
    _merge(values, overrides)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        for item in error.errors():
            path = tuple(str(part) for part in item["loc"])
            name = names.get(path) or names.get(path[:2]) or PREFIX + "__".join(path).upper()
            problems.append(f"{name}: {item['msg']}.")
        raise SettingsError(problems) from None
    problems += _check_database(settings)
    if problems:
        raise SettingsError(problems)
    return settings


# Read by the command line alone; they are not settings of the server.
_CLIENT_NAMES = {"CLAWBOT_URL", "CLAWBOT_API_TOKEN", "CLAWBOT_KEY_SECRET"}
_TEST_PREFIX = "CLAWBOT_TEST_"


def without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without anything of this program's: for a process that has its settings already."""
    return {
        name: value
        for name, value in environ.items()
        if name not in WELL_KNOWN and not name.startswith(PREFIX)
    }


def _path_of(name: str) -> tuple[str, ...] | None:
    if name in WELL_KNOWN:
        return WELL_KNOWN[name]
    if not name.startswith(PREFIX) or name in _CLIENT_NAMES or name.startswith(_TEST_PREFIX):
        return None
    return tuple(name[len(PREFIX) :].lower().split("__"))


def _field_at(path: tuple[str, ...]) -> Any | None:
    model: type[BaseModel] = Settings
    for index, part in enumerate(path):
        field = model.model_fields.get(part)
        if field is None:
            return None
        annotation = field.annotation
        is_group = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        if index == len(path) - 1:
            return None if is_group else field
        if not is_group:
            return None
        model = annotation  # type: ignore[assignment]
    return None


def _parse(raw: str, field: Any) -> Any:
    if get_origin(field.annotation) is list:
        if raw.strip().startswith("["):
            try:
                return json.loads(raw)
            except ValueError:
                return raw
        return [part.strip() for part in raw.split(",") if part.strip()]
    return raw


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = value


def _at(values: dict[str, Any], path: tuple[str, ...]) -> Any:
    for part in path:
        values = values[part]
    return values


def _merge(values: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            _merge(values.setdefault(key, {}), value)
        else:
            values[key] = value


def _check_database(settings: Settings) -> list[str]:
    problems = []
    for name, url in (
        ("DATABASE_URL", settings.database.url),
        ("READ_DATABASE_URL", settings.database.read_url),
    ):
        if url is not None and not _is_database_url(normalise_database_url(url)):
            problems.append(f"{name}: use sqlite:///path or postgresql://user:password@host/database.")
    return problems


def _is_database_url(url: str) -> bool:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the messages of both would show the password
        return False
    if parsed.drivername not in _DATABASE_SCHEMES or not parsed.database:
        return False
    return parsed.database != ":memory:"  # nothing of it would be there in the next connection or run
