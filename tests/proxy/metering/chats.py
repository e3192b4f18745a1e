"""Rows of the truth table: chat completions, as each vendor tells its usage."""

from __future__ import annotations

from typing import Any

from clawbot_manager.vendors.usage import Usage
from tests.proxy.metering.rows import ROLE, SPOKEN, Call, Json, answer, events
from tests.vendors.dialects.reading import told

HEAD: Json = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
CHAT: Json = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
DETAILED: Json = {
    **CHAT,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 2, "rejected_prediction_tokens": 1},
}
DETAILS: Json = {"audio_input_tokens": 1, "rejected_prediction_tokens": 1}


def chunk(delta: Json, finish: str | None = None, **more: Any) -> Json:
    return {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def chat_whole(usage: Json | None, **more: Any) -> bytes:
    message = {"role": "assistant", "content": "Hello from the mock"}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return answer(id="c", model="m-1", choices=choices, **({"usage": usage} if usage else {}), **more)


def chat(vendor: str, path: str, usage: Usage, table: Json, *, telling: str, **more: Any) -> Call:
    """`telling`: "asked" (a chunk of its own, if asked), "extra" (the same, always), "last" (in the closing
    chunk), "x_groq", "choice" (in it, if asked), "every" (in each chunk).
    """
    nulls: Json = {"usage": None} if telling == "asked" else {}
    early: Json = {"usage": {**table, "completion_tokens": 1}} if telling == "every" else {}
    first = events(
        *(chunk(one, **nulls, **early) for one in (ROLE, {"content": "Hello "}, {"content": "from "}))
    )
    closing = chunk({}, "stop", **nulls)
    own: list[Json] = []
    if telling in ("asked", "extra"):
        own = [{**HEAD, "choices": [], "usage": table}]
    elif telling == "x_groq":
        closing["x_groq"] = {"id": "r", "usage": table}
    elif telling == "choice":
        closing["choices"][0]["usage"] = table
    else:
        closing["usage"] = table
    end = [chunk({"content": "the mock"}, **nulls, **early), closing]
    return Call(
        vendor,
        path,
        usage,
        whole=chat_whole(table),
        stream=(first, events(*end, *own, done=True)),
        unasked=events(*end, done=True) if telling == "asked" else None,
        asks=telling in ("asked", "choice"),
        **more,
    )


PERPLEXITY = {**CHAT, "completion_tokens": 4, "reasoning_tokens": 2, "citation_tokens": 1}
PERPLEXITY |= {"num_search_queries": 1, "cost": {"total_cost": 0.2}}
OPENROUTER = {**CHAT, "cost": 0.001, "cost_details": {"upstream_inference_cost": 0.0009}}
DEEPSEEK = {**CHAT, "prompt_cache_hit_tokens": 3, "prompt_cache_miss_tokens": 8}

CHATS = (
    chat("openai", "/v1/chat/completions", told(11, 7, 3, None, 2, **DETAILS), DETAILED, telling="asked"),
    chat("custom", "/v1/chat/completions", told(11, 7), CHAT, telling="asked"),
    chat("ollama", "/v1/chat/completions", told(11, 7), CHAT, telling="asked"),
    chat("deepseek", "/chat/completions", told(11, 7, 3), DEEPSEEK, telling="asked"),
    chat("groq", "/openai/v1/chat/completions", told(11, 7), CHAT, telling="x_groq"),
    chat("moonshot", "/v1/chat/completions", told(11, 7, 3), {**CHAT, "cached_tokens": 3}, telling="choice"),
    chat("mistral", "/v1/chat/completions", told(11, 7, seconds=4), {**CHAT, "prompt_audio_seconds": 4},
         telling="last"),
    chat("openrouter", "/api/v1/chat/completions", told(11, 7, cost_usd=0.001, upstream_cost_usd=0.0009),
         OPENROUTER, telling="extra"),
    chat("perplexity", "/chat/completions",
         told(11, 7, None, None, 2, citation_tokens=1, web_search_requests=1, cost_usd=0.2),
         PERPLEXITY, telling="every", begun=(11, 7)),
    chat("siliconflow", "/v1/chat/completions", told(11, 7), CHAT, telling="every", begun=(11, 1)),
    Call(
        "openai",
        "/v1/completions",
        told(11, 7),
        {"model": "m", "prompt": "hi"},
        whole=answer(model="m-1", choices=[{"text": "Hello from the mock"}], usage=CHAT),
        stream=(
            events(*({**HEAD, "choices": [{"text": one}]} for one in ("Hello ", "from "))),
            events({**HEAD, "choices": [], "usage": CHAT}, done=True),
        ),
        unasked=events(done=True),
        asks=True,
    ),
    Call(
        "baichuan",
        "/v1/chat/completions",
        Usage(None, SPOKEN, source="estimated"),
        stream=(events(chunk(ROLE), chunk({"content": "Hello from "})), events(done=True)),
        name="that never tells",
    ),
)  # fmt: skip
