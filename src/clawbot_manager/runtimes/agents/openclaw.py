"""An OpenClaw gateway, configured by us."""

from collections.abc import Mapping

from clawbot_manager.runtimes.agents.base import Brief, Tokens
from clawbot_manager.runtimes.agents.builtin import common_files
from clawbot_manager.runtimes.base import Limits


class OpenClawAgent:
    """Reads `openclaw.json` from its workspace and its persona from a directory of its own."""

    name = "openclaw"
    limits = Limits(memory_mb=1536, cpus=1.5, processes=256)
    ready_seconds = 120.0
    stop_grace_seconds = 30.0
    reloads = True

    def files(self, brief: Brief) -> Mapping[str, bytes]:
        return common_files(brief)

    def own_files(self, _brief: Brief) -> Mapping[str, bytes]:
        return {}

    def environment(self, brief: Brief, tokens: Tokens) -> Mapping[str, str]:
        return {"OPENCLAW_GATEWAY_TOKEN": tokens.operator, "CLAWBOT_PROXY_TOKEN": tokens.proxy}
