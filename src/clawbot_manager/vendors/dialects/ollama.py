"""Ollama's own API: NDJSON, and a stream unless told otherwise."""

from typing import Any, ClassVar

import msgspec

from clawbot_manager.vendors.dialects.base import Basis, Collector, Dialect, ErrorFacts, encode, number
from clawbot_manager.vendors.dialects.requests import RequestFacts, json_facts
from clawbot_manager.vendors.records import DialectId
from clawbot_manager.vendors.usage import Usage

_STREAMING = ("/api/chat", "/api/generate")


class _Fields(msgspec.Struct, gc=False):
    model: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    error: Any = None


class OllamaCollector(Collector):
    """The counts stand in the object that says `done`; a count of 0 is left out (Go's `omitempty`)."""

    marks = (b'eval_count"', b'"error"')
    event = msgspec.json.Decoder(_Fields)
    whole = msgspec.json.Decoder(_Fields)
    tables = ("prompt_eval_count", "eval_count")
    said = ("content", "thinking", "response")
    settled = False

    def take(self, content: Any) -> None:
        """A line, or a whole answer."""
        self.settled = True
        if type(content.model) is str:
            self.model = content.model
        given, output = number(content.prompt_eval_count), number(content.eval_count)
        if given is not None or output is not None:
            before = self.usage
            self.usage = Usage(
                before.input_tokens if given is None else given,
                before.output_tokens if output is None else output,
                source="provider",
            )
        if content.error:
            self.error = "error"


class _VectorsCollector(OllamaCollector):
    """Embeddings: the elder call tells no count."""

    basis: Basis = "input"


class _ShowCollector(OllamaCollector):
    """What a model is: nothing is used."""

    basis: Basis = "nothing"


_KINDS: dict[str, type[Collector]] = {
    "/api/chat": OllamaCollector,
    "/api/generate": OllamaCollector,
    "/api/embed": _VectorsCollector,
    "/api/embeddings": _VectorsCollector,
    "/api/show": _ShowCollector,
}


class Ollama(Dialect):
    """POST /api/chat and its siblings."""

    id: ClassVar[DialectId] = "ollama"
    version = "none"

    def matches(self, method: str, path: str) -> bool:
        """The calls on a model."""
        return method == "POST" and path in _KINDS

    def facts(self, path: str, body: bytes) -> RequestFacts:
        """In the body; chat and generate stream when it does not say."""
        return json_facts(body, stream_default=path in _STREAMING)

    def collector(self, path: str = "") -> Collector:
        """By what is made."""
        return _KINDS[path]()

    def error_body(self, error: ErrorFacts) -> bytes:
        """`{"error": "text"}`."""
        return encode({"error": error.message})
