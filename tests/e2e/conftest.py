"""The installed program, a provider in another process, and a browser."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import chromium
from tests.support.program import Program, call, free_port, wait_for

REAL_KEY = "sk-canary-the-real-provider-key-0a1b2c3d4e5f"


@dataclass
class Upstream:
    """The mock provider's address and what it has seen."""

    url: str
    log: Path

    def seen(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Upstream]:
    port, log = free_port(), tmp_path / "upstream.jsonl"
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
    yield upstream
    process.terminate()
    process.wait(10)


@pytest.fixture
def program(tmp_path: Path, upstream: Upstream) -> Iterator[Program]:
    allowed = upstream.url.removeprefix("http://").removesuffix("/v1")
    program = Program(
        tmp_path / "data",
        free_port(),
        tmp_path / "server.log",
        environment={"CLAWBOT_EGRESS__ALLOW": allowed, "CLAWBOT_RUNTIME__FIRST_PORT": str(free_port())},
    )
    program.start()
    yield program
    program.clean_up()


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser of this test's own."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, program: Program) -> Iterator[Page]:
    """A fresh profile. Whatever the page logs as an error fails the test."""
    context = browser.new_context(
        base_url=program.base, locale="en-GB", viewport={"width": 1440, "height": 900}
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: (
            errors.append(message.text)
            if message.type == "error" and "status of 40" not in message.text
            else None
        ),
    )
    yield page
    context.close()
    assert errors == []
