"""A built-in bot as a process, and the proxy that it talks to, both on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from clawbot_manager.runtimes import builtin_bot
from tests.contracts.waiting import eventually

PROXY_TOKEN = "proxy-token-31aa07"
GATEWAY_TOKEN = "gateway-token-9c2e44"
PROGRAM = str(Path(builtin_bot.__file__).parent)
Answer = Callable[[web.Request, Any], Awaitable[web.StreamResponse]]


@dataclass
class Asked:
    path: str
    query: str
    headers: dict[str, str]
    body: Any


@dataclass
class MockProxy:
    """Answers each request with the next of `answers`, the last one again and again."""

    answers: list[Answer]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        headers = {key.lower(): value for key, value in request.headers.items()}
        self.asked.append(Asked(request.path, request.query_string, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request, body)


@contextlib.asynccontextmanager
async def mock_proxy(*answers: Answer) -> AsyncIterator[MockProxy]:
    proxy = MockProxy(list(answers))
    app = web.Application()
    app.router.add_post("/{path:.*}", proxy.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    proxy.url = f"http://127.0.0.1:{port}/api/v1"
    try:
        yield proxy
    finally:
        await runner.cleanup()


def refuses(status: int, body: Any, **headers: str) -> Answer:
    async def answer(_request: web.Request, _body: Any) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return answer


def streams(*pieces: str, gate: asyncio.Event | None = None, cut: bool = False) -> Answer:
    """Sends the first piece, waits for the gate, sends the others; `cut` breaks the connection then."""

    async def answer(request: web.Request, _body: Any) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for number, piece in enumerate(pieces):
            if number == 1 and gate is not None:
                await gate.wait()
            await response.write(piece.encode())
        if cut:
            assert request.transport is not None
            request.transport.abort()
        return response

    return answer


def sse(*events: Any) -> list[str]:
    return [f"data: {json.dumps(event)}\n\n" for event in events]


def openai_says(*texts: str) -> list[str]:
    deltas = [{"choices": [{"delta": {"content": text}}]} for text in texts]
    end = [{"choices": [{"delta": {}, "finish_reason": "stop"}]}]
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    return [*sse(*deltas, *end, usage), "data: [DONE]\n\n"]


@dataclass
class BotProcess:
    folder: Path
    port: int
    environment: dict[str, str]
    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "bot.log").read_text()

    def configure(self, *providers: dict[str, Any], **more: Any) -> None:
        config = {
            "schema": 1,
            "bot": {"id": "b", "name": "B", "hostname": "b"},
            "providers": providers,
            **more,
        }
        self.write("config.json", json.dumps(config))

    def write(self, name: str, text: str) -> None:
        draft = self.folder / "workspace" / f".{name}"
        draft.write_text(text)
        draft.replace(draft.with_name(name))

    async def healthy(self) -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            async with self.session.get(f"{self.url}/healthz") as response:
                return bool((await response.json())["ok"])
        return False

    async def chat(self, text: str = "hi", *, token: str = GATEWAY_TOKEN, **more: Any) -> tuple[int, Any]:
        body = {"messages": [{"role": "user", "content": text}], **more}
        async with self.post(body, token=token) as response:
            return response.status, await response.json()

    async def says(self, text: str = "hi", **more: Any) -> str:
        status, body = await self.chat(text, **more)
        assert status == 200, body
        return str(body["choices"][0]["message"]["content"])

    @contextlib.asynccontextmanager
    async def post(
        self, body: Any, *, token: str = GATEWAY_TOKEN, **headers: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        given = {"authorization": f"Bearer {token}", **headers}
        url = f"{self.url}/v1/chat/completions"
        async with self.session.post(url, json=body, headers=given) as response:
            yield response

    async def stream(self, text: str = "hi", **more: Any) -> list[Any]:
        body = {"messages": [{"role": "user", "content": text}], "stream": True, **more}
        async with self.post(body) as response:
            return events_of(await response.text())


def events_of(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def text_of(events: list[Any]) -> str:
    choices = [choice for event in events if isinstance(event, dict) for choice in event.get("choices", [])]
    return "".join(choice["delta"].get("content", "") for choice in choices)


def free_port() -> int:
    """Below the range that outgoing connections take theirs from: nobody gets it between here and the bot."""
    while True:
        port = random.randint(15_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


MARKS = ("--bot-id", "b-1", "--instance", "tests")


async def spawn(folder: Path, environment: dict[str, str], *arguments: str) -> asyncio.subprocess.Process:
    command = [sys.executable, "-I", "-S", PROGRAM, *(arguments or MARKS)]
    with (folder / "bot.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)


@contextlib.asynccontextmanager
async def bot_process(folder: Path, proxy_url: str, **more: str) -> AsyncIterator[BotProcess]:
    port = free_port()
    for name in ("workspace", "state"):
        (folder / name).mkdir(exist_ok=True)
    environment = {
        "CLAWBOT_PROXY_URL": proxy_url,
        "CLAWBOT_PROXY_TOKEN": PROXY_TOKEN,
        "CLAWBOT_GATEWAY_TOKEN": GATEWAY_TOKEN,
        "CLAWBOT_GATEWAY_PORT": str(port),
        "CLAWBOT_WORKSPACE": str(folder / "workspace"),
        "CLAWBOT_STATE_DIR": str(folder / "state"),
        **more,
    }
    process = await spawn(folder, environment)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        bot = BotProcess(folder, port, environment, process, session)
        try:
            await eventually(bot.healthy)
            yield bot
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
