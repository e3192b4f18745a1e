"""WebSockets (RFC 6455) as far as the proxy understands them: their opening, and messages for the meter."""

from dataclasses import dataclass

from clawbot_manager.proxy.headers import header
from clawbot_manager.proxy.messages import Headers, RequestHead

# RFC 6455 section 7.4.1: going away
GOING_AWAY = b"\x88\x02\x03\xe9"

# What browsers, which can set no header, put the key into: the form of OpenAI's SDK for JavaScript
_KEY_PROTOCOL = b"openai-insecure-api-key."
_PROTOCOLS = b"sec-websocket-protocol"
_EXTENSIONS = b"sec-websocket-extensions"

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_OPCODES = frozenset({_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG})
_FINAL, _RESERVED, _OPCODE, _MASKED, _LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
_WHOLE_MESSAGES = (_FINAL | _TEXT, _FINAL | _BINARY)
_MOST_CONTROL = 125
_UNKNOWN_NEED = 1 << 16

LARGEST_MESSAGE = 4 << 20


@dataclass(frozen=True, slots=True)
class Opening:
    """A request to open a WebSocket. In `head` a bot token that was a sub-protocol stands in a header, and no
    extension is offered: compressed messages could not be read.

    `fallback` is the sub-protocol to answer with when the provider chose none, b"" for none: a client that
    offered some takes no connection without one (WHATWG WebSockets, "establish a WebSocket connection").
    """

    head: RequestHead
    fallback: bytes


def opening(head: RequestHead) -> Opening | None:
    """The opening of a WebSocket; None for any other request (section 4.2.1)."""
    headers = head.headers
    if (
        head.method != "GET"
        or header(headers, b"upgrade").strip().lower() != "websocket"
        or not _has_token(headers, b"connection", b"upgrade")
        or not header(headers, b"sec-websocket-key")
        or header(headers, b"content-length") not in ("", "0")
        or header(headers, b"transfer-encoding")
    ):
        return None
    offered = [one.strip() for name, value in headers if name == _PROTOCOLS for one in value.split(b",")]
    keys = [one for one in offered if one.startswith(_KEY_PROTOCOL)]
    others = [one for one in offered if one and one not in keys]
    kept = [(name, value) for name, value in headers if name not in (_PROTOCOLS, _EXTENSIONS)]
    if others:
        kept.append((_PROTOCOLS, b", ".join(others)))
    kept += [(b"authorization", b"Bearer " + one.removeprefix(_KEY_PROTOCOL)) for one in keys]
    fallback = (others or keys)[0] if keys else b""
    return Opening(RequestHead(head.method, head.path, head.query, kept), fallback)


def opened(lines: bytes, answer: Headers, fallback: bytes) -> bytes:
    """The head of the answer that opens the WebSocket: `lines` are status line and headers that go on, each
    with its end; `answer` are all headers that the provider sent.
    """
    chosen = any(name.lower() == _PROTOCOLS for name, _ in answer)
    protocol = b"sec-websocket-protocol: %b\r\n" % fallback if fallback and not chosen else b""
    return b"%b%bconnection: Upgrade\r\nupgrade: websocket\r\n\r\n" % (lines, protocol)


