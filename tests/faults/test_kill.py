"""`kill -9` of the server before every single step: whatever was left half done is finished, once."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.program import Program, free_port, wait_for

_MOST_STEPS = 80
pytestmark = pytest.mark.timeout(600)  # each step takes a start of the server


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    data_dir = tmp_path / "data"
    program = Program(
        data_dir,
        free_port(),
        tmp_path / "server.log",
        module="tests.faults.crashing_server",
        argv=[],
        forks=True,
    )
    program.start()
    program.sign_up()
    key = {"vendor": "custom", "label": "simulated", "base_url": "simulated://provider"}
    assert program.call("POST", "/api/provider-key", key).status == 201
    yield program
    program.clean_up()


def _arm(program: Program, steps: int) -> None:
    (program.data_dir / "kill-after").write_text(str(steps))
    assert program.process
    os.kill(program.process.pid, signal.SIGUSR1)


def _died(program: Program, done: str, hostname: str) -> bool:
    """Wait until the server is dead or the bot has got there; whether it died."""

    def ended() -> str | None:
        assert program.process
        if program.process.poll() is not None:
            return "died"
        try:
            return "done" if program.state(hostname) == done else None
        except OSError:
            return None

    return bool(wait_for(ended, what="the server dies or the bot gets there") == "died")


def _create(program: Program, hostname: str) -> None:
    body = {
        "name": hostname,
        "hostname": hostname,
        "providers": [{"vendor": "custom", "models": ["simulated-small"]}],
    }
    assert program.call("POST", "/api/bot", body).status in {201, 409}


def _check_one_of_each(program: Program, hostname: str) -> None:
    bot = program.call("GET", f"/api/bot/{hostname}").json
    mine = [process for process in program.bots() if bot["id"] in process.cmdline()]
    assert len(mine) == 1, [process.cmdline() for process in mine]
    with sqlite3.connect(program.data_dir / "clawbot-manager.sqlite3") as database:
        tokens = database.execute(
            "SELECT count(*) FROM bot_tokens WHERE revoked_at IS NULL AND bot_id = ?",
            [bot["id"].replace("-", "")],
        ).fetchone()
    database.close()
    assert tokens == (1,)
    answer = program.call("POST", f"/api/bot/{hostname}/chat", {"message": "hello"})
    assert "[DONE]" in answer.text
    assert '"error"' not in answer.text


def _check_nothing_left(program: Program, hostname: str) -> None:
    program.call("DELETE", f"/api/bot/{hostname}")
    program.reaches(hostname, "gone")
    assert program.bots() == []
    assert program.call("GET", "/api/bot/admin/orphans").json == []
    assert list((program.data_dir / "bots").iterdir()) == []
    left = [
        path
        for path in (program.data_dir / "runtime").rglob("*")
        if path.is_file() and "lock" not in path.name
    ]
    assert left == []


@pytest.mark.parametrize("first", [1, 2])  # the odd steps and the even ones, side by side
def test_killed_before_every_step_of_creation(program: Program, first: int) -> None:
    for steps in range(first, _MOST_STEPS, 2):
        hostname = f"bot-{steps}"
        _arm(program, steps)
        with suppress(OSError):  # the answer may be lost with the server
            _create(program, hostname)
        if not _died(program, "running", hostname):
            assert steps > 5, "the countdown never struck"
            return
        program.start()
        if program.state(hostname) == "gone":  # it died before the commit: the client was told nothing
            _create(program, hostname)
        program.reaches(hostname, "running")
        _check_one_of_each(program, hostname)
        _check_nothing_left(program, hostname)
    raise AssertionError("creation takes more steps than this test walks")


@pytest.mark.parametrize(("verb", "done"), [("stop", "stopped"), ("delete", "gone")])
def test_killed_before_every_step_of_the_end(program: Program, verb: str, done: str) -> None:
    for steps in range(1, _MOST_STEPS):
        hostname = f"bot-{steps}"
        _create(program, hostname)
        program.reaches(hostname, "running")
        _arm(program, steps)
        method, path = ("DELETE", "") if verb == "delete" else ("POST", "/stop")
        with suppress(OSError):
            program.call(method, f"/api/bot/{hostname}{path}")
        survived = not _died(program, done, hostname)
        if not survived:
            program.start()
            if program.state(hostname) == "running":  # it died before the commit: nobody was told
                program.call(method, f"/api/bot/{hostname}{path}")
            program.reaches(hostname, done)
            assert program.bots() == []
        else:
            assert steps > 2, "the countdown never struck"
            return
        _check_nothing_left(program, hostname)
    raise AssertionError("it takes more steps than this test walks")


def test_bots_outlive_the_manager_and_are_adopted(program: Program) -> None:
    _create(program, "scout")
    program.reaches("scout", "running")
    (before,) = program.bots()
    program.kill()
    assert before.is_running()
    program.start()
    program.reaches("scout", "running")
    _check_one_of_each(program, "scout")
    assert [process.pid for process in program.bots()] == [before.pid]


def test_a_second_server_on_the_same_data_is_refused(program: Program, tmp_path: Path) -> None:
    second = Program(program.data_dir, free_port(), tmp_path / "second.log")
    with pytest.raises(AssertionError, match="another ClawBotManager"):
        second.start()


def test_stops_in_order_on_sigterm(program: Program) -> None:
    assert program.stop() == 0
    assert "Traceback" not in program.output()
