"""scripts/init-env-secrets.sh makes what production accepts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from clawbot_manager.settings import load_settings
from clawbot_manager.settings.secrets import load_secrets

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "init-env-secrets.sh"
NAMES = [
    "BOT_MASTER_KEY",
    "CLAWBOT_SECURITY__SESSION_SECRET",
    "CLAWBOT_SECURITY__TOKEN_SECRET",
    "PROXY_ADMIN_TOKEN",
]


def run(*arguments: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", str(SCRIPT), *arguments],
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def parsed(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.fixture
def without_openssl(tmp_path: Path) -> str:
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("base64", "head", "tr"):
        for place in ("/usr/bin", "/bin"):
            if (Path(place) / tool).exists():
                (folder / tool).symlink_to(Path(place) / tool)
                break
    return str(folder)


def check(lines: dict[str, str]) -> None:
    assert list(lines) == NAMES
    load_secrets(load_settings({"CLAWBOT_ENVIRONMENT": "production", **lines}))


def test_production_accepts_what_it_prints_and_it_differs_each_time() -> None:
    one, other = run(), run()
    assert one.returncode == 0
    check(parsed(one.stdout))
    assert not set(parsed(one.stdout).values()) & set(parsed(other.stdout).values())


def test_it_works_without_openssl(without_openssl: str) -> None:
    check(parsed(run(path=without_openssl).stdout))


def test_a_file_is_private_and_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "secrets.env"
    made = run("-o", str(target))
    assert (made.returncode, made.stdout) == (0, "")
    assert target.stat().st_mode & 0o777 == 0o600
    before = target.read_text()
    check(parsed(before))
    again = run("-o", str(target))
    assert again.returncode == 1
    assert "already" in again.stderr
    assert target.read_text() == before


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert run("-o", str(tmp_path / "link")).returncode == 1
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("arguments", [["-o"], ["-x"], ["file"], ["-o", ""], ["-o", "/nowhere/at/all"]])
def test_a_wrong_call_prints_no_secret(arguments: list[str]) -> None:
    answer = run(*arguments)
    assert answer.returncode != 0
    assert answer.stdout == ""
