"""A provider that says too much, in a thread of its own: it quotes keys and prompts wherever it can."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.raw import Call, RawProvider

JSON = b"content-type: application/json"
EVENTS = b"content-type: text/event-stream"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


@dataclass
class TalkingProvider:
    """Answers by the name of the model; `answer` is what good answers say, `dead` are keys it refuses."""

    answer: str
    dead: set[str] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def serving(self) -> Iterator[TalkingProvider]:
        ready, done = threading.Event(), threading.Event()
        failures: list[BaseException] = []

        async def serve() -> None:
            async with RawProvider(self._answer).serving() as provider:
                self.url = f"{provider.url}/v1"
                ready.set()
                await asyncio.to_thread(done.wait)

        def run() -> None:
            try:
                asyncio.run(serve())
            except BaseException as error:  # noqa: BLE001 - told to the test
                failures.append(error)
                ready.set()

        thread = threading.Thread(target=run)
        thread.start()
        ready.wait(20)
        try:
            yield self
        finally:
            done.set()
            thread.join(20)
            assert not failures, failures

    async def _answer(self, call: Call) -> None:
        body = await call.body()
        key = (call.header(b"authorization") or b"").decode().removeprefix("Bearer ")
        said = call.head.decode("latin-1") + body.decode("utf-8", "replace")
        self.seen.append(said)
        if key in self.dead:
            await self._quote(call, said, b"401 Unauthorized", "invalid_api_key")
        elif call.target.endswith(b"/models"):
            await call.answer(json.dumps({"data": [{"id": "plain", "owned_by": key}]}).encode(), JSON)
        else:
            asked = json.loads(body) if body[:1] == b"{" else {}
            model = (
                "stream" if asked.get("stream") and asked["model"] == "plain" else asked.get("model", "plain")
            )
            await getattr(self, f"_{model}")(call, said, key)

    async def _quote(self, call: Call, said: str, status: bytes, code: str) -> None:
        message = f"This is what you sent: {said}"
        error = {"message": message, "type": code, "code": code, "param": said}
        await call.answer(
            json.dumps({"error": error}).encode(),
            JSON,
            b"x-debug: " + said[:200].encode().split(b"\r")[0],
            status=status,
        )

    async def _plain(self, call: Call, said: str, key: str) -> None:
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": self.answer},
            "finish_reason": "stop",
        }
        told = {
            "id": "c",
            "object": "chat.completion",
            "model": "plain-1",
            "choices": [choice],
            "usage": USAGE,
        }
        await call.answer(
            json.dumps(told).encode(), JSON, b"x-request-id: req_1", b"openai-organization: org-x"
        )

    async def _stream(self, call: Call, said: str, key: str) -> None:
        await call.begin(EVENTS)
        for piece in self._pieces():
            await call.chunk(piece)
        await call.chunk(b"data: %b\n\n" % json.dumps({"choices": [], "usage": USAGE}).encode())
        await call.chunk(b"data: [DONE]\n\n")
        await call.chunk(b"")

    async def _broken(self, call: Call, said: str, key: str) -> None:
        await call.begin(EVENTS)
        await call.chunk(self._pieces()[0])
        call.reset()

    async def _endless(self, call: Call, said: str, key: str) -> None:
        await call.begin(EVENTS)
        while True:
            await call.chunk(self._pieces()[0])
            await asyncio.sleep(0.02)

    async def _refused(self, call: Call, said: str, key: str) -> None:
        await self._quote(call, said, b"400 Bad Request", "invalid_request_error")

    async def _limited(self, call: Call, said: str, key: str) -> None:
        await self._quote(call, said, b"429 Too Many Requests", "rate_limit_exceeded")

    async def _oops(self, call: Call, said: str, key: str) -> None:
        page = f"<html><body><h1>500</h1><pre>{said}</pre></body></html>".encode()
        await call.answer(page, b"content-type: text/html", status=b"500 Internal Server Error")

    async def _garbage(self, call: Call, said: str, key: str) -> None:
        await call.answer(b'{"choices": [{"message": ' + said.encode(), JSON)

    async def _echo(self, call: Call, said: str, key: str) -> None:
        told = {"model": "echo", "you_sent": key, "usage": USAGE, "choices": []}
        await call.answer(json.dumps(told).encode(), JSON, b"x-your-key: " + key.encode())

    async def _error_inside(self, call: Call, said: str, key: str) -> None:
        await call.begin(EVENTS)
        await call.chunk(b"data: %b\n\n" % json.dumps({"error": {"message": said, "code": 500}}).encode())
        await call.chunk(b"")

    def _pieces(self) -> list[bytes]:
        words = self.answer.split("-")
        texts = [self.answer, *words]
        chunks = [
            {"choices": [{"index": 0, "delta": {"content": text}}], "model": "stream-1"} for text in texts
        ]
        return [b"data: %b\n\n" % json.dumps(one).encode() for one in chunks]
