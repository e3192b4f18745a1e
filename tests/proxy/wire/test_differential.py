"""The same conversations through the transport, through its ASGI counterpart, and through nginx."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11
import pytest

from clawbot_manager.proxy.messages import ProxyConfig
from tests.fakes.ports import bot, key
from tests.fakes.upstream import MockUpstream
from tests.proxy.conftest import SECRET, TOKEN, World, asgi_proxy, wire_proxy
from tests.proxy.wire.corpus import BAD, BROKEN, EXCESS, PLAIN, Conversation
from tests.proxy.wire.strict import Asked, Got, read_answers, read_requests
from tests.services import nginx
from tests.support.raw import within

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
_COMPARED = (b"content-type", b"etag", b"location", b"x-theirs")


@dataclass
class Provider:
    """Answers each whole request with what the conversation says; one conversation at a time."""

    conversation: Conversation
    asked: list[Asked] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        data = b""
        try:
            while piece := await reader.read(1 << 16):
                fresh, data = read_requests(data + piece)
                answers = self.conversation.answers or (b"",)
                for one in fresh:
                    self.asked.append(one)
                    writer.write(answers[min(len(self.asked), len(answers)) - 1])
                    await writer.drain()
                done = len(self.asked) >= len(answers) and self.conversation.ends
                if fresh and (done or not self.conversation.answers):
                    writer.close()
                    await writer.wait_closed()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()


async def hear(connect: Connect, conversation: Conversation) -> list[Got] | None:
    """Say all at once, and hear all answers or the end of the connection; None: it was no HTTP."""
    reader, writer = await connect()
    data, answers, closed, broken = b"", list[Got](), False, False
    async with within():
        with suppress(ConnectionError):
            writer.write(conversation.sent)
            await writer.drain()
        while not closed and not broken and not _are_all(answers, conversation):
            try:
                piece = await reader.read(1 << 16)
                closed = not piece
            except ConnectionError:
                piece, broken = b"", True
            data += piece
            try:
                answers, _ = read_answers(data, conversation.methods, closed=closed)
            except h11.RemoteProtocolError:
                writer.transport.abort()
                return None
    writer.transport.abort()
    return answers


def _are_all(answers: list[Got], conversation: Conversation) -> bool:
    return len(answers) == len(conversation.methods) and all(one.whole for one in answers)


@asynccontextmanager
async def through_ours(flavour: str, provider: Provider) -> AsyncIterator[Connect]:
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    world = World(MockUpstream(), config=ProxyConfig(backoff_first=0.001))
    world.tokens.bots[TOKEN] = bot()
    base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    world.keys.keys.append(key("openai", SECRET, base_url=base_url))
    async with (wire_proxy if flavour == "wire" else asgi_proxy)(world) as url:
        parts = urlsplit(url)
        yield lambda: asyncio.open_connection(parts.hostname, parts.port)
    server.close()


@asynccontextmanager
async def through_nginx(passing: nginx.Passing, provider: Provider) -> AsyncIterator[Connect]:
    passing.upstream.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(provider.serve, passing.upstream)
    yield lambda: asyncio.open_unix_connection(passing.listening)
    server.close()


Through = Callable[[Provider], AbstractAsyncContextManager[Connect]]


@dataclass(frozen=True)
class Told:
    """What the two ends saw. `answers` None: the client could not read them as HTTP."""

    answers: list[tuple[object, ...]] | None
    asked: list[tuple[bytes, bytes, bytes | None, bytes]]


async def told(conversation: Conversation, through: Through) -> Told:
    provider = Provider(conversation)
    async with through(provider) as connect:
        answers = await hear(connect, conversation)
    for task in provider.tasks:
        task.cancel()
    await asyncio.gather(*provider.tasks)
    asked = [(one.method, one.target, one.header(b"content-type"), one.body) for one in provider.asked]
    return Told(None if answers is None else [seen(one, conversation) for one in answers], asked)


def seen(got: Got, conversation: Conversation) -> tuple[object, ...]:
    """What can be compared of an answer: refusals are worded, and bad requests numbered, at will."""
    passed_on = any(answer.split(b" ")[1:2] == [b"%d" % got.status] for answer in conversation.answers)
    if not passed_on and got.status >= 400:
        return ("refused", 400 if got.status in {501, 505} else got.status)
    headers = tuple(sorted(one for one in got.headers if one[0] in _COMPARED))
    return ("answered", got.status, headers, got.body if got.whole else b"", got.whole)


DIFFERENCES = {
    ("stream", "nginx"): "it does not ask for usage",
    ("no last chunk, old", "nginx"): "it lets HTTP/1.0 take an answer that broke off for a whole one",
    ("no chunks", "nginx"): "it closes before it has passed on the head",
    ("no chunks", "asgi"): "aiohttp gives no head before it has read what came with it",
    ("half a head", "asgi"): "aiohttp asks once more by itself",
    ("nothing", "asgi"): "aiohttp asks once more by itself",
    ("no head", "nginx"): "it takes anything for an answer of HTTP/0.9",
    ("both lengths", "nginx"): "it closes without an answer",
    ("two lengths", "nginx"): "it passes them on",
    ("no length", "nginx"): "it passes it on",
    ("more than its chunks", "asgi"): "aiohttp throws the answer away with what follows it",
    ("old version, kept", "asgi"): "uvicorn keeps no connection of HTTP/1.0",
    ("two hosts", "asgi"): "uvicorn does not look at the host",
    ("no host", "asgi"): "uvicorn does not look at the host",
    ("a version to come", "asgi"): "uvicorn does not look at the version",
    ("a bad one behind a good one", "asgi"): "uvicorn reads on before it has answered",
}


@pytest.mark.asyncio(loop_factories=["uvloop"])
@pytest.mark.parametrize("conversation", PLAIN + BROKEN + EXCESS + BAD, ids=str)
async def test_as_others_do_it(conversation: Conversation, passing_nginx: nginx.Passing) -> None:
    """But where they are known to do it worse."""
    ours = await told(conversation, lambda provider: through_ours("wire", provider))
    asgi = await told(conversation, lambda provider: through_ours("asgi", provider))
    theirs = await told(conversation, lambda provider: through_nginx(passing_nginx, provider))
    assert (asgi == ours) is ((conversation.name, "asgi") not in DIFFERENCES), (asgi, ours)
    assert (theirs == ours) is ((conversation.name, "nginx") not in DIFFERENCES), (theirs, ours)


def test_differences_are_about_conversations() -> None:
    assert {name for name, _ in DIFFERENCES} <= {one.name for one in PLAIN + BROKEN + EXCESS + BAD}
