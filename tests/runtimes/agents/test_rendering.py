"""What agents are told: the same bytes for the same bot, no secret in a file, no variable from a user."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from clawbot_manager.runtimes.agents import AGENTS, Agent, Brief, OpenClawAgent, Provider, Tokens
from clawbot_manager.runtimes.base import Places

PROXY = "http://10.9.0.1:7100/api/v1"
TOKENS = Tokens(proxy="cbm_bot_secret-of-the-proxy", operator="cbm_op_secret-of-the-gateway")


def provider(vendor: str, dialect: str, *models: str) -> Provider:
    return Provider(vendor, dialect, f"{PROXY}/{vendor}", models, models[0])


BRIEF = Brief(
    bot_id=UUID(int=7),
    name="Scout",
    hostname="scout",
    proxy_url=PROXY,
    providers=[provider("openai", "openai-chat", "gpt-5", "gpt-5-mini")],
    persona_name="Fox",
    persona_emoji="🦊",
    soul_markdown="You are a fox.",
    features={"commands": True, "sandbox": False, "sandbox_timeout_seconds": 30, "session_scope": "user"},
    places=Places("/workspace", "/state", "0.0.0.0", 18789),
)


def openclaw(brief: Brief) -> Any:
    return json.loads(OpenClawAgent().files(brief)["openclaw.json"])


@pytest.mark.parametrize("agent", AGENTS.values(), ids=AGENTS)
class TestEveryAgent:
    def test_renders_the_same_bytes_for_the_same_bot(self, agent: Agent) -> None:
        assert agent.files(BRIEF) == agent.files(replace(BRIEF))
        assert {"config.json", "soul.md", "features.json"} <= set(agent.files(BRIEF))

    def test_has_its_two_tokens_in_the_environment_alone(self, agent: Agent) -> None:
        environment = agent.environment(BRIEF, TOKENS)
        secrets = [value for value in environment.values() if value.startswith("cbm_")]
        assert sorted(secrets) == sorted([TOKENS.proxy, TOKENS.operator])
        written = b"".join([*agent.files(BRIEF).values(), *agent.own_files(BRIEF).values()])
        assert b"cbm_" not in written
        assert "secret-of" not in repr(TOKENS)

    def test_can_be_asked_to_reach_somewhere(self, agent: Agent) -> None:
        assert agent.reach("10.9.0.1", 7100)[-2:] == ["10.9.0.1", "7100"]


class TestOpenClaw:
    def test_our_proxy_is_its_only_provider(self) -> None:
        models = openclaw(BRIEF)["models"]
        assert models["mode"] == "replace"
        assert models["catalogRefresh"] == {"enabled": False}
        (only,) = models["providers"].values()
        assert only["baseUrl"] == f"{PROXY}/openai"
        assert only["apiKey"] == "${CLAWBOT_PROXY_TOKEN}"

    def test_others_are_fallbacks_in_their_order_each_in_its_dialect(self) -> None:
        given = [
            provider("anthropic", "anthropic-messages", "claude"),
            provider("google", "google-generatecontent", "gemini"),
            provider("ollama", "ollama", "llama"),
        ]
        told = openclaw(replace(BRIEF, providers=given))
        assert told["agents"]["defaults"]["model"] == {
            "primary": "cbm-anthropic/claude",
            "fallbacks": ["cbm-google/gemini", "cbm-ollama/llama"],
        }
        apis = [one["api"] for one in told["models"]["providers"].values()]
        assert sorted(apis) == ["anthropic-messages", "google-generative-ai", "openai-completions"]

    def test_nothing_phones_home_or_calls_the_model_by_itself(self) -> None:
        told = openclaw(BRIEF)
        assert told["agents"]["defaults"]["heartbeat"] == {"every": "0m"}
        assert told["update"] == {"checkOnStart": False}
        for off in ("telemetry", "plugins", "cron", "browser"):
            assert told[off] == {"enabled": False}

    def test_no_variable_comes_out_of_a_users_text(self) -> None:
        told = openclaw(
            replace(BRIEF, providers=[provider("openai", "openai-chat", "${OPENCLAW_GATEWAY_TOKEN}")])
        )
        assert told["agents"]["defaults"]["model"]["primary"] == "cbm-openai/$${OPENCLAW_GATEWAY_TOKEN}"
        (one,) = told["models"]["providers"].values()
        assert one["models"][0]["id"] == "$${OPENCLAW_GATEWAY_TOKEN}"

    def test_the_persona_is_in_its_own_directory(self) -> None:
        files = OpenClawAgent().own_files(replace(BRIEF, persona_name="Füchslein\n# Boss"))
        assert files["SOUL.md"] == b"You are a fox.\n"
        assert "Füchslein" in files["IDENTITY.md"].decode()
        assert OpenClawAgent().own_files(replace(BRIEF, soul_markdown=" "))["SOUL.md"] == b"You are Fox.\n"

    def test_commands_run_only_where_wanted_and_only_so_long(self) -> None:
        assert openclaw(BRIEF)["tools"] == {"profile": "minimal"}
        features = {**BRIEF.features, "sandbox": True, "sandbox_timeout_seconds": 90}
        tools = openclaw(replace(BRIEF, features=features))["tools"]
        assert tools["exec"] == {"timeoutSeconds": 90}

    @pytest.mark.parametrize("scope", ["user", "channel", "global"])
    def test_conversations_are_kept_apart_as_wanted(self, scope: str) -> None:
        told = openclaw(replace(BRIEF, features={**BRIEF.features, "session_scope": scope}))
        assert (
            told["session"]
            == {
                "user": {"dmScope": "per-channel-peer", "groupScope": "per-group"},
                "channel": {"dmScope": "main", "groupScope": "per-group"},
                "global": {"dmScope": "main", "groupScope": "main"},
            }[scope]
        )
