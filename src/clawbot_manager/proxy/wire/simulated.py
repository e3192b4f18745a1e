"""The simulated provider, as a connection that needs no socket."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clawbot_manager.proxy.messages import UpstreamRequest
from clawbot_manager.proxy.wire.answer import AnswerHead, read_head
from clawbot_manager.vendors import simulator

if TYPE_CHECKING:
    from clawbot_manager.proxy.wire.upstream import Taker


class SimulatedConnection:
    """Plays one simulated answer by the loop's timers; the calls are those of `UpstreamConnection`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._taker: Taker | None = None
        self._pieces: Iterator[simulator.Piece] = iter(())
        self._timer: asyncio.TimerHandle | None = None
        self._next: simulator.Piece | None = None
        self._paused = False

    def answer(self, taker: "Taker", request: UpstreamRequest) -> None:
        """Begin to answer."""
        self._taker = taker
        path = urlsplit(request.url).path
        answer = simulator.answer(request.method, path, request.body or b"")
        self._pieces = answer.pieces
        lines = [f"HTTP/1.1 {answer.status} Simulated\r\n"]
        lines += [f"{name}: {value}\r\n" for name, value in answer.headers]
        head = read_head("".join([*lines, "\r\n"]).encode("latin-1"), request.method)
        self._timer = self._loop.call_later(0, self._begin, head)

    def upload(self, data: bytes, *, end: bool) -> None:
        """The simulated provider takes no streamed bodies: what is sent is let go."""

    def pause(self, *, paused: bool) -> None:
        """Wait while the client is slow."""
        if self._paused != paused:
            self._paused = paused
            if not paused and self._next is not None:
                self._wait()

    def abandon(self) -> None:
        """Stop."""
        self._taker = None
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self, head: AnswerHead) -> None:
        if self._taker is not None:
            self._taker.on_head(head)
            self._advance()

    def _advance(self) -> None:
        if self._taker is None:
            return
        self._next = next(self._pieces, None)
        if self._next is None:
            taker, self._taker = self._taker, None
            taker.on_end()
        elif not self._paused:
            self._wait()

    def _wait(self) -> None:
        assert self._next is not None
        self._timer = self._loop.call_later(self._next.delay, self._give)

    def _give(self) -> None:
        piece, self._next = self._next, None
        if self._taker is not None and piece is not None:
            self._taker.on_body(piece.data)
            if self._taker is not None:
                self._taker.on_flush()
                self._advance()
