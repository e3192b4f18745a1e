"""Rows of the truth table: every API but chat completions; and all rows together."""

from __future__ import annotations

import json
from typing import Any

from clawbot_manager.vendors.usage import Usage
from tests.proxy.metering.chats import CHATS
from tests.proxy.metering.rows import ASK, JSON, NDJSON, SSE, Call, Json, answer, events, lines
from tests.vendors.dialects.reading import told

RESPONSE: Json = {
    "input_tokens": 11,
    "input_tokens_details": {"cached_tokens": 3},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 2},
}
BEGUN: Json = {"id": "r", "model": "m-1", "status": "in_progress", "usage": None, "max_output_tokens": None}
OUTPUT = [{"type": "message", "content": [{"type": "output_text", "text": "Hello from the mock"}]}]


def responses(kind: str) -> Call:
    closing = {**BEGUN, "status": kind, "usage": RESPONSE}
    return Call(
        "openai",
        "/v1/responses",
        told(11, 7, 3, None, 2),
        {"model": "m", "input": "hi"},
        whole=answer(id="r", model="m-1", status=kind, output=OUTPUT, usage=RESPONSE),
        stream=(
            events(
                {"type": "response.created", "response": BEGUN},
                {"type": "response.in_progress", "response": BEGUN},
                *({"type": "response.output_text.delta", "delta": one} for one in ("Hello ", "from ")),
                named=True,
            ),
            events({"type": f"response.{kind}", "response": closing}, named=True),
        ),
        name=kind,
    )


