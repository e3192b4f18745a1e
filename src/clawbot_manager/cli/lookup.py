"""Finds one thing by its id or by the name that people know it by."""

from collections.abc import Sequence
from typing import Any

from clawbot_manager.cli.errors import CliError
from clawbot_manager.cli.output import clean


def find_one(items: Sequence[dict[str, Any]], wanted: str, *, name: str, what: str) -> dict[str, Any]:
    """The item whose `id` or whose field `name` is `wanted`.

    Raises:
        CliError: there is none, or the name stands for more than one.
    """
    by_id = [item for item in items if str(item.get("id")) == wanted.lower()]
    found = by_id or [item for item in items if item.get(name) == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(item["id"]) for item in found)
        raise CliError(f"More than one {what} is called {wanted!r}", hint=f"Give the id instead: {ids}")
    known = ", ".join(clean(str(item.get(name))) for item in items[:10]) or "none"
    raise CliError(f"There is no {what} {wanted!r}", hint=f"There are: {known}")
