"""docs/settings.md tells every setting, with its default, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from clawbot_manager.settings import Settings
from clawbot_manager.settings.load import PREFIX, WELL_KNOWN

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
SHORT = {path: name for name, path in WELL_KNOWN.items()}


def defaults(model: BaseModel, path: tuple[str, ...] = ()) -> dict[str, str]:
    """Variable to default, as the page writes it."""
    found: dict[str, str] = {}
    for name in type(model).model_fields:
        value, here = getattr(model, name), (*path, name)
        if isinstance(value, BaseModel):
            found |= defaults(value, here)
        else:
            found[SHORT.get(here, PREFIX + "__".join(here).upper())] = written(value)
    return found


def written(value: Any) -> str:
    if value is None:
        return "unset"
    if value == []:
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_the_table_is_complete_and_its_defaults_are_true() -> None:
    rows = re.findall(
        r"^\| `([A-Z][A-Z0-9_]+)` \| (.+?) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len({name for name, _, _ in rows}) == len(rows), "a variable has two rows"
    real = {name: re.sub(r"^`(\d+)\.0`$", r"`\1`", text) for name, text in defaults(Settings()).items()}
    assert {name: default for name, default, _ in rows} == real


def test_no_other_variable_is_named() -> None:
    named = set(re.findall(r"`(CLAWBOT_[A-Z0-9_]+)`", PAGE.read_text(encoding="utf-8"))) - {PREFIX}
    long_forms = {PREFIX + "__".join(path).upper() for path in WELL_KNOWN.values()}
    assert named <= set(defaults(Settings())) | long_forms
    assert long_forms <= named
