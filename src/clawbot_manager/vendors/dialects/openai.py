"""OpenAI's APIs: chat completions, responses, and the other endpoints (embeddings, images, sound...)."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from clawbot_manager.vendors.dialects.base import (
    Basis,
    Collector,
    Dialect,
    ErrorFacts,
    Fields,
    Names,
    encode,
    note,
    number,
    text,
)
from clawbot_manager.vendors.dialects.billed_units import read_billed_units
from clawbot_manager.vendors.dialects.glance import chat_at_a_glance
from clawbot_manager.vendors.dialects.openai_usage import (
    ChatCollector,
    ResponsesCollector,
    base_resp_error,
    read_usage,
)
from clawbot_manager.vendors.dialects.requests import RequestFacts, json_facts
from clawbot_manager.vendors.records import DialectId
from clawbot_manager.vendors.usage import Details, Usage

_DEPLOYMENT = re.compile(r"/deployments/[^/]+(?=/)")
_CHAT = ("/chat/completions", "/sonar")
# A compaction is billed as the answer it is
_RESPONSES = ("/responses", "/responses/compact", "/agent")

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}


class _OtherFields(Fields):
    """Of what the other endpoints answer, or stream."""

    total_tokens: Any = None
    duration: Any = None
    meta: Any = None
    usage_info: Any = None
    extra_info: Any = None
    base_resp: Any = None


class _ImageFields(_OtherFields):
    data: list[msgspec.Raw] | None = None


# What tells usage besides `usage`: transcriptions of OpenAI and Groq, Mistral's OCR, MiniMax's speech
_BESIDES: Names = {
    "duration": "seconds",
    "usage_info": {"pages_processed": "pages"},
    "extra_info": {"usage_characters": "characters"},
    "images": "images",
}


class OtherCollector(Collector):
    """One JSON answer, or a stream whose last event tells: usage in tokens or seconds, or what else is
    counted.
    """

    marks = (b'"usage"', b'"error"')
    event = msgspec.json.Decoder(_OtherFields)
    whole = msgspec.json.Decoder(_OtherFields)
    tables = ("usage", "meta", "usage_info", "extra_info", "total_tokens")
    basis: Basis = "nothing"

    def take(self, content: Any) -> None:
        """An event, or a whole answer."""
        if type(content.model) is str:
            self.model = content.model
        usage = self._counts(content)
        besides: Details = {}
        note(besides, self._besides(content), _BESIDES)
        if besides:
            details = {**besides, **(usage.details or {})}
            usage = msgspec.structs.replace(usage, details=details, source="provider")
        if usage.source == "provider":
            self.usage = usage
        if content.error:
            self.error = text(content.error, "type") or "error"
        if (code := base_resp_error(content.base_resp)) is not None:
            self.error = code

    def _counts(self, content: Any) -> Usage:
        if type(content.usage) is dict:
            return read_usage(content.usage)
        if type(content.meta) is dict:
            return read_billed_units(content.meta)
        given = number(content.total_tokens)  # MiniMax's embeddings
        return Usage(given, source="none" if given is None else "provider")

    def _besides(self, content: Any) -> dict[str, Any]:
        return {
            "duration": content.duration,
            "usage_info": content.usage_info,
            "extra_info": content.extra_info,
        }


class VectorsCollector(OtherCollector):
    """Embeddings and rankings: tokens of the input only."""

    basis = "input"


class SpeechCollector(OtherCollector):
    """A text that is spoken."""

    basis = "characters"


class ImagesCollector(OtherCollector):
    """Pictures: some models are billed by tokens, others by the picture."""

    whole = msgspec.json.Decoder(_ImageFields)

    def _besides(self, content: Any) -> dict[str, Any]:
        pictures = getattr(content, "data", None)
        return {"images": len(pictures)} if pictures else {}


_OTHERS: Mapping[str, type[Collector]] = {
    "/completions": ChatCollector,
    "/fim/completions": ChatCollector,
    "/text/chatcompletion_v2": ChatCollector,
    "/embeddings": VectorsCollector,
    "/rerank": VectorsCollector,
    "/moderations": OtherCollector,
    "/chat/moderations": OtherCollector,
    "/classifications": OtherCollector,
    "/chat/classifications": OtherCollector,
    "/ocr": OtherCollector,
    "/images": ImagesCollector,
    "/images/generations": ImagesCollector,
    "/images/edits": ImagesCollector,
    "/images/variations": ImagesCollector,
    "/image_generation": ImagesCollector,
    "/audio/speech": SpeechCollector,
    "/t2a_v2": SpeechCollector,
    "/audio/transcriptions": OtherCollector,
    "/audio/translations": OtherCollector,
}
_FORMS = ("/images/", "/audio/")


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
        return method == "POST" and _plain(path) in _CHAT

    def collector(self, path: str = "") -> Collector:  # noqa: ARG002 - all alike
        """For one chat completion."""
        return ChatCollector()

    def glance(self, path: str, body: bytes) -> tuple[str | None, Usage] | None:  # noqa: ARG002 - all alike
        """The usual chat completion."""
        return chat_at_a_glance(body)

    def asks_usage(self, path: str) -> bool:  # noqa: ARG002 - all alike
        """It does."""
        return True


class OpenAiResponses(_OpenAiDialect):
    """POST /responses."""

    id: ClassVar[DialectId] = "openai-responses"

    def matches(self, method: str, path: str) -> bool:
        """Also Perplexity's alias."""
        return method == "POST" and path in _RESPONSES

    def facts(self, path: str, body: bytes) -> RequestFacts:  # noqa: ARG002 - the body says it all
        """All of it is in the body; only here it can ask for work in the background."""
        return json_facts(body, may_be_background=True)

    def collector(self, path: str = "") -> Collector:  # noqa: ARG002 - all alike
        """For one response."""
        return ResponsesCollector()


class OpenAiOther(_OpenAiDialect):
    """The paths of OpenAI's API that tell a `usage` in their one JSON answer or last event, and what
    imitators have beside them.
    """

    id: ClassVar[DialectId] = "openai-other"

    def matches(self, method: str, path: str) -> bool:
        """Embeddings, legacy completions, images, audio, rerank, moderations."""
        return method == "POST" and _plain(path) in _OTHERS

    def collector(self, path: str = "") -> Collector:
        """By what is made there."""
        return _OTHERS[_plain(path)]()

    def asks_usage(self, path: str) -> bool:
        """Completions know the same option as chats."""
        return _plain(path) == "/completions"

    def takes_forms(self, path: str) -> bool:
        """Files to be looked at or listened to."""
        return _plain(path).startswith(_FORMS)


def _plain(path: str) -> str:
    """The path without Azure's deployment."""
    return _DEPLOYMENT.sub("", path, count=1) if path.startswith("/deployments/") else path


def is_usage_chunk(content: Any) -> bool:
    """Whether a decoded chunk is the one that `include_usage` adds: no choice, a usage."""
    return (
        isinstance(content, dict) and content.get("choices") == [] and isinstance(content.get("usage"), dict)
    )
