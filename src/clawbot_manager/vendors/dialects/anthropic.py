"""Anthropic messages, and the vendors that imitate it."""

from typing import Any, ClassVar

import msgspec

from clawbot_manager.vendors.dialects.base import (
    Basis,
    Collector,
    Dialect,
    ErrorFacts,
    Fields,
    Names,
    count,
    encode,
    note,
    number,
    rows,
    text,
    total,
)
from clawbot_manager.vendors.dialects.requests import RequestFacts, json_facts
from clawbot_manager.vendors.records import DialectId
from clawbot_manager.vendors.usage import Details, Usage

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
_DETAILS: Names = {
    "cache_creation": {
        "ephemeral_5m_input_tokens": "cache_write_5m_tokens",
        "ephemeral_1h_input_tokens": "cache_write_1h_tokens",
    },
    "server_tool_use": {
        "web_search_requests": "web_search_requests",
        "web_fetch_requests": "web_fetch_requests",
    },
    "service_tier": "service_tier",
    "speed": "speed",
    "inference_geo": "inference_geo",
    "cost": "cost_usd",
}
# Work of other calls on the model that the counts do not include (anthropic 2.12, `BetaUsage.iterations`)
_BESIDES = ("compaction", "advisor_message")


class _Message(Fields):
    """A message, whole or as it begins."""

    type: Any = None


class _Event(_Message):
    message: _Message | None = None


class MessagesCollector(Collector):
    """Counts are cumulative: per field, the later one replaces the earlier one.

    The output that `message_start` tells is a placeholder: a message has told its output when its delta did.
    """

    event = msgspec.json.Decoder(_Event)
    whole = msgspec.json.Decoder(_Event)
    said = ("text", "thinking", "partial_json")
    settled = False

    def __init__(self) -> None:
        self._said: dict[str, int] = {}
        self._details: Details = {}

    def take(self, content: Any) -> None:
        """An event, or a whole message."""
        self.settled = True
        started = content.message is not None
        message = content.message or content
        if type(message.model) is str:
            self.model = message.model
        if type(message.usage) is dict:
            self._merge(message.usage, started=started)
        if content.error or content.type == "error":
            self.error = text(content.error, "type") or "error"

    def _merge(self, table: dict[str, Any], *, started: bool) -> None:
        said = self._said
        for name in _COUNTS:
            value = number(table.get(name))
            # some imitators fill what they do not repeat with 0
            if value is not None and (value or not said.get(name)):
                said[name] = value
        if (value := count(table, "output_tokens_details", "thinking_tokens")) is not None:
            said["thinking_tokens"] = value
        note(self._details, table, _DETAILS)
        if started:
            self.at_least = said.pop("output_tokens", 0)
        if not said:
            return
        besides = [one for one in rows(table.get("iterations")) if one.get("type") in _BESIDES]
        read = _with(said.get("cache_read_input_tokens"), besides, "cache_read_input_tokens")
        write = _with(said.get("cache_creation_input_tokens"), besides, "cache_creation_input_tokens")
        self.usage = Usage(
            total(_with(said.get("input_tokens"), besides, "input_tokens"), read, write),
            _with(said.get("output_tokens"), besides, "output_tokens"),
            read,
            write,
            said.get("thinking_tokens"),
            "provider",
            self._details or None,
        )


def _with(told: int | None, besides: list[dict[str, Any]], name: str) -> int | None:
    return total(told, *(number(one.get(name)) for one in besides)) if besides else told


class _CountTokensCollector(Collector):
    """Token counting costs nothing."""

    basis: Basis = "nothing"

    def take(self, content: Any) -> None:
        """Nothing was used."""


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

    def collector(self, path: str = "") -> Collector:
        """For one message; what lies under it tells no usage of its own."""
        return MessagesCollector() if path == "/messages" else _CountTokensCollector()

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
