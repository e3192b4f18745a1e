"""Keeps a provider's echo of its key from the bot: in heads, in streams, in bodies, and in errors.

A provider that means harm has the key anyway; this is about careless echoes. So a key is known as it stands,
and as a JSON writer or a URL may spell it: what need not be escaped stands for itself, everything else may be
`\\/`, `\\u00xx` or `%xx`. In errors, which quote requests, any character may be spelt so. Base64 is not
looked into, and a model that says a key in pieces of its own is not understood.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from functools import cached_property

from clawbot_manager.proxy.messages import Headers

_LEAST_SECRET = 8  # a shorter one is no secret, and would be found in harmless words
_LARGEST_ERROR = 1 << 20
_HIDDEN = b"***"
_IN_CODES = b"\\u%0123456789abcdefABCDEF"
_PACKED = ("gzip", "x-gzip", "deflate")
_PIECE = 64 << 10
_MOST_HELD = 64 << 10
_MOST_RATIO = 100  # more than any text; beyond it the work would be the attack

# what JSON and its texts seldom hold, the most seldom first
_RARE = [bytes([letter]) for letter in b"QXZJKVWYUGqHzBFLRMNDPO"]
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]+")  # RFC 3986 section 2.3; no JSON writer escapes them either


class Secret:
    """A key as the masks need it: made once for a key."""

    def __init__(self, secret: str) -> None:
        text = self.text = secret.encode() if len(secret) >= _LEAST_SECRET else b""
        runs = _UNRESERVED.findall(text)
        # a part is found five times as fast as the whole, and where it is not, no spelling of the whole is
        self._probe = max(runs, key=len, default=b"")[-_LEAST_SECRET:] if text else b"\0no key\0"
        # and a letter is found five times as fast as a part
        self._rare = next((rare for rare in _RARE if rare in self._probe), self._probe)
        self._letters = frozenset(text if runs == [text] else text + _IN_CODES)
        begins = _UNRESERVED.match(text[:3])
        self._begins = begins[0] if begins else b""

    def is_outside(self, data: bytes) -> bool:
        """Whether it does not stand in `data`."""
        return self._rare not in data or self._probe not in data or self._pattern.search(data) is None

    def is_absent(self, data: bytes) -> bool:
        """Whether nothing of it is in `data`, not even a beginning at the end: nearly always."""
        if not data or data[-1] not in self._letters:
            return self.is_outside(data)
        return self.is_outside(data) and self.begins_at(data) == len(data)

    def begins_at(self, data: bytes) -> int:
        """Where the beginning of a key stands that goes on behind `data`; the length of it for none."""
        start = max(0, len(data) - self.longest + 1)
        begins = self._begins
        if len(begins) == 3 and data.find(begins, start) < 0 and not data.endswith((begins[:1], begins[:2])):
            return len(data)
        for found in self._first.finditer(data, start):
            if self._goes_on(data[found.start() :]):
                return found.start()
        return len(data)

    def hidden(self, data: bytes) -> bytes:
        """The same with something short in its place."""
        return data if self._probe not in data else self._pattern.sub(_HIDDEN, data)

    def masked(self, data: bytes) -> bytes:
        """The same with as many asterisks in its place."""
        return self._pattern.sub(lambda found: b"*" * len(found[0]), data)

    def hidden_anyhow(self, data: bytes) -> bytes:
        """`hidden`, with every character of the key known in every spelling."""
        data = self.hidden(data)
        return self._loose_pattern.sub(_HIDDEN, data) if b"\\u00" in data or b"%" in data else data

    @cached_property
    def longest(self) -> int:
        """The length of the longest spelling."""
        return sum(max(map(len, each)) for each in self._spellings)

    @cached_property
    def _spellings(self) -> list[tuple[bytes, ...]]:
        return [_spellings(byte) for byte in self.text]

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        return _pattern(self._spellings)

    @cached_property
    def _loose_pattern(self) -> re.Pattern[bytes]:
        return _pattern([_escaped(byte) for byte in self.text])

    @cached_property
    def _first(self) -> re.Pattern[bytes]:
        firsts = self._spellings[0] if self._spellings else []
        return re.compile(b"|".join(re.escape(one[:1]) for one in firsts) or rb"(?!)")

    def _goes_on(self, tail: bytes) -> bool:
        """Whether all of `tail` is a beginning, in one of its spellings."""
        at = 0
        for spellings in self._spellings:
            whole = next((one for one in spellings if tail.startswith(one, at)), None)
            if whole is None:
                return any(one.startswith(tail[at:]) for one in spellings)
            at += len(whole)
        return False


class KeyMask:
    """Replaces the key in a stream of bytes by as many asterisks, so that no length changes.

    Holds back at most the beginning of a key that a piece ends with; `finish` gives it.
    """

    spoilt = False

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What of these bytes (and earlier ones) can go on."""
        if self._held:
            data, self._held = self._held + data, b""
        if self._secret.is_absent(data):
            return data
        data = self._secret.masked(data)
        at = self._secret.begins_at(data)
        self._held = data[at:]
        return data[:at]

    def finish(self) -> bytes:
        """What was still held back."""
        held, self._held = self._held, b""
        return held


