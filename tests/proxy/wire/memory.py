"""The transport with both sockets in memory: where a read ends, and what the clock says, can be chosen.

No event loop, no waiting; hundreds of conversations a second.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast
from uuid import UUID

from clawbot_manager.infra.http import EgressPolicy
from clawbot_manager.kit.tasks import TaskOwner
from clawbot_manager.proxy.messages import FailureReason, Origin, ProxyConfig
from clawbot_manager.proxy.pipeline import Pipeline
from clawbot_manager.proxy.wire import ProxyServer
from clawbot_manager.proxy.wire.client import ClientConnection
from clawbot_manager.proxy.wire.pool import OnConnected, OnFailed, Pool
from clawbot_manager.proxy.wire.upstream import UpstreamConnection
from clawbot_manager.vendors.catalog import load_catalog
from tests.fakes.ports import FakeBudgets, FakeKeys, FakeTokens, FakeUsage, bot, key
from tests.proxy.rig import SECRET, TOKEN
from tests.proxy.wire.strict import Asked, Got, read_answers, read_requests
from tests.support.clock import MovableClock


class Call:
    """Something that the loop does at a time."""

    def __init__(self, at: float, callback: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.at = at
        self.is_cancelled = False
        self._callback = callback
        self._arguments = arguments

    def do(self) -> None:
        self._callback(*self._arguments)

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """Callbacks in order, and a clock that stands still until it is moved. Exceptions come out at once."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._soon: deque[Call] = deque()
        self._later: list[Call] = []

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> Call:
        call = Call(self._now, callback, args)
        self._soon.append(call)
        return call

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> Call:
        call = Call(self._now + delay, callback, args)
        self._later.append(call)
        return call

    def run(self) -> None:
        """Do all that can be done now."""
        while self._soon:
            call = self._soon.popleft()
            if not call.is_cancelled:
                call.do()

    def turn(self) -> None:
        """Do what is there now, and not what it leads to: one turn of a real loop."""
        for _ in range(len(self._soon)):
            call = self._soon.popleft()
            if not call.is_cancelled:
                call.do()

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self._now + seconds
        self.run()
        while due := [call for call in self._later if call.at <= end and not call.is_cancelled]:
            call = min(due, key=lambda one: one.at)
            self._later.remove(call)
            self._now = max(self._now, call.at)
            call.do()
            self.run()
        self._now = end


class Pipe(asyncio.Transport):
    """One connection as its protocol sees it, as strict as uvloop's: no write after a close."""

    def __init__(self, loop: Loop, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.sent = bytearray()
        self._ended = False
        self.aborted = False
        self._lost = False
        self._paused = False
        self.is_taken = True  # False: the other side reads nothing, and a close never comes to its end
        self._closing = False
        self._loop = loop
        self._protocol = protocol
        self._given: deque[bytes | None] = deque()
        self.on_sent: Callable[[], None] = lambda: None
        protocol.connection_made(self)

    # what the protocol calls

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._closing:
            raise RuntimeError("unable to perform operation on a closing transport")
        if self._ended:
            raise RuntimeError("cannot write after write_eof")
        assert data, "an empty write costs a call and says nothing"
        self.sent += data
        self.on_sent()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview[Any]]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._ended = True
        self.on_sent()

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = self._ended = True
            if self.is_taken:
                self._loop.call_soon(self._lose, None)
            self.on_sent()

    def abort(self) -> None:
        self.aborted = True
        if not self.is_taken:
            self.is_taken = True
            self._closing = False
        self.close()

    def pause_reading(self) -> None:
        assert not self._closing
        self._paused = True

    def resume_reading(self) -> None:
        assert not self._closing
        self._paused = False
        self._loop.call_soon(self._take)

    def is_reading(self) -> bool:
        return not self._paused and not self._closing

    def is_paused(self) -> bool:
        return self._paused

    def is_lost(self) -> bool:
        return self._lost

    def has_ended(self) -> bool:
        """Whether the other side sees the end of what was sent."""
        return self._ended

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast(asyncio.Protocol, protocol)

    def get_loop(self) -> Loop:
        return self._loop

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    # what the other side does, and sees

    def answers(self, *methods: str) -> list[Got]:
        """What has come for requests of these methods, and not a byte besides."""
        closed = self._ended and not self.aborted
        answers, rest = read_answers(bytes(self.sent), methods, closed=closed)
        assert not rest, rest
        return answers

    def answer(self, method: str = "GET") -> Got:
        """The one answer that has come."""
        (answer,) = self.answers(method)
        return answer

    def give(self, data: bytes) -> None:
        """Bytes arrive, in one read."""
        if data:
            self._given.append(data)
            self._take()

    def give_end(self) -> None:
        """The other side closes its half."""
        self._given.append(None)
        self._take()

    def give_reset(self) -> None:
        """The other side breaks the connection."""
        if not self._closing:
            self._closing = self._ended = True
            self._loop.call_soon(self._lose, ConnectionResetError())

    def stall(self) -> None:
        """The other side takes no more of what is written."""
        self._protocol.pause_writing()

    def flow(self) -> None:
        """It takes it again."""
        self._protocol.resume_writing()

    def _take(self) -> None:
        while self._given and not self._paused and not self._closing:
            data = self._given.popleft()
            if data is not None:
                self._protocol.data_received(data)
            elif not self._protocol.eof_received():
                self.close()

    def _lose(self, error: Exception | None) -> None:
        assert not self._lost
        self._lost = True
        self._protocol.connection_lost(error)


