"""DashScope's own API: models by the kind of work, each under a path of its own."""

import re
from typing import Any, ClassVar

import msgspec

from clawbot_manager.vendors.dialects.base import Basis, Collector, Dialect, ErrorFacts, Names, encode, number
from clawbot_manager.vendors.dialects.openai_usage import DETAILS, read_usage
from clawbot_manager.vendors.dialects.requests import RequestFacts, json_facts
from clawbot_manager.vendors.records import DialectId

_SERVICE = re.compile(r"/services/(?P<group>[a-z-]+)/[a-z0-9-]+/[a-z0-9-]+")
_GENERATION = re.compile(r"/services/aigc/(?:text|multimodal)-generation/generation")

_DETAILS: Names = {
    **DETAILS,
    "image_tokens": "image_input_tokens",
    "video_tokens": "video_input_tokens",
    "audio_tokens": "audio_input_tokens",
}


class _Fields(msgspec.Struct, gc=False):
    usage: Any = None
    code: Any = None


class DashScopeCollector(Collector):
    """Every event carries cumulative counts: the last one wins.

    Their names are OpenAI's newer ones. Vectors of pictures are told besides the input with some models, and
    then only the total has all of it.
    """

    marks = (b'"usage"', b'"code"')
    event = msgspec.json.Decoder(_Fields)
    whole = msgspec.json.Decoder(_Fields)
    said = ("content", "text", "reasoning_content")
    stands = (b'"usage":{', b'"usage": {')

    def take(self, content: Any) -> None:
        """An event, or a whole answer."""
        if type(content.usage) is dict:
            usage = read_usage(content.usage, names=_DETAILS)
            if usage.source == "provider":
                self.usage = usage
                self._all_of_it(content.usage)
        if type(content.code) is str and content.code:
            self.error = content.code[:64]

    def _all_of_it(self, table: dict[str, Any]) -> None:
        whole, usage = number(table.get("total_tokens")), self.usage
        said = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        if whole is not None and whole > said and usage.input_tokens is not None:
            given = whole - (usage.output_tokens or 0)
            self.usage = msgspec.structs.replace(usage, input_tokens=given)


class _VectorsCollector(DashScopeCollector):
    """Embeddings and rankings."""

    basis: Basis = "input"


class _OtherCollector(DashScopeCollector):
    """Pictures, films, sound: billed by the piece, the second or the character."""

    basis: Basis = "nothing"


class DashScopeNative(Dialect):
    """POST /services/{group}/{task}/{function}; it streams by a header."""

    id: ClassVar[DialectId] = "dashscope-native"
    version = "base"

    def matches(self, method: str, path: str) -> bool:
        """Any service: a model lives on exactly one of them."""
        return method == "POST" and _SERVICE.fullmatch(path) is not None

    def facts(self, path: str, body: bytes) -> RequestFacts:  # noqa: ARG002 - the body says it all
        """The model; whether it streams shows in the answer."""
        return json_facts(body)

    def collector(self, path: str = "") -> Collector:
        """By what is made there."""
        if _GENERATION.fullmatch(path) is not None:
            return DashScopeCollector()
        found = _SERVICE.fullmatch(path)
        vectors = found is not None and found["group"] in ("embeddings", "rerank")
        return _VectorsCollector() if vectors else _OtherCollector()

    def error_body(self, error: ErrorFacts) -> bytes:
        """`{"code", "message", "request_id"}`."""
        return encode({"code": error.code, "message": error.message, "request_id": error.trace_id})
