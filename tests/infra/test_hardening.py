"""A process that keeps its memory to itself, beside one that does not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import crash

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import resource, subprocess, sys
from clawbot_manager.infra.hardening import keep_memory_private
from tests.support.crash import become_nobody
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
{steps}
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.read()
"""
HARDENED = "become_nobody(); keep_memory_private()"
OPEN = "become_nobody()"
PARENT = """
keep_memory_private()
child = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE), open('/proc/self/environ').read(1))"
done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True)
assert done.stdout.startswith("(0, 0) "), done.stdout
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc and no prctl")


@contextmanager
def running(steps: str, folder: Path) -> Iterator[int]:
    """The process's id, once it has taken the steps; its cores may be large and go to the folder."""
    folder.chmod(0o777)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(steps=steps)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.kill()


def test_it_leaves_no_core(tmp_path: Path) -> None:
    with running(HARDENED, tmp_path) as pid:
        assert not crash.abort(pid)
    assert crash.cores_below(tmp_path) == []


def test_nobody_of_the_same_user_looks_in(tmp_path: Path) -> None:
    with running(HARDENED, tmp_path) as pid:
        assert not crash.may_be_read(pid)


def test_the_measure_is_a_measure(tmp_path: Path) -> None:
    """Where nothing is done, others of the same user do look in, and a core is written."""
    with running(OPEN, tmp_path) as pid:
        assert crash.may_be_read(pid)
        assert crash.abort(pid)


def test_children_are_like_others_but_for_cores(tmp_path: Path) -> None:
    with running(PARENT, tmp_path) as pid:
        assert not crash.abort(pid)
