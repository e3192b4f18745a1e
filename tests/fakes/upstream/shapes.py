"""The plain answers of the dialects."""

from __future__ import annotations

import json
from typing import Any

TEXT = "Hello from the mock"
CHAT_USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
MESSAGE_USAGE = {"input_tokens": 5, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2}


def chat_events(head: dict[str, Any], asked: bool) -> list[dict[str, Any]]:
    """The chunks of a streamed chat completion."""
    head = {**head, "object": "chat.completion.chunk"}
    extra: dict[str, Any] = {"usage": None} if asked else {}
    deltas: list[tuple[dict[str, Any], str | None]] = [
        ({"role": "assistant", "content": ""}, None),
        ({"content": "Hello "}, None),
        ({"content": "from the mock"}, None),
        ({}, "stop"),
    ]
    events = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **extra}
        for delta, finish in deltas
    ]
    if asked:
        events.append({**head, "choices": [], "usage": CHAT_USAGE})
    return events


def message_events(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of a streamed message."""
    start = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    return [
        {"type": "message_start", "message": {**start, "usage": {**MESSAGE_USAGE, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "from the mock"}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    ]


def sse(events: list[dict[str, Any]], *, named: bool = False, end: str | None = None) -> bytes:
    parts = []
    for event in events:
        name = f"event: {event['type']}\n" if named else ""
        parts.append(f"{name}data: {json.dumps(event)}\n\n")
    if end is None and not named:
        parts.append("data: [DONE]\n\n")
    return "".join(parts).encode()
