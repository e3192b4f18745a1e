"""What the fake provider notes, and what it can be told to answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)

    def everything(self) -> str:
        """All of it as one text, to search for what must not be in it."""
        return repr((self.path, self.query, self.headers)) + self.body.decode("utf-8", "replace")


@dataclass(frozen=True)
class Canned:
    """An answer to give instead of the usual one."""

    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
