"""The four ways to ask a model: what is sent and how the answer is read. Nothing here touches a network."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

Message = dict[str, str]
Json = dict[str, Any]


class Ask(NamedTuple):
    """One question to a model, free of any dialect."""

    system: str
    messages: list[Message]
    max_tokens: int | None
    temperature: float | None


class Piece(NamedTuple):
    """What one upstream event says."""

    text: str = ""
    finish: str | None = None
    usage: Json | None = None
    last: bool = False


class Dialect(NamedTuple):
    path: str
    body: Callable[[Ask, str], Json]
    headers: Callable[[str], dict[str, str]]
    read: Callable[[Json], Piece]


def _given(**options: Any) -> Json:
    return {key: value for key, value in options.items() if value is not None}


def _with_system(ask: Ask) -> list[Message]:
    return ([{"role": "system", "content": ask.system}] if ask.system else []) + ask.messages


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _openai_body(ask: Ask, model: str) -> Json:
    options = _given(max_tokens=ask.max_tokens, temperature=ask.temperature)
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    return {"model": model, "messages": _with_system(ask), **asked, **options}


def _openai_read(event: Json) -> Piece:
    choice = (event.get("choices") or [{}])[0]
    usage = event.get("usage") or {}
    counts = _given(
        prompt_tokens=usage.get("prompt_tokens"), completion_tokens=usage.get("completion_tokens")
    )
    return Piece((choice.get("delta") or {}).get("content") or "", choice.get("finish_reason"), counts)


def _anthropic_body(ask: Ask, model: str) -> Json:
    options = _given(system=ask.system or None, temperature=ask.temperature)
    limit = ask.max_tokens or 4096  # this dialect demands a number
    return {"model": model, "messages": ask.messages, "max_tokens": limit, "stream": True, **options}


def _anthropic_read(event: Json) -> Piece:
    usage = event.get("usage") or (event.get("message") or {}).get("usage") or {}
    counts = _given(prompt_tokens=usage.get("input_tokens"), completion_tokens=usage.get("output_tokens"))
    delta = event.get("delta") or {}
    return Piece(
        delta.get("text") or "", delta.get("stop_reason"), counts, event.get("type") == "message_stop"
    )


def _google_body(ask: Ask, _model: str) -> Json:
    roles = {"assistant": "model"}
    contents = [
        {"role": roles.get(m["role"], "user"), "parts": [{"text": m["content"]}]} for m in ask.messages
    ]
    body: Json = {"contents": contents}
    if ask.system:
        body["systemInstruction"] = {"parts": [{"text": ask.system}]}
    if options := _given(maxOutputTokens=ask.max_tokens, temperature=ask.temperature):
        body["generationConfig"] = options
    return body


def _google_read(event: Json) -> Piece:
    candidate = (event.get("candidates") or [{}])[0]
    parts = (candidate.get("content") or {}).get("parts") or []
    text = "".join(part.get("text") or "" for part in parts if not part.get("thought"))
    usage = event.get("usageMetadata") or {}
    prompt, completion = usage.get("promptTokenCount"), usage.get("candidatesTokenCount")
    return Piece(
        text, candidate.get("finishReason"), _given(prompt_tokens=prompt, completion_tokens=completion)
    )


def _ollama_body(ask: Ask, model: str) -> Json:
    options = _given(num_predict=ask.max_tokens, temperature=ask.temperature)
    return {
        "model": model,
        "messages": _with_system(ask),
        "stream": True,
        **({"options": options} if options else {}),
    }


def _ollama_read(event: Json) -> Piece:
    counts = _given(prompt_tokens=event.get("prompt_eval_count"), completion_tokens=event.get("eval_count"))
    done = bool(event.get("done"))
    finish = (event.get("done_reason") or "stop") if done else None
    return Piece((event.get("message") or {}).get("content") or "", finish, counts, done)


DIALECTS = {
    "openai-chat": Dialect("/chat/completions", _openai_body, _bearer, _openai_read),
    "anthropic-messages": Dialect(
        "/v1/messages",
        _anthropic_body,
        lambda token: {"x-api-key": token, "anthropic-version": "2023-06-01"},
        _anthropic_read,
    ),
    "google-generatecontent": Dialect(
        "/v1beta/models/{model}:streamGenerateContent?alt=sse",
        _google_body,
        lambda token: {"x-goog-api-key": token},
        _google_read,
    ),
    "ollama": Dialect("/api/chat", _ollama_body, _bearer, _ollama_read),
}


END = "[DONE]"


def read_line(line: bytes) -> Json | str | None:
    """Server-sent events and JSON lines alike: a line that carries JSON is an event of its own.

    `END` for the line that says that no more comes, None for one that says nothing; raises `ValueError`.
    """
    text = line.decode("utf-8").strip()
    text = text[5:].strip() if text.startswith("data:") else text
    if text == END:
        return END
    if not text.startswith("{"):
        return None
    event: Json = json.loads(text)
    return event


class Failure(NamedTuple):
    """What a provider says instead of an answer."""

    status: int
    message: str
    kind: str


def read_failure(status: int, told: Any) -> Failure:
    """From the body of a refusal, or with status 502 from an event inside a stream."""
    error = told.get("error", told) if isinstance(told, dict) else None
    facts = error if isinstance(error, dict) else {"message": error}
    kind = str(facts.get("type") or facts.get("status") or "upstream_error")
    if status == 502:  # told inside a stream: only the event itself knows what it stands for
        code = facts.get("code")
        words = {"overloaded_error": 503, "rate_limit_error": 429, "rate_limit_exceeded": 429}
        status = code if isinstance(code, int) and 400 <= code < 600 else words.get(kind, 502)
    message = str(facts.get("message") or f"the provider answered with status {status}")
    return Failure(status, message, kind[:100])
