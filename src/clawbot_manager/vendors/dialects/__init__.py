"""The API shapes that the proxy understands: a property of the path, not of the vendor."""

from collections.abc import Mapping

from clawbot_manager.vendors.dialects.anthropic import AnthropicMessages
from clawbot_manager.vendors.dialects.base import Dialect, ErrorFacts, Reading, RequestFacts
from clawbot_manager.vendors.dialects.google import GoogleGenerateContent
from clawbot_manager.vendors.dialects.ollama import Ollama
from clawbot_manager.vendors.dialects.openai import OpenAiChat, OpenAiOther, OpenAiResponses
from clawbot_manager.vendors.dialects.others import CohereV2, DashScopeNative
from clawbot_manager.vendors.dialects.readers import UsageReader, reader_for

__all__ = [
    "DIALECTS",
    "Dialect",
    "ErrorFacts",
    "Reading",
    "RequestFacts",
    "UsageReader",
    "dialect_named",
    "reader_for",
    "recognise",
]

DIALECTS: Mapping[str, Dialect] = {
    one.id: one
    for one in (
        OpenAiChat(),
        AnthropicMessages(),
        GoogleGenerateContent(),
        OpenAiResponses(),
        Ollama(),
        OpenAiOther(),
        CohereV2(),
        DashScopeNative(),
    )
}


def recognise(method: str, path: str) -> Dialect | None:
    """The dialect of a request, or None; `path` comes without base path and version (`/chat/completions`)."""
    for dialect in DIALECTS.values():
        if dialect.matches(method, path):
            return dialect
    return None


def dialect_named(name: str | None) -> Dialect:
    """The dialect with this id; OpenAI's chat completions for a name that is not known."""
    return DIALECTS.get(name or "", DIALECTS["openai-chat"])
