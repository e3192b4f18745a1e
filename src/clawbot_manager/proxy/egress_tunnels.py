"""A bot's own ways out: a proxy for CONNECT alone (RFC 9110 section 9.3.6), to the hosts its owner named.

Off unless a bot has a list. The bot says who it is by its proxy token (`Proxy-Authorization: Basic`, the
token is the password); where a name leads is checked at each connection like every address of a user's.
"""

import asyncio
import base64
import binascii
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple
from uuid import UUID

from clawbot_manager.infra.http.egress import EgressDeniedError, EgressPolicy
from clawbot_manager.proxy.ports import BotIdentity, TokenDirectory

_MOST_HEAD = 8 * 1024
_HEAD_SECONDS = 10.0
_CONNECT_SECONDS = 10.0
_IDLE_SECONDS = 300.0
_LOOK_SECONDS = 2.0
_MOST_OF_A_BOT = 32
_PIECE = 64 * 1024
_HTTPS = 443
_LONGEST_HOST = 253
_HIGHEST_PORT = 65_535


class TunnelEnd(NamedTuple):
    """A tunnel that ended, or was refused with this status (then no bytes passed)."""

    hostname: str | None
    target: str
    status: int
    sent: int
    received: int


Report = Callable[[TunnelEnd], None]


class _RefusedError(Exception):
    def __init__(self, status: int, reason: str, bot: BotIdentity | None = None, target: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.bot = bot
        self.target = target


@dataclass(slots=True)
class _Counts:
    sent: int = 0
    received: int = 0
    touched: float = 0.0


class EgressTunnels:
    """Listens on the bots' side. Use from one event loop: `start`, then `close`."""

    def __init__(self, tokens: TokenDirectory, policy: EgressPolicy, report: Report) -> None:
        self._tokens = tokens
        self._policy = policy
        self._report = report
        self._open: Counter[UUID] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        assert self._server is not None, "start it first"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: the address cannot be bound.
        """
        self._server = await asyncio.start_server(self._accepted, host, port, limit=_MOST_HEAD)

    async def close(self) -> None:
        """Take no more, and cut those that are open."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a client that left, or never spoke
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            token, host, port = _asked(head)
            bot = self._allowed(token, host, port)
            there = await self._connect(bot, host, port)
        except _RefusedError as refusal:
            hostname = refusal.bot.hostname if refusal.bot else None
            self._report(TunnelEnd(hostname, refusal.target, refusal.status, 0, 0))
            writer.write(_answer(refusal))
            await writer.drain()
            return
        counts = _Counts(touched=asyncio.get_running_loop().time())
        self._open[bot.bot_id] += 1
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await self._pass(reader, writer, *there, counts, lambda: self._may(token, host, port))
        finally:
            self._open[bot.bot_id] -= 1
            there[1].close()
            end = TunnelEnd(bot.hostname, f"{host}:{port}", 200, counts.sent, counts.received)
            self._report(end)

    def _may(self, token: str, host: str, port: int) -> BotIdentity | None:
        bot = self._tokens.find(token)
        names = {f"{host}:{port}", host} if port == _HTTPS else {f"{host}:{port}"}
        return bot if bot is not None and names & bot.egress else None

    def _allowed(self, token: str, host: str, port: int) -> BotIdentity:
        target = f"{host}:{port}"
        bot = self._tokens.find(token) if token else None
        if bot is None:
            raise _RefusedError(407, "The bot's proxy token is missing or not valid.", None, target)
        if self._may(token, host, port) is None:
            raise _RefusedError(403, f"The bot may not reach {target}. Its owner can allow it.", bot, target)
        if self._open[bot.bot_id] >= _MOST_OF_A_BOT:
            raise _RefusedError(429, "The bot has too many connections open.", bot, target)
        return bot

    async def _connect(
        self, bot: BotIdentity, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        target = f"{host}:{port}"
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                found = await asyncio.get_running_loop().getaddrinfo(host, port)
                addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
                for address in addresses:
                    self._policy.check_address(host, port, ip_address(address))
                return await _open_one(addresses, port)  # what was checked, not the name
        except EgressDeniedError as error:
            raise _RefusedError(403, error.detail, bot, target) from None
        except (OSError, TimeoutError):
            raise _RefusedError(502, f"{target} could not be reached.", bot, target) from None

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        thither: asyncio.StreamWriter,
        counts: _Counts,
        still_allowed: Callable[[], BotIdentity | None],
    ) -> None:
        """Both ways until one side ends, nothing passes for long, or the bot may no more."""
        loop = asyncio.get_running_loop()

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, name: str) -> None:
            while piece := await source.read(_PIECE):
                sink.write(piece)
                await sink.drain()
                setattr(counts, name, getattr(counts, name) + len(piece))
                counts.touched = loop.time()
            if sink.can_write_eof():
                sink.write_eof()

        both = {
            loop.create_task(pump(reader, thither, "sent"), name="tunnel out"),
            loop.create_task(pump(there, writer, "received"), name="tunnel in"),
        }
        try:
            waiting = both
            while waiting:
                done, waiting = await asyncio.wait(
                    waiting, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_EXCEPTION
                )
                failed = any(task.exception() for task in done)
                idle = loop.time() - counts.touched > _IDLE_SECONDS
                if failed or idle or still_allowed() is None:
                    return
        finally:
            for task in both:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*both, return_exceptions=True)


async def _open_one(addresses: Sequence[str], port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To the first address that answers: a name may have one that this machine has no route to."""
    *others, last = addresses
    for address in others:
        with contextlib.suppress(OSError):
            return await asyncio.open_connection(address, port)
    return await asyncio.open_connection(last, port)


def _asked(head: bytes) -> tuple[str, str, int]:
    """The token, host and port of a CONNECT request."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    target, _, version = rest.partition(" ")
    host, _, port = target.rpartition(":")
    if method != "CONNECT" or not version.startswith("HTTP/1.") or not (port.isascii() and port.isdigit()):
        raise _RefusedError(405, "Only CONNECT is served here.")
    if len(host) > _LONGEST_HOST or int(port) > _HIGHEST_PORT:
        raise _RefusedError(400, "This is no host and port.")
    token = ""
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "proxy-authorization":
            token = _password(value.strip())
    return token, host.lower().rstrip("."), int(port)


def _password(value: str) -> str:
    scheme, _, encoded = value.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _answer(refusal: _RefusedError) -> bytes:
    body = f"{refusal.reason}\n".encode()
    ask = b'proxy-authenticate: Basic realm="bot"\r\n' if refusal.status == 407 else b""
    head = f"HTTP/1.1 {refusal.status} Refused\r\ncontent-type: text/plain\r\nconnection: close\r\n".encode()
    return head + ask + f"content-length: {len(body)}\r\n\r\n".encode() + body
