"""A real OpenClaw in a real container, made through the API: it answers by two providers and holds no key."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from clawbot_manager.runtimes.agents import OpenClawAgent
from tests.docker.conftest import Engine, MakeProgram
from tests.runtimes.agents.test_rendering import BRIEF, TOKENS, provider
from tests.services import bot_images
from tests.support import secrecy
from tests.support.program import Program, wait_for
from tests.support.provider import REAL_KEY, Upstream

pytestmark = pytest.mark.timeout(900)  # the first time its packages and its image are prepared

SOUL = "You are a fox of the northern woods, and you say so."
DIALECTS = {
    "openai": "openai-chat",
    "xai": "openai-responses",
    "anthropic": "anthropic-messages",
    "google": "google-generatecontent",
    "ollama": "ollama-chat",
}
_OPENCLAW = ("node", "/opt/openclaw/node_modules/openclaw/openclaw.mjs")
STARTS_WITHIN = 240  # seconds: on a busy machine the gateway alone takes thirty to start


def test_a_real_bot_from_its_creation_to_its_end(
    make_program: MakeProgram, engine: Engine, upstream: Upstream
) -> None:
    bot_images.openclaw_image()
    program = make_program(CLAWBOT_RUNTIME__AGENT="openclaw")
    program.start()
    program.sign_up()
    _add_keys(program, upstream)
    bot = _create(program)
    (container,) = engine.containers(bot, running=True)

    asked = _asked(upstream, "/chat/completions")
    assert SOUL in asked, "the persona is in the system prompt"
    assert "Hello from the mock" in _says(program)
    assert program.call("GET", "/api/bot/fox/gateway/readyz").json["ready"] is True
    _holds_no_key(engine, container, program, upstream)
    _cannot_get_out(program, engine, container)

    _turn_to_anthropic(program, upstream)
    assert engine.containers(bot, running=True) == [container], "it read its configuration again"
    assert program.call("POST", "/api/bot/fox/stop").status == 202
    program.reaches("fox", "stopped")
    assert engine.inspect(container)["State"]["ExitCode"] == 0, "it ended by itself, and was not killed"
    program.call("DELETE", "/api/bot/fox")
    program.reaches("fox", "gone")
    assert engine.containers(bot) == []
    log = program.output()
    assert REAL_KEY not in log
    assert "Traceback" not in log


HOSTILE = 'Fox ${HOME} "quoted" \\ // no comment\n'
RENDERINGS = {
    "plain": BRIEF,
    "everything": replace(
        BRIEF,
        providers=[provider(vendor, dialect, "m", HOSTILE) for vendor, dialect in DIALECTS.items()],
        features={"commands": True, "tts": True, "sandbox": True, "sandbox_timeout_seconds": 300}
        | {"session_scope": "global"},
        persona_name=HOSTILE,
        soul_markdown=HOSTILE,
    ),
    "nothing": replace(
        BRIEF,
        features={"commands": False, "tts": False, "sandbox": False, "sandbox_timeout_seconds": 30}
        | {"session_scope": "channel"},
    ),
}


@pytest.mark.parametrize("name", RENDERINGS)
def test_what_is_written_for_it_is_what_it_takes(engine: Engine, tmp_path: Path, name: str) -> None:
    image, brief = bot_images.openclaw_image(), RENDERINGS[name]
    for file, content in OpenClawAgent().files(brief).items():
        (tmp_path / file).write_bytes(content)
        (tmp_path / file).chmod(0o644)
    tmp_path.chmod(0o755)
    variables = OpenClawAgent().environment(brief, TOKENS).items()
    given = [*(f"--env={key}={value}" for key, value in variables), f"--volume={tmp_path}:/workspace:ro"]
    asked = ("run", "--rm", "--tmpfs=/state:mode=0777", "--network=none", *given, image, *_OPENCLAW)

    def said() -> str:
        return engine(*asked, "config", "validate", check=False)

    assert "Config valid" in said()
    (tmp_path / "openclaw.json").write_text('{"gateway": {"nonsense": true}}')
    assert "Config valid" not in said(), "it does look"


def _add_keys(program: Program, upstream: Upstream) -> None:
    base = upstream.url.removesuffix("/v1")
    for vendor, url in (("openai", upstream.url), ("anthropic", base)):
        key = {"vendor": vendor, "label": vendor, "secret": REAL_KEY, "base_url": url}
        answer = program.call("POST", "/api/provider-key", key)
        assert answer.status == 201, answer.text


def _create(program: Program) -> str:
    body = {
        "name": "Fox",
        "hostname": "fox",
        "providers": [
            {"vendor": "openai", "models": ["mock-model", "other-model"], "primary_model": "mock-model"},
            {"vendor": "anthropic", "models": ["claude-mock"]},
        ],
        "persona": {"name": "Fox", "soul_markdown": SOUL, "emoji": "🦊"},
    }
    answer = program.call("POST", "/api/bot", body)
    assert answer.status == 201, answer.text

    def proved() -> bool:
        status = program.call("GET", "/api/bot/fox").json["status"]
        assert status["state"] != "error", status
        return bool(status["state"] == "running")

    wait_for(proved, seconds=STARTS_WITHIN, what="the bot has proved itself")
    return str(answer.json["id"])


def _asked(upstream: Upstream, path: str) -> str:
    """All that was asked there, as text."""
    asked = [json.dumps(request) for request in upstream.seen() if request["path"].endswith(path)]
    assert asked, f"nothing was asked at {path}"
    return "\n".join(asked)


def _says(program: Program) -> str:
    answer = program.call("POST", "/api/bot/fox/chat", {"message": "Hello, who are you?"})
    assert answer.status == 200, answer.text
    events = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: {")]
    deltas = [json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events]
    return "".join(deltas)


def _holds_no_key(engine: Engine, container: str, program: Program, upstream: Upstream) -> None:
    """Not in what the engine shows, its environment, its files, or the memory of its processes."""
    seen = engine.inspect(container)
    assert REAL_KEY not in json.dumps(seen)
    variables = dict(variable.split("=", 1) for variable in seen["Config"]["Env"])
    tokens = [variables["CLAWBOT_PROXY_TOKEN"], variables["OPENCLAW_GATEWAY_TOKEN"]]
    ours = [name for name, value in variables.items() if value.startswith("cbm_")]
    assert sorted(ours) == ["CLAWBOT_PROXY_TOKEN", "OPENCLAW_GATEWAY_TOKEN"]
    for request in upstream.seen():
        text = json.dumps(request)
        assert REAL_KEY in text
        assert not any(token in text for token in tokens)
    for mount in seen["Mounts"]:
        assert secrecy.files_with(Path(mount["Source"]), REAL_KEY) == []
    main = psutil.Process(seen["State"]["Pid"])
    family = [main, *main.children(recursive=True)]
    assert any(secrecy.in_memory(process, tokens[0]) for process in family), "the search itself works"
    assert not any(secrecy.in_memory(process, REAL_KEY) for process in family)
    assert program.call("GET", "/api/bot/fox").json["isolation_warning"] is None


REACH = """
const net = require('net');
const [host, port] = process.argv.slice(1);
const socket = net.connect({host, port: Number(port), timeout: 3000});
socket.on('connect', () => { console.log('reached'); process.exit(0); });
socket.on('timeout', () => { console.log('closed'); process.exit(1); });
socket.on('error', () => { console.log('closed'); process.exit(1); });
"""


def _cannot_get_out(program: Program, engine: Engine, container: str) -> None:
    """From inside only the proxy answers, and it serves nothing but the proxy's paths."""
    network = next(iter(engine.inspect(container)["NetworkSettings"]["Networks"].values()))
    gateway = str(network["Gateway"]) or str(network["IPAddress"]).rpartition(".")[0] + ".1"

    def reached(host: str, port: int) -> bool:
        done = engine("exec", container, "node", "-e", REACH, "--", host, str(port), check=False)
        return done.strip() == "reached"

    assert reached(gateway, program.port)
    for host, port in ((gateway, 22), (gateway, program.port + 1), ("1.1.1.1", 443), ("169.254.169.254", 80)):
        assert not reached(host, port)
    ask = f"fetch('http://{gateway}:{program.port}/api/system').then((a) => console.log(a.status))"
    assert engine("exec", container, "node", "-e", ask).strip() == "404", "no route of the control plane"


def _turn_to_anthropic(program: Program, upstream: Upstream) -> None:
    providers = [{"vendor": "anthropic", "models": ["claude-mock"]}]
    answer = program.call("PATCH", "/api/bot/fox", {"providers": providers})
    assert (answer.status, answer.json["is_pending_restart"]) == (200, False)

    def answers_by_anthropic() -> bool:
        _says(program)
        return any(request["path"].endswith("/messages") for request in upstream.seen())

    wait_for(answers_by_anthropic, seconds=60, what="the other provider is asked")
    assert SOUL in _asked(upstream, "/messages")
