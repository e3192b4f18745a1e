"""The secret canary: recognisable keys, tokens, prompts and answers go through a real installation, in every
way that a request can end; then everything that it leaves behind is searched for them.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.faults.talking_provider import TalkingProvider
from tests.support import crash, secrecy
from tests.support.program import PASSWORD, Program, Reply, call, free_port, wait_for

DEAD, GOOD, NEXT, NEW = (
    f"sk-CANARYKEY{name}-0123456789/abcdef+WXYZ=" for name in ("dead", "good", "next", "new")
)
PROMPT = "canary-prompt-8d2e4f"
ANSWER = "canary-answer-5b7a9c"
MISTYPED = "sk-CANARYKEYmistyped-0123456789"
GUESS = "cbm_bot_CANARYGUESS0123456789abcdefghijklmnop"
KEYS = [DEAD, GOOD, NEXT, NEW, MISTYPED, "CANARYKEY"]

pytestmark = pytest.mark.timeout(300)


@dataclass
class Scene:
    """The installation, what it was given to keep, and what it has said."""

    program: Program
    provider: TalkingProvider
    home: Path
    tokens: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)

    def api(self, method: str, path: str, body: Any = None, *, keep: bool = True) -> Reply:
        """A call of the control plane; its answer is searched later, unless it hands out a secret."""
        reply = self.program.call(method, path, body)
        if keep:
            self.said.append(reply.text + str(reply.headers))
        return reply

    def proxy(self, model: str, **more: Any) -> Reply:
        """A chat completion with a prompt to recognise."""
        body = {"model": model, "messages": [{"role": "user", "content": PROMPT}], **more}
        reply = call(
            "POST", f"{self.program.base}/api/v1/openai/v1/chat/completions", body, token=self.tokens[0]
        )
        self.answered.append(reply.text + str(reply.headers))
        return reply

    def cbm(self, *arguments: str, stdin: str = "") -> str:
        command = [str(Path(sys.executable).parent / "cbm"), *arguments]
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "CLAWBOT_URL": self.program.base,
        }
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=90, env=environment, check=False
        )
        self.said.append(done.stdout + done.stderr)
        return done.stdout

    @property
    def secrets(self) -> list[str]:
        """What must be nowhere."""
        return [*KEYS, *self.tokens, PROMPT, ANSWER, PASSWORD, GUESS, "CANARYGUESS"]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """An installation that everything has been done to."""
    folder = tmp_path_factory.mktemp("canary")
    provider = TalkingProvider(ANSWER, dead={DEAD})
    with provider.serving(), crash.cores_allowed():
        program = Program(
            folder / "data",
            free_port(),
            folder / "server.log",
            environment={
                "CLAWBOT_EGRESS__ALLOW": "127.0.0.1",
                "CLAWBOT_LOG__LEVEL": "debug",
                "CLAWBOT_LOG__FORMAT": "json",
                "CLAWBOT_RUNTIME__KIND": "process",
                "CLAWBOT_RUNTIME__PROOF": "false",  # what the provider says here is no answer
                "CLAWBOT_RUNTIME__FIRST_PORT": str(free_port()),
                "CLAWBOT_PROXY__USAGE_PATIENCE_SECONDS": "0.3",
            },
        )
        scene = Scene(program, provider, folder)
        try:
            program.start()
            _set_up(scene)
            _live(scene)
            yield scene
        finally:
            program.clean_up()


def _set_up(scene: Scene) -> None:
    program = scene.program
    program.sign_up()
    scene.tokens.append(program.token)
    for label, secret in (("dead", DEAD), ("good", GOOD), ("next", NEXT)):
        key = {"vendor": "openai", "label": label, "secret": secret, "base_url": scene.provider.url}
        assert scene.api("POST", "/api/provider-key", key).status == 201
    bot = {"name": "Scout", "hostname": "scout", "providers": [{"vendor": "openai", "models": ["plain"]}]}
    assert scene.api("POST", "/api/bot", bot).status == 201
    program.reaches("scout", "running")
    (process,) = program.bots()
    own = secrecy.environment(process)
    named = scene.api("POST", "/api/bot/scout/token", {"name": "canary"}, keep=False)
    scene.tokens = [
        named.json["token"],
        own["CLAWBOT_PROXY_TOKEN"],
        own["CLAWBOT_GATEWAY_TOKEN"],
        *scene.tokens,
    ]


def _live(scene: Scene) -> None:
    """Every way that a request can go, and everything that tells of it afterwards."""
    program = scene.program
    assert scene.proxy("plain").json["choices"][0]["message"]["content"] == ANSWER
    assert ANSWER in scene.proxy("stream", stream=True).text
    assert scene.proxy("refused").status == 400
    assert scene.proxy("echo").status == 200
    scene.proxy("garbage")
    scene.proxy("error_inside", stream=True)
    _cut_by_the_provider(scene)
    _cut_by_the_client(scene)
    _refusals(scene)
    _with_the_database_away(scene)
    assert scene.proxy("oops").status == 500
    assert scene.proxy("limited").status in (429, 503)
    keys = {key["label"]: key for key in scene.api("GET", "/api/provider-key").json["items"]}
    assert keys["dead"]["state"] == "failed"
    new = scene.api("PATCH", f"/api/provider-key/{keys['good']['id']}", {"secret": NEW})
    assert new.status == 200
    assert scene.proxy("plain").status == 200
    wrong = {"vendor": "openai", "label": ["x"], "secret": MISTYPED, "base_url": f"https://{MISTYPED}@h"}
    assert scene.api("POST", "/api/provider-key", wrong).status == 422
    wrong = {"vendor": "nobody", "label": "x", "secret": [MISTYPED], "api_key": MISTYPED}
    assert scene.api("POST", "/api/provider-key", wrong).status == 422
    for key in keys.values():
        scene.api("POST", f"/api/provider-key/{key['id']}/verify")
        scene.api("GET", f"/api/provider-key/{key['id']}/models")
    assert ANSWER in program.call("POST", "/api/bot/scout/chat", {"message": PROMPT}).text
    for path in (
        "/api/usage",
        "/api/usage/summary",
        "/api/system",
        "/health",
        "/health/ready",
        "/api/user/me",
    ):
        assert scene.api("GET", path).status in (200, 503)
    for path in (
        "/api/bot/scout",
        "/api/bot/scout/token",
        "/api/bot/scout/logs",
        "/api/api-token",
        "/api/bot",
    ):
        assert scene.api("GET", path).status == 200
    for path in ("/metrics", "/debug", "/config", "/openapi.json", "/api/nothing", "/.env", "/secrets.env"):
        scene.api("GET", path)
    _by_command_line(scene, keys["next"]["id"])


def _cut_by_the_provider(scene: Scene) -> None:
    with contextlib.suppress(Exception):
        scene.proxy("broken", stream=True)


def _cut_by_the_client(scene: Scene) -> None:
    body = json.dumps({"model": "endless", "stream": True, "messages": [{"role": "user", "content": PROMPT}]})
    with socket.create_connection(("127.0.0.1", scene.program.port)) as client:
        client.sendall(
            f"POST /v1/openai/v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n"
            f"x-api-key: {scene.tokens[0]}\r\nx-request-id: {scene.tokens[0]}\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}".encode()
        )
        client.settimeout(20)
        got = b""
        while ANSWER.encode() not in got:
            got += client.recv(1 << 16)
    scene.answered.append(got.decode())


def _refusals(scene: Scene) -> None:
    token, base = scene.tokens[0], scene.program.base
    asks: list[tuple[str, str, dict[str, str]]] = [
        ("GET", "/v1/openai/v1/models", {"authorization": f"Bearer {GUESS}"}),
        ("GET", f"/v1/openai/v1/models?key={GUESS}", {}),
        ("GET", f"/v1/openai/v1/models?key={token}", {}),
        ("GET", f"/v1/openai/v1/files/{token}", {"x-api-key": token}),
        ("POST", "/v1/openai/v1/batches", {"api-key": token}),
        ("GET", f"/v1/{GUESS}/v1/models", {"x-goog-api-key": token}),
        ("GET", "/v1/anthropic/v1/models", {"x-api-key": token}),
        ("GET", f"/api/{token}", {"authorization": f"Bearer {token}"}),
        ("GET", f"/{token}?key={token}", {"cookie": f"cbm_refresh={token}"}),
        ("GET", "/api/bot", {"authorization": f"Bearer {GUESS}"}),
        ("POST", "/api/auth/refresh", {"cookie": f"cbm_refresh={GUESS}"}),
    ]
    for method, path, headers in asks:
        reply = call(method, base + path, headers=headers)
        scene.answered.append(reply.text + str(reply.headers))
    wrong = {"email": "admin@example.com", "password": GUESS}
    scene.said.append(call("POST", f"{base}/api/auth/sign-in", wrong).text)


def _with_the_database_away(scene: Scene) -> None:
    """Usage goes to the spool while somebody else holds the database; that is a file like others."""
    data_dir = scene.program.data_dir
    with contextlib.closing(sqlite3.connect(data_dir / "clawbot-manager.sqlite3", timeout=20)) as database:
        database.execute("BEGIN IMMEDIATE")
        assert scene.proxy("plain").status == 200
        spool = wait_for(lambda: [*(data_dir / "spool").glob("usage-*.jsonl")], what="usage is in the spool")
        wait_for(lambda: b"plain" in b"".join(map(_bytes_of, spool)), what="the request is in the spool")
        assert _with(scene.secrets, _bytes_of(*spool)) == []
        database.rollback()
    wait_for(lambda: not [*(data_dir / "spool").glob("usage-*.jsonl")], what="the spool is empty again")


def _by_command_line(scene: Scene, key_id: str) -> None:
    scene.cbm("login", "--email", "admin@example.com", "--password-stdin", stdin=PASSWORD)
    for arguments in (
        ("key", "list"),
        ("key", "list", "--json"),
        ("key", "verify", key_id),
        ("bot", "list"),
        ("bot", "get", "scout", "--json"),
        ("bot", "logs", "scout"),
        ("bot", "token", "list", "scout"),
        ("usage", "list"),
        ("usage", "list", "--json"),
        ("usage", "summary"),
        ("key", "get", MISTYPED),
    ):
        scene.cbm(*arguments)
    doctor = [str(Path(sys.executable).parent / "clawbot-manager"), "doctor"]
    done = subprocess.run(
        [*doctor, "--data-dir", str(scene.program.data_dir)],
        capture_output=True,
        text=True,
        timeout=90,
        env={"PATH": os.environ["PATH"], "HOME": str(scene.home)},
        check=False,
    )
    scene.said.append(done.stdout + done.stderr)


def _bytes_of(*paths: Path) -> bytes:
    return b"".join(path.read_bytes() for path in paths)


def _with(secrets: list[str], *texts: bytes | str) -> list[str]:
    """Those of the secrets that stand in a text, as they are, as JSON or a URL spells them, or in UTF-16."""
    found = []
    for secret in secrets:
        spellings = {secret, json.dumps(secret)[1:-1], secret.replace("/", "\\/"), secret.replace("/", "%2F")}
        wanted = [one.encode() for one in spellings] + [secret.encode("utf-16-le")]
        for text in texts:
            data = text.encode() if isinstance(text, str) else text
            if any(one in data for one in wanted):
                found.append(secret)
    return found


class TestWhatIsSaid:
    def test_the_log(self, scene: Scene) -> None:
        log = scene.program.output()
        assert '"level": "debug"' in log
        assert "proxy.request" in log
        assert _with(scene.secrets, log) == []

    def test_no_traceback_tells_of_values(self, scene: Scene) -> None:
        assert "Traceback" not in scene.program.output()

    def test_answers_of_the_api_and_of_the_command_line(self, scene: Scene) -> None:
        assert len(scene.said) > 30
        assert any("scout" in text for text in scene.said)
        assert _with(scene.secrets, *scene.said) == []

    def test_answers_of_the_proxy(self, scene: Scene) -> None:
        """They may quote the bot's own words, and never a key nor a token."""
        assert any(PROMPT in text for text in scene.answered)
        assert _with([*KEYS, *scene.tokens], *scene.answered) == []

    def test_what_the_provider_got(self, scene: Scene) -> None:
        """Keys are for it; the bot's tokens are not, nor is the way the request came."""
        assert any(GOOD in text for text in scene.provider.seen)
        assert any(NEW in text for text in scene.provider.seen)
        assert _with([*scene.tokens, GUESS], *scene.provider.seen) == []


