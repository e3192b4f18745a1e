"""The usual whole chat completion, read in one decoding with nothing to look up.

Most answers are of one shape: OpenAI's, with the counts that OpenAI names and nothing out of the ordinary.
These are read here into numbers at once; the strict shape lets no field pass that `openai_usage` would have
to look at. Everything else is its matter.
"""

from typing import Annotated, Any, Literal

import msgspec

from clawbot_manager.vendors.usage import Usage

_Count = Annotated[int, msgspec.Meta(ge=0)]
_None = Literal[0] | None  # a count that must not be: it has a price or a meaning of its own


class _Input(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    cached_tokens: _Count | None = None
    audio_tokens: _None = None


class _Output(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    reasoning_tokens: _Count | None = None
    audio_tokens: _None = None
    accepted_prediction_tokens: _None = None
    rejected_prediction_tokens: _None = None


class _Usage(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    prompt_tokens: _Count
    completion_tokens: _Count
    total_tokens: _Count
    prompt_tokens_details: _Input | None = None
    completion_tokens_details: _Output | None = None


class _Chat(msgspec.Struct, gc=False):
    usage: _Usage
    model: str | None = None
    error: None = None
    x_groq: None = None
    bot_usage: None = None
    base_resp: None = None
    service_tier: Literal["default", "auto", "standard", "on_demand"] | None = (
        None  # what is not worth a note
    )


_decode = msgspec.json.Decoder(_Chat).decode
_NO_INPUT, _NO_OUTPUT = _Input(), _Output()


def chat_at_a_glance(body: bytes) -> tuple[str | None, Usage] | None:
    """The model and the usage that `openai_usage.ChatCollector` would gather from a whole answer without an
    error; None for one that is not usual.
    """
    try:
        said: Any = _decode(body)
    except (ValueError, RecursionError):
        return None
    usage = said.usage
    given = usage.prompt_tokens_details or _NO_INPUT
    made = usage.completion_tokens_details or _NO_OUTPUT
    return said.model or None, Usage(
        usage.prompt_tokens,
        usage.completion_tokens,
        given.cached_tokens,
        None,
        made.reasoning_tokens,
        "provider",
    )
