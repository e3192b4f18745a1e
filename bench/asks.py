"""The requests of all measurements: a chat of 0.9 KB whose text tells the mock how to answer (see mock.c)."""

from __future__ import annotations

import json
from typing import Any

MODEL = "gpt-4o"  # a name that every gateway's catalogue has
BURST_EVENTS = 60

_TEXT = "Say again, in your own words and at some length, what a gateway does all day. " * 8


def chat(how: str | None = None, *, usage: bool = False) -> str:
    """The body: a stream of the mock's kind `how` (`burst-60`, `live-20x100`), or one answer without it."""
    asked: dict[str, Any] = {"model": MODEL}
    if how is not None:
        asked["stream"] = True
    if usage:
        asked["stream_options"] = {"include_usage": True}
    asked["messages"] = [
        {"role": "system", "content": "You are a patient colleague who answers in whole sentences."},
        {"role": "user", "content": f"mock:{how} {_TEXT}" if how else _TEXT},
    ]
    return json.dumps(asked | {"temperature": 0.7, "max_tokens": 512})
