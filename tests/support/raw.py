"""HTTP/1.1 byte by byte: a provider and a client of a proxy that do what no library would."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SECONDS = 20  # longest wait for anything; nothing is timed by it
_SMALL = 16 << 10  # of the streams' own buffers: what is not taken must stay where it came from


def within() -> asyncio.Timeout:
    return asyncio.timeout(SECONDS)


@dataclass
class Call:
    """One request as it stands on the provider's socket."""

    head: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def line(self) -> bytes:
        return self.head.partition(b"\r\n")[0]

    @property
    def target(self) -> bytes:
        return self.line.split(b" ")[1]

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        lines = self.head.split(b"\r\n")[1:]
        return [(name, value.lstrip()) for name, _, value in (one.partition(b":") for one in lines if one)]

    def header(self, name: bytes) -> bytes | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    async def body(self) -> bytes:
        """All of the body, however it is framed."""
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        if self.header(b"transfer-encoding") is not None:
            while size := int((await self.reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                yield await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            await self.reader.readuntil(b"\r\n")
            return
        left = int(self.header(b"content-length") or b"0")
        while left:
            piece = await self.reader.read(min(left, 1 << 16))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece

    async def send(self, *pieces: bytes) -> None:
        """Each piece in a write of its own."""
        for piece in pieces:
            if self.writer.is_closing():
                raise ConnectionResetError
            self.writer.write(piece)
            await self.writer.drain()

    async def answer(self, body: bytes = b"{}", *headers: bytes, status: bytes = b"200 OK") -> None:
        """A plain answer of known length."""
        lines = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *headers]
        await self.send(b"\r\n".join([*lines, b"", b""]) + body)

    async def begin(self, *headers: bytes, status: bytes = b"200 OK") -> None:
        """The head of an answer in chunks."""
        lines = [b"HTTP/1.1 " + status, b"transfer-encoding: chunked", *headers]
        await self.send(b"\r\n".join([*lines, b"", b""]))

    async def chunk(self, data: bytes) -> None:
        """A chunk of its own; an empty one ends the answer."""
        await self.send(b"%x\r\n%b\r\n" % (len(data), data))

    async def gone(self) -> None:
        """Wait until the other side has closed."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(1 << 16):
                pass

    def reset(self) -> None:
        """Break the connection."""
        reset(self.writer)


Answering = Callable[[Call], Awaitable[None]]


async def fine(call: Call) -> None:
    """Takes everything and answers `{}`."""
    await call.body()
    await call.answer(b"{}", b"content-type: application/json")


@dataclass
class RawProvider:
    """Answers each request by `answering`; keeps the heads it saw and counts its connections."""

    answering: Answering = fine
    heads: list[Call] = field(default_factory=list)
    accepted: int = 0
    open: int = 0
    scheme: str = "http"
    port: int = 0
    failures: list[BaseException] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawProvider]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls, limit=_SMALL, backlog=1024)
        self.scheme = "https" if tls is not None else "http"
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()
        assert not self.failures, self.failures

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        self.open += 1
        try:
            while not writer.is_closing():
                call = Call(await reader.readuntil(b"\r\n\r\n"), reader, writer)
                self.heads.append(call)
                await self.answering(call)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        except BaseException as error:  # noqa: BLE001 - told where the provider is closed
            self.failures.append(error)
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.abort()


@dataclass
class RawClient:
    """One connection to a proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int) -> RawClient:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=_SMALL))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        """The next head of an answer."""
        async with within():
            return await self.reader.readuntil(b"\r\n\r\n")

    async def exactly(self, size: int) -> bytes:
        async with within():
            return await self.reader.readexactly(size)

    async def chunk(self) -> bytes:
        """The next chunk; b"" is the end."""
        async with within():
            size = int((await self.reader.readuntil(b"\r\n"))[:-2], 16)
            data = await self.reader.readexactly(size)
            assert await self.reader.readexactly(2) == b"\r\n"
            return data

    async def chunks(self) -> bytes:
        """All chunks to the end."""
        pieces = []
        while piece := await self.chunk():
            pieces.append(piece)
        return b"".join(pieces)

    async def answer(self) -> tuple[bytes, bytes]:
        """Head and body of the next answer."""
        head = await self.head()
        if b"\r\ntransfer-encoding: chunked\r\n" in head.lower():
            return head, await self.chunks()
        length = value_of(head, b"content-length")
        return head, await self.exactly(int(length)) if length else b""

    async def rest(self) -> bytes:
        """Everything until the other side closes; a reset is raised as ConnectionError."""
        async with within():
            return await self.reader.read()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        reset(self.writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with an RST: a plain close is a FIN, as a clean end is."""
    if not writer.is_closing():
        plain = writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


def value_of(head: bytes, name: bytes) -> bytes | None:
    """A header of a raw head."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name.lower():
            return value.strip()
    return None


def status_of(head: bytes) -> int:
    return int(head[9:12])
