"""The simulated provider: a newcomer without any key sees a bot answer, tokens counted, a quota warned of.

Sans-IO: a request in, an answer with its pauses as data out; whoever carries it does the waiting. It speaks
OpenAI's chat completions, and says in every answer that it is simulated.
"""

import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
import orjson

SIMULATED_BASE_URL = "simulated://provider"
MODELS = ("simulated-small", "simulated-large")

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_WORDS = re.compile(r"[\u3400-\u9fff]|[A-Za-z0-9_']+|[^\sA-Za-z0-9_']")
_PIECES = re.compile(r"\s*(?:[\u3400-\u9fff，。：；！？、「」]{1,3}|\S+)")
_PREFIX = re.compile(r"^.*?(?=/chat/completions$|/models(?:/|$))")
_PAUSE = 0.02
_QUOTED = 160


class Piece(NamedTuple):
    """Bytes of the answer, and how many seconds to wait before they are sent."""

    delay: float
    data: bytes


@dataclass(frozen=True, slots=True)
class SimulatedAnswer:
    """A whole answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: Iterator[Piece]


def answer(method: str, path: str, body: bytes) -> SimulatedAnswer:
    """Answer one request; `path` may carry any base path in front (`/v1/chat/completions`)."""
    path = path.partition("?")[0]
    path = _PREFIX.sub("", path)
    if method == "GET" and path == "/models":
        return _models()
    if method == "GET" and path.startswith("/models/") and path.removeprefix("/models/") in MODELS:
        return _json(200, _model(path.removeprefix("/models/")))
    if method == "POST" and path == "/chat/completions":
        return _chat(body)
    return _error(404, "The simulated provider serves /chat/completions and /models only.", "not_found_error")


def _chat(body: bytes) -> SimulatedAnswer:
    try:
        request = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # ValueError: also text that is no UTF-8
        request = None
    messages = request.get("messages") if isinstance(request, dict) else None
    if not isinstance(request, dict) or not isinstance(messages, list) or not messages:
        return _error(400, "messages must be a list with at least one message.", "invalid_request_error")
    model = request.get("model")
    if not isinstance(model, str) or not model:
        return _error(400, "model must be given; try simulated-small.", "invalid_request_error")
    said = _reply(_last(messages, "user"), _last(messages, "system", "developer"))
    usage = _usage(sum(_tokens(_text(one)) + 4 for one in messages), _tokens(said))
    head = {"id": f"chatcmpl-simulated-{uuid4().hex[:16]}", "created": int(time.time()), "model": model}
    if request.get("stream") is True:
        options = request.get("stream_options")
        asked = isinstance(options, dict) and options.get("include_usage") is True
        headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
        return SimulatedAnswer(200, headers, _stream(head, said, usage if asked else None))
    message = {"role": "assistant", "content": said, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return _json(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage}, _PAUSE)


def _stream(head: dict[str, Any], said: str, usage: dict[str, Any] | None) -> Iterator[Piece]:
    head = {**head, "object": "chat.completion.chunk"}

    def chunk(delta: dict[str, Any], finish: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        extra = {"usage": None} if usage is not None else {}
        return _event({**head, "choices": [choice], **extra})

    yield Piece(_PAUSE, chunk({"role": "assistant", "content": ""}, None))
    for found in _PIECES.finditer(said):
        yield Piece(_PAUSE, chunk({"content": found.group()}, None))
    yield Piece(0.0, chunk({}, "stop"))
    if usage is not None:
        yield Piece(0.0, _event({**head, "choices": [], "usage": usage}))
    yield Piece(0.0, b"data: [DONE]\n\n")


def _reply(question: str, persona: str) -> str:
    name = _persona_line(persona)
    quoted = question.strip()[:_QUOTED] + ("…" if len(question.strip()) > _QUOTED else "")
    if _CHINESE.search(question):
        acting = f"我的人设是「{name}」。" if name else ""
        return (
            f"【模拟回答】这不是真实模型，仅用于试用。{acting}你刚才说：「{quoted}」。"
            "添加一个真实的服务商密钥后，这里就会是真实的回答。"
        )
    acting = f" My persona reads “{name}”." if name else ""
    return (
        f"[Simulated answer] No real model is behind this; it is for trying things out.{acting} "
        f"You said: “{quoted}”. Add a real provider key and a real model answers here."
    )


def _persona_line(persona: str) -> str:
    for line in persona.splitlines():
        if cleaned := line.strip(" #*-\t"):
            return cleaned[:80]
    return ""


def _last(messages: list[Any], *roles: str) -> str:
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") in roles:
            return _text(message)
    return ""


def _text(message: Any) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(
        part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)
    )


def _tokens(text: str) -> int:
    """A plausible count: a token for a Chinese character or a mark, one for each four letters of a word."""
    return sum(max(1, math.ceil(len(found.group()) / 4)) for found in _WORDS.finditer(text))


def _usage(given: int, output: int) -> dict[str, Any]:
    return {
        "prompt_tokens": given,
        "completion_tokens": output,
        "total_tokens": given + output,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _models() -> SimulatedAnswer:
    return _json(200, {"object": "list", "data": [_model(one) for one in MODELS]})


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "clawbot-manager (simulated)"}


def _error(status: int, message: str, kind: str) -> SimulatedAnswer:
    return _json(status, {"error": {"message": message, "type": kind, "param": None, "code": None}})


def _json(status: int, content: dict[str, Any], delay: float = 0.0) -> SimulatedAnswer:
    data = orjson.dumps(content)
    headers = (("content-type", "application/json"), ("content-length", str(len(data))))
    return SimulatedAnswer(status, headers, iter([Piece(delay, data)]))


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(content) + b"\n\n"
