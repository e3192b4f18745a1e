"""A bot's workspace on disk: `config.json`, `soul.md`, `features.json`. It holds no secret."""

import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from clawbot_manager.control.bots.schemas import BotProvider, Features, Persona


def render(
    *,
    bot_id: UUID,
    name: str,
    hostname: str,
    proxy_url: str,
    providers: Iterable[tuple[BotProvider, str]],
    persona: Persona,
    features: Features,
) -> dict[str, bytes]:
    """A workspace's files by name. `providers` pairs each provider with the dialect the bot must speak."""
    listed = [
        {
            "vendor": provider.vendor,
            "dialect": dialect,
            "base_url": f"{proxy_url}/{provider.vendor}",
            "models": provider.models,
            "primary_model": provider.primary_model,
        }
        for provider, dialect in providers
    ]
    config = {
        "schema": 1,
        "bot": {"id": str(bot_id), "name": name, "hostname": hostname},
        "proxy": {"url": proxy_url},
        "providers": listed,
        "primary": {"vendor": listed[0]["vendor"], "model": listed[0]["primary_model"]},
        "persona": {"name": persona.name, "emoji": persona.emoji},
        "features": features.model_dump(),
    }
    return {
        "config.json": _json(config),
        "soul.md": persona.soul_markdown.encode(),
        "features.json": _json(features.model_dump()),
    }


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


class Workspaces:
    """The bots' directories on this node, `<root>/<bot id>/{workspace,state}`. Blocking: call in a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def workspace(self, bot_id: UUID) -> Path:
        """Where the manager writes and the bot reads."""
        return self._root / str(bot_id) / "workspace"

    def state(self, bot_id: UUID) -> Path:
        """Where the bot writes."""
        return self._root / str(bot_id) / "state"

    def write(self, bot_id: UUID, files: dict[str, bytes]) -> list[str]:
        """Bring the workspace to these contents, each file by an atomic rename; the names that differed."""
        for directory in (self.workspace(bot_id), self.state(bot_id)):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        changed = []
        for name, content in files.items():
            path = self.workspace(bot_id) / name
            if _read(path) != content:
                draft = path.with_name(f".{name}.new")
                draft.write_bytes(content)
                draft.chmod(0o644)
                draft.replace(path)
                changed.append(name)
        return changed

    def remove(self, bot_id: UUID) -> None:
        """Remove the bot's directories; missing ones are fine. A link in their place is not followed."""
        path = self._root / str(bot_id)
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return
        if stat.S_ISDIR(mode):
            shutil.rmtree(path)
        else:
            path.unlink()

    def listed(self) -> list[UUID]:
        """The bots that have a directory here."""
        if not self._root.is_dir():
            return []
        return [bot_id for entry in self._root.iterdir() if (bot_id := _as_uuid(entry.name)) is not None]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
