"""Cohere's own APIs, the first and the second version."""

from typing import Any, ClassVar

import msgspec

from clawbot_manager.vendors.dialects.base import Basis, Collector, Dialect, ErrorFacts, encode
from clawbot_manager.vendors.dialects.billed_units import read_billed_units
from clawbot_manager.vendors.dialects.requests import RequestFacts, json_facts
from clawbot_manager.vendors.records import DialectId


class _Part(msgspec.Struct, gc=False):
    usage: Any = None
    meta: Any = None
    error: Any = None


class _Fields(_Part):
    delta: Any = None
    response: Any = None
    type: Any = None


class CohereCollector(Collector):
    """v2: `usage` of a chat, `delta.usage` in its closing event; elsewhere, and in v1, `meta`, which the
    closing event has in its `response`.
    """

    event = msgspec.json.Decoder(_Fields)
    whole = msgspec.json.Decoder(_Fields)
    tables = ("usage", "meta")
    said = ("text", "content", "thinking", "tool_plan", "arguments")

    def take(self, content: Any) -> None:
        """An event, or a whole answer."""
        for holder in (content, _part(content.delta), _part(content.response)):
            for table in (holder.usage, holder.meta):
                if type(table) is dict and (usage := read_billed_units(table)).source == "provider":
                    self.usage = usage
            if holder.error:
                self.error = "error"


class _CountsCollector(CohereCollector):
    """What is billed by the input, or by other units."""

    basis: Basis = "input"


_KINDS: dict[str, type[Collector]] = {
    "/chat": CohereCollector,
    "/generate": CohereCollector,
    "/summarize": CohereCollector,
    "/embed": _CountsCollector,
    "/classify": _CountsCollector,
}


class CohereV2(Dialect):
    """POST /v2/chat and its siblings."""

    id: ClassVar[DialectId] = "cohere-v2"
    version = "v2"

    def matches(self, method: str, path: str) -> bool:
        """Chat and what else is Cohere's alone; its rankings and transcriptions have the paths of others."""
        return method == "POST" and path in _KINDS

    def facts(self, path: str, body: bytes) -> RequestFacts:  # noqa: ARG002 - the body says it all
        """All of it is in the body."""
        return json_facts(body)

    def collector(self, path: str = "") -> Collector:
        """By how it is billed."""
        return _KINDS[path]()

    def error_body(self, error: ErrorFacts) -> bytes:
        """`{"id", "message"}`."""
        return encode({"id": error.trace_id, "message": error.message})


def _part(value: Any) -> _Part:
    return msgspec.convert(value, _Part) if type(value) is dict else _NONE


_NONE = _Part()
