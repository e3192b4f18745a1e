"""What the bot is told once, when it is started."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .refusals import ConfigError

_NEEDED = ("PROXY_URL", "PROXY_TOKEN", "GATEWAY_TOKEN", "GATEWAY_PORT", "WORKSPACE", "STATE_DIR")


class Environment(NamedTuple):
    """The bot's environment variables; `CLAWBOT_GATEWAY_BIND` and `_UPSTREAM_TIMEOUT` may be left out."""

    proxy_url: str
    proxy_token: str
    gateway_token: str
    bind: str
    port: int
    workspace: Path
    state_dir: Path
    upstream_timeout: float

    def __repr__(self) -> str:
        """Without the tokens."""
        return f"Environment(port={self.port}, workspace={self.workspace})"


def read_environment(env: Mapping[str, str]) -> Environment:
    """Raises `ConfigError` that names what is missing."""
    missing = [f"CLAWBOT_{name}" for name in _NEEDED if not env.get(f"CLAWBOT_{name}")]
    if missing:
        raise ConfigError(f"not set: {', '.join(missing)}")
    try:
        port, timeout = int(env["CLAWBOT_GATEWAY_PORT"]), float(env.get("CLAWBOT_UPSTREAM_TIMEOUT", "120"))
    except ValueError:
        raise ConfigError("CLAWBOT_GATEWAY_PORT and CLAWBOT_UPSTREAM_TIMEOUT must be numbers") from None
    return Environment(
        proxy_url=env["CLAWBOT_PROXY_URL"].rstrip("/"),
        proxy_token=env["CLAWBOT_PROXY_TOKEN"],
        gateway_token=env["CLAWBOT_GATEWAY_TOKEN"],
        bind=env.get("CLAWBOT_GATEWAY_BIND") or "127.0.0.1",
        port=port,
        workspace=Path(env["CLAWBOT_WORKSPACE"]),
        state_dir=Path(env["CLAWBOT_STATE_DIR"]),
        upstream_timeout=timeout,
    )
