"""The bots' images in the run's private engine, built by the project's own script, once a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import docker, docker_supervisor, run

ROOT = Path(__file__).resolve().parents[2]
BUILTIN = "clawbot-manager/builtin-bot:latest"
OPENCLAW = "clawbot-manager/openclaw:2026.9.6"
BUILD_SECONDS = 900


def builtin_image() -> str:
    """The small image with the built-in bot; its base takes a minute where it is not cached."""
    return _built("builtin", BUILTIN)


def openclaw_image() -> str:
    """The image with the real OpenClaw; a minute, or two where its packages are not cached."""
    return _built("openclaw", OPENCLAW)


def load(url: str, image: str) -> None:
    """Copy an image of the run's engine to another engine."""
    saved = docker_supervisor.docker(docker.engine().url, "save", image).stdout
    docker_supervisor.docker(url, "load", given=saved)


def _built(name: str, tag: str) -> str:
    engine = docker.engine()
    with run.lock("bot-images"):
        there = docker_supervisor.docker(engine.url, "image", "inspect", tag, check=False)
        if there.returncode != 0:
            _build(name, engine.url)
    return tag


def _build(name: str, url: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "build_bot_images.py"), name, "--base", "debootstrap"]
    environment = {**os.environ, "DOCKER_HOST": url, "PATH": docker_supervisor.search_path()}
    done = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS
    )
    if done.returncode != 0:
        pytest.fail(f"the image {name} could not be built:\n{done.stderr[-3000:]}")
