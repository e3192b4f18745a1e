"""Google's Gemini API: generateContent and the other calls on models, and interactions."""

import re
from typing import Any, ClassVar
from urllib.parse import unquote

import msgspec

from clawbot_manager.vendors.dialects.base import (
    Basis,
    Collector,
    Dialect,
    ErrorFacts,
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

_CALL = re.compile(r"/(?:models|tunedModels|dynamic)/(?P<model>[^/]+):(?P<call>\w+)")
_INTERACTIONS = "/interactions"

_ERROR_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_MODALITIES = ("text", "audio", "image", "video", "document")


class _Fields(msgspec.Struct, gc=False):
    usageMetadata: Any = None  # noqa: N815 - the field's name on the wire
    modelVersion: Any = None  # noqa: N815
    error: Any = None
    predictions: list[msgspec.Raw] | None = None


class GenerateContentCollector(Collector):
    """Every chunk can carry cumulative counts: the last one wins.

    The tokens of thoughts and of the provider's own tools are in neither the prompt's count nor the
    candidates'.
    """

    marks = (b'TokenCount"', b'"error"')
    event = msgspec.json.Decoder(_Fields)
    whole = msgspec.json.Decoder(_Fields)
    tables = ("usageMetadata",)
    said = ("text",)
    stands = (b'"usageMetadata"',)

    def take(self, content: Any) -> None:
        """A chunk, or a whole answer."""
        if type(content.modelVersion) is str:
            self.model = content.modelVersion
        if type(content.usageMetadata) is dict:
            usage = read_usage_metadata(content.usageMetadata)
            if usage.source == "provider":
                self.usage = usage
        if content.error:
            self.error = text(content.error, "status") or "error"


def read_usage_metadata(table: dict[str, Any]) -> Usage:
    """The counts of one answer so far."""
    get = table.get
    thoughts, tools = number(get("thoughtsTokenCount")), number(get("toolUsePromptTokenCount"))
    given = total(number(get("promptTokenCount")), tools)
    output = total(number(get("candidatesTokenCount")), thoughts)
    details: Details = {"tool_input_tokens": tools} if tools else {}
    by_modality(details, get("promptTokensDetails"), "input_tokens")
    by_modality(details, get("candidatesTokensDetails"), "output_tokens")
    by_modality(details, get("cacheTokensDetails"), "cache_read_tokens")
    note(details, table, {"serviceTier": "service_tier", "trafficType": "traffic_type"})
    told = given is not None or output is not None
    return Usage(
        given,
        output,
        number(get("cachedContentTokenCount")),
        None,
        thoughts,
        "provider" if told else "none",
        details or None,
    )


def by_modality(details: Details, table: Any, name: str, count: str = "tokenCount") -> None:
    """Add the counts of a list of `{"modality", "tokenCount"}`; text alone is not worth a note."""
    listed = rows(table)
    if len(listed) == 1 and listed[0].get("modality") in ("TEXT", "text"):
        return
    for row in listed:
        modality = (text(row, "modality") or "").lower()
        if modality in _MODALITIES and (tokens := number(row.get(count))):
            details[f"{modality}_{name}"] = tokens


class _EmbedCollector(GenerateContentCollector):
    """Vectors: their counts, where they are told, are of the input."""

    basis: Basis = "input"


class _PredictCollector(GenerateContentCollector):
    """Pictures, billed by the picture."""

    basis: Basis = "nothing"

    def take(self, content: Any) -> None:
        """A whole answer."""
        super().take(content)
        if content.predictions and self.usage.source == "none":
            self.usage = Usage(source="provider", details={"images": len(content.predictions)})


class _FreeCollector(GenerateContentCollector):
    """Token counting costs nothing."""

    basis: Basis = "nothing"

    def take(self, content: Any) -> None:
        """Nothing was used."""


class _InteractionFields(msgspec.Struct, gc=False):
    model: Any = None
    usage: Any = None
    status: Any = None
    error: Any = None


class _InteractionEvent(_InteractionFields):
    interaction: _InteractionFields | None = None


class InteractionsCollector(Collector):
    """Interactions: `usage` of a whole one, or of the one inside the closing event."""

    event = msgspec.json.Decoder(_InteractionEvent)
    whole = msgspec.json.Decoder(_InteractionEvent)
    said = ("text", "arguments")

    def take(self, content: Any) -> None:
        """An event, or a whole interaction."""
        answer = content.interaction or content
        if type(answer.model) is str:
            self.model = answer.model
        if type(answer.usage) is dict:
            self._counts(answer.usage)
        if content.interaction is None and answer.status in ("queued", "in_progress"):
            self.basis = "nothing"  # in the background: what it will cost is told elsewhere
        if answer.error or content.error:
            self.error = text(answer.error or content.error, "code") or "error"

    def _counts(self, table: dict[str, Any]) -> None:
        get = table.get
        thoughts, tools = number(get("total_thought_tokens")), number(get("total_tool_use_tokens"))
        given = total(number(get("total_input_tokens")), tools)
        output = total(number(get("total_output_tokens")), thoughts)
        if given is None and output is None:
            return
        details: Details = {"tool_input_tokens": tools} if tools else {}
        by_modality(details, get("input_tokens_by_modality"), "input_tokens", "tokens")
        by_modality(details, get("output_tokens_by_modality"), "output_tokens", "tokens")
        self.usage = Usage(
            given, output, number(get("total_cached_tokens")), None, thoughts, "provider", details or None
        )


_KINDS: dict[str, type[Collector]] = {
    "embedContent": _EmbedCollector,
    "batchEmbedContents": _EmbedCollector,
    "embedText": _EmbedCollector,
    "predict": _PredictCollector,
    "countTokens": _FreeCollector,
    "computeTokens": _FreeCollector,
    "countMessageTokens": _FreeCollector,
    "countTextTokens": _FreeCollector,
}


class GoogleGenerateContent(Dialect):
    """POST /{version}/models/{model}:generateContent and its relatives."""

    id: ClassVar[DialectId] = "google-generatecontent"
    version = "v1beta"

    def matches(self, method: str, path: str) -> bool:
        """Any call on a model, and interactions."""
        return method == "POST" and (path == _INTERACTIONS or _CALL.fullmatch(path) is not None)

    def facts(self, path: str, body: bytes) -> RequestFacts:
        """Model and stream flag are in the path; those of an interaction in the body."""
        found = _CALL.fullmatch(path)
        if found is None:
            return json_facts(body, may_be_background=True)
        return RequestFacts(unquote(found["model"]), stream=found["call"].startswith("stream"))

    def collector(self, path: str = "") -> Collector:
        """By the call."""
        found = _CALL.fullmatch(path)
        if found is None:
            return InteractionsCollector()
        return _KINDS.get(found["call"], GenerateContentCollector)()

    def error_body(self, error: ErrorFacts) -> bytes:
        """`{"error": {code, message, status, details}}` (google.rpc.Status as JSON)."""
        info = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": error.code.upper(),
            "domain": "clawbot-manager",
        }
        status = _ERROR_STATUS.get(error.status, "INTERNAL")
        return encode(
            {"error": {"code": error.status, "message": error.message, "status": status, "details": [info]}}
        )
