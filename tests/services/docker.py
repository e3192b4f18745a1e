"""A private Docker engine for one test run: Debian's dockerd, with a test image and nothing else in it.

The first test that asks starts it, under a lock, for all workers; a supervisor process ends it after the run.

CLAWBOT_TEST_DOCKER=skip  skip the tests that need an engine; they are skipped, too, where none can be had
"""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass

import pytest

from tests.services import docker_supervisor, run

MODE = "CLAWBOT_TEST_DOCKER"


@dataclass(frozen=True)
class Engine:
    url: str
    image: str


def engine() -> Engine:
    """The run's engine; skips the calling test when there is none, and says why."""
    if os.environ.get(MODE) == "skip":
        pytest.skip(f"{MODE}=skip")
    answer = _answer()
    if "error" in answer:
        pytest.skip(f"no Docker engine: {answer['error']}")
    return Engine(**answer)


@functools.cache
def _answer() -> dict[str, str]:
    with run.lock("docker"):
        told = run.folder() / docker_supervisor.ANSWER
        if not told.exists():
            docker_supervisor.launch(run.folder(), run.owner())
        if not told.exists():
            return {"error": "its supervisor died before it said anything"}
        answer: dict[str, str] = json.loads(told.read_text())
        return answer
