"""A registry of images for one test: Debian's docker-registry on the loopback, where TLS is not asked for."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services.docker_supervisor import search_path
from tests.support.program import free_port, wait_for

_CONFIG = """version: 0.1
storage:
  filesystem:
    rootdirectory: {root}
http:
  addr: 127.0.0.1:{port}
"""


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Its host and port, which the names of its images begin with."""
    program = shutil.which("docker-registry", path=search_path())
    if program is None:
        pytest.skip("there is no docker-registry (Debian: docker-registry)")
    port, config = free_port(), folder / "registry.yml"
    config.write_text(_CONFIG.format(root=folder / "registry", port=port))
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        wait_for(answers, what="the registry answers")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