class TestWhatIsKept:
    def test_every_file_of_the_data_directory(self, scene: Scene) -> None:
        root = scene.program.data_dir
        names = {path.name for path in root.rglob("*")}
        assert {"clawbot-manager.sqlite3", "clawbot-manager.sqlite3-wal", "secrets.env"} <= names
        held = {secret: secrecy.files_with(root, secret) for secret in scene.secrets}
        for token in scene.tokens[1:3]:
            # a runtime must be able to start the bot again: its own two tokens, as in a container's settings
            (path,) = held.pop(token)
            assert path.match("runtime/*/instance.json")
            assert path.stat().st_mode & 0o077 == 0
        assert {secret: paths for secret, paths in held.items() if paths} == {}

    def test_the_database_holds_the_rows(self, scene: Scene) -> None:
        """The search above was one of something: each request is there, sealed keys and hashed tokens too."""
        data_dir = scene.program.data_dir
        with contextlib.closing(
            sqlite3.connect(data_dir / "clawbot-manager.sqlite3", timeout=20)
        ) as database:
            text = "\n".join(database.iterdump())
        assert _with(scene.secrets, text) == []
        for model in (
            "plain",
            "stream",
            "refused",
            "echo",
            "garbage",
            "broken",
            "endless",
            "oops",
            "limited",
        ):
            assert f"'{model}'" in text

    def test_secrets_env_is_the_owners_alone(self, scene: Scene) -> None:
        path = scene.program.data_dir / "secrets.env"
        assert path.stat().st_mode & 0o077 == 0
        assert _with(scene.secrets, path.read_bytes()) == []

    def test_no_file_is_open_to_others(self, scene: Scene) -> None:
        root = scene.program.data_dir
        outside = [path for path in root.rglob("*") if path.is_file() and path.lstat().st_mode & 0o007]
        assert root.stat().st_mode & 0o007 == 0 or outside == []


