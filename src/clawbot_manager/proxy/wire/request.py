"""Request heads: one strict reading, and a memo that spares it where the next head is the same."""

import re
from dataclasses import dataclass

import httptools

from clawbot_manager.proxy.headers import header, named_by_connection
from clawbot_manager.proxy.messages import Headers, RequestHead
from clawbot_manager.proxy.route import Route

# RFC 9112: a request line, header lines of a token and a value, CRLF everywhere; no folding, no bare CR or LF
_HEAD = re.compile(
    rb"[A-Z]{1,20} [!-~]+ HTTP/1\.[01]\r\n"
    rb"(?>[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[^\r\n\0]*+\r\n)*+\r\n"
)
_AUTHORITY = re.compile(r"[^:/?#]*://[^/?#]*")
_LENGTH_AT = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})\r\n", re.IGNORECASE)
_MOST_DIGITS = 15
_MOST_HEADERS = 200


class BadRequestError(Exception):
    """The bytes are not one valid request; the connection can't go on."""


@dataclass(slots=True, eq=False)
class ParsedRequest:
    """A request's head. `length` None = no body by length; `chunked` = one in chunks."""

    head: RequestHead
    http11: bool
    keep_alive: bool
    length: int | None
    chunked: bool
    expects: bool
    upgrade: bool

    @property
    def is_plain(self) -> bool:
        """Whether its head is a whole description of it, but for the digits of a length."""
        return self.keep_alive and self.http11 and not (self.chunked or self.expects or self.upgrade)


class _Sink:
    """What llhttp tells."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: Headers = []
        self.whole = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # llhttp leaves the blanks behind a value, which are no part of it (RFC 9110 section 5.5)
        self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.whole = True


def parse_request(raw: bytes) -> ParsedRequest:
    """Read a head, blank line included, through a pattern of our own and through llhttp: both must agree.

    Raises:
        BadRequestError: it is not valid, or ambiguous in where its body ends.
    """
    if _HEAD.fullmatch(raw) is None:
        raise BadRequestError
    sink = _Sink()
    parser = httptools.HttpRequestParser(sink)
    upgrade = False
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        upgrade = True
    except httptools.HttpParserError as error:
        raise BadRequestError from error
    http11 = parser.get_http_version() == "1.1"
    headers = sink.headers
    if not sink.whole or len(headers) > _MOST_HEADERS:
        raise BadRequestError
    hosts = sum(name == b"host" for name, _ in headers)
    if hosts > 1 or (http11 and hosts == 0):
        raise BadRequestError
    length, chunked = _framing(headers, http11=http11)
    connection = named_by_connection(headers)
    path, _, query = _origin_form(sink.url.decode("latin-1")).partition("?")
    head = RequestHead(parser.get_method().decode("latin-1"), path, query, headers)
    return ParsedRequest(
        head=head,
        http11=http11,
        keep_alive=b"close" not in connection and (http11 or b"keep-alive" in connection),
        length=length,
        chunked=chunked,
        expects=http11 and header(headers, b"expect").lower() == "100-continue",
        upgrade=upgrade or b"upgrade" in (name for name, _ in headers),
    )


def _framing(headers: Headers, *, http11: bool) -> tuple[int | None, bool]:
    """Where the body ends; more than one answer to that is none."""
    lengths = [value for name, value in headers if name == b"content-length"]
    encodings = [value for name, value in headers if name == b"transfer-encoding"]
    if encodings:
        if lengths or len(encodings) > 1 or encodings[0].lower() != b"chunked" or not http11:
            raise BadRequestError
        return None, True
    if not lengths:
        return None, False
    if len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > _MOST_DIGITS:
        raise BadRequestError
    return int(lengths[0]), False


def _origin_form(url: str) -> str:
    """The path of an absolute-form target (RFC 9112 section 3.2.2); whose host it names does not matter."""
    if url.startswith("/"):
        return url
    return _AUTHORITY.sub("", url, count=1) if "://" in url else ""


def target_of(data: bytes) -> str | None:
    """The path of the request line that `data` begins with; None while the line is not whole.

    Raises:
        BadRequestError: it is no request line.
    """
    end = data.find(b"\r\n")
    if end < 0:
        return None
    parts = data[:end].split(b" ")
    if len(parts) != 3:
        raise BadRequestError
    return _origin_form(parts[1].decode("latin-1")).partition("?")[0]


class HeadMemo:
    """The last head of a connection, without the digits of its length, and the route that it had.

    It is only as safe as the strict reading before it: only a plain head gets here, one that keeps the
    connection alive and whose body, if any, goes by one Content-Length. A head that is equal to it but for
    those digits is as valid as it was.
    """

    __slots__ = (
        "after",
        "before",
        "begin",
        "epoch",
        "expires",
        "has_length",
        "largest",
        "most",
        "request",
        "rest",
        "route",
        "usual",
    )

    def __init__(
        self, before: bytes, after: bytes, request: ParsedRequest, route: Route, *, epoch: int, largest: int
    ) -> None:
        self.before = before
        self.after = after
        self.has_length = bool(after)
        self.begin, self.rest = len(before), len(after)
        self.most = self.begin + _MOST_DIGITS + 1
        self.expires = route.bot is not None and route.bot.expires_at is not None
        self.usual = bool(after) and route.is_usual
        self.largest = largest
        self.request = request
        self.route = route
        self.epoch = epoch

    def body_of(self, data: bytes) -> int:
        """Where the body begins in `data`, if that is such a head with all of its body and no more, and its
        request may go by `express`; or 0.
        """
        if not self.usual or not data.startswith(self.before):
            return 0
        stop = data.find(b"\r", self.begin, self.most)
        digits = data[self.begin : stop]
        if not digits.isdigit() or not data.startswith(self.after, stop):
            return 0
        at = stop + self.rest
        return at if len(data) - at == int(digits) <= self.largest else 0

    def match(self, data: bytes) -> tuple[int, int] | None:
        """Where the head ends in `data` and how long its body is; None when it is another head, or not all of
        it.
        """
        before = self.before
        if not data.startswith(before):
            return None
        start = len(before)
        if not self.has_length:
            return start, 0
        stop = data.find(b"\r", start, start + _MOST_DIGITS + 1)
        digits = data[start:stop]
        if stop < 0 or not digits.isdigit() or not data.startswith(self.after, stop):
            return None
        return stop + len(self.after), int(digits)


def without_digits(raw: bytes) -> tuple[bytes, bytes]:
    """What stands before and behind the digits of a head's Content-Length; all of it and b"" without one."""
    found = _LENGTH_AT.search(raw)
    return (raw, b"") if found is None else (raw[: found.start(1)], raw[found.end(1) :])
