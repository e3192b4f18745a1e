"""What OpenAI-shaped providers answer: chat completions, as each tells its usage, and responses."""

from __future__ import annotations

from typing import Any

from tests.fakes.upstream.shapes import TEXT, sse

Json = dict[str, Any]
TOOL = "get_weather"
ARGUMENTS = '{"city": "Köln"}'
PIECES = ("Hello ", "from the mock")
RESPONSE_USAGE: Json = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 3},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 18,
}


def wants_tool(body: Json) -> bool:
    """Whether to answer with a tool call: tools are offered, and no result of one is there yet."""
    messages = body.get("messages") or body.get("contents") or []
    return bool(body.get("tools")) and not any(
        isinstance(one, dict) and one.get("role") == "tool" for one in messages
    )


def chat_answer(body: Json, usage: Json) -> Json:
    """A whole chat completion."""
    message: Json = {"role": "assistant", "content": TEXT}
    finish = "stop"
    if wants_tool(body):
        call = {"id": "call_1", "type": "function", "function": {"name": TOOL, "arguments": ARGUMENTS}}
        message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {**_head("chat.completion"), "choices": [choice], "usage": usage}


def chat_stream(body: Json, usage: Json, telling: str, *, whole_tools: bool = False) -> bytes:
    """A streamed chat completion.

    `telling` is where the usage stands: "asked" (a chunk of its own, if asked for), "azure" (the same, after
    a chunk of filter results), "last" (in the closing chunk), "extra" (a chunk, unasked), "x_groq",
    "every" (in each chunk), "choice" (in the last choice, and as "asked"), "no delta" (if asked for, in a
    last chunk whose choice has no delta). `whole_tools` = a tool call comes in one piece.
    """
    asked = bool((body.get("stream_options") or {}).get("include_usage"))
    head = _head("chat.completion.chunk")
    chunks: list[Json] = [{**head, "choices": [_choice(delta)]} for delta in _deltas(body, whole_tools)]
    last: Json = {**head, "choices": [_choice({}, "tool_calls" if wants_tool(body) else "stop")]}
    own: Json = {**head, "choices": [], "usage": usage}
    chunks.append(last)
    if telling == "azure":
        chunks.insert(0, {**head, "choices": [], "prompt_filter_results": [{"prompt_index": 0}]})
    if telling in ("asked", "azure", "choice") and asked:
        chunks = [{**chunk, "usage": None} for chunk in chunks] + [own]
    if telling == "choice":
        chunks[-2 if asked else -1]["choices"][0]["usage"] = usage
    elif telling == "last":
        last["usage"] = usage
    elif telling == "extra":
        chunks.append({**own, "choices": []})
    elif telling == "x_groq":
        chunks[0]["x_groq"] = {"id": "req_1"}
        last["x_groq"] = {"id": "req_1", "usage": usage}
    elif telling == "every":
        for at, chunk in enumerate(chunks):
            chunk["usage"] = usage if at == len(chunks) - 1 else {**usage, "completion_tokens": at}
    elif telling == "no delta" and asked:
        chunks.append({**head, "choices": [{"index": 0, "finish_reason": "stop"}], "usage": usage})
    return sse(chunks)


def _head(kind: str) -> Json:
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": 1,
        "model": "mock-1-0611",
        "system_fingerprint": "fp_1",
    }


def _choice(delta: Json, finish: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _deltas(body: Json, whole_tools: bool) -> list[Json]:
    first: Json = {"role": "assistant", "content": ""}
    if not wants_tool(body):
        return [first, *({"content": piece} for piece in PIECES)]
    if whole_tools:
        call = {"id": "call_1", "index": 0, "function": {"name": TOOL, "arguments": ARGUMENTS}}
        return [{**first, "tool_calls": [call]}]
    opening: Json = {"id": "call_1", "type": "function", "function": {"name": TOOL, "arguments": ""}}
    pieces: list[Json] = [{"function": {"arguments": piece}} for piece in (ARGUMENTS[:6], ARGUMENTS[6:])]
    return [first, *({"tool_calls": [{"index": 0, **one}]} for one in (opening, *pieces))]


def response_answer(body: Json) -> Json:
    """A whole answer of the Responses API."""
    item: Json = {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": TEXT, "annotations": []}],
    }
    if body.get("tools"):
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": "completed"}
        item |= {"name": TOOL, "arguments": ARGUMENTS}
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "mock-1-0611",
        "status": "completed",
        "error": None,
        "output": [item],
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "usage": RESPONSE_USAGE,
    }


def response_stream(body: Json) -> bytes:
    """The events of a streamed response."""
    answer = response_answer(body)
    item = answer["output"][0]
    begun: Json = {**answer, "status": "in_progress", "output": [], "usage": None}
    at: Json = {"output_index": 0, "item_id": item["id"]}
    events: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": _empty(item)},
    ]
    if item["type"] == "message":
        part = {"type": "output_text", "text": "", "annotations": []}
        at["content_index"] = 0
        events.append({"type": "response.content_part.added", **at, "part": part})
        events += [
            {"type": "response.output_text.delta", **at, "delta": one, "logprobs": []} for one in PIECES
        ]
        events.append({"type": "response.output_text.done", **at, "text": TEXT, "logprobs": []})
        events.append({"type": "response.content_part.done", **at, "part": item["content"][0]})
    else:
        kind = "response.function_call_arguments"
        events += [{"type": f"{kind}.delta", **at, "delta": one} for one in (ARGUMENTS[:6], ARGUMENTS[6:])]
        events.append({"type": f"{kind}.done", **at, "arguments": ARGUMENTS, "name": TOOL})
    events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
    events.append({"type": "response.completed", "response": answer})
    for number, event in enumerate(events):
        event["sequence_number"] = number
    return sse(events, named=True)


def _empty(item: Json) -> Json:
    gone: Json = {"content": []} if item["type"] == "message" else {"arguments": ""}
    return {**item, **gone, "status": "in_progress"}