class TestMemory:
    @pytest.fixture
    def pid(self, scene: Scene) -> int:
        assert scene.program.process
        return scene.program.process.pid

    def test_command_lines_and_environments_of_the_bots(self, scene: Scene, pid: int) -> None:
        for process in psutil.Process(pid).children(recursive=True):
            assert _with(KEYS, json.dumps(process.environ()), *process.cmdline()) == []

    @pytest.mark.skipif(sys.platform != "linux", reason="/proc")
    def test_only_root_may_look_into_the_process(self, pid: int) -> None:
        """Keys that are in use are in memory by nature: so nobody gets to see that."""
        assert Path(f"/proc/{pid}/mem").stat().st_uid == 0
        assert crash.core_limits(pid) == ["0", "0"]
        if os.geteuid() != 0:
            assert not crash.may_be_read(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_crash_leaves_no_core(scene: Scene) -> None:
    """The last of all: the server is killed in the way that dumps core."""
    process = scene.program.process
    assert isinstance(process, subprocess.Popen)
    assert not crash.abort(process.pid)
    process.returncode = -6
    assert crash.cores_below(scene.home, Path.cwd() / "tests") == []
    assert not [path for path in Path.cwd().glob("core*") if path.is_file()]
    assert _with(scene.secrets, scene.program.output()) == []


@pytest.mark.parametrize("role", ["proxy", "control", "worker"])
def test_every_role_keeps_its_memory_to_itself(tmp_path: Path, role: str) -> None:
    first = Program(tmp_path / "data", free_port(), tmp_path / "up.log")
    part = Program(tmp_path / "data", free_port(), tmp_path / "part.log", argv=["serve", "--role", role])
    part.environment = {"CLAWBOT_RUNTIME__KIND": "process"}
    try:
        first.start()
        assert first.stop() == 0
        with crash.cores_allowed():
            part.start()
        assert part.process
        family = [psutil.Process(part.process.pid)]
        family += family[0].children(recursive=True)
        for one in family:
            assert crash.core_limits(one.pid) == ["0", "0"]
            assert Path(f"/proc/{one.pid}/mem").stat().st_uid == 0
        assert not crash.abort(part.process.pid)
        assert isinstance(part.process, subprocess.Popen)
        part.process.returncode = -6
    finally:
        first.clean_up()
        part.clean_up()
