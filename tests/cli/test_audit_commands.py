"""`audit list|export|verify`."""

from __future__ import annotations

from pathlib import Path

import pytest

from clawbot_manager.control.audit.service import Verdict
from tests.cli import samples
from tests.cli.conftest import Cli
from tests.cli.fake_api import FakeApi
from tests.cli.test_local_commands import FakeApp, here, program

__all__ = ["here", "program"]

ACT = {
    "seq": 7,
    "at": "2026-11-28T01:00:00Z",
    "actor_id": None,
    "actor": "u@example.com",
    "via": "session",
    "action": "UPDATE",
    "kind": "bot",
    "target_id": None,
    "target": "scout",
    "detail": None,
    "fields": ["name", "tags"],
    "code": None,
    "ip": "127.0.0.1",
    "user_agent": None,
    "trace_id": None,
}


def test_list(cli: Cli, api: FakeApi) -> None:
    api.on("GET", "/api/audit", samples.page(ACT, {**ACT, "actor": None, "code": "wrong_credentials"}))
    result = cli("audit", "list", "--action", "UPDATE", "--refused", "--everybody")
    _, done, refused = result.stdout.splitlines()
    assert "u@example.com" in done
    assert "name tags" in done
    assert "done" in done
    assert "wrong_credentials" in refused
    wanted = {"limit": "50", "action": "UPDATE", "refused": "true", "everybody": "true"}
    assert api.asked[0].query == wanted


def test_export(cli: Cli, api: FakeApi, tmp_path: Path) -> None:
    api.on("GET", "/api/audit/export", b"seq,at\r\n")
    target = tmp_path / "audit.csv"
    assert cli("audit", "export", str(target)).exit_code == 0
    assert target.read_bytes() == b"seq,at\r\n"
    assert cli("audit", "export", str(target)).exit_code == 2, "nothing is overwritten"


@pytest.mark.parametrize(("broken_at", "exit_code"), [(None, 0), (3, 1)])
def test_verify(here: Cli, program: FakeApp, tmp_path: Path, broken_at: int | None, exit_code: int) -> None:
    program.verdict = Verdict(9, broken_at, "ab" * 32)
    result = here("audit", "verify", "--data-dir", str(tmp_path))
    assert result.exit_code == exit_code
    if broken_at is None:
        assert "All 9 rows" in result.stdout
        assert "ab" * 32 in result.stdout
    else:
        assert "Row 3 is not as it was written" in result.stderr
    assert program.calls[0][1].data_dir == tmp_path
