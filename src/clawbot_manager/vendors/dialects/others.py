"""Dialects of one vendor each: Cohere v2 and DashScope's own."""

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


class CohereCollector(BaseCollector):
    """`usage` at the top of a whole answer, `delta.usage` in the event `message-end`."""

    def wants(self, data: bytes) -> bool:
        """The closing event and errors."""
        return b'"usage"' in data or b'"error"' in data

    def take(self, content: dict[str, Any]) -> None:
        """An event, or a whole answer."""
        delta = content.get("delta")
        answer = delta if isinstance(delta, dict) else content
        self.reading.finish = text(answer, "finish_reason") or self.reading.finish
        if isinstance(table := answer.get("usage"), dict) and table:
            given = first_count(table, ("tokens", "input_tokens"), ("billed_units", "input_tokens"))
            output = first_count(table, ("tokens", "output_tokens"), ("billed_units", "output_tokens"))
            self.reading.usage = Usage(
                input_tokens=given,
                output_tokens=output,
                cache_read_tokens=count(table, "cached_tokens"),
                source="none" if total(given, output) is None else "provider",
            )
        if text(content, "type") == "message-end":
            self.reading.complete = True
        if answer.get("error"):
            self.reading.error = "error"


class CohereV2(Dialect):
    """POST /v2/chat."""

    id: ClassVar[DialectId] = "cohere-v2"
    version = "v2"

    def matches(self, method: str, path: str) -> bool:
        """Chat only; embed and rerank answer with other units."""
        return method == "POST" and path == "/chat"

    def facts(self, path: str, body: bytes) -> RequestFacts:  # noqa: ARG002 - the body says it all
        """All of it is in the body."""
        return json_facts(body)

    def collector(self) -> Collector:
        """For one chat."""
        return CohereCollector()

    def error_body(self, error: ErrorFacts) -> bytes:
        """`{"id", "message"}`."""
        return encode({"id": error.trace_id, "message": error.message})


class DashScopeCollector(BaseCollector):
    """Every event carries cumulative counts: the last one wins."""

    def take(self, content: dict[str, Any]) -> None:
        """An event, or a whole answer."""
        table = content.get("usage")
        given, output = count(table, "input_tokens"), count(table, "output_tokens")
        if total(given, output) is not None:
            self.reading.usage = Usage(input_tokens=given, output_tokens=output, source="provider")


class DashScopeNative(Dialect):
    """POST /services/aigc/{text,multimodal}-generation/generation; it streams by a header."""

    id: ClassVar[DialectId] = "dashscope-native"
    version = "base"

    def matches(self, method: str, path: str) -> bool:
        """The two generation paths; a model lives on exactly one of them."""
        return method == "POST" and path in (
            "/services/aigc/text-generation/generation",
            "/services/aigc/multimodal-generation/generation",
        )

    def facts(self, path: str, body: bytes) -> RequestFacts:  # noqa: ARG002 - the body says it all
        """The model; whether it streams shows in the answer."""
        return json_facts(body)

    def collector(self) -> Collector:
        """For one generation."""
        return DashScopeCollector()

    def error_body(self, error: ErrorFacts) -> bytes:
        """`{"code", "message", "request_id"}`."""
        return encode({"code": error.code, "message": error.message, "request_id": error.trace_id})
