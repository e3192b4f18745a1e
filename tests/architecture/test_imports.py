"""The layers hold, as the contracts in pyproject.toml state them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from importlinter import api

ROOT = Path(__file__).resolve().parents[2]
# a process of its own: the linter silences every logger that it finds
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def test_import_contracts_hold() -> None:
    assert api.read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    linted = subprocess.run(
        [sys.executable, "-c", LINT], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
