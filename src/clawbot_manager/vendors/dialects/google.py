"""Google generateContent (the Gemini API)."""

import re
from typing import Any, ClassVar
from urllib.parse import unquote

from clawbot_manager.vendors.dialects.base import (
    BaseCollector,
    Collector,
    Dialect,
    ErrorFacts,
    RequestFacts,
    count,
    encode,
    text,
    total,
)
from clawbot_manager.vendors.records import DialectId
from clawbot_manager.vendors.usage import Usage

_CALL = re.compile(r"/(?:models|tunedModels)/(?P<model>[^/]+):(?P<call>\w+)")

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


class GenerateContentCollector(BaseCollector):
    """Every chunk can carry cumulative counts: the last one wins."""

    def wants(self, data: bytes) -> bool:
        """Chunks with counts, an end or an error."""
        return b'"usageMetadata"' in data or b'"finishReason"' in data or b'"error"' in data

    def end_mark(self, data: bytes) -> bool:  # noqa: ARG002 - the stream just ends
        """There is none."""
        return False

    def take(self, content: dict[str, Any]) -> None:
        """A chunk, or a whole answer."""
        reading = self.reading
        reading.model = text(content, "modelVersion") or reading.model
        candidates = content.get("candidates")
        if isinstance(candidates, list) and candidates:
            reading.finish = text(candidates[0], "finishReason") or reading.finish
            reading.complete = reading.finish is not None
        if isinstance(table := content.get("usageMetadata"), dict) and table:
            self._counts(table)
        if content.get("error"):
            reading.error = text(content, "error", "status") or "error"

    def _counts(self, table: dict[str, Any]) -> None:
        thoughts = count(table, "thoughtsTokenCount")
        given = total(count(table, "promptTokenCount"), count(table, "toolUsePromptTokenCount"))
        output = total(count(table, "candidatesTokenCount"), thoughts)
        said = total(given, output, count(table, "totalTokenCount")) is not None
        self.reading.usage = Usage(
            input_tokens=given,
            output_tokens=output,
            cache_read_tokens=count(table, "cachedContentTokenCount"),
            reasoning_tokens=thoughts,
            source="provider" if said else "none",
        )


class GoogleGenerateContent(Dialect):
    """POST /{version}/models/{model}:generateContent and its relatives."""

    id: ClassVar[DialectId] = "google-generatecontent"
    version = "v1beta"

    def matches(self, method: str, path: str) -> bool:
        """Any call on a model."""
        return method == "POST" and _CALL.fullmatch(path) is not None

    def facts(self, path: str, body: bytes) -> RequestFacts:  # noqa: ARG002 - the path says it all
        """Model and stream flag are in the path."""
        found = _CALL.fullmatch(path)
        if found is None:
            return RequestFacts()
        return RequestFacts(unquote(found["model"]), stream=found["call"] == "streamGenerateContent")

    def collector(self) -> Collector:
        """For one answer."""
        return GenerateContentCollector()

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
