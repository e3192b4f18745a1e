"""The layers hold, as the contracts in pyproject.toml state them."""

from __future__ import annotations

from pathlib import Path

import pytest
from importlinter import api, cli

ROOT = Path(__file__).resolve().parents[2]


def test_import_contracts_hold(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert api.read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    code = cli.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out
