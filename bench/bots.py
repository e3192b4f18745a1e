"""Many bots at once in containers: created, chatted with, stopped, started, deleted, and what that costs.

    python -m bench.bots [--count 50] [--listed 1000]

Needs a container engine (DOCKER_HOST or the usual place) with the image of the built-in bot, which
`make bot-images` builds. The bots' provider is the simulated one. With `--listed`, so many more bots are in
the database that do not run, and the list's pages are timed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.machine import BenchError

_SECONDS = 900
_AT_A_TIME = 10
_PORT = 7180
_LIST_PAGE = 100


class Manager:
    """The program under test, and its API."""

    def __init__(self, process: psutil.Popen) -> None:
        self.process = process
        self.token = ""
        self.largest = 0

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON, or its text."""
        headers = {"content-type": "application/json"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        url = f"http://127.0.0.1:{_PORT}{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            raw = answer.read()
        return json.loads(raw) if raw[:1] in (b"{", b"[") else raw.decode()

    def states(self) -> dict[str, int]:
        """How many bots are in which state; looks at the memory, too."""
        self.largest = max(self.largest, self.process.memory_info().rss)
        found: dict[str, int] = self.call("GET", "/api/bot/stats")["by_state"]
        return found

    def cpu(self) -> float:
        """Seconds of CPU since it started."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def manager(folder: Path) -> Iterator[Manager]:
    """A running one with an account and a simulated key."""
    log = folder / "log"
    command = [sys.executable, "-m", "clawbot_manager", "up", "--port", str(_PORT)]
    environment = {
        **{name: value for name, value in psutil.Process().environ().items() if "CLAWBOT" not in name},
        "CLAWBOT_RUNTIME__KIND": "docker",
        "CLAWBOT_RUNTIME__AGENT": "builtin",
        "CLAWBOT_LOG__REQUESTS": "failed",
    }
    with log.open("wb") as output:
        process = psutil.Popen(
            [*command, "--data-dir", str(folder / "data")], stdout=output, stderr=output, env=environment
        )
    try:
        one = Manager(process)
        setup = _wait(lambda: re.search(r"setup=(\w+)", log.read_text()), process)[1]
        body = {"email": "bench@example.com", "password": "a long pass phrase", "setup_token": setup}
        session = one.call("POST", "/api/auth/sign-up", body)["access_token"]
        one.token = session
        one.token = one.call("POST", "/api/api-token", {"name": "bench"})["token"]
        key = {"vendor": "custom", "label": "simulated", "base_url": "simulated://provider"}
        one.call("POST", "/api/provider-key", key)
        yield one
        if "Traceback" in log.read_text():
            raise BenchError(f"the manager's log has a traceback: {log.read_text()[-2000:]}")
    finally:
        process.terminate()
        process.wait(60)


def _wait(condition: Callable[[], Any], process: psutil.Popen) -> Any:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise BenchError("the manager ended")
        if found := condition():
            return found
        time.sleep(0.1)
    raise BenchError(f"not within {_SECONDS} s")


def measure(one: Manager, count: int) -> list[str]:
    """Each phase, its seconds, and the manager's CPU; lines to print."""
    names = [f"bot-{number}" for number in range(count)]
    lines: list[str] = []

    def phase(title: str, act: Callable[[str], Any], done: Callable[[dict[str, int]], bool]) -> None:
        began, cpu = time.monotonic(), one.cpu()
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            list(pool.map(act, names))
        asked = time.monotonic() - began
        _wait(lambda: done(one.states()), one.process)
        took = time.monotonic() - began
        lines.append(f"{title:<10} {took:7.1f} s (asked in {asked:.1f} s), CPU {one.cpu() - cpu:6.1f} s")
        print(lines[-1], flush=True)

    def chat(name: str) -> None:
        answer = one.call("POST", f"/api/bot/{name}/chat", {"message": "hello"})
        if "[DONE]" not in answer or '"error"' in answer:
            raise BenchError(f"{name} did not answer: {answer[-300:]}")

    def in_state(state: str) -> Callable[[dict[str, int]], bool]:
        return lambda states: states.get(state, 0) == count

    provider = {"vendor": "custom", "models": ["simulated-small"]}
    create = lambda name: one.call(  # noqa: E731
        "POST", "/api/bot", {"name": name, "hostname": name, "providers": [provider]}
    )
    phase("create", create, in_state("running"))
    phase("chat", chat, in_state("running"))
    phase("idle 20 s", lambda _: None, _after(20))
    phase("stop", lambda name: one.call("POST", f"/api/bot/{name}/stop"), in_state("stopped"))
    phase("start", lambda name: one.call("POST", f"/api/bot/{name}/start"), in_state("running"))
    phase(
        "delete", lambda name: one.call("DELETE", f"/api/bot/{name}"), lambda states: not sum(states.values())
    )
    if left := one.call("GET", "/api/bot/admin/orphans"):
        raise BenchError(f"left over: {left}")
    lines.append(f"manager's memory at most {one.largest / 2**20:.0f} MiB")
    return lines


def _after(seconds: float) -> Callable[[dict[str, int]], bool]:
    until = time.monotonic() + seconds
    return lambda _: time.monotonic() >= until


def listed(one: Manager, count: int) -> str:
    """How long pages of a long list take, while the reconciler looks after them."""
    provider = {"vendor": "custom", "models": ["simulated-small"]}
    for number in range(count):
        name = f"still-{number}"
        given = {"name": name, "hostname": name, "providers": [provider], "auto_start": False}
        one.call("POST", "/api/bot", given)
    times = []
    cursor = ""
    while True:
        began = time.monotonic()
        page = one.call("GET", f"/api/bot?limit={_LIST_PAGE}{cursor}")
        times.append((time.monotonic() - began) * 1000)
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    cpu = one.cpu()
    time.sleep(20)
    busy = (one.cpu() - cpu) / 20 * 100
    return (
        f"{count} bots that rest: {len(times)} pages of {_LIST_PAGE}, the slowest {max(times):.0f} ms; "
        f"the manager needs {busy:.1f} % of a core"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.bots", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--listed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        subprocess.run(["docker", "version"], check=True, capture_output=True)
        with tempfile.TemporaryDirectory(prefix="clawbot-bench-") as folder, manager(Path(folder)) as one:
            print(measure(one, options.count)[-1])
            if options.listed:
                print(listed(one, options.listed))
    except (BenchError, OSError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
