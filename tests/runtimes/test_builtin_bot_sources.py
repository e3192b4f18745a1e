"""The built-in bot runs where nothing is installed: on a bare Python, of an older version than ours."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from clawbot_manager.runtimes import builtin_bot

OLDEST = (3, 9)
FOLDER = Path(builtin_bot.__file__).parent
SOURCES = sorted(FOLDER.glob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_it_needs_the_standard_library_only(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"), feature_version=OLDEST)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, "what lies around the directory is not there in an image"
            names = [node.module or ""] if node.level == 0 else []
        outside = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
        assert outside == set()


def test_nothing_of_it_is_taken_for_the_standard_library() -> None:
    """The interpreter looks into the directory first, and our start adds the one around it."""
    names = {path.stem for place in (FOLDER, FOLDER.parent) for path in place.iterdir()}
    assert names & set(sys.stdlib_module_names) == set()
