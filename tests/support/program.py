"""The installed program as a process of its own, and plain HTTP calls to it without our client code."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import psutil

from tests.support.forked import ForkedProcess

PASSWORD = "correct horse battery"
_CLEAN = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_for(condition: Callable[[], Any], *, seconds: float = 40, what: str) -> Any:
    """Poll until the condition gives something true, and give that back."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


@dataclass
class Reply:
    status: int
    text: str
    headers: Message

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def call(
    method: str,
    url: str,
    body: Any = None,
    *,
    token: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One HTTP request; every status is an answer."""
    sent = dict(headers or {})
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        sent["content-type"] = "application/json"
    if token:
        sent["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Reply(answer.status, answer.read().decode(), answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.read().decode(), error.headers)


@dataclass
class Program:
    """A running server. `argv` starts it; its output goes to `log`. `forks`: see `forked`."""

    data_dir: Path
    port: int
    log: Path
    module: str = "clawbot_manager"
    argv: list[str] = field(default_factory=lambda: ["up"])
    environment: dict[str, str] = field(default_factory=dict)
    forks: bool = False
    process: subprocess.Popen[bytes] | ForkedProcess | None = None
    token: str = ""

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = {name: os.environ[name] for name in _CLEAN if name in os.environ}
        environment |= self.environment
        arguments = [*self.argv, "--data-dir", str(self.data_dir), "--port", str(self.port)]
        self.log.touch()
        before = self.log.stat().st_size
        if self.forks:
            self.process = ForkedProcess(self.module, arguments, environment, self.log)
        else:
            command = [sys.executable, "-m", self.module, *arguments]
            with self.log.open("ab") as out:
                self.process = subprocess.Popen(
                    command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=environment
                )
        wait_for(self._answers, what=f"the server answers; its log: {self.log}")
        if "serve" not in self.argv:  # `up` says how to sign in once it answers
            wait_for(lambda: "Stop with Ctrl-C" in self.log.read_text()[before:], what="the welcome")

    def _answers(self) -> bool:
        assert self.process
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return call("GET", f"{self.base}/health").status == 200
        except OSError:
            return False

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def setup_link(self) -> str:
        found = re.search(r"http://\S+/sign-up\?setup=\w+", self.output())
        assert found, self.output()
        return found[0]

    def sign_up(self) -> None:
        """The first account, by the link that was printed; and an API token for what follows."""
        setup = self.setup_link().partition("setup=")[2]
        body = {"email": "admin@example.com", "password": PASSWORD, "setup_token": setup}
        session = self.call("POST", "/api/auth/sign-up", body)
        assert session.status == 201, session.text
        made = self.call("POST", "/api/api-token", {"name": "test"}, token=session.json["access_token"])
        self.token = made.json["token"]

    def call(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> Reply:
        return call(method, self.base + path, body, token=token or self.token or None)

    def state(self, hostname: str) -> str:
        """The bot's state, `gone` when there is none."""
        answer = self.call("GET", f"/api/bot/{hostname}")
        return "gone" if answer.status == 404 else str(answer.json["status"]["state"])

    def reaches(self, hostname: str, state: str) -> None:
        wait_for(
            lambda: self.state(hostname) == state, what=f"{hostname} is {state}: {self.output()[-2000:]}"
        )

    def stop(self) -> int:
        """Ask it to end, and wait; the exit code."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(10)

    def bots(self) -> list[psutil.Process]:
        """The processes of all bots of this data directory."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            inside = str(self.data_dir.resolve()) in process.cwd()
            return inside and process.status() != psutil.STATUS_ZOMBIE and "--bot-id" in process.cmdline()
        except psutil.Error:
            return False

    def clean_up(self) -> None:
        """Leave no process behind, whatever happened."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for bot in self.bots():
            bot.kill()
