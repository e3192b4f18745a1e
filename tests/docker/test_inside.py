"""From inside a bot's container: what its owner allows besides the proxy, and what a diagnosis sees there."""

from __future__ import annotations

import json

from tests.docker.conftest import Engine, running
from tests.support.program import Program

ASK = """
import os, socket, sys
from urllib.parse import urlsplit
import base64
url = urlsplit(os.environ["HTTPS_PROXY"])
token = base64.b64encode(f"{url.username}:{url.password}".encode()).decode() if sys.argv[2] == "with" else ""
with socket.create_connection((url.hostname, url.port), 10) as way:
    who = f"Proxy-Authorization: Basic {token}"
    way.sendall(f"CONNECT {sys.argv[1]} HTTP/1.1\\r\\n{who}\\r\\n\\r\\n".encode())
    print(way.recv(100).split()[1].decode())
"""


def test_tunnels_are_for_the_hosts_of_the_list_alone(program: Program, engine: Engine) -> None:
    bot_id = running(program, "scout", egress=["no-such-host.example.org"])
    (container,) = engine.containers(bot_id)

    def asks(target: str, token: str = "with") -> str:
        return engine("exec", container, "python3", "-I", "-c", ASK, target, token).strip()

    assert asks("api.example.org:443") == "403"
    assert asks("no-such-host.example.org:80") == "403"
    assert asks("no-such-host.example.org:443") == "502", "allowed, and its name leads nowhere"
    assert asks("no-such-host.example.org:443", "without") == "407"
    variables = json.dumps(engine.inspect(container)["Config"]["Env"])
    assert "NO_PROXY=" in variables


def test_without_a_list_there_is_no_way_out(program: Program, engine: Engine) -> None:
    bot_id = running(program, "scout")
    (container,) = engine.containers(bot_id)
    assert "HTTPS_PROXY" not in json.dumps(engine.inspect(container)["Config"]["Env"])


def test_a_diagnosis_looks_from_inside(program: Program) -> None:
    running(program, "scout")
    answer = program.call("POST", "/api/bot/scout/diagnose", {"prompt": True}).json
    assert {check["name"]: check["status"] for check in answer["checks"]} == {
        "key": "pass",
        "model": "pass",
        "instance": "pass",
        "gateway": "pass",
        "network": "pass",
        "prompt": "pass",
        "disk": "pass",
    }
    (row,) = program.call("GET", "/api/diagnostics").json["containers"]
    assert (row["hostname"], row["state"]) == ("scout", "running")
    assert 0 < row["memory_bytes"] < row["memory_limit_bytes"] == 256 << 20
