"""`kill -9` of the manager before every step, with containers: what was left half done is finished, once."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from tests.docker.conftest import Engine, MakeProgram, chats, create
from tests.services import bot_images
from tests.support.program import Program, wait_for

_MOST_STEPS = 80
OTHER_IMAGE = "clawbot-manager/builtin-bot:other"
pytestmark = pytest.mark.timeout(900)  # each step takes a start of the server


@pytest.fixture
def program(make_program: MakeProgram) -> Program:
    program = make_program()
    program.module, program.argv = "tests.faults.crashing_server", ["--runtime", "docker"]
    program.forks = True
    program.start()
    program.sign_up()
    key = {"vendor": "custom", "label": "simulated", "base_url": "simulated://provider"}
    assert program.call("POST", "/api/provider-key", key).status == 201
    return program


def _arm(program: Program, steps: int) -> None:
    (program.data_dir / "kill-after").write_text(str(steps))
    assert program.process
    os.kill(program.process.pid, signal.SIGUSR1)


def _disarm(program: Program) -> None:
    """It would count on, and strike some time."""
    program.kill()
    program.start()


def _died(program: Program, done: str, hostname: str) -> bool:
    """Wait until the server is dead or the bot has got there; whether it died."""

    def ended() -> str | None:
        assert program.process
        if program.process.poll() is not None:
            return "died"
        with suppress(OSError):
            return "done" if _is(program, hostname, done) else None
        return None

    return bool(wait_for(ended, what="the server dies or the bot gets there") == "died")


def _is(program: Program, hostname: str, done: str) -> bool:
    if done != "upgraded":
        return program.state(hostname) == done
    bot = program.call("GET", f"/api/bot/{hostname}").json
    return bool(
        bot["image"] == OTHER_IMAGE and not bot["is_upgrading"] and bot["status"]["state"] == "running"
    )


def _one_of_each(program: Program, engine: Engine, hostname: str) -> None:
    bot = program.call("GET", f"/api/bot/{hostname}").json
    assert len(engine.containers(bot["id"])) == 1
    tokens = program.call("GET", f"/api/bot/{hostname}/token").json
    assert [token["kind"] for token in tokens] == ["instance"]


def _nothing_left(program: Program, engine: Engine, hostname: str, bot_id: str) -> None:
    program.call("DELETE", f"/api/bot/{hostname}")
    program.reaches(hostname, "gone")
    assert engine.containers(bot_id) == []
    assert program.call("GET", "/api/bot/admin/orphans").json == []
    assert list((program.data_dir / "bots").iterdir()) == []


@pytest.mark.parametrize("first", [1, 2])  # the odd steps and the even ones, side by side
def test_before_every_step_of_creation(program: Program, engine: Engine, first: int) -> None:
    for steps in range(first, _MOST_STEPS, 2):
        hostname = f"bot-{steps}"
        _arm(program, steps)
        with suppress(OSError):  # the answer may be lost with the server
            create(program, hostname)
        if not _died(program, "running", hostname):
            assert steps > 8, "the countdown never struck"
            _disarm(program)
            chats(program, hostname)
            return
        program.start()
        if program.state(hostname) == "gone":  # it died before the commit: the client was told nothing
            create(program, hostname)
        program.reaches(hostname, "running")
        _one_of_each(program, engine, hostname)
        bot_id = program.call("GET", f"/api/bot/{hostname}").json["id"]
        _nothing_left(program, engine, hostname, bot_id)
    raise AssertionError("creation takes more steps than this test walks")


@pytest.mark.parametrize("verb", ["end", "upgrade"])
def test_before_every_step_of_stop_and_deletion_and_of_an_upgrade(
    program: Program, engine: Engine, verb: str
) -> None:
    if verb == "upgrade":
        engine("tag", bot_images.BUILTIN, OTHER_IMAGE)
    if verb == "upgrade":
        _walk(program, engine, "POST", "/upgrade", {"image": OTHER_IMAGE}, "upgraded")
    else:
        _walk(program, engine, "POST", "/stop", None, "stopped")
        _walk(program, engine, "DELETE", "", None, "gone")


def _walk(
    program: Program, engine: Engine, method: str, path: str, body: dict[str, str] | None, done: str
) -> None:
    for steps in range(1, _MOST_STEPS):
        hostname = f"bot-{done}-{steps}"
        bot_id = create(program, hostname)
        program.reaches(hostname, "running")
        _arm(program, steps)
        with suppress(OSError):
            program.call(method, f"/api/bot/{hostname}{path}", body)
        if not _died(program, done, hostname):
            assert steps > 2, "the countdown never struck"
            _disarm(program)
            _nothing_left(program, engine, hostname, bot_id)
            return
        program.start()
        if program.state(hostname) != "gone":  # wanting twice is wanting once
            program.call(method, f"/api/bot/{hostname}{path}", body)
        wait_for(lambda: _is(program, hostname, done), what=f"{hostname} is {done}")  # noqa: B023 - at once
        if done == "upgraded":
            _one_of_each(program, engine, hostname)
        else:
            assert engine.containers(bot_id, running=True) == []
        _nothing_left(program, engine, hostname, bot_id)
    raise AssertionError("it takes more steps than this test walks")
