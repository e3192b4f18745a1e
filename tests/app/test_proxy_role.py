"""`serve --role proxy` is a lean process: nothing heavy in it, no secret around it, workers are replaced."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest

from clawbot_manager.app.plan import proxy_plan
from clawbot_manager.app.proxy_plan import PlanTooLargeError, become_proxy, read_plan
from clawbot_manager.settings import load_settings
from clawbot_manager.settings.secrets import SECRETS_FILE
from tests.control.conftest import SECRETS
from tests.support.program import Program, call, free_port, wait_for

HEAVY = {
    "aiohttp", "aiosqlite", "alembic", "anyio", "argon2", "cryptography", "fastapi", "joserfc", "pydantic",
    "pydantic_core", "pydantic_settings", "rich", "sqlalchemy", "starlette", "structlog", "typer", "uvicorn",
}  # fmt: skip
PASSWORD = "planted-database-password"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """An installation that `up` has prepared."""
    return _prepared(tmp_path, {})


def _prepared(tmp_path: Path, environment: dict[str, str]) -> Path:
    first = Program(tmp_path / "data", free_port(), tmp_path / "up.log")
    first.environment = {"CLAWBOT_RUNTIME__KIND": "process", **environment}
    try:
        first.start()
        assert first.stop() == 0
    finally:
        first.clean_up()
    return tmp_path / "data"


@pytest.fixture
def proxy(tmp_path: Path, data_dir: Path) -> Iterator[Program]:
    """The proxy's process, not started yet."""
    proxy = Program(data_dir, free_port(), tmp_path / "proxy.log", argv=["serve", "--role", "proxy"])
    yield proxy
    for child in _workers(proxy):
        child.kill()
    proxy.clean_up()


def _workers(proxy: Program) -> list[psutil.Process]:
    """The workers that the supervisor started and that live."""
    try:
        children = psutil.Process(proxy.process.pid).children() if proxy.process else []
    except psutil.NoSuchProcess:
        return []
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]


def _imported(log: str) -> set[str]:
    """The packages that the last program to write import times into the log has imported."""
    last = log.rpartition("import time: self [us]")[2]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in last.splitlines() if "|" in line}


def test_nothing_heavy_is_in_it(proxy: Program) -> None:
    proxy.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    proxy.start()
    assert proxy.stop() == 0
    imported = _imported(proxy.output())
    assert {"uvloop", "httptools", "msgspec", "sqlite3", "clawbot_manager"} <= imported
    assert imported & (HEAVY | {"psycopg"}) == set()


def test_nothing_heavy_is_in_it_on_postgresql(tmp_path: Path, postgresql_url: str) -> None:
    environment = {"DATABASE_URL": postgresql_url, "PYTHONPROFILEIMPORTTIME": "1"}
    data_dir = _prepared(tmp_path, {"DATABASE_URL": postgresql_url})
    proxy = Program(data_dir, free_port(), tmp_path / "proxy.log", argv=["serve", "--role", "proxy"])
    proxy.environment = environment
    try:
        proxy.start()
        assert proxy.stop() == 0
    finally:
        proxy.clean_up()
    imported = _imported(proxy.output())
    assert {"uvloop", "psycopg", "clawbot_manager"} <= imported
    assert imported & (HEAVY | {"sqlite3"}) == set()


def test_nothing_secret_is_around_it(proxy: Program, data_dir: Path) -> None:
    stored = dict(line.split("=", 1) for line in (data_dir / SECRETS_FILE).read_text().splitlines())
    proxy.environment.update(stored)
    proxy.environment["CLAWBOT_SECURITY__CORE_DUMPS"] = "true"  # else nobody may look
    proxy.start()
    assert proxy.process
    process = psutil.Process(proxy.process.pid)
    assert "clawbot_manager.app.proxy_role" in process.cmdline()
    around = [*process.cmdline(), *process.environ(), *process.environ().values()]
    for secret in stored.values():
        assert not [text for text in around if secret.removeprefix("1:") in text]
    assert not [name for name in process.environ() if name.startswith(("CLAWBOT_", "BOT_MASTER", "DATABASE"))]
    for secret in stored.values():
        assert secret not in proxy.output()


