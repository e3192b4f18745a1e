"""What constraints/ pins is what pyproject.toml asks for; `make lock` makes it so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import hatch_build

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = [line for lines in PROJECT.get("optional-dependencies", {}).values() for line in lines]


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "requirements"),
    [
        ("runtime", PROJECT["dependencies"]),
        ("dev", PROJECT["dependencies"] + EXTRAS),
        ("build", [hatch_build.NODE_PACKAGE]),
    ],
    ids=["runtime", "dev", "build"],
)
def test_pins_answer_the_requirements(name: str, requirements: list[str]) -> None:
    pinned = pins(name)
    unanswered = []
    for requirement in map(Requirement, requirements):
        version = pinned.get(canonicalize_name(requirement.name))
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            unanswered.append(str(requirement))
    assert unanswered == [], "run `make lock`"


def test_the_build_backend_is_pinned_once() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = {pin.replace(" ", "") for pin in pyproject["build-system"]["requires"]}
    given = {f"{name}=={version}" for name, version in pins("build").items()}
    assert asked <= given


def test_one_package_has_one_version_everywhere() -> None:
    widest = pins("dev")
    for name in ("runtime", "build"):
        assert pins(name).items() <= widest.items(), f"constraints/{name}.txt: run `make lock`"


@pytest.mark.parametrize("name", ["runtime", "dev", "build"])
def test_every_pin_is_hashed(name: str) -> None:
    text = (ROOT / "constraints" / f"{name}.txt").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []
