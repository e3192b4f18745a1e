"""A provider of recorded shape: it answers as one vendor does, and refuses what that vendor refuses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web

from tests.fakes.upstream import openai_shapes as openai
from tests.fakes.upstream import other_shapes as other
from tests.fakes.upstream.facts import GOOGLE, Recorded
from tests.fakes.upstream.files import FileShelf
from tests.fakes.upstream.google_files import GoogleFiles
from tests.fakes.upstream.mock import MockUpstream
from tests.fakes.upstream.records import Seen
from tests.fakes.upstream.shapes import TEXT, sse
from tests.fakes.upstream.vendors import RECORDED

_PLACES = ("authorization", "x-api-key", "api-key", GOOGLE)
_CALL = re.compile(r".*/models/(?P<model>[^/:]+):(?P<call>\w+)")
_JSON_SHAPES = ("chat", "agent", "fim", "responses", "messages", "google", "cohere", "ollama", "dashscope")
SOUND = bytes(range(256)) * 200
_SPENT = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
_MEDIA: dict[str, Any] = {
    "transcription": {"text": TEXT, "usage": {"type": "tokens", **_SPENT}},
    "images": {"created": 1, "data": [{"b64_json": "AAAA"}], "usage": _SPENT},
    "search": {"id": "1", "results": []},
    "moderation": {"id": "modr-1", "model": "mock-1", "results": []},
    "tokens": {"tokens": [1, 2], "token_strings": ["h", "i"]},
    "dataset": {"id": "ds-1"},
    "pages": {"model": "mock-1", "pages": [], "usage_info": {"pages_processed": 2}},
    "rerank": {
        "id": "rank-1",
        "object": "rerank",
        "model": "mock-1",
        "results": [{"index": 0, "relevance_score": 0.9, "document": {"text": "hi"}}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 0, "total_tokens": 4},
    },
}

# Where each vendor's list has the ids, and under which name.
_LISTS: dict[str, Any] = {
    "models": {
        "object": "list",
        "data": [{"id": "mock-1", "object": "model", "created": 1, "owned_by": "x"}],
    },
    "models mistral": {
        "object": "list",
        "data": [{"id": "mock-1", "object": "model", "type": "base", "capabilities": {}}],
    },
    "models array": [{"id": "mock-1", "object": "model", "created": 1, "type": "chat"}],
    "models anthropic": {
        "data": [
            {"id": "mock-1", "type": "model", "display_name": "Mock", "created_at": "2026-01-01T00:00:00Z"}
        ],
        "has_more": False,
        "first_id": "mock-1",
        "last_id": "mock-1",
    },
    "models google": {"models": [{"name": "models/mock-1", "displayName": "Mock"}]},
    "models cohere": {"models": [{"name": "mock-1", "endpoints": ["chat"]}]},
    "models baichuan": {"data": [{"model": "mock-1"}]},
    "tags": {"models": [{"name": "mock-1", "model": "mock-1", "size": 1}]},
}


@dataclass
class RecordedUpstream(MockUpstream):
    """One vendor at a time, the one that `vendor` names. The model names of `MockUpstream` steer it too."""

    vendor: str = "openai"
    shelf: FileShelf = field(default_factory=FileShelf)
    google_files: GoogleFiles = field(default_factory=GoogleFiles)
    complaints: list[str] = field(default_factory=list)

    @property
    def recorded(self) -> Recorded:
        """What the vendor serves."""
        return RECORDED[self.vendor]

    def _refused(self, seen: Seen, key: str | None) -> web.Response | None:
        shape = self._shape(seen)
        if shape is None:
            return self._refuse(
                seen, 404, f"no route {seen.method} {seen.path}", {"error": "404 page not found"}
            )
        held = [(place, value) for place in _PLACES if (value := seen.header(place)) is not None]
        held += [
            ("query", value) for name in ("key", "api_key") for value in parse_qs(seen.query).get(name, [])
        ]
        names = [name.lower() for name, _ in seen.headers]
        if len(held) > 1 or any(names.count(place) > 1 for place in _PLACES):
            error = {"code": 400, "message": "Multiple authentication credentials received."}
            return self._refuse(seen, 400, f"credentials in {[place for place, _ in held]}", {"error": error})
        begun = shape == "google files" and self.google_files.upload_id(seen) in self.google_files.uploads
        if shape in self.recorded.public or (not held and (self.recorded.keyless or begun)):
            return self._complaint(seen, shape)
        place, value = held[0] if held else ("nowhere", "")
        wanted = self.keys or set()
        given = value.removeprefix("Bearer ") if place == "authorization" else value
        bearer = place != "authorization" or value.startswith("Bearer ")
        if place not in self.recorded.places(shape) or given not in wanted or not bearer:
            status = 400 if self.vendor == "google" else 401
            return self._refuse(seen, status, f"key in {place}", self.recorded.unauthorized)
        return self._complaint(seen, shape)

    def _shape(self, seen: Seen) -> str | None:
        for route, shape in self.recorded.routes.items():
            method, _, path = route.partition(" ")
            pattern = re.escape(path).replace(r"\{\}", "[^/]+")
            if method == seen.method and re.fullmatch(pattern, seen.path):
                return shape
        return None

    def _refuse(self, seen: Seen, status: int, why: str, body: Any) -> web.Response:
        self.complaints.append(f"{self.vendor}: {seen.method} {seen.path}: {why}")
        return web.json_response(body, status=status)

    def _complaint(self, seen: Seen, shape: str) -> web.Response | None:
        """What the vendor has against a request with a good key, or None."""
        for start, rule in self.recorded.queries.items():
            if seen.path.startswith(start) and ("api-version=" in seen.query) != rule.startswith("needs"):
                error = {"code": "404", "message": "Resource not found"}
                return self._refuse(seen, 404, f"{start} {rule}", {"error": error})
        of_anthropic = shape in ("messages", "count") or (self.vendor == "anthropic" and shape != "chat")
        if of_anthropic and seen.header("anthropic-version") is None:
            return self._refuse(seen, 400, "no version", _anthropic("anthropic-version: header is required"))
        if shape not in _JSON_SHAPES:
            return None
        if (seen.header("content-type") or "").partition(";")[0] != "application/json":
            return self._refuse(seen, 415, "not JSON", {"error": {"message": "Unsupported content type"}})
        body = seen.json()
        for check in (_unknown_field, _stream_options, _anthropic_rules):
            if (found := check(self.recorded, shape, seen, body)) is not None:
                why, status, answer = found
                return self._refuse(seen, status, why, answer)
        return None

    async def _answer(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        shape = self._shape(seen)
        assert shape is not None
        if shape in ("files", "file", "content"):
            return await self.shelf.answer(seen, shape, anthropic=self.vendor == "anthropic")
        if shape == "elsewhere":
            where = {"location": f"{self.url}/storage/file-1?signature=x", "x-together-file-id": "file-1"}
            return web.Response(status=302, headers=where)
        if shape == "storage":
            self.shelf.files["file-1"] = ("stored", "fine-tune", seen.body)
            return web.Response()
        if shape == "uploads":
            return self.shelf.in_parts(seen)
        if shape == "google files":
            return self.google_files.answer(seen, self.url)
        if shape in _LISTS:
            return web.json_response(_LISTS[shape])
        if shape == "json":
            return web.json_response({"valid": True, "data": {}})
        if shape == "speech":
            return web.Response(body=SOUND, content_type="audio/mpeg")
        if shape in _MEDIA:
            return web.json_response(_MEDIA[shape])
        body = seen.json()
        if shape in _WHOLE:
            return web.json_response(_WHOLE[shape](body))
        if body.get("model") == "silent" or "/models/silent:" in seen.path:
            await asyncio.Event().wait()
        return await getattr(self, f"_{shape}_shape")(request, seen, body)  # type: ignore[no-any-return]

    async def _chat_shape(self, request: web.Request, seen: Seen, body: Any) -> web.StreamResponse:
        usage = dict(self.recorded.usage)
        if not body.get("stream"):
            return web.json_response(openai.chat_answer(body, usage))
        recorded = self.recorded
        data = openai.chat_stream(body, usage, recorded.telling, whole_tools=recorded.whole_tools)
        return await self._stream(request, body.get("model", ""), self.recorded.comments + data)

    _agent_shape = _fim_shape = _chat_shape

    async def _responses_shape(self, request: web.Request, seen: Seen, body: Any) -> web.StreamResponse:
        if not body.get("stream"):
            return web.json_response(openai.response_answer(body))
        return await self._stream(request, body.get("model", ""), openai.response_stream(body))

    async def _messages_shape(self, request: web.Request, seen: Seen, body: Any) -> web.StreamResponse:
        if not body.get("stream"):
            return web.json_response(other.message_answer(body))
        return await self._stream(request, body.get("model", ""), other.message_stream(body))

    async def _google_shape(self, request: web.Request, seen: Seen, body: Any) -> web.StreamResponse:
        found = _CALL.fullmatch(seen.path)
        assert found is not None
        call = found["call"]
        if call in ("embedContent", "batchEmbedContents"):
            return web.json_response({"embeddings": [{"values": [0.5, 0.25]}]})
        if call == "countTokens":
            return web.json_response({"totalTokens": 11})
        if call == "generateContent":
            return web.json_response(other.google_answers(body, whole=True)[0])
        chunks = other.google_answers(body, whole=False)
        if "alt=sse" not in seen.query.split("&"):
            return web.json_response(chunks)
        return await self._stream(request, found["model"], sse(chunks, end=""))

    async def _cohere_shape(self, request: web.Request, seen: Seen, body: Any) -> web.StreamResponse:
        if not body.get("stream"):
            return web.json_response(other.cohere_answer(body))
        return await self._stream(request, body.get("model", ""), other.cohere_stream(body))

    async def _ollama_shape(self, request: web.Request, seen: Seen, body: Any) -> web.StreamResponse:
        if body.get("stream") is False:
            return web.json_response(other.ollama_answer(body))
        data = other.ollama_stream(body)
        return await self._stream(request, body.get("model", ""), data, "application/x-ndjson")

    async def _dashscope_shape(self, request: web.Request, seen: Seen, body: Any) -> web.StreamResponse:
        if seen.header("x-dashscope-sse") != "enable":
            return web.json_response(other.dashscope_answer(body))
        data = other.dashscope_stream(body)
        return await self._stream(request, body.get("model", ""), data, "text/event-stream;charset=UTF-8")


_VECTOR = [0.5, 0.25]
_WHOLE: dict[str, Callable[[Any], Any]] = {
    "embeddings": lambda body: {
        "object": "list",
        "id": "emb-1",
        "model": "mock-embed",
        "data": [{"object": "embedding", "index": 0, "embedding": _VECTOR}],
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    },
    "count": lambda body: {"input_tokens": 11},
    "cohere embed": lambda body: {
        "id": "emb-1",
        "response_type": "embeddings_by_type",
        "embeddings": {"float": [_VECTOR]},
        "texts": body.get("texts"),
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 4}},
    },
    "cohere rerank": lambda body: {
        "id": "rank-1",
        "results": [{"index": 0, "relevance_score": 0.9}],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}},
    },
    "ollama generate": lambda body: {
        "model": "mock-1-0611",
        "created_at": "2026-11-22T00:00:00Z",
        "response": TEXT,
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 11,
        "eval_count": 7,
    },
    "ollama embed": lambda body: {"model": "mock-embed", "embeddings": [_VECTOR], "prompt_eval_count": 4},
    "dashscope rerank": lambda body: {
        "output": {"results": [{"index": 0, "relevance_score": 0.9}]},
        "usage": {"total_tokens": 4},
        "request_id": "req-1",
    },
    "dashscope embed": lambda body: {
        "output": {"embeddings": [{"text_index": 0, "embedding": _VECTOR}]},
        "usage": {"total_tokens": 4},
        "request_id": "req-1",
    },
}

_Found = tuple[str, int, Any] | None


def _unknown_field(vendor: Recorded, shape: str, seen: Seen, body: Any) -> _Found:
    known = vendor.fields.get(shape)
    unknown = sorted(set(body) - known) if known is not None else []
    if not unknown:
        return None
    why = f"unknown fields {unknown}"
    if shape == "messages":
        return why, 400, _anthropic(f"{unknown[0]}: Extra inputs are not permitted")
    if shape == "cohere":
        return (
            why,
            422,
            {"id": "1", "message": f"unknown field: parameter '{unknown[0]}' is not a valid field"},
        )
    detail = {"type": "extra_forbidden", "loc": ["body", unknown[0]], "msg": "Extra inputs are not permitted"}
    return why, 422, {"detail": [detail]}


def _stream_options(vendor: Recorded, shape: str, seen: Seen, body: Any) -> _Found:
    if shape != "chat" or body.get("stream_options") is None:
        return None
    if not vendor.takes_stream_options:
        return "stream_options", 400, {"error": {"message": "stream_options: unknown field"}}
    if body.get("stream"):
        return None
    message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    return "stream_options", 400, {"error": {"message": message, "type": "invalid_request_error"}}


def _anthropic_rules(vendor: Recorded, shape: str, seen: Seen, body: Any) -> _Found:
    if shape != "messages":
        return None
    if "max_tokens" not in body:
        return "no max_tokens", 400, _anthropic("max_tokens: Field required")
    given = sorted({"temperature", "top_p", "top_k"} & set(body))
    if given and seen.header("anthropic-version") == "2026-10-21":
        return f"{given}", 400, _anthropic(f"{given[0]}: Extra inputs are not permitted")
    return None


def _anthropic(message: str) -> Any:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
