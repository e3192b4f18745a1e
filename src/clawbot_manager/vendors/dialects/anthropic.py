"""Anthropic messages, and the vendors that imitate it."""

from typing import Any, ClassVar

from clawbot_manager.vendors.dialects.base import (
    BaseCollector,
    Collector,
    Dialect,
    ErrorFacts,
    RequestFacts,
    count,
    encode,
    json_facts,
    text,
    total,
)
from clawbot_manager.vendors.records import DialectId
from clawbot_manager.vendors.usage import Usage

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_EVENTS = (b'"message_start"', b'"message_delta"', b'"message_stop"', b'"error"')


class MessagesCollector(BaseCollector):
    """Counts are cumulative: per field, the later one replaces the earlier one."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, int] = {}

    def wants(self, data: bytes) -> bool:
        """Only the start, the deltas of the message, its end and errors."""
        return any(event in data for event in _EVENTS)

    def end_mark(self, data: bytes) -> bool:  # noqa: ARG002 - its end is an event like others
        """There is none besides `message_stop`."""
        return False

    def take(self, content: dict[str, Any]) -> None:
        """An event, or a whole message."""
        reading = self.reading
        kind = text(content, "type")
        inner = content.get("message")
        message = inner if isinstance(inner, dict) else content
        reading.model = text(message, "model") or reading.model
        reading.finish = (
            text(message, "stop_reason") or text(content, "delta", "stop_reason") or reading.finish
        )
        self._merge(message.get("usage"))
        if kind == "message_stop":
            reading.complete = True
        if kind == "error":
            reading.error = text(content, "error", "type") or "error"

    def _merge(self, table: Any) -> None:
        for name in _COUNTS:
            if (value := count(table, name)) is not None:
                self._said[name] = value
        if (value := count(table, "output_tokens_details", "thinking_tokens")) is not None:
            self._said["thinking_tokens"] = value
        said = self._said
        if not said:
            return
        read, write = said.get("cache_read_input_tokens"), said.get("cache_creation_input_tokens")
        self.reading.usage = Usage(
            input_tokens=total(said.get("input_tokens"), read, write),
            output_tokens=said.get("output_tokens"),
            cache_read_tokens=read,
            cache_write_tokens=write,
            reasoning_tokens=said.get("thinking_tokens"),
            source="provider",
        )


class AnthropicMessages(Dialect):
    """POST /v1/messages and what lies under it."""

    id: ClassVar[DialectId] = "anthropic-messages"
    version = "v1"
    # The elder of the two versions: the newer one refuses parameters that old clients send.
    default_headers = (("anthropic-version", "2023-06-01"),)

    def matches(self, method: str, path: str) -> bool:  # noqa: ARG002 - batches are read with GET
        """Messages, token counting, batches."""
        return path == "/messages" or path.startswith("/messages/")

    def facts(self, path: str, body: bytes) -> RequestFacts:  # noqa: ARG002 - the body says it all
        """All of it is in the body."""
        return json_facts(body)

    def collector(self) -> Collector:
        """For one message."""
        return MessagesCollector()

    def error_body(self, error: ErrorFacts) -> bytes:
        """`{"type": "error", "error": {type, message}, "request_id"}`."""
        kind = _ERROR_TYPES.get(error.status, "api_error")
        details = {"error_code": error.code}
        return encode(
            {
                "type": "error",
                "error": {"type": kind, "message": error.message, "details": details},
                "request_id": error.trace_id,
            }
        )