class PackedMask:
    """Looks into a compressed stream that nobody asked for, and lets it pass as it is.

    A key can't be masked in there: with one inside, or something that can't be looked into, `feed` gives
    nothing more and `spoilt` says that the answer must break off.
    """

    def __init__(self, secret: Secret) -> None:
        self.spoilt = False
        self._secret = secret
        self._unpack = _unpacker()
        self._tail = b""
        self._held = b""
        self._taken = self._made = 0

    def feed(self, data: bytes) -> bytes:
        """What of these bytes (and earlier ones) can go on."""
        if self.spoilt:
            return b""
        self._taken += len(data)
        self._held += data
        if len(self._held) > _MOST_HELD + len(data) or not self._is_harmless(data):
            self.spoilt, self._held = True, b""
        # a key that has only begun could be guessed to its end
        waits = self._secret.begins_at(self._tail) < len(self._tail)
        return b"" if waits else self.finish()

    def finish(self) -> bytes:
        """What was still held back."""
        held, self._held = self._held, b""
        return held

    def _is_harmless(self, data: bytes) -> bool:
        try:
            return all(self._looks_fine(piece) for piece in self._inside(data))
        except zlib.error:
            return False

    def _inside(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece = self._unpack.decompress(data, _PIECE)
            yield piece
            data = self._unpack.unconsumed_tail
            if self._unpack.eof:
                data = self._unpack.unused_data
                self._unpack = _unpacker()
            if not data and len(piece) < _PIECE:
                return

    def _looks_fine(self, piece: bytes) -> bool:
        self._made += len(piece)
        seen = self._tail + piece
        self._tail = seen[-self._secret.longest :]
        return self._secret.is_outside(seen) and self._made <= _MOST_RATIO * self._taken + _PIECE


def mask_for(secret: Secret, content_encoding: str) -> "KeyMask | PackedMask | None":
    """The mask for an answer's body; None when it is compressed in a way that can't be looked into."""
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return KeyMask(secret)
    return PackedMask(secret) if encoding in _PACKED else None


def unpack_error(body: bytes, headers: Headers) -> tuple[bytes, Headers]:
    """An error's body as it was before it was compressed, which nobody asked for.

    A body that can't be unpacked is left out: nothing unseen goes to the bot.
    """
    encoding = next((v for k, v in headers if k.lower() == b"content-encoding"), b"").decode("latin-1")
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body, headers
    kept = [(name, value) for name, value in headers if name.lower() != b"content-encoding"]
    try:
        return _unpacker().decompress(body, _LARGEST_ERROR) if encoding in _PACKED else b"", kept
    except zlib.error:
        return b"", kept


def _unpacker() -> "zlib._Decompress":
    return zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: takes both gzip's and zlib's frame


def _spellings(byte: int) -> tuple[bytes, ...]:
    """A character of a key as it may stand in JSON and in a URL."""
    return (bytes((byte,)),) if _UNRESERVED.match(bytes((byte,))) else _escaped(byte)


def _escaped(byte: int) -> tuple[bytes, ...]:
    """Every spelling of a character, the longest first."""
    plain = bytes((byte,))
    codes = [form % byte for form in (b"\\u00%02x", b"\\u00%02X", b"%%%02x", b"%%%02X")]
    return tuple(dict.fromkeys([*codes, *([b"\\" + plain] if plain in b'/"\\' else []), plain]))


def _pattern(spellings: Iterable[tuple[bytes, ...]]) -> re.Pattern[bytes]:
    each = [b"(?:" + b"|".join(map(re.escape, one)) + b")" for one in spellings]
    return re.compile(b"".join(each) or rb"(?!)")
