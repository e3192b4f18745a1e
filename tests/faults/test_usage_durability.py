"""Every request that was answered is in the log of usage exactly once, whatever happens to the processes."""

from __future__ import annotations

import json
import sqlite3
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from clawbot_manager.control.dataplane.batches import unpack
from clawbot_manager.control.dataplane.store import StoredBatch
from tests.services import postgres
from tests.services.own_postgres import OwnPostgres, own_postgres
from tests.support.program import Program, free_port, wait_for

pytestmark = pytest.mark.timeout(300)

SECRET = "sk-planted-0123456789abcdefghijklmnop"
PROMPT = "planted-prompt"
LEAN, WHOLE = ["serve", "--role", "proxy"], ["up"]


class Provider(BaseHTTPRequestHandler):
    """Answers a chat, and counts."""

    protocol_version = "HTTP/1.1"
    seen: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.seen.append(self.headers["x-request-id"])
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        body = json.dumps({"model": "m", "choices": [], "usage": usage}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@dataclass
class Scene:
    """An installation with a bot and a key, and a process of it that serves the proxy."""

    proxy: Program
    bot_token: str
    seen: list[str]
    query: Callable[[str], list[tuple[str]]]
    packed: str
    asked: list[str] = field(default_factory=list)

    def ask(self, count: int) -> list[str]:
        """Send so many requests, one after the other; the trace ids of those, all answered."""
        traces = [f"trace-{len(self.asked) + number:04}" for number in range(count)]
        for trace in traces:
            body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
            url = f"{self.proxy.base}/api/v1/openai/chat/completions"
            answer = _post(url, body, self.bot_token, trace)
            assert answer == 200
            self.asked.append(trace)
        return traces

    def written(self) -> list[str]:
        """The trace ids in the database: in rows, or in batches that no worker has unpacked."""
        traces = [trace for (trace,) in self.query("SELECT trace_id FROM usage_records ORDER BY id")]
        for (packed,) in self.query(self.packed):
            traces += [one.trace_id for one in unpack(StoredBatch("", bytes.fromhex(packed)))]
        return traces

    def all_written(self) -> None:
        wait_for(
            lambda: set(self.asked) <= set(self.written()), what=f"all rows; {self.proxy.output()[-2000:]}"
        )
        assert Counter(self.written()) == Counter(self.asked) == Counter(self.seen)

    @property
    def spool(self) -> list[Path]:
        return list((self.proxy.data_dir / "spool").glob("usage-*.jsonl"))

    def restart(self) -> None:
        self.proxy.start()


def _post(url: str, body: object, token: str, trace: str) -> int:
    headers = {"authorization": f"Bearer {token}", "x-request-id": trace, "content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()
        return int(answer.status)


@contextmanager
def _provider() -> Iterator[tuple[str, list[str]]]:
    seen: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Counting", (Provider,), {"seen": seen}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _scene(
    folder: Path, argv: list[str], query: Callable[[str], list[tuple[str]]], **environment: str
) -> Iterator[Scene]:
    with _provider() as (address, seen):
        environment = {
            "CLAWBOT_EGRESS__ALLOW": "127.0.0.1",
            "CLAWBOT_RUNTIME__KIND": "process",
            "CLAWBOT_PROXY__USAGE_PATIENCE_SECONDS": "0.3",
            **environment,
        }
        first = Program(folder / "data", free_port(), folder / "up.log", environment=environment)
        proxy = Program(
            folder / "data", free_port(), folder / "proxy.log", argv=argv, environment=environment
        )
        try:
            first.start()
            token = _set_up(first, address)
            assert first.stop() == 0
            proxy.start()
            in_hex = "encode(body, 'hex')" if "DATABASE_URL" in environment else "hex(body)"
            yield Scene(proxy, token, seen, query, f"SELECT {in_hex} FROM usage_batches ORDER BY id")
        finally:
            first.clean_up()
            proxy.clean_up()


def _set_up(program: Program, address: str) -> str:
    program.sign_up()
    key = {"vendor": "openai", "label": "main", "secret": SECRET, "base_url": address}
    assert program.call("POST", "/api/provider-key", key).status == 201
    provider = {"vendor": "openai", "models": ["m"]}
    bot = {"name": "Scout", "hostname": "scout", "providers": [provider], "auto_start": False}
    assert program.call("POST", "/api/bot", bot).status == 201
    return str(program.call("POST", "/api/bot/scout/token", {"name": "t"}).json["token"])


def _sqlite(folder: Path) -> Callable[[str], list[tuple[str]]]:
    def query(text: str) -> list[tuple[str]]:
        with closing(sqlite3.connect(folder / "data" / "clawbot-manager.sqlite3")) as database:
            return database.execute(text).fetchall()

    return query


@contextmanager
def _locked(scene: Scene) -> Iterator[None]:
    """Nobody else can write to the SQLite database."""
    path = scene.proxy.data_dir / "clawbot-manager.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as blocker:
        blocker.execute("BEGIN EXCLUSIVE")
        yield
        blocker.execute("ROLLBACK")


@pytest.mark.parametrize("argv", [LEAN, WHOLE], ids=["lean", "whole"])
class TestTheProcessEnds:
    def test_kill_9_loses_at_most_what_came_since_the_last_flush(
        self, tmp_path: Path, argv: list[str]
    ) -> None:
        with _scene(tmp_path, argv, _sqlite(tmp_path)) as scene:
            scene.ask(20)
            scene.all_written()
            late = scene.ask(5)
            scene.proxy.kill()
            scene.restart()
            assert scene.proxy.stop() == 0
            written = scene.written()
            kept = [trace for trace in late if trace in written]
            assert (
                written == scene.asked[: len(written)]
            )  # none twice, and none lost before one that was kept
            assert len(written) == 20 + len(kept)
            assert scene.seen == scene.asked

    def test_sigterm_loses_nothing(self, tmp_path: Path, argv: list[str]) -> None:
        with _scene(tmp_path, argv, _sqlite(tmp_path), CLAWBOT_PROXY__USAGE_FLUSH_SECONDS="10") as scene:
            scene.ask(20)
            assert scene.proxy.stop() == 0
            assert scene.written() == scene.asked == scene.seen


class TestSqliteIsLocked:
    def test_requests_are_served_and_written_once_it_is_free(self, tmp_path: Path) -> None:
        with _scene(tmp_path, LEAN, _sqlite(tmp_path)) as scene:
            scene.ask(3)
            scene.all_written()
            with _locked(scene):
                scene.ask(10)
                wait_for(lambda: scene.spool, what="a file in the spool")
                scene.ask(10)
                assert len(scene.written()) == 3
            scene.all_written()
            wait_for(lambda: not scene.spool, what="the spool is empty")

    def test_what_waits_outlives_kill_9_and_sigterm(self, tmp_path: Path) -> None:
        with _scene(tmp_path, LEAN, _sqlite(tmp_path)) as scene:
            with _locked(scene):
                scene.ask(3)
                wait_for(lambda: _traces_in(scene.spool) == scene.asked, what="all are in the spool")
                scene.proxy.kill()
                scene.restart()
                scene.ask(3)
                assert scene.proxy.stop() == 0
                assert sorted(_traces_in(scene.spool)) == scene.asked
                assert scene.written() == []
                for path in scene.spool:
                    text = path.read_text()
                    assert SECRET not in text
                    assert PROMPT not in text
                    assert scene.bot_token not in text
            scene.restart()
            scene.all_written()
            wait_for(lambda: not scene.spool, what="the spool is empty")


def _traces_in(files: list[Path]) -> list[str]:
    return [json.loads(line)[4] for path in sorted(files) for line in path.read_text().splitlines()[1:]]


@pytest.fixture
def server() -> Iterator[OwnPostgres]:
    if postgres.unwanted():
        pytest.skip(f"{postgres.MODE}=skip")
    with own_postgres("durability") as server:
        yield server


class TestPostgresIsAway:
    def test_stopped_frozen_and_back_every_request_is_written_once(
        self, tmp_path: Path, server: OwnPostgres
    ) -> None:
        with _scene(tmp_path, LEAN, server.rows, DATABASE_URL=server.url) as scene:
            scene.ask(3)
            scene.all_written()
            server.stop()
            scene.ask(5)
            wait_for(lambda: scene.spool, what="a file in the spool")
            scene.ask(5)
            ready = scene.proxy.call("GET", "/health/ready")
            assert ready.status == 200
            checks = {check["name"]: check["status"] for check in ready.json["checks"]}
            assert (checks["database"], checks["usage"]) == ("warning", "warning")
            server.start()
            scene.all_written()
            wait_for(lambda: not scene.spool, what="the spool is empty")

            server.freeze()
            scene.ask(5)
            wait_for(lambda: scene.spool, what="a file in the spool")
            scene.ask(5)
            server.thaw()
            scene.all_written()
            wait_for(lambda: not scene.spool, what="the spool is empty")
            assert scene.proxy.stop() == 0
            output = scene.proxy.output()
            assert output.count("usage.database_away") <= 4  # told once for each time, not for each try
            assert "Traceback" not in output
            assert server.url.split(":")[2].split("@")[0] not in output

    def test_sigterm_and_kill_9_while_it_is_away(self, tmp_path: Path, server: OwnPostgres) -> None:
        with _scene(tmp_path, LEAN, server.rows, DATABASE_URL=server.url) as scene:
            server.freeze()
            scene.ask(3)
            assert scene.proxy.stop() == 0
            server.thaw()
            scene.restart()
            scene.all_written()
            server.stop()
            scene.ask(3)
            wait_for(lambda: _traces_in(scene.spool) == scene.asked[3:], what="all are in the spool")
            scene.proxy.kill()
            server.start()
            scene.restart()
            scene.all_written()
