"""The quick reading of usual chat completions says what the thorough one says, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.vendors.dialects import dialect_named, read_whole
from clawbot_manager.vendors.dialects.glance import chat_at_a_glance
from clawbot_manager.vendors.usage import Usage

CHAT = dialect_named("openai-chat")
PATH = "/chat/completions"
USUAL: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-6-luna",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 11,
        "completion_tokens": 7,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 2,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    },
    "service_tier": "default",
}


Told = tuple[Usage, str | None, str | None]


def thoroughly(body: bytes) -> Told:
    reading = read_whole(CHAT, PATH, "application/json", body)
    return reading.usage, reading.model, reading.error


def at_a_glance(body: bytes) -> Told:
    """What the proxy does: the thorough way for all that is not usual."""
    seen = CHAT.glance(PATH, body)
    return thoroughly(body) if seen is None else (seen[1], seen[0], None)


def test_the_usual_answer_is_read_at_a_glance() -> None:
    body = json.dumps(USUAL).encode()
    assert chat_at_a_glance(body) == ("gpt-6-luna", Usage(11, 7, 3, None, 2, "provider"))
    assert at_a_glance(body) == thoroughly(body)


@pytest.mark.parametrize(
    "change",
    [
        {"usage": None},
        {"usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "cost": 0.1}},
        {"usage": {"prompt_tokens": -1, "completion_tokens": 7, "total_tokens": 18}},
        {"service_tier": "priority"},
        {"error": {"type": "overloaded"}},
        {"x_groq": {"usage": {"prompt_tokens": 1}}},
        {"model": 5},
    ],
)
def test_what_is_out_of_the_ordinary_is_not(change: dict[str, Any]) -> None:
    assert chat_at_a_glance(json.dumps({**USUAL, **change}).encode()) is None


_counts = st.one_of(st.integers(-2, 500), st.none(), st.floats(allow_nan=False, width=32), st.just("many"))
_details = st.dictionaries(
    st.sampled_from(
        [
            "cached_tokens",
            "audio_tokens",
            "reasoning_tokens",
            "accepted_prediction_tokens",
            "rejected_prediction_tokens",
            "image_tokens",
        ]
    ),
    _counts,
)
_usages = st.dictionaries(
    st.sampled_from(
        ["prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens"]
    ),
    _counts,
)


@given(
    usage=st.one_of(_usages, st.none(), st.integers()),
    given_details=st.one_of(st.none(), _details),
    made_details=st.one_of(st.none(), _details),
    model=st.one_of(st.none(), st.text(), st.integers()),
    tier=st.sampled_from([None, "default", "auto", "priority", 5]),
)
def test_both_ways_say_the_same(
    usage: Any, given_details: Any, made_details: Any, model: Any, tier: Any
) -> None:
    if isinstance(usage, dict):
        usage = {
            **usage,
            "prompt_tokens_details": given_details,
            "completion_tokens_details": made_details,
        }
    body = json.dumps({**USUAL, "usage": usage, "model": model, "service_tier": tier}).encode()
    assert at_a_glance(body) == thoroughly(body)


@given(st.binary())
def test_nothing_breaks_it(body: bytes) -> None:
    assert at_a_glance(body) == thoroughly(body)
