"""The provider itself: a server that notes what it gets, and answers by the path's ending."""

from __future__ import annotations

import asyncio
import json
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.fakes.upstream.records import Canned, Seen
from tests.fakes.upstream.shapes import (
    CHAT_USAGE,
    MESSAGE_USAGE,
    TEXT,
    chat_events,
    message_events,
    sse,
)

_CALL = re.compile(r".*/models/(?P<model>[^/]+):(?P<call>\w+)")


@dataclass
class MockUpstream:
    """The provider. `keys` None = every key is good."""

    keys: set[str] | None = None
    log: Path | None = None
    seen: list[Seen] = field(default_factory=list)
    canned: deque[Canned] = field(default_factory=deque)
    by_key: dict[str, Canned] = field(default_factory=dict)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    stalled: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""
    _peers: set[tuple[str, int]] = field(default_factory=set)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{path:.*}", self.handle)
        return app

    @asynccontextmanager
    async def serving(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[MockUpstream]:
        runner = web.AppRunner(self.app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        await site.start()
        assert site._server is not None
        bound = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self.url = f"http://{host}:{bound}"
        try:
            yield self
        finally:
            await runner.cleanup()

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return len(self._peers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self._peers.add(request.transport.get_extra_info("peername"))
        seen = Seen(
            request.method,
            request.raw_path.partition("?")[0],
            request.raw_path.partition("?")[2],
            list(request.headers.items()),
            await request.read(),
        )
        self._note(seen)
        key = _credential(seen)
        canned = self.by_key.get(key or "") or (self.canned.popleft() if self.canned else None)
        if canned is not None:
            return web.Response(status=canned.status, body=canned.body, headers=canned.headers)
        if (refused := self._refused(seen, key)) is not None:
            return refused
        try:
            return await self._answer(request, seen)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    def _note(self, seen: Seen) -> None:
        self.seen.append(seen)
        if self.log is not None:
            line = {
                "method": seen.method,
                "path": seen.path,
                "query": seen.query,
                "headers": seen.headers,
                "body": seen.body.decode("utf-8", "replace"),
            }
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _refused(self, seen: Seen, key: str | None) -> web.Response | None:
        """The refusal of a request that the provider would not serve, or None."""
        return _refusal(seen) if self.keys is not None and key not in self.keys else None

    async def _answer(self, request: web.Request, seen: Seen) -> web.StreamResponse:
        path = seen.path
        if (found := _CALL.fullmatch(path)) is not None:
            return await self._google(request, found["model"], found["call"], seen)
        routes: dict[str, Callable[[web.Request, Any], Any]] = {
            "/chat/completions": self._chat,
            "/responses": self._responses,
            "/messages": self._messages,
            "/api/chat": self._ollama,
            "/embeddings": self._embeddings,
        }
        for suffix, route in routes.items():
            if seen.method == "POST" and path.endswith(suffix):
                answer: web.StreamResponse = await route(request, seen.json())
                return answer
        if path.endswith("/models"):
            body = {"object": "list", "data": [{"id": "mock-1", "object": "model"}]}
            return web.json_response(body, headers={"set-cookie": "a=b", "openai-organization": "org-1"})
        return web.json_response(
            {"path": path, "bytes": len(seen.body)}, headers={"set-cookie": "session=1", "x-mock": "yes"}
        )

    async def _chat(self, request: web.Request, body: Any) -> web.StreamResponse:
        model = body.get("model", "mock-1")
        if model == "silent":
            await asyncio.Event().wait()
        if model == "echo-stream-options" and "stream_options" in body:
            return web.json_response({"error": {"message": "stream_options: unknown field"}}, status=400)
        head = {"id": "chatcmpl-1", "created": 1, "model": "mock-1-0611"}
        if not body.get("stream"):
            message = {"role": "assistant", "content": TEXT}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return web.json_response(
                {**head, "object": "chat.completion", "choices": [choice], "usage": CHAT_USAGE}
            )
        asked = bool((body.get("stream_options") or {}).get("include_usage"))
        return await self._stream(request, model, sse(chat_events(head, asked)))

    async def _responses(self, request: web.Request, body: Any) -> web.StreamResponse:
        usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
        answer: dict[str, Any] = {
            "id": "resp_1",
            "object": "response",
            "model": "mock-1-0611",
            "status": "completed",
        }
        answer |= {"created_at": 1, "output": [], "tools": [], "tool_choice": "auto", "usage": usage}
        answer |= {"parallel_tool_calls": False}
        if not body.get("stream"):
            return web.json_response(answer)
        events: list[dict[str, Any]] = [
            {
                "type": "response.created",
                "sequence_number": 0,
                "response": {**answer, "usage": None, "status": "in_progress"},
            },
            {"type": "response.completed", "sequence_number": 1, "response": answer},
        ]
        return await self._stream(request, "", sse(events, named=True))

    async def _messages(self, request: web.Request, body: Any) -> web.StreamResponse:
        message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": "mock-1"}
        if not body.get("stream"):
            message |= {"content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn"}
            message |= {"stop_sequence": None, "usage": {**MESSAGE_USAGE, "output_tokens": 7}}
            return web.json_response(message)
        return await self._stream(request, body.get("model", ""), sse(message_events(message), named=True))

    async def _google(self, request: web.Request, model: str, call: str, seen: Seen) -> web.StreamResponse:
        usage = {"promptTokenCount": 11, "candidatesTokenCount": 5, "thoughtsTokenCount": 2}
        usage["totalTokenCount"] = 18
        chunks: list[dict[str, Any]] = [
            {
                "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": part}]}}],
                "modelVersion": "mock-1-0611",
            }
            for part in ("Hello ", "from the mock")
        ]
        chunks.append(
            {
                "candidates": [
                    {"index": 0, "content": {"role": "model", "parts": []}, "finishReason": "STOP"}
                ],
                "usageMetadata": usage,
                "modelVersion": "mock-1-0611",
            }
        )
        if call == "streamGenerateContent":
            if "alt=sse" not in seen.query:
                return web.json_response(chunks)
            return await self._stream(request, model, sse(chunks, end=""))
        whole = {"role": "model", "parts": [{"text": TEXT}]}
        return web.json_response(
            {
                "candidates": [{"index": 0, "content": whole, "finishReason": "STOP"}],
                "usageMetadata": usage,
                "modelVersion": "mock-1-0611",
            }
        )

    async def _ollama(self, request: web.Request, body: Any) -> web.StreamResponse:
        head = {"model": "mock-1", "created_at": "2026-11-22T00:00:00Z"}
        counts = {"done": True, "done_reason": "stop", "prompt_eval_count": 11, "eval_count": 7}
        if body.get("stream") is False:
            return web.json_response({**head, "message": {"role": "assistant", "content": TEXT}, **counts})
        lines = [
            {**head, "message": {"role": "assistant", "content": part}, "done": False}
            for part in ("Hello ", "from the mock")
        ]
        lines.append({**head, "message": {"role": "assistant", "content": ""}, **counts})
        text = "".join(json.dumps(line) + "\n" for line in lines)
        return await self._stream(request, body.get("model", ""), text.encode(), "application/x-ndjson")

    async def _embeddings(self, request: web.Request, body: Any) -> web.StreamResponse:
        return web.json_response(
            {
                "object": "list",
                "model": "mock-embed",
                "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
                "usage": {"prompt_tokens": 4, "total_tokens": 4},
            }
        )

    async def _stream(
        self, request: web.Request, model: str, data: bytes, content_type: str = "text/event-stream"
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": content_type})
        await response.prepare(request)
        if model in ("break", "stall"):
            await response.write(data[: len(data) // 2])
            if model == "stall":
                self.stalled.set()
                await asyncio.Event().wait()
            assert request.transport is not None
            request.transport.abort()
            return response
        for start in range(0, len(data), 37):
            await response.write(data[start : start + 37])
        await response.write_eof()
        return response


def _credential(seen: Seen) -> str | None:
    bearer = seen.header("authorization")
    if bearer is not None:
        return bearer.removeprefix("Bearer ")
    return seen.header("x-api-key") or seen.header("x-goog-api-key") or seen.header("api-key")


def _refusal(seen: Seen) -> web.Response:
    if seen.path.endswith("/messages"):
        error = {"type": "authentication_error", "message": "invalid x-api-key"}
        return web.json_response({"type": "error", "error": error}, status=401)
    if _CALL.fullmatch(seen.path):
        details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
        status = {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}
        return web.json_response({"error": {**status, "details": details}}, status=400)
    error = {"message": "Incorrect API key provided", "type": "invalid_request_error"}
    return web.json_response({"error": {**error, "code": "invalid_api_key"}}, status=401)
