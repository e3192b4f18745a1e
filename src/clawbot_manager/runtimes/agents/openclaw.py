"""An OpenClaw gateway, configured by us: our proxy is its only provider, and it phones nobody.

Checked against OpenClaw 2026.9 (`openclaw config validate`, whose schema refuses unknown keys). It reads
`openclaw.json` again when the file changes, and its persona files with every message.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from clawbot_manager.runtimes.agents.base import Brief, Provider, Tokens
from clawbot_manager.runtimes.agents.builtin import as_json, common_files
from clawbot_manager.runtimes.base import Limits

# The dialect that OpenClaw speaks to a vendor; all it has, but Ollama's, whose OpenAI paths do as well.
_APIS = {
    "openai-chat": "openai-completions",
    "openai-responses": "openai-responses",
    "anthropic-messages": "anthropic-messages",
    "google-generatecontent": "google-generative-ai",
}
_SESSIONS = {
    "user": {"dmScope": "per-channel-peer", "groupScope": "per-group"},
    "channel": {"dmScope": "main", "groupScope": "per-group"},
    "global": {"dmScope": "main", "groupScope": "main"},
}


class OpenClawAgent:
    """Reads `openclaw.json` from its workspace and its persona from a directory of its own."""

    name = "openclaw"
    limits = Limits(memory_mb=1536, cpus=1.5, processes=256)
    ready_seconds = 120.0
    stop_grace_seconds = 30.0

    def files(self, brief: Brief) -> Mapping[str, bytes]:
        """The three of every workspace, and OpenClaw's own configuration."""
        return {**common_files(brief), "openclaw.json": as_json(_config(brief))}

    def own_files(self, brief: Brief) -> Mapping[str, bytes]:
        """What it pastes into its system prompt, in the directory where it keeps its memory as well."""
        emoji = f"\n- **Emoji:** {brief.persona_emoji}" if brief.persona_emoji else ""
        soul = brief.soul_markdown.strip() or f"You are {brief.persona_name}."
        return {
            "SOUL.md": f"{soul}\n".encode(),
            "IDENTITY.md": f"# Identity\n\n- **Name:** {brief.persona_name}{emoji}\n".encode(),
        }

    def environment(self, brief: Brief, tokens: Tokens) -> Mapping[str, str]:
        """Where its files are, its two tokens, and that nobody is to be called."""
        places = brief.places
        return {
            "OPENCLAW_CONFIG_PATH": f"{places.workspace}/openclaw.json",
            "OPENCLAW_STATE_DIR": f"{places.state}/openclaw",
            "OPENCLAW_GATEWAY_TOKEN": tokens.operator,
            "CLAWBOT_PROXY_TOKEN": tokens.proxy,
            "OPENCLAW_CONFIG_READONLY": "1",
            "OPENCLAW_NO_AUTO_UPDATE": "1",
            "OPENCLAW_DISABLE_BONJOUR": "1",
            "CI": "1",  # silences the check for updates
            "NODE_OPTIONS": "--max-semi-space-size=4",
        }

    def reach(self, host: str, port: int) -> Sequence[str]:
        """By the Node that runs it."""
        return ["node", "-e", _REACH, "--", host, str(port)]


_REACH = """
const [host, port] = process.argv.slice(1);
const socket = require('net').connect({ host, port: Number(port), timeout: 3000 });
socket.on('connect', () => process.exit(0));
socket.on('timeout', () => process.exit(1));
socket.on('error', () => process.exit(1));
"""


def _config(brief: Brief) -> dict[str, Any]:
    primary, *others = brief.providers
    features = brief.features
    return {
        "gateway": {
            "mode": "local",
            "port": brief.places.port,
            "bind": "loopback" if brief.places.host.startswith("127.") else "lan",
            "auth": {"mode": "token", "token": "${OPENCLAW_GATEWAY_TOKEN}"},
            "controlUi": {"enabled": False},
            "http": {"endpoints": {"chatCompletions": {"enabled": True}}},
        },
        "models": {
            "mode": "replace",
            "catalogRefresh": {"enabled": False},
            "providers": {_name(provider): _provider(provider) for provider in brief.providers},
        },
        "agents": {
            "defaults": {
                "model": {"primary": _primary(primary), "fallbacks": [_primary(other) for other in others]},
                "workspace": f"{brief.places.state}/files",
                "skipBootstrap": True,
                "bootstrapMaxChars": 24_000,  # our personas may have 20,000, which is its own limit
                "heartbeat": {"every": "0m"},  # it would call the model by itself, at its owner's cost
                "skills": [],
            }
        },
        "session": _SESSIONS[features.get("session_scope", "user")],
        "commands": {
            "native": "auto" if features.get("commands") else False,
            "text": _on(features, "commands"),
        },
        "tools": _tools(features),
        "plugins": {"enabled": False},
        "channels": {},
        "cron": {"enabled": False},
        "browser": {"enabled": False},
        "update": {"checkOnStart": False},
        "telemetry": {"enabled": False},
        "discovery": {"mdns": {"mode": "off"}},
    }


def _tools(features: Mapping[str, Any]) -> dict[str, Any]:
    """Few tools make small prompts; commands in its container only where the owner wants them."""
    if not _on(features, "sandbox"):
        return {"profile": "minimal"}
    seconds = features.get("sandbox_timeout_seconds", 30)
    return {"profile": "minimal", "alsoAllow": ["exec"], "exec": {"timeoutSeconds": seconds}}


def _on(features: Mapping[str, Any], name: str) -> bool:
    return bool(features.get(name))


def _name(provider: Provider) -> str:
    return f"cbm-{provider.vendor}"


def _primary(provider: Provider) -> str:
    return f"{_name(provider)}/{_plain(provider.primary_model)}"


def _provider(provider: Provider) -> dict[str, Any]:
    return {
        "baseUrl": provider.base_url,
        "apiKey": "${CLAWBOT_PROXY_TOKEN}",
        "api": _APIS.get(provider.dialect, "openai-completions"),
        "models": [
            {"id": _plain(model), "name": _plain(model), "input": ["text"]} for model in provider.models
        ],
    }


def _plain(text: str) -> str:
    """A user's text, in which OpenClaw shall substitute no variable."""
    return text.replace("${", "$${")
