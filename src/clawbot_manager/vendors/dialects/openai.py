"""OpenAI's shapes: chat completions, responses, and the other endpoints (embeddings, images...)."""

import re
from typing import Any, ClassVar

from clawbot_manager.vendors.dialects.base import (
    BaseCollector,
    Collector,
    Dialect,
    ErrorFacts,
    RequestFacts,
    count,
    encode,
    first_count,
    json_facts,
    text,
    total,
)
from clawbot_manager.vendors.records import DialectId
from clawbot_manager.vendors.usage import Usage

_CHAT = re.compile(r"(?:/deployments/[^/]+)?/chat/completions|/sonar")
_OTHER = re.compile(
    r"(?:/deployments/[^/]+)?/(?:completions|embeddings|rerank|moderations|images/\w+|audio/\w+|fim/completions)"
)

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}

_CACHE_READ = (
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),
    ("prompt_cache_hit_tokens",),
    ("cached_tokens",),
)
_CACHE_WRITE = (
    ("prompt_tokens_details", "cache_write_tokens"),
    ("prompt_tokens_details", "cache_creation_input_tokens"),
    ("input_tokens_details", "cache_write_tokens"),
)
_REASONING = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("reasoning_tokens",),
)


def read_usage(table: dict[str, Any]) -> Usage:
    """OpenAI's `usage` object, of any of its APIs: cache is inside the input, reasoning inside the output."""
    given_input = first_count(table, ("prompt_tokens",), ("input_tokens",))
    output = first_count(table, ("completion_tokens",), ("output_tokens",))
    whole = count(table, "total_tokens")
    on_top = count(table, "reasoning_tokens") or count(table, "citation_tokens")
    if on_top and whole is not None and given_input is not None and whole > given_input + (output or 0):
        output = whole - given_input  # Perplexity counts these besides the completion
    return Usage(
        input_tokens=given_input,
        output_tokens=output,
        cache_read_tokens=first_count(table, *_CACHE_READ),
        cache_write_tokens=first_count(table, *_CACHE_WRITE),
        reasoning_tokens=first_count(table, *_REASONING),
        source="none" if total(given_input, output, whole) is None else "provider",
    )


class ChatCollector(BaseCollector):
    """Chat completions: the last `usage` that is not null, wherever the vendor puts it."""

    def wants(self, data: bytes) -> bool:
        """Events with a usage, an end or an error; the first one for the model's name."""
        if self.reading.model is None or b'"error"' in data:
            return True
        return b'"usage"' in data or (b'"finish_reason"' in data and b'"finish_reason":null' not in data)

    def take(self, content: dict[str, Any]) -> None:
        """A chunk, or a whole answer."""
        reading = self.reading
        reading.model = text(content, "model") or reading.model
        choices = content.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(first, dict):
            reading.finish = text(first, "finish_reason") or reading.finish
        groq = content.get("x_groq")
        # Groq's stream has it in x_groq, Moonshot's in the choice
        for holder in (groq, first, content):
            if isinstance(holder, dict) and isinstance(table := holder.get("usage"), dict) and table:
                reading.usage = read_usage(table)
        if content.get("error"):
            reading.error = text(content, "error", "type") or "error"


class ResponsesCollector(BaseCollector):
    """Responses: `usage` at the top of a whole answer, or in the `response` of the closing event."""

    _CLOSING = ("response.completed", "response.incomplete", "response.failed")

    def wants(self, data: bytes) -> bool:
        """The closing event, errors, and the first event for the model's name."""
        return self.reading.model is None or b'"usage"' in data or b"error" in data

    def take(self, content: dict[str, Any]) -> None:
        """An event, or a whole answer."""
        reading = self.reading
        kind = text(content, "type") or ""
        inner = content.get("response")
        answer = inner if isinstance(inner, dict) else content
        reading.model = text(answer, "model") or reading.model
        if isinstance(table := answer.get("usage"), dict) and table:
            reading.usage = read_usage(table)
        if kind in self._CLOSING:
            reading.complete = True
        if inner is None or kind in self._CLOSING:
            reading.finish = text(answer, "status") or reading.finish
        if kind == "error" or answer.get("error"):
            reading.error = text(answer, "error", "code") or text(content, "code") or "error"


class _OpenAiDialect(Dialect):
    version = "base"

    def facts(self, path: str, body: bytes) -> RequestFacts:  # noqa: ARG002 - the body says it all
        """All of it is in the body."""
        return json_facts(body)

    def error_body(self, error: ErrorFacts) -> bytes:
        """`{"error": {message, type, param, code}}`."""
        kind = _ERROR_TYPES.get(error.status, "server_error")
        return encode({"error": {"message": error.message, "type": kind, "param": None, "code": error.code}})


class OpenAiChat(_OpenAiDialect):
    """POST /chat/completions."""

    id: ClassVar[DialectId] = "openai-chat"

    def matches(self, method: str, path: str) -> bool:
        """Also Azure's path with a deployment, and Perplexity's alias."""
        return method == "POST" and _CHAT.fullmatch(path) is not None

    def collector(self) -> Collector:
        """For one chat completion."""
        return ChatCollector()


class OpenAiResponses(_OpenAiDialect):
    """POST /responses."""

    id: ClassVar[DialectId] = "openai-responses"

    def matches(self, method: str, path: str) -> bool:
        """Also Perplexity's alias."""
        return method == "POST" and path in ("/responses", "/agent")

    def collector(self) -> Collector:
        """For one response."""
        return ResponsesCollector()


class OpenAiOther(_OpenAiDialect):
    """The paths of OpenAI's API that tell a `usage` in their one JSON answer or last event."""

    id: ClassVar[DialectId] = "openai-other"

    def matches(self, method: str, path: str) -> bool:
        """Embeddings, legacy completions, images, audio, rerank, moderations."""
        return method == "POST" and _OTHER.fullmatch(path) is not None

    def collector(self) -> Collector:
        """The chat collector reads these too: same place, same or similar names."""
        return ChatCollector()


def is_usage_chunk(content: Any) -> bool:
    """Whether a decoded chunk is the one that `include_usage` adds: no choice, a usage."""
    return (
        isinstance(content, dict) and content.get("choices") == [] and isinstance(content.get("usage"), dict)
    )
