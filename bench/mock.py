"""The mock provider as a process (see mock.c), and what it says it sent."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.machine import LOAD_CPU, Running, compiled, free_port, running, wait_for_port


@dataclass(frozen=True, slots=True)
class MockStats:
    """Counts since the mock's start; `streams_finished` were sent to their end."""

    requests: int
    answered: int
    streams: int
    streams_finished: int
    events: int
    connections: int
    open: int
    bad: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int


@dataclass(frozen=True, slots=True)
class Mock:
    """A running mock."""

    port: int
    process: Running

    @property
    def base_url(self) -> str:
        """As an OpenAI-like provider's base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def stats(self) -> MockStats:
        """What it has sent so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats", timeout=10) as answer:
            return MockStats(**json.load(answer))


@contextlib.contextmanager
def mock(work: Path) -> Iterator[Mock]:
    """A mock on the core of the load."""
    port = free_port()
    with running(
        "mock", [str(compiled("mock.c")), str(port)], cpu=LOAD_CPU, log=work / "mock.log"
    ) as process:
        wait_for_port(port, process)
        yield Mock(port, process)
