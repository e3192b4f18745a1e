"""The small bot that ships with the program: for the first five minutes, and where there is no engine."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from clawbot_manager.runtimes.agents.base import Brief, Tokens
from clawbot_manager.runtimes.base import Limits


class BuiltinAgent:
    """Reads `config.json`, `soul.md` and `features.json` again for every message."""

    name = "builtin"
    limits = Limits(memory_mb=256, cpus=0.5, processes=64)
    ready_seconds = 30.0
    stop_grace_seconds = 10.0

    def files(self, brief: Brief) -> Mapping[str, bytes]:
        """The three files of every workspace."""
        return common_files(brief)

    def own_files(self, _brief: Brief) -> Mapping[str, bytes]:
        """It wants none."""
        return {}

    def environment(self, brief: Brief, tokens: Tokens) -> Mapping[str, str]:
        """Where its proxy, its directories and its port are."""
        return {
            "CLAWBOT_PROXY_URL": brief.proxy_url,
            "CLAWBOT_PROXY_TOKEN": tokens.proxy,
            "CLAWBOT_GATEWAY_TOKEN": tokens.operator,
            "CLAWBOT_GATEWAY_PORT": str(brief.places.port),
            "CLAWBOT_GATEWAY_BIND": brief.places.host,
            "CLAWBOT_WORKSPACE": brief.places.workspace,
            "CLAWBOT_STATE_DIR": brief.places.state,
        }

    def reach(self, host: str, port: int) -> Sequence[str]:
        """By the Python that runs it."""
        return ["python3", "-I", "-S", "-c", _REACH, host, str(port)]


_REACH = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"


def common_files(brief: Brief) -> dict[str, bytes]:
    """`config.json` (the whole resolved configuration), `soul.md` and `features.json`."""
    providers = [
        {
            "vendor": provider.vendor,
            "dialect": provider.dialect,
            "base_url": provider.base_url,
            "models": list(provider.models),
            "primary_model": provider.primary_model,
        }
        for provider in brief.providers
    ]
    config = {
        "schema": 1,
        "bot": {"id": str(brief.bot_id), "name": brief.name, "hostname": brief.hostname},
        "proxy": {"url": brief.proxy_url},
        "providers": providers,
        "primary": {"vendor": providers[0]["vendor"], "model": providers[0]["primary_model"]},
        "persona": {"name": brief.persona_name, "emoji": brief.persona_emoji},
        "features": dict(brief.features),
    }
    return {
        "config.json": as_json(config),
        "soul.md": brief.soul_markdown.encode(),
        "features.json": as_json(dict(brief.features)),
    }


def as_json(value: Any) -> bytes:
    """For people to read, the same bytes for the same value."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
