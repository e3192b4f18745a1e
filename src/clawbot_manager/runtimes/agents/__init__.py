"""The programs that bots are: what each reads, what it needs to know, and how much of a machine it wants."""

from collections.abc import Mapping

from clawbot_manager.runtimes.agents.base import Agent, Brief, Provider, Tokens
from clawbot_manager.runtimes.agents.builtin import BuiltinAgent
from clawbot_manager.runtimes.agents.openclaw import OpenClawAgent

AGENTS: Mapping[str, Agent] = {agent.name: agent for agent in (BuiltinAgent(), OpenClawAgent())}

__all__ = ["AGENTS", "Agent", "Brief", "BuiltinAgent", "OpenClawAgent", "Provider", "Tokens"]
