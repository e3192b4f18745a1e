"""The whole program: a WebSocket on the one port, recorded in the database, and told to go at shutdown."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from tests.proxy.realtime.provider import REALTIME_USAGE
from tests.proxy.rig import SECRET
from tests.support.program import Program, free_port, wait_for

pytestmark = pytest.mark.e2e


def play(socket: ServerConnection) -> None:
    """The Realtime API, if the key is right."""
    assert socket.request is not None
    assert socket.request.headers["authorization"] == f"Bearer {SECRET}"
    for message in socket:
        if json.loads(message)["type"] == "response.create":
            response = {"status": "completed", "usage": REALTIME_USAGE}
            socket.send(json.dumps({"type": "response.done", "response": response}))


@pytest.fixture
def provider() -> Iterator[int]:
    with serve(play, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def program(tmp_path: Path, provider: int) -> Iterator[Program]:
    environment = {
        "CLAWBOT_EGRESS__ALLOW": f"127.0.0.1:{provider}",
        "CLAWBOT_RUNTIME__FIRST_PORT": str(free_port()),
    }
    program = Program(tmp_path / "data", free_port(), tmp_path / "server.log", environment=environment)
    program.start()
    yield program
    program.clean_up()


def rows(program: Program, count: int) -> list[dict[str, Any]]:
    """The usage log, once it has so many rows."""

    def found() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = program.call("GET", "/api/usage").json["items"]
        return items if len(items) >= count else []

    rows: list[dict[str, Any]] = wait_for(found, what=f"{count} rows of usage")
    return rows


def test_sessions_of_the_whole_program(program: Program, provider: int) -> None:
    program.sign_up()
    key = {"vendor": "openai", "label": "k", "secret": SECRET, "base_url": f"http://127.0.0.1:{provider}/v1"}
    assert program.call("POST", "/api/provider-key", key).status == 201
    bot = {
        "name": "Scout",
        "hostname": "scout",
        "providers": [{"vendor": "openai", "models": ["gpt-realtime"]}],
    }
    assert program.call("POST", "/api/bot", bot).status == 201
    token = program.call("POST", "/api/bot/scout/token", {"name": "voice"}).json["token"]
    url = f"ws://127.0.0.1:{program.port}/api/v1/openai/v1/realtime?model=gpt-realtime"
    headers = {"authorization": f"Bearer {token}"}

    with connect(url, additional_headers=headers) as socket:
        socket.send('{"type":"response.create"}')
        assert "response.done" in str(socket.recv(20))
    (row,) = rows(program, 1)
    assert (row["status"], row["streamed"], row["error_code"]) == (101, True, None)
    assert (row["input_tokens"], row["output_tokens"], row["usage_source"]) == (132, 121, "provider")
    assert row["model_asked"] == "gpt-realtime"

    with connect(url, additional_headers=headers) as socket:
        socket.send('{"type":"response.create"}')
        socket.recv(20)
        stopping = threading.Thread(target=program.stop)
        stopping.start()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(20)
    stopping.join()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert program.process is not None
    assert program.process.poll() == 0
    assert "Traceback" not in program.output()
    assert not any(secret in program.output() for secret in (token, SECRET))

    program.start()
    assert {row["error_code"] for row in rows(program, 2)} == {None, "aborted"}
