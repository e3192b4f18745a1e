"""Ollama's own API: NDJSON, and a stream unless told otherwise."""

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

_STREAMING = ("/api/chat", "/api/generate")
_PATHS = (*_STREAMING, "/api/embed", "/api/embeddings", "/api/show")


class OllamaCollector(BaseCollector):
    """The counts stand in the object that says `done`."""

    def wants(self, data: bytes) -> bool:
        """The last line, errors, and the first line for the model's name."""
        return self.reading.model is None or b"eval_count" in data or b'"error"' in data or b"true" in data

    def end_mark(self, data: bytes) -> bool:  # noqa: ARG002 - its end is an object like others
        """There is none besides `done`."""
        return False

    def take(self, content: dict[str, Any]) -> None:
        """A line, or a whole answer."""
        reading = self.reading
        reading.model = text(content, "model") or reading.model
        given, output = count(content, "prompt_eval_count"), count(content, "eval_count")
        if total(given, output) is not None:
            reading.usage = Usage(input_tokens=given, output_tokens=output, source="provider")
        if content.get("done") is True:
            reading.complete = True
            reading.finish = text(content, "done_reason") or "stop"
        if content.get("error"):
            reading.error = "error"


class Ollama(Dialect):
    """POST /api/chat and its siblings."""

    id: ClassVar[DialectId] = "ollama"
    version = "none"

    def matches(self, method: str, path: str) -> bool:
        """The calls on a model."""
        return method == "POST" and path in _PATHS

    def facts(self, path: str, body: bytes) -> RequestFacts:
        """In the body; chat and generate stream when it does not say."""
        return json_facts(body, stream_default=path in _STREAMING)

    def collector(self) -> Collector:
        """For one answer."""
        return OllamaCollector()

    def error_body(self, error: ErrorFacts) -> bytes:
        """`{"error": "text"}`."""
        return encode({"error": error.message})
