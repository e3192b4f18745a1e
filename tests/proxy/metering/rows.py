"""A row of the truth table: an API, its answers as they were recorded, and what they say that they cost.

A stream is cut behind its first part, a whole answer in the midst of its text. By then the words `Hello from
` have passed, 11 letters: about three tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clawbot_manager.vendors.usage import Usage

Json = dict[str, Any]
ASK = [{"role": "user", "content": "hi"}]
SPOKEN = 3
SSE, NDJSON, JSON = "text/event-stream", "application/x-ndjson", "application/json"
ROLE = {"role": "assistant", "content": ""}


@dataclass(frozen=True)
class Call:
    """One API of one vendor. `whole` and `stream` are its answers, None where it has no such answer.

    A stream is the part before and the part after the cut. `usage` is what a finished answer tells, `begun`
    what the first part of a stream has told (input and output). `cut` says what is estimated when it is cut:
    "both" sides, "input", or "nothing". `asked`: it tells its usage only if the request asks for it; without,
    it ends with `unasked`. `asks`: the proxy does that for who does not.
    """

    vendor: str
    path: str
    usage: Usage
    body: Json = field(default_factory=lambda: {"model": "m", "messages": ASK})
    whole: bytes | None = None
    stream: tuple[bytes, bytes] | None = None
    content_type: str = SSE
    headers: Mapping[str, str] = field(default_factory=dict)
    streams: Json = field(default_factory=lambda: {"stream": True})
    path_of_stream: str = ""
    begun: tuple[int | None, int | None] = (None, None)
    cut: str = "both"
    unasked: bytes | None = None
    asks: bool = False
    name: str = ""

    def __str__(self) -> str:
        return f"{self.vendor} {self.path}{' ' + self.name if self.name else ''}"


def events(*contents: Any, named: bool = False, done: bool = False, end: str = "\n\n") -> bytes:
    text = "".join(
        (f"event: {one['type']}\n" if named else "") + f"data: {json.dumps(one)}{end}" for one in contents
    )
    return (text + ("data: [DONE]\n\n" if done else "")).encode()


def lines(*contents: Any) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in contents).encode()


def answer(**content: Any) -> bytes:
    return json.dumps(content).encode()