MESSAGE: Json = {"input_tokens": 5, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2}
MESSAGE |= {"cache_creation": {"ephemeral_5m_input_tokens": 2}, "server_tool_use": {"web_search_requests": 1}}
MESSAGES = Call(
    "anthropic",
    "/v1/messages",
    told(11, 7, 4, 2, cache_write_5m_tokens=2, web_search_requests=1),
    {"model": "m", "max_tokens": 9, "messages": ASK},
    whole=answer(
        model="m-1", content=[{"text": "Hello from the mock"}], usage={**MESSAGE, "output_tokens": 7}
    ),
    stream=(
        events(
            {"type": "message_start", "message": {"model": "m-1", "usage": {**MESSAGE, "output_tokens": 1}}},
            {"type": "content_block_start", "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            *({"type": "content_block_delta", "delta": {"text": one}} for one in ("Hello ", "from ")),
            named=True,
        ),
        events(
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
            {"type": "message_stop"},
            named=True,
        ),
    ),
    begun=(11, None),
)
GEMINI: Json = {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 2}
GEMINI |= {"toolUsePromptTokenCount": 1, "cachedContentTokenCount": 3, "totalTokenCount": 18}


def part(text: str, **more: Any) -> Json:
    return {"candidates": [{"content": {"parts": [{"text": text}]}}], "modelVersion": "m-1", **more}


def google(name: str, stream: tuple[bytes, bytes], content_type: str, query: str) -> Call:
    return Call(
        "google",
        "/v1beta/models/m:generateContent",
        told(11, 7, 3, None, 2, tool_input_tokens=1),
        {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
        whole=json.dumps(part("Hello from the mock", usageMetadata=GEMINI)).encode(),
        stream=stream,
        content_type=content_type,
        streams={},
        path_of_stream=f"/v1beta/models/m:streamGenerateContent{query}",
        name=name,
    )


GOOGLE_END = part("the mock", usageMetadata=GEMINI)
GOOGLE_ARRAY = json.dumps([part("Hello "), part("from "), GOOGLE_END], indent=2).encode()
GOOGLE_CUT = GOOGLE_ARRAY.index(b'"the mock"')
GOOGLES = (
    google(
        "sse",
        (events(part("Hello "), part("from "), end="\r\n\r\n"), events(GOOGLE_END, end="\r\n\r\n")),
        SSE,
        "?alt=sse",
    ),
    google("array", (GOOGLE_ARRAY[:GOOGLE_CUT], GOOGLE_ARRAY[GOOGLE_CUT:]), JSON, ""),
)
COHERE: Json = {"billed_units": {"input_tokens": 5, "output_tokens": 7}, "tokens": {"input_tokens": 11}}
COHERES = (
    Call(
        "cohere",
        "/v2/chat",
        told(5, 7, real_input_tokens=11),
        whole=answer(message={"content": [{"text": "Hello from the mock"}]}, usage=COHERE),
        stream=(
            events(
                {"type": "message-start"},
                *({"type": "content-delta", "delta": {"message": {"content": {"text": one}}}}
                  for one in ("Hello ", "from ")),
                named=True,
            ),
            events({"type": "message-end", "delta": {"usage": COHERE}}, named=True),
        ),
    ),
    Call(
        "cohere",
        "/v1/chat",
        told(5, 7, real_input_tokens=11),
        {"model": "m", "message": "hi"},
        whole=answer(text="Hello from the mock", meta=COHERE),
        stream=(
            lines(*({"event_type": "text-generation", "text": one} for one in ("Hello ", "from "))),
            lines({"event_type": "stream-end", "response": {"meta": COHERE}}),
        ),
        content_type="application/stream+json",
    ),
    Call("cohere", "/v2/embed", told(4), {"model": "m", "texts": ["hi"]}, cut="input",
         whole=answer(embeddings={"float": [[0.5]]}, meta={"billed_units": {"input_tokens": 4}})),
    Call("cohere", "/v2/rerank", told(search_units=1), {"model": "m", "query": "hi"}, cut="input",
         whole=answer(results=[{"index": 0}], meta={"billed_units": {"search_units": 1}})),
)  # fmt: skip
COUNTS = {"done": True, "prompt_eval_count": 11, "eval_count": 7}
OLLAMAS = (
    Call(
        "ollama",
        "/api/chat",
        told(11, 7),
        whole=answer(model="m-1", message={"content": "Hello from the mock"}, **COUNTS),
        stream=(
            lines(*({"model": "m-1", "message": {"content": one}} for one in ("", "Hello ", "from "))),
            lines({"model": "m-1", "message": {"content": ""}, **COUNTS}),
        ),
        content_type=NDJSON,
        streams={},
    ),
    Call(
        "ollama",
        "/api/generate",
        told(11, 7),
        {"model": "m", "prompt": "hi"},
        whole=answer(model="m-1", response="Hello from the mock", **COUNTS),
        stream=(
            lines(*({"model": "m-1", "response": one} for one in ("", "Hello ", "from "))),
            lines({"model": "m-1", "response": "", **COUNTS}),
        ),
        content_type=NDJSON,
        streams={},
    ),
    Call("ollama", "/api/embed", told(4), {"model": "m", "input": "hi"}, cut="input",
         whole=answer(model="m-1", embeddings=[[0.5]], prompt_eval_count=4)),
    Call("ollama", "/api/embeddings", Usage(source="estimated"), {"model": "m", "prompt": "hi"}, cut="input",
         whole=answer(embedding=[0.5]), name="that never tells"),
)  # fmt: skip
NATIVE: Json = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}


def dashscope(service: str, usage: Usage, table: Json) -> Call:
    def said(text: str, **more: Any) -> bytes:
        output = {"choices": [{"message": {"content": text}}]}
        return b"id:1\nevent:result\n:HTTP_STATUS/200\ndata:" + answer(output=output, **more) + b"\n\n"

    return Call(
        "dashscope",
        f"/api/v1/services/aigc/{service}/generation",
        usage,
        {"model": "m", "input": {"messages": ASK}},
        whole=answer(output={"text": "Hello from the mock"}, usage=table),
        stream=(said("Hello ") + said("from "), said("the mock", usage=table)),
        content_type="text/event-stream;charset=UTF-8",
        headers={"x-dashscope-sse": "enable"},
        streams={},
    )


DASHSCOPES = (
    dashscope("text-generation", told(11, 7), NATIVE),
    dashscope(
        "multimodal-generation",
        told(11, 7, image_input_tokens=9),
        {**NATIVE, "input_tokens_details": {"image_tokens": 9}},
    ),
    Call("dashscope", "/api/v1/services/embeddings/text-embedding/text-embedding", told(4),
         {"model": "m", "input": {"texts": ["hi"]}}, cut="input",
         whole=answer(output={"embeddings": []}, usage={"total_tokens": 4})),
    Call("dashscope", "/api/v1/services/rerank/text-rerank/text-rerank", told(9), {"model": "m"}, cut="input",
         whole=answer(output={"results": []}, usage={"total_tokens": 9})),
)  # fmt: skip
SOUND: Json = {"type": "tokens", "input_tokens": 14, "output_tokens": 6, "total_tokens": 20}
PICTURE: Json = {"input_tokens": 50, "output_tokens": 99, "output_tokens_details": {"image_tokens": 99}}
OTHERS = (
    Call("openai", "/v1/embeddings", told(4), {"model": "m", "input": "hi"}, cut="input",
         whole=answer(data=[{"embedding": [0.5]}], usage={"prompt_tokens": 4, "total_tokens": 4})),
    Call("siliconflow", "/v1/rerank", told(7, 0), {"model": "m", "query": "hi"}, cut="input",
         whole=answer(results=[], meta={"tokens": {"input_tokens": 7, "output_tokens": 0}})),
    Call("openai", "/v1/moderations", Usage(), {"input": "hi"}, cut="nothing",
         whole=answer(id="m", results=[]), name="that costs nothing"),
    Call("anthropic", "/v1/messages/count_tokens", Usage(), {"model": "m", "messages": ASK}, cut="nothing",
         whole=answer(input_tokens=11), name="that costs nothing"),
    Call("google", "/v1beta/models/m:countTokens", Usage(), {"contents": []}, cut="nothing",
         whole=answer(totalTokens=11), name="that costs nothing"),
    Call("google", "/v1beta/models/m:embedContent", told(4), {"content": {}}, cut="input",
         whole=answer(embedding={"values": [1]}, usageMetadata={"promptTokenCount": 4})),
    Call("google", "/v1beta/models/m:batchEmbedContents", Usage(source="estimated"), {"requests": []},
         cut="input", whole=answer(embeddings=[{"values": [1]}]), name="that never tells"),
    Call("google", "/v1beta/models/imagen:predict", told(images=1), {"instances": []}, cut="nothing",
         whole=answer(predictions=[{"bytesBase64Encoded": "AAAA"}])),
    Call(
        "openai",
        "/v1/audio/transcriptions",
        told(14, 6),
        {"model": "m", "file": "not read by the proxy"},
        cut="nothing",
        whole=answer(text="Hello from the mock", usage=SOUND),
        stream=(
            events({"type": "transcript.text.delta", "delta": "Hello from "}),
            events({"type": "transcript.text.done", "text": "Hello from the mock", "usage": SOUND}),
        ),
    ),
    Call("groq", "/openai/v1/audio/transcriptions", told(seconds=8.5), {"model": "m"}, cut="nothing",
         whole=answer(text="Hello from the mock", duration=8.5), name="verbose"),
    Call(
        "openai",
        "/v1/images/generations",
        told(50, 99, image_output_tokens=99, images=1),
        {"model": "m", "prompt": "hi"},
        cut="nothing",
        whole=answer(created=1, data=[{"b64_json": "AAAA"}], usage=PICTURE),
        name="whole",
    ),
    Call(
        "openai",
        "/v1/images/edits",
        told(50, 99, image_output_tokens=99),
        {"model": "m", "prompt": "hi"},
        cut="nothing",
        stream=(
            events({"type": "image_edit.partial_image", "b64_json": "AAAA"}),
            events({"type": "image_edit.completed", "b64_json": "AAAA", "usage": PICTURE}),
        ),
    ),
    Call("minimax", "/v1/t2a_v2", told(characters=26), {"model": "m", "text": "hi there"}, cut="spoken",
         whole=answer(data={"audio": "00"}, extra_info={"usage_characters": 26})),
    Call(
        "openai",
        "/v1/audio/speech",
        told(3, 90),
        {"model": "m", "input": "hi there", "voice": "v"},
        cut="spoken",
        stream=(
            events({"type": "speech.audio.delta", "audio": "AAAA"}),
            events({"type": "speech.audio.done", "usage": {"input_tokens": 3, "output_tokens": 90}}),
        ),
        streams={"stream_format": "sse"},
    ),
)  # fmt: skip

CALLS: tuple[Call, ...] = (
    *CHATS,
    *(responses(kind) for kind in ("completed", "incomplete", "failed")),
    MESSAGES,
    *GOOGLES,
    *COHERES,
    *OLLAMAS,
    *DASHSCOPES,
    *OTHERS,
)
