"""Answer heads: what must not go on is cut out, everything else passes as the provider sent it.

A provider sends the same header lines again and again, with other values. The strict reading of one head
leaves a `Shape` behind; when the next head has it too, the shape becomes a pattern of its own, and from then
on such a head costs one match.
"""

import re
from functools import lru_cache

from clawbot_manager.proxy.headers import END_TO_END, NOT_DOWN
from clawbot_manager.proxy.masking import Secret
from clawbot_manager.proxy.messages import Headers

# RFC 9112, as strictly as a request's: who sends anything else is treated as broken
_HEAD = re.compile(
    rb"HTTP/1\.[01] [1-5]\d\d(?: [^\r\n\0]*+)?+\r\n"
    rb"(?>[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[^\r\n\0]*+\r\n)*+\r\n"
)
# lines of which every word matters; of the others only the name does
_EXACT = frozenset({b"transfer-encoding", b"connection", b"content-type", b"content-encoding"})
_LENGTH = b"content-length"
_NO_BODY = frozenset({204, 304})
_MOST_DIGITS = 15
_ON_THE_STATUS_LINE = len(b"HTTP/1.1 200")


class BadAnswerError(Exception):
    """The bytes are not one valid answer."""


class Shape:
    """What heads of one shape have in common: which lines, in which order, and what they mean.

    `ends_itself` False: the body, if any, ends with the connection. `plain`: no error, and not compressed.
    `pattern`, once there is one, matches all heads of the shape, and nothing else, at the beginning of some
    bytes; the group `length_group`, if it is not 0, has the digits of its Content-Length.
    """

    __slots__ = (
        "_dropped",
        "_kept_groups",
        "_source",
        "chunked",
        "content_encoding",
        "content_type",
        "ends_itself",
        "has_body",
        "has_length",
        "http11",
        "is_json",
        "keep_alive",
        "length_group",
        "pattern",
        "plain",
        "status",
    )

    def __init__(self, lines: list[bytes], method: str) -> None:
        """From the lines of a head that is known to be well-formed, the status line first.

        Raises:
            BadAnswerError: it is ambiguous in where its body ends.
        """
        self.http11 = lines[0].startswith(b"HTTP/1.1")
        self.status = int(lines[0][9:12])
        names = [line.partition(b":")[0].lower() for line in lines[1:]]
        values = {
            name: line.partition(b":")[2].strip(b" \t") for name, line in zip(names, lines[1:], strict=True)
        }
        for name in (_LENGTH, b"transfer-encoding"):
            if names.count(name) > 1:
                raise BadAnswerError
        coding = values.get(b"transfer-encoding")
        self.chunked = coding is not None
        self.has_length = _LENGTH in values
        if coding is not None and (coding.lower() != b"chunked" or self.has_length or not self.http11):
            raise BadAnswerError
        self.content_type = values.get(b"content-type", b"").decode("latin-1")
        self.content_encoding = values.get(b"content-encoding", b"").decode("latin-1")
        self.plain = self.status < 400 and not self.content_encoding
        self.is_json = self.content_type.startswith("application/json")
        self.has_body = method != "HEAD" and self.status not in _NO_BODY
        self.ends_itself = not self.has_body or self.chunked or self.has_length
        hops = {
            part.strip().lower()
            for name, line in zip(names, lines[1:], strict=True)
            if name == b"connection"
            for part in line.partition(b":")[2].split(b",")
        }
        kept = b"close" not in hops if self.http11 else b"keep-alive" in hops
        self.keep_alive = kept and self.ends_itself
        self._dropped = NOT_DOWN | (hops - END_TO_END)
        if self.status == 204:
            self._dropped |= {_LENGTH}  # RFC 9110 section 8.6: never with 204
        self.pattern: re.Pattern[bytes] | None = None
        self._describe(lines, names)

    def drops(self, name: bytes) -> bool:
        """Whether lines of this (lower-case) name stay behind."""
        return name in self._dropped or name.startswith(b"x-clawbot-")

    def is_like(self, other: "Shape | None") -> bool:
        """Whether the two are the same shape."""
        return other is not None and self._source == other._source and self.has_body == other.has_body

    def learn(self) -> None:
        """Make the pattern: worth its price once the shape has come a second time."""
        self.pattern = _compiled(self._source)

    @property
    def whole_pattern(self) -> re.Pattern[bytes] | None:
        """`pattern`, if such heads go on as they are, their bodies have lengths, and the connection stays."""
        plain = self.has_length and self.has_body and self.http11 and self.keep_alive
        return self.pattern if plain else None

    def length(self, found: re.Match[bytes]) -> int:
        """The Content-Length of a head that the pattern has matched, -1 when it has none."""
        return int(found[self.length_group]) if self.length_group else -1

    def kept(self, found: re.Match[bytes]) -> bytes:
        """The lines that go on of a head that the pattern has matched, each with its end."""
        groups = self._kept_groups
        return found[groups[0]] if len(groups) == 1 else b"".join(found.group(*groups))

    def _describe(self, lines: list[bytes], names: list[bytes]) -> None:
        """The pattern's source: a group for each run of lines that go on, one for the length's digits."""
        pieces = [b"(", re.escape(lines[0][:_ON_THE_STATUS_LINE]), rb"(?: [^\r\n\0]*+)?+\r\n"]
        groups, self.length_group, self._kept_groups = 1, 0, [1]
        in_run = True
        for name, line in zip(names, lines[1:], strict=True):
            if self.drops(name) == in_run:
                in_run = not in_run
                pieces.append(b"(" if in_run else b")")
                if in_run:
                    groups += 1
                    self._kept_groups.append(groups)
            if name == _LENGTH:
                groups += 1
                self.length_group = groups
                value = rb"[ \t]*+(\d{1,%d})[ \t]*+" % _MOST_DIGITS
            else:
                value = re.escape(line[len(name) + 1 :]) if name in _EXACT else rb"[^\r\n\0]*+"
            pieces.append(re.escape(line[: len(name) + 1]) + value + rb"\r\n")
        pieces.append(rb")\r\n" if in_run else rb"\r\n")
        self._source = b"".join(pieces)