def test_its_health_and_nothing_else(proxy: Program) -> None:
    proxy.start()
    live, ready = proxy.call("GET", "/health"), proxy.call("GET", "/health/ready")
    assert (live.status, live.json["status"]) == (200, "ok")
    assert (ready.status, ready.json["status"]) == (200, "ready")
    assert [(check["name"], check["status"]) for check in ready.json["checks"]] == [
        ("database", "ok"), ("disk", "ok"), ("usage", "ok"),
    ]  # fmt: skip
    assert all(set(check) == {"name", "status", "detail", "hint"} for check in ready.json["checks"])
    for path in ("/", "/api/bot", "/api/system", "/health/other"):
        assert proxy.call("GET", path).status == 404
    assert proxy.call("POST", "/api/v1/openai/chat/completions", {}).status == 401
    assert proxy.stop() == 0
    lines = [json.loads(line) for line in proxy.output().splitlines()]
    assert [line["event"] for line in lines if line["level"] == "info"][::2] == ["server.started"]


def test_a_wrong_setting_is_told_before_anything_is_replaced(proxy: Program) -> None:
    proxy.environment["CLAWBOT_EGRESS__ALLOW"] = "not/a/network"
    with pytest.raises(AssertionError, match="CLAWBOT_EGRESS__ALLOW"):
        proxy.start()
    assert "Traceback" not in proxy.output()


def test_a_taken_port_is_told(proxy: Program) -> None:
    proxy.environment["CLAWBOT_PROXY__WORKERS"] = "2"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", proxy.port))
        with pytest.raises(AssertionError, match="CLAWBOT_SERVER__PORT"):
            proxy.start()


class TestWorkers:
    def test_one_that_dies_is_replaced_and_all_end_together(self, proxy: Program) -> None:
        proxy.environment["CLAWBOT_PROXY__WORKERS"] = "2"
        proxy.start()
        wait_for(lambda: len(_workers(proxy)) == 2, what="two workers")
        wait_for(lambda: proxy.output().count("server.started") == 2, what="both serve")
        victim, other = _workers(proxy)
        victim.kill()
        wait_for(lambda: proxy.output().count("server.started") == 3, what="a new worker serves")
        alive = {worker.pid for worker in _workers(proxy)}
        assert other.pid in alive
        assert victim.pid not in alive
        assert len(alive) == 2
        for _ in range(20):
            assert call("GET", f"{proxy.base}/health").status == 200
        died = re.search(r'\{.*"proxy.worker_died".*\}', proxy.output())
        assert died
        assert json.loads(died[0])["worker"] == victim.pid
        assert proxy.stop() == 0
        assert proxy.output().count("server.stopped") == 2

    def test_workers_end_when_their_supervisor_is_killed(self, proxy: Program) -> None:
        proxy.environment["CLAWBOT_PROXY__WORKERS"] = "2"
        proxy.start()
        wait_for(lambda: proxy.output().count("server.started") == 2, what="both serve")
        workers = _workers(proxy)
        proxy.kill()
        wait_for(lambda: proxy.output().count("server.stopped") == 2, what="both have ended in order")
        psutil.wait_procs(workers, timeout=20)
        assert not [worker for worker in workers if worker.is_running()]

    def test_ctrl_c_reaches_all(self, proxy: Program) -> None:
        proxy.environment["CLAWBOT_PROXY__WORKERS"] = "2"
        proxy.start()
        wait_for(lambda: proxy.output().count("server.started") == 2, what="both serve")
        assert proxy.process
        for process in (psutil.Process(proxy.process.pid), *_workers(proxy)):  # as a terminal does it
            process.send_signal(signal.SIGINT)
        assert proxy.process.wait(40) == 0
        assert "Traceback" not in proxy.output()


class TestPlan:
    def test_it_goes_through_a_pipe_as_it_is(self, tmp_path: Path) -> None:
        settings = load_settings(
            {"DATABASE_URL": f"postgresql://u:{PASSWORD}@h/db", "CLAWBOT_EGRESS__ALLOW": "10.0.0.0/8"},
            data_dir=tmp_path,
        )
        plan = proxy_plan(settings, SECRETS)
        assert read_plan(msgspec.json.encode(plan)) == plan
        assert plan.master_keys == {"1": SECRETS.master_keys[1]}
        assert plan.data_plane.store.named["password"] == PASSWORD
        for shown in (repr(plan), repr(plan.data_plane), repr(plan.data_plane.store)):
            assert PASSWORD not in shown
            assert SECRETS.token_secret not in shown

    def test_one_that_does_not_fit_into_a_pipe_is_refused(self, tmp_path: Path) -> None:
        settings = load_settings({}, data_dir=tmp_path, egress={"allow": ["10.0.0.0/8"] * 200_000})
        with pytest.raises(PlanTooLargeError):
            become_proxy(proxy_plan(settings, SECRETS), [], {})
