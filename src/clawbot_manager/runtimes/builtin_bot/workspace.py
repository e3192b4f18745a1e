"""What the manager writes into the workspace, read again for every message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from .dialects import DIALECTS, Json
from .refusals import ConfigError

MAX_FILE = 1 << 18


class Route(NamedTuple):
    """One model at one provider, reached through the proxy."""

    vendor: str
    dialect: str
    base_url: str
    model: str


class Workspace(NamedTuple):
    """What the three files say now; the primary route comes first, one route for each other provider."""

    routes: list[Route]
    system: str
    persona: str
    features: Json


def _read_text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path.name}: {error.strerror}") from None


def _read_json(path: Path) -> Json | None:
    text = _read_text(path)
    try:
        value = None if text is None else json.loads(text)
    except ValueError:
        raise ConfigError(f"{path.name}: not valid JSON") from None
    if value is not None and not isinstance(value, dict):
        raise ConfigError(f"{path.name}: not an object")
    return value


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _routes(config: Json, proxy_url: str) -> list[Route]:
    primary = config.get("primary") or {}
    routes: list[Route] = []
    for provider in config.get("providers") or []:
        vendor, dialect = str(provider["vendor"]), str(provider.get("dialect"))
        if dialect not in DIALECTS:
            raise ConfigError(f"config.json: provider {vendor} has the unknown dialect {dialect}")
        base_url = str(provider.get("base_url") or f"{proxy_url}/{vendor}").rstrip("/")
        if _origin(base_url) != _origin(proxy_url):  # the token is for the proxy and for nobody else
            raise ConfigError(f"config.json: the base_url of provider {vendor} is not at the proxy")
        chosen = primary.get("vendor") == vendor and primary.get("model")
        model = chosen or provider.get("primary_model") or next(iter(provider.get("models") or []), None)
        if not isinstance(model, str):
            raise ConfigError(f"config.json: provider {vendor} has no model")
        routes.insert(0 if chosen else len(routes), Route(vendor, dialect, base_url, model))
    if not routes:
        raise ConfigError("config.json: no provider")
    return routes


def read_workspace(root: Path, proxy_url: str) -> Workspace:
    """Read the three files as they are now; raises `ConfigError`."""
    config = _read_json(root / "config.json")
    if config is None:
        raise ConfigError("config.json is missing")
    if config.get("schema") != 1:
        raise ConfigError("config.json: this bot reads schema 1")
    features = _read_json(root / "features.json")
    try:
        routes = _routes(config, proxy_url)
        about = config.get("persona") or {}
        persona = " ".join(str(about[key]) for key in ("name", "emoji") if about.get(key))
        features = config.get("features") or {} if features is None else features
    except (AttributeError, KeyError, TypeError):
        raise ConfigError("config.json: not of the shape that schema 1 asks for") from None
    soul = (_read_text(root / "soul.md") or "").strip()
    system = "\n\n".join(part for part in (f"Your name is {persona}." if persona else "", soul) if part)
    return Workspace(routes, system, persona, features)
