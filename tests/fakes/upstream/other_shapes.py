"""What Anthropic, Google, Cohere, Ollama and DashScope answer in their own dialects; text or a tool call."""

from __future__ import annotations

import json
from typing import Any

from tests.fakes.upstream.openai_shapes import ARGUMENTS, PIECES, TOOL, wants_tool
from tests.fakes.upstream.shapes import MESSAGE_USAGE, TEXT, message_events, sse

Json = dict[str, Any]


def message_answer(body: Json) -> Json:
    """A whole Anthropic message."""
    content: list[Json] = [{"type": "text", "text": TEXT}]
    if _offers_tool(body):
        content = [{"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": json.loads(ARGUMENTS)}]
    return {
        **_message(),
        "content": content,
        "stop_reason": "tool_use" if _offers_tool(body) else "end_turn",
        "stop_sequence": None,
        "usage": {**MESSAGE_USAGE, "output_tokens": 7},
    }


def message_stream(body: Json) -> bytes:
    """The events of a streamed Anthropic message."""
    events = message_events(_message())
    if _offers_tool(body):
        block = {"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": {}}
        pieces = [{"type": "input_json_delta", "partial_json": one} for one in (ARGUMENTS[:6], ARGUMENTS[6:])]
        closing = {**events[-2], "delta": {"stop_reason": "tool_use", "stop_sequence": None}}
        events = [
            events[0],
            {"type": "content_block_start", "index": 0, "content_block": block},
            *({"type": "content_block_delta", "index": 0, "delta": piece} for piece in pieces),
            {"type": "content_block_stop", "index": 0},
            closing,
            {"type": "message_stop"},
        ]
    return sse(events, named=True)


def _message() -> Json:
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "mock-1-0611"}


def _offers_tool(body: Json) -> bool:
    asked = any("tool_result" in json.dumps(one) for one in body.get("messages", []))
    return bool(body.get("tools")) and not asked


def google_answers(body: Json, *, whole: bool) -> list[Json]:
    """The chunks of Google's answer; `whole` = all in one."""
    parts: list[Json] = [{"text": TEXT}] if whole else [{"text": piece} for piece in PIECES]
    if wants_tool(body):
        parts = [{"functionCall": {"name": TOOL, "args": json.loads(ARGUMENTS)}}]
    usage = {"promptTokenCount": 11, "cachedContentTokenCount": 3, "candidatesTokenCount": 5}
    usage |= {"thoughtsTokenCount": 2, "totalTokenCount": 18}
    chunks: list[Json] = [
        {
            "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}],
            "modelVersion": "mock-1-0611",
        }
        for part in parts
    ]
    chunks[-1]["candidates"][0]["finishReason"] = "STOP"
    chunks[-1]["usageMetadata"] = usage
    return chunks


def cohere_answer(body: Json) -> Json:
    """A whole answer of Cohere's v2 chat."""
    message: Json = {"role": "assistant", "content": [{"type": "text", "text": TEXT}]}
    if wants_tool(body):
        call = {"id": "call_1", "type": "function", "function": {"name": TOOL, "arguments": ARGUMENTS}}
        message = {"role": "assistant", "tool_plan": "I will look.", "tool_calls": [call]}
    finish = "TOOL_CALL" if wants_tool(body) else "COMPLETE"
    return {"id": "chat_1", "finish_reason": finish, "message": message, "usage": _cohere_usage()}


def cohere_stream(body: Json) -> bytes:
    """The events of Cohere's v2 chat."""
    opening = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    events: list[Json] = [{"type": "message-start", "id": "chat_1", "delta": {"message": opening}}]
    if wants_tool(body):
        call: Json = {"id": "call_1", "type": "function", "function": {"name": TOOL, "arguments": ""}}
        events.append({"type": "tool-plan-delta", "delta": {"message": {"tool_plan": "I will look."}}})
        events.append(_of_message("tool-call-start", {"tool_calls": call}))
        pieces = [{"function": {"arguments": piece}} for piece in (ARGUMENTS[:6], ARGUMENTS[6:])]
        events += [_of_message("tool-call-delta", {"tool_calls": piece}) for piece in pieces]
        events.append({"type": "tool-call-end", "index": 0})
    else:
        events.append(_of_message("content-start", {"content": {"type": "text", "text": ""}}))
        events += [_of_message("content-delta", {"content": {"text": piece}}) for piece in PIECES]
        events.append({"type": "content-end", "index": 0})
    finish = "TOOL_CALL" if wants_tool(body) else "COMPLETE"
    end = {"finish_reason": finish, "usage": _cohere_usage()}
    events.append({"type": "message-end", "id": "chat_1", "delta": end})
    return sse(events, named=True)


def _of_message(kind: str, message: Json) -> Json:
    return {"type": kind, "index": 0, "delta": {"message": message}}


def _cohere_usage() -> Json:
    return {
        "billed_units": {"input_tokens": 5, "output_tokens": 7},
        "tokens": {"input_tokens": 11, "output_tokens": 7},
        "cached_tokens": 3,
    }


def ollama_answer(body: Json) -> Json:
    """A whole answer of Ollama's chat."""
    return {**_ollama_head(), "message": _ollama_message(body, TEXT), **_ollama_counts()}


def ollama_stream(body: Json) -> bytes:
    """The lines of Ollama's chat."""
    pieces = ("",) if wants_tool(body) else PIECES
    lines: list[Json] = [
        {**_ollama_head(), "message": _ollama_message(body, piece), "done": False} for piece in pieces
    ]
    lines.append({**_ollama_head(), "message": {"role": "assistant", "content": ""}, **_ollama_counts()})
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _ollama_head() -> Json:
    return {"model": "mock-1-0611", "created_at": "2026-11-22T00:00:00Z"}


def _ollama_counts() -> Json:
    return {"done": True, "done_reason": "stop", "prompt_eval_count": 11, "eval_count": 7}


def _ollama_message(body: Json, content: str) -> Json:
    if not wants_tool(body):
        return {"role": "assistant", "content": content}
    call = {"function": {"name": TOOL, "arguments": json.loads(ARGUMENTS)}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


def dashscope_answer(body: Json, text: str = TEXT, *, finish: str = "stop", output: int = 7) -> Json:
    """An answer of DashScope's own API, whole or one event of it."""
    message: Json = {"role": "assistant", "content": text}
    if wants_tool({"tools": (body.get("parameters") or {}).get("tools")}):
        call = {"id": "call_1", "type": "function", "function": {"name": TOOL, "arguments": ARGUMENTS}}
        message, finish = {"role": "assistant", "content": "", "tool_calls": [call]}, "tool_calls"
    return {
        "output": {"choices": [{"finish_reason": finish, "message": message}]},
        "usage": {"input_tokens": 11, "output_tokens": output, "total_tokens": 11 + output},
        "request_id": "req-1",
    }


def dashscope_stream(body: Json) -> bytes:
    """The events of DashScope's own API: no space after `data:`, the status in a comment, cumulative text."""
    answers = [dashscope_answer(body, PIECES[0], finish="null", output=2), dashscope_answer(body)]
    return "".join(
        f"id:{number}\nevent:result\n:HTTP_STATUS/200\ndata:{json.dumps(answer)}\n\n"
        for number, answer in enumerate(answers, 1)
    ).encode()
