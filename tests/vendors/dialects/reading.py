"""Feeds answers to usage readers, in pieces of any size."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from clawbot_manager.vendors.dialects import DIALECTS, Reading, reader_for
from clawbot_manager.vendors.usage import Usage

PATHS = {
    "openai-chat": "/chat/completions",
    "openai-responses": "/responses",
    "openai-other": "/embeddings",
    "anthropic-messages": "/messages",
    "google-generatecontent": "/models/m:generateContent",
    "cohere-v2": "/chat",
    "ollama": "/api/chat",
    "dashscope-native": "/services/aigc/text-generation/generation",
}
SSE, NDJSON, JSON = "text/event-stream", "application/x-ndjson", "application/json"


def sse(events: list[Any], *, end: str = "\n\n", done: bool = False) -> bytes:
    text = "".join(f"data: {json.dumps(event)}{end}" for event in events)
    return (text + (f"data: [DONE]{end}" if done else "")).encode()


def ndjson(lines: list[Any]) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def read(
    dialect: str,
    data: bytes | list[bytes],
    content_type: str = JSON,
    *,
    path: str | None = None,
    encoding: str = "",
) -> Reading:
    """What a reader makes of an answer to a request of the path."""
    collector = DIALECTS[dialect].collector(path or PATHS[dialect])
    reader = reader_for(collector, content_type, encoding)
    for piece in [data] if isinstance(data, bytes) else data:
        reader.feed(piece)
    return reader.finish()


def facts(reading: Reading) -> tuple[Any, ...]:
    """All that a reading says, to be compared."""
    return (
        reading.usage,
        reading.model,
        reading.error,
        reading.at_least,
        reading.passed,
        reading.sample,
        reading.basis,
    )


def answer(table: dict[str, Any], **more: Any) -> bytes:
    """A JSON answer with this `usage`."""
    return json.dumps({"model": "m-1", **more, "usage": table}).encode()


def told(
    given: int | None = None,
    output: int | None = None,
    read: int | None = None,
    written: int | None = None,
    reasoning: int | None = None,
    **details: int | float | str,
) -> Usage:
    """Counts of the provider's."""
    return Usage(given, output, read, written, reasoning, "provider", details or None)