@lru_cache(maxsize=256)
def _compiled(source: bytes) -> re.Pattern[bytes]:
    return re.compile(source)


class AnswerHead:
    """One head: its shape, and the length of its body (-1 = not told)."""

    __slots__ = ("_found", "_raw", "length", "shape")

    def __init__(self, shape: Shape, length: int, raw: bytes, found: re.Match[bytes] | None) -> None:
        """`raw` begins with the head; see `read_head` and `match_head`."""
        self.shape = shape
        self.length = length
        self._raw = raw
        self._found = found

    def for_client(self, *, keeps_length: bool, secret: Secret) -> bytes:
        """Status line and header lines as they go on, without a blank line at the end."""
        shape = self.shape
        if self._found is not None and (keeps_length or not shape.has_length):
            kept = shape.kept(self._found)
        else:
            kept = self._filtered(keeps_length=keeps_length)
        if not shape.http11:
            kept = b"HTTP/1.1" + kept[8:]
        return secret.hidden(kept)

    def headers(self) -> Headers:
        """All headers as pairs, names as they came."""
        pairs = (line.partition(b":") for line in self._lines()[1:])
        return [(name, value.strip(b" \t")) for name, _, value in pairs]

    def _lines(self) -> list[bytes]:
        return self._raw[: self._raw.index(b"\r\n\r\n")].split(b"\r\n")

    def _filtered(self, *, keeps_length: bool) -> bytes:
        status, *lines = self._lines()
        kept = [status]
        for line in lines:
            name = line.partition(b":")[0].lower()
            if not self.shape.drops(name) and (keeps_length or name != _LENGTH):
                kept.append(line)
        return b"\r\n".join(kept) + b"\r\n"


def read_head(raw: bytes, method: str) -> AnswerHead:
    """Read a head strictly, blank line included.

    Raises:
        BadAnswerError: it is not valid, or ambiguous in where its body ends.
    """
    if _HEAD.fullmatch(raw) is None:
        raise BadAnswerError
    lines = raw[:-4].split(b"\r\n")
    shape = Shape(lines, method)
    length = -1
    if shape.has_length:
        digits = next(line for line in lines[1:] if line.partition(b":")[0].lower() == _LENGTH)
        digits = digits.partition(b":")[2].strip(b" \t")
        if not digits.isdigit() or len(digits) > _MOST_DIGITS:
            raise BadAnswerError
        length = int(digits)
    return AnswerHead(shape, length, raw, None)
