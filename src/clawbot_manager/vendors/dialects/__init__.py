"""The API shapes that the proxy understands: a property of the path, not of the vendor."""

from collections.abc import Mapping

from clawbot_manager.vendors.dialects.anthropic import AnthropicMessages
from clawbot_manager.vendors.dialects.anything import AnythingCollector
from clawbot_manager.vendors.dialects.base import Collector, Dialect, ErrorFacts, Reading
from clawbot_manager.vendors.dialects.cohere import CohereV2
from clawbot_manager.vendors.dialects.dashscope import DashScopeNative
from clawbot_manager.vendors.dialects.estimate import usage_of
from clawbot_manager.vendors.dialects.google import GoogleGenerateContent
from clawbot_manager.vendors.dialects.ollama import Ollama
from clawbot_manager.vendors.dialects.openai import OpenAiChat, OpenAiOther, OpenAiResponses
from clawbot_manager.vendors.dialects.readers import UsageReader, read_whole, reader_for
from clawbot_manager.vendors.dialects.requests import RequestFacts

__all__ = [
    "DIALECTS",
    "AnythingCollector",
    "Collector",
    "Dialect",
    "ErrorFacts",
    "Reading",
    "RequestFacts",
    "UsageReader",
    "dialect_named",
    "read_whole",
    "reader_for",
    "recognise",
    "usage_of",
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