class _Pending:
    """Stands for the task that makes a connection."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> bool:
        self.cancelled = True
        return True


class MemoryPool(Pool):
    """A pool whose connections lead to `Provider`."""

    def __init__(self, loop: Loop, config: ProxyConfig, provider: Provider) -> None:
        super().__init__(EgressPolicy.from_entries([]), config, TaskOwner(lambda _name, _error: None))
        self._loop = loop
        self._provider = provider
        self.now = loop.time()

    def connect(self, origin: Origin, connected: OnConnected, failed: OnFailed) -> asyncio.Task[None]:
        pending = _Pending()

        def make() -> None:
            if pending.cancelled and not self._provider.late:
                return
            if self._provider.refuses is not None:
                failed(self._provider.refuses)
                return
            connection = UpstreamConnection(self, origin, self._config.max_head)
            pipe = Pipe(self._loop, connection)
            connection.touched = self.now
            self._all.add(connection)
            self._provider.accept(pipe)
            connected(connection)

        if self._provider.delay:
            self._loop.call_later(self._provider.delay, make)
        else:
            self._loop.call_soon(make)
        return cast("asyncio.Task[None]", pending)


Answering = Callable[["Link", Asked], None]
_KEY = UUID(int=42)


@dataclass
class Link:
    """A connection as the provider sees it."""

    pipe: Pipe
    asked: list[Asked] = field(default_factory=list)
    rest: bytes = b""
    read: int = 0

    def give(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.pipe.give(piece)


@dataclass
class Provider:
    """Reads what arrives with h11 and answers each whole request by `answering`.

    A connection is there after `delay`, or never: `refuses` says why. `late`: it is too late to cancel it.
    """

    answering: Answering
    refuses: FailureReason | None = None
    delay: float = 0.0
    late: bool = False
    links: list[Link] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def accept(self, pipe: Pipe) -> None:
        link = Link(pipe)
        self.links.append(link)
        pipe.on_sent = lambda: self._look(link)

    def _look(self, link: Link) -> None:
        fresh, link.rest = read_requests(bytes(link.pipe.sent[link.read :]))
        link.read = len(link.pipe.sent) - len(link.rest)
        for asked in fresh:
            link.asked.append(asked)
            self.asked.append(asked)
            # by the loop: no provider answers while the request is being written
            link.pipe.get_loop().call_soon(self.answering, link, asked)


def fine(link: Link, asked: Asked) -> None:
    """Answers every request with what it got."""
    body = b"%b %b %b" % (asked.method, asked.target, asked.body)
    shown = b"" if asked.method == b"HEAD" else body
    link.give(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), shown))


def silent(link: Link, asked: Asked) -> None:
    """Answers nothing; the test does."""


def chunk(data: bytes) -> bytes:
    """A chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Bench:
    """A proxy between clients and a provider in memory. `short` False: every request goes the long way."""

    def __init__(self, answering: Answering = fine, *, short: bool = True, **config: Any) -> None:
        self.loop = Loop()
        self.clock = MovableClock()
        self.short = short
        self.tokens = FakeTokens({TOKEN: bot()})
        self.keys = FakeKeys([key("openai", SECRET, base_url="http://provider.test", key_id=_KEY)])
        self.budgets = FakeBudgets()
        self.usage = FakeUsage()
        self.config = replace(ProxyConfig(backoff_first=0.001), **config)
        self.provider = Provider(answering)
        pipeline = Pipeline(
            tokens=self.tokens,
            keys=self.keys,
            budgets=self.budgets,
            usage=self.usage,
            catalog=load_catalog(),
            config=self.config,
            inventory=self.keys,
            clock=self.clock,
            monotonic=self.loop.time,
        )
        self.server = ProxyServer(pipeline, policy=EgressPolicy.from_entries([]))
        self.server._loop = cast(asyncio.AbstractEventLoop, self.loop)
        self.pool = MemoryPool(self.loop, self.config, self.provider)
        self.server.pool = self.pool

    def client(self) -> Pipe:
        """A new connection."""
        return Pipe(self.loop, self.server.connection() if self.short else ClientConnection(self.server))

    def say(self, *pieces: bytes) -> Pipe:
        """A new connection on which these arrive, one by one, each after all that the last one led to."""
        client = self.client()
        for piece in pieces:
            client.give(piece)
            self.loop.run()
        return client

    def pass_time(self, seconds: float, *, steps: int = 8) -> None:
        """Let time pass, with the server's sweeps."""
        for _ in range(steps):
            self.loop.advance(seconds / steps)
            self.pool.sweep(self.loop.time())
            for client in list(self.server.clients):
                client.sweep(self.loop.time())
            self.loop.run()

    def is_quiet(self) -> bool:
        """Whether past requests left nothing: no bytes counted as held, no admitted request unsettled."""
        return self.server._held == 0 and self.budgets.admitted == len(self.budgets.settled)
