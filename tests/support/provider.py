"""The mock provider in a process of its own, of every dialect, that takes the real key and no other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.program import call, free_port, wait_for

REAL_KEY = "sk-canary-the-real-provider-key-0a1b2c3d4e5f"


@dataclass
class Upstream:
    """The mock provider's address and what it has seen."""

    url: str
    log: Path

    def seen(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def provider(folder: Path) -> Iterator[Upstream]:
    port, log = free_port(), folder / "upstream.jsonl"
    log.touch()
    command = [sys.executable, "-m", "tests.fakes.upstream", "--port", str(port)]
    process = subprocess.Popen([*command, "--log", str(log), "--key", REAL_KEY])
    upstream = Upstream(f"http://127.0.0.1:{port}/v1", log)

    def answers() -> bool:
        try:
            return call("GET", f"{upstream.url}/models").status in {200, 401}
        except OSError:
            return False

    wait_for(answers, what="the mock provider answers")
    log.write_text("")
    try:
        yield upstream
    finally:
        process.terminate()
        process.wait(10)
