"""Rules that a reviewer would otherwise have to remember."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON_LINES = 400
TYPESCRIPT_LINES = 250
GENERATED = {"web/src/api/schema.d.ts"}
ADR_HEADINGS = ("Context", "Decision", "Consequences", "Alternatives refused")


def tracked(*patterns: str) -> list[str]:
    """Files that git has or would add, so that a mistake is seen before it is committed."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return sorted({name for name in listed.split("\0") if name and (ROOT / name).is_file()})


def line_count(name: str) -> int:
    return len((ROOT / name).read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    ("patterns", "limit"),
    [
        (("src/**/*.py", "hatch_build.py", "scripts/*.py"), PYTHON_LINES),
        (("web/src/**/*.ts", "web/src/**/*.tsx"), TYPESCRIPT_LINES),
    ],
    ids=["python", "typescript"],
)
def test_files_stay_short(patterns: tuple[str, ...], limit: int) -> None:
    sizes = {name: line_count(name) for name in tracked(*patterns) if name not in GENERATED}
    assert {name: lines for name, lines in sizes.items() if lines > limit} == {}


def test_no_file_names_a_package_host_or_this_machine() -> None:
    """Whose mirror installs the packages, and where the checkout lies, is the user's business.

    The words are put together here, so that this file does not hold them.
    """
    dot = "."
    words = [
        dot.join(("files", "pythonhosted", "org")),
        dot.join(("pypi", "org")),
        dot.join(("registry", "npmjs", "org")),
        dot.join(("registry", "yarnpkg", "com")),
        dot.join(("deb", "debian", "org")),
        "/".join(("", "opt", "pypi")),
        "/".join(("", "opt", "wheels")),
        "/".join(("", "root", dot)),
        "/".join(("", "work", "")),
    ]
    home = Path.home()
    if len(home.parts) > 2:
        words.append(f"{home}/")
    if len(ROOT.parts) > 2:
        words.append(f"{ROOT}/")
    pattern = re.compile(b"|".join(re.escape(word.encode()) for word in words))
    found: dict[str, str] = {}
    for name in tracked():
        hit = pattern.search((ROOT / name).read_bytes())
        if hit:
            found[name] = hit.group().decode()
    assert found == {}


def test_lock_files_hold_no_addresses() -> None:
    for name in tracked("constraints/*", "web/package-lock.json"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "--index-url" not in text, name
        assert '"resolved"' not in text, f"{name}: npm config set omit-lockfile-registry-resolved true"


def test_decision_records_have_the_four_parts() -> None:
    records = tracked("docs/decisions/[0-9]*.md")
    assert records
    for name in records:
        assert re.fullmatch(r"docs/decisions/\d{4}-[a-z0-9-]+\.md", name), name
        headings = re.findall(r"^## (.+)$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert tuple(headings) == ADR_HEADINGS, name
    numbers = [Path(name).name[:4] for name in records]
    assert len(numbers) == len(set(numbers)), f"two records share a number: {numbers}"


def test_every_make_target_says_what_it_does() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", text, re.MULTILINE))
    told = set(re.findall(r"^([a-z0-9-]+):.* ## \S", text, re.MULTILINE))
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert phony is not None
    assert targets == told == set(phony.group(1).split())


def test_scripts_can_be_run() -> None:
    for name in tracked("scripts/*.sh", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK), name
        assert (ROOT / name).read_text(encoding="utf-8").startswith("#!"), name