class MessageReader:
    """Reads the messages of one direction, however their bytes are split. Never raises.

    Holds at most one message of `most` bytes; longer ones are left out. What breaks the protocol is read no
    further: `is_lost`. `close_code` is that of the Close frame, 1005 when it had none, None before there was
    one.
    """

    __slots__ = (
        "_head",
        "_in_payload",
        "_left",
        "_mask",
        "_message",
        "_most",
        "_open",
        "_payload",
        "_skips",
        "_wants_mask",
        "close_code",
        "is_lost",
    )

    def __init__(self, *, masked: bool, most: int = LARGEST_MESSAGE) -> None:
        """`masked`: whether the sender must mask, as a client must and a server must not."""
        self._wants_mask = masked
        self._most = most
        self._head = b""
        self._in_payload = False
        self._left = 0
        self._mask = b""
        self._payload = bytearray()
        self._message = bytearray()
        self._open = False
        self._skips = False
        self.close_code: int | None = None
        self.is_lost = False

    @property
    def at_boundary(self) -> bool:
        """Whether a frame can be put in here."""
        return not self._in_payload and not self._head and not self.is_lost

    @property
    def needs(self) -> int:
        """How many bytes at least are missing to the next boundary; never 0."""
        if self.is_lost:
            return _UNKNOWN_NEED
        return self._left if self._in_payload else _size(self._head) - len(self._head)

    def feed(self, data: bytes) -> list[bytes]:
        """The text and binary messages that these bytes complete."""
        messages: list[bytes] = []
        at, end = 0, len(data)
        while at < end and not self.is_lost:
            if not self._head and not self._open and not self._wants_mask:
                start, stop = _usual(data, at)
                if stop and stop - start <= self._most:
                    messages.append(data[start:stop])
                    at = stop
                    continue
            stop = min(end, at + self.needs)
            if self._in_payload:
                self._take_payload(data[at:stop])
            else:
                self._take_head(data[at:stop])
            at = stop
            if self._in_payload and self._left == 0:
                self._in_payload = False
                if (message := self._end_frame()) is not None:
                    messages.append(message)
        return messages

    def _take_head(self, data: bytes) -> None:
        self._head += data
        if len(self._head) < _size(self._head):
            return
        first, second = self._head[:2]
        masked = bool(second & _MASKED)
        length = second & _LENGTH
        if length > _MOST_CONTROL:
            length = int.from_bytes(self._head[2 : 4 if length == 126 else 10])
        if not self._is_allowed(first, length, masked=masked):
            self.is_lost = True
            self._message.clear()
            return
        self._mask = self._head[-4:] if masked else b""
        self._left, self._in_payload = length, True
        if first & _OPCODE < _CLOSE:
            # told by the lengths alone, so that it does not depend on how the bytes arrive
            self._open = True
            self._skips = self._skips or len(self._message) + length > self._most
            if self._skips:
                self._message.clear()

    def _is_allowed(self, first: int, length: int, *, masked: bool) -> bool:
        opcode, final = first & _OPCODE, bool(first & _FINAL)
        if opcode not in _OPCODES or first & _RESERVED or masked != self._wants_mask or length >> 63:
            return False
        if opcode >= _CLOSE:
            return final and length <= _MOST_CONTROL
        return (opcode == _CONTINUATION) == self._open

    def _take_payload(self, data: bytes) -> None:
        self._left -= len(data)
        if self._head[0] & _OPCODE >= _CLOSE or not self._skips:
            self._payload += data

    def _end_frame(self) -> bytes | None:
        """The message that ends with this frame, if one does."""
        first, self._head = self._head[0], b""
        payload = _unmasked(self._payload, self._mask) if self._mask else bytes(self._payload)
        self._payload.clear()
        opcode = first & _OPCODE
        if opcode >= _CLOSE:
            if opcode == _CLOSE:
                self.close_code = int.from_bytes(payload[:2]) if len(payload) > 1 else 1005
            return None
        if not first & _FINAL:
            self._message += payload
            return None
        message = bytes(self._message) + payload if self._message else payload
        self._message.clear()
        skipped, self._skips, self._open = self._skips, False, False
        return None if skipped else message


def _usual(data: bytes, at: int) -> tuple[int, int]:
    """Where the payload is of an unmasked frame that is a whole message and all there; (0, 0) for others."""
    end = len(data)
    if end - at < 2 or data[at] not in _WHOLE_MESSAGES:
        return 0, 0
    length, start = data[at + 1], at + 2
    if length > _MOST_CONTROL:
        if length > _LENGTH:
            return 0, 0
        start += 2 if length == 126 else 8
        length = int.from_bytes(data[at + 2 : start])
    stop = start + length
    return (start, stop) if stop <= end else (0, 0)


def _size(head: bytes) -> int:
    """How long a frame's head is that begins like this."""
    if len(head) < 2:
        return 2
    length = head[1] & _LENGTH
    return 2 + {126: 2, 127: 8}.get(length, 0) + (4 if head[1] & _MASKED else 0)


def _unmasked(payload: bytearray, mask: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(size)


def _has_token(headers: Headers, name: bytes, token: bytes) -> bool:
    values = (value for key, value in headers if key == name)
    return any(part.strip().lower() == token for value in values for part in value.split(b","))
