"""The installed program on a real engine, with bots in real containers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.services import bot_images, docker, docker_supervisor
from tests.support.program import Program, free_port, wait_for
from tests.support.provider import Upstream, provider


@dataclass
class Engine:
    """A container engine, by its command line."""

    url: str

    def __call__(self, *arguments: str, check: bool = True) -> str:
        return docker_supervisor.docker(self.url, *arguments, check=check).stdout.decode()

    def containers(self, bot_id: str, *, running: bool = False) -> list[str]:
        """The ids of a bot's containers."""
        everything = () if running else ("--all",)
        label = f"label=clawbot-manager.bot-id={bot_id}"
        return self("ps", *everything, "--quiet", "--no-trunc", "--filter", label).split()

    def inspect(self, container: str) -> Any:
        return json.loads(self("inspect", container))[0]


@pytest.fixture
def engine() -> Engine:
    """The run's engine, with the image of the built-in bot."""
    bot_images.builtin_image()
    return Engine(docker.engine().url)


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    """The provider."""
    with provider(tmp_path) as upstream:
        yield upstream


MakeProgram = Callable[..., Program]


@pytest.fixture
def make_program(tmp_path: Path, engine: Engine) -> Iterator[MakeProgram]:
    """Programs with bots in containers of the engine; nothing of them is left."""
    made: list[Program] = []

    def make(url: str = engine.url, **environment: str) -> Program:
        given = {
            "DOCKER_HOST": url,
            "CLAWBOT_RUNTIME__KIND": "docker",
            "CLAWBOT_RUNTIME__AGENT": "builtin",
            "CLAWBOT_RUNTIME__RECONCILE_SECONDS": "2",
            "CLAWBOT_EGRESS__ALLOW": "127.0.0.1",
            **environment,
        }
        folder = tmp_path / f"program-{len(made)}"
        folder.mkdir()
        program = Program(folder / "data", free_port(), folder / "log", environment=given)
        made.append(program)
        return program

    yield make
    for program in made:
        program.clean_up()
        for container in engine("ps", "--all", "--quiet", "--filter", f"volume={program.data_dir}").split():
            engine("rm", "--force", container, check=False)


@pytest.fixture
def program(make_program: MakeProgram) -> Program:
    """One that runs, with a first account and a simulated provider's key."""
    program = make_program()
    program.start()
    program.sign_up()
    key = {"vendor": "custom", "label": "simulated", "base_url": "simulated://provider"}
    assert program.call("POST", "/api/provider-key", key).status == 201
    return program


def create(program: Program, hostname: str, **given: Any) -> str:
    """A bot that shall run; its id."""
    body = {
        "name": hostname,
        "hostname": hostname,
        "providers": [{"vendor": "custom", "models": ["simulated-small"]}],
        **given,
    }
    answer = program.call("POST", "/api/bot", body)
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def running(program: Program, hostname: str, **given: Any) -> str:
    """A bot that has proved itself; its id."""
    bot_id = create(program, hostname, **given)
    program.reaches(hostname, "running")
    return bot_id


def told(program: Program, hostname: str, code: str) -> str:
    """The detail of an event of the bot, once it has happened."""

    def find() -> str | None:
        events = program.call("GET", f"/api/bot/{hostname}/events?limit=100").json["items"]
        return next((event["detail"] or "told" for event in events if event["code"] == code), None)

    return str(wait_for(find, what=f"{hostname} is told {code}"))


def chats(program: Program, hostname: str) -> str:
    """What the bot answers."""
    answer = program.call("POST", f"/api/bot/{hostname}/chat", {"message": "hello"})
    assert answer.status == 200, answer.text
    assert "[DONE]" in answer.text
    assert '"error"' not in answer.text
    return answer.text
