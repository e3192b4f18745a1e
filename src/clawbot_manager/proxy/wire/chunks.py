"""Chunked bodies (RFC 9112 section 7.1): an answer's by llhttp, a request's by our own strict reader."""

import re

import httptools

_CANNED_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
_LONGEST_LINE = 256
_MOST_SIZE_DIGITS = 15
_LARGEST_TRAILER = 16 << 10
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:.*", re.DOTALL)


class BadChunksError(Exception):
    """The bytes are not a chunked body."""


class AnswerChunks:
    """The framing of one answer's chunks, done in C: `feed` gives the payload of the bytes, joined.

    A fresh one for each answer: llhttp is told a canned head, so only the framing is its matter. Trailers are
    dropped. What follows the end of the body is `excess`.
    """

    __slots__ = ("_parser", "_pieces", "done", "excess", "on_body")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self.done = False
        self.excess = False
        self._parser = httptools.HttpResponseParser(self)
        self._parser.feed_data(_CANNED_HEAD)

    def on_message_begin(self) -> None:
        """A second message: the bytes behind the body are not ours, and none of them is payload."""
        if self.done:
            raise BadChunksError

    def on_message_complete(self) -> None:
        """The last chunk and the trailers were there."""
        self.done = True

    def feed(self, data: bytes) -> bytes:
        """The payload in these bytes.

        Raises:
            BadChunksError: the framing is broken.
        """
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.done:
                raise BadChunksError from error
            self.excess = True
        pieces = self._pieces
        if len(pieces) == 1:
            return pieces.pop()
        payload = b"".join(pieces)
        pieces.clear()
        return payload


class RequestChunks:
    """A request's chunked body, read strictly to its exact end; extensions and trailers are dropped."""

    __slots__ = ("_buffer", "_left", "_state", "_trailer", "done")

    def __init__(self) -> None:
        self._buffer = b""
        self._left = 0
        self._state = "size"
        self._trailer = 0
        self.done = False

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """The payload in these bytes, and what follows the end of the body.

        Raises:
            BadChunksError: the framing is broken.
        """
        data = self._buffer + data if self._buffer else data
        pieces: list[bytes] = []
        at = 0
        while not self.done:
            if self._state == "data":
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._state = "crlf"
            if self._state == "crlf":
                if len(data) - at < 2:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise BadChunksError
                at += 2
                self._state = "size"
            end = data.find(b"\n", at)
            if end < 0:
                if len(data) - at > _LONGEST_LINE:
                    raise BadChunksError
                break
            line, at = data[at : end + 1], end + 1
            self._line(line)
        self._buffer = b"" if self.done else data[at:]
        return b"".join(pieces), data[at:] if self.done else b""

    def _line(self, line: bytes) -> None:
        if not line.endswith(b"\r\n") or b"\r" in line[:-2] or b"\0" in line or len(line) > _LONGEST_LINE:
            raise BadChunksError
        text = line[:-2]
        if self._state == "trailer":
            self._trailer += len(line)
            if self._trailer > _LARGEST_TRAILER or (text and _TRAILER.fullmatch(text) is None):
                raise BadChunksError
            self.done = not text
            return
        size = text.partition(b";")[0].rstrip(b" \t")
        if not size or len(size) > _MOST_SIZE_DIGITS or not all(c in b"0123456789abcdefABCDEF" for c in size):
            raise BadChunksError
        self._left = int(size, 16)
        self._state = "data" if self._left else "trailer"
