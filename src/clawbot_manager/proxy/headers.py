"""What goes through, what is taken out, and where the bot's token is found."""

import random
import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from clawbot_manager.proxy.masking import Secret
from clawbot_manager.proxy.messages import Headers
from clawbot_manager.vendors.addressing import BadPathError

# RFC 9110 section 7.6.1, and the older names that mean the same
_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
_CREDENTIALS = (b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key")
_KEY_PARAMETER = "key"
PINNED_KEY_PARAMETER = "clawbot-key"
_NOT_UP = _HOP_BY_HOP | {
    *_CREDENTIALS,
    b"host",
    b"content-length",
    b"cookie",
    b"accept-encoding",
    b"expect",
    b"forwarded",
    b"via",
    b"x-real-ip",
    b"x-request-id",
    # whose account pays is the key's matter, not the bot's
    b"openai-organization",
    b"openai-project",
    b"x-goog-user-project",
}
_NOT_UP_PREFIXES = (b"x-forwarded-", b"x-clawbot-")
NOT_DOWN = _HOP_BY_HOP | {
    b"set-cookie",
    b"set-cookie2",
    b"alt-svc",
    b"strict-transport-security",
    b"openai-organization",
    b"openai-project",
    b"anthropic-organization-id",
    b"anthropic-workspace-id",
    b"x-goog-user-project",
}
# What says where and what the body is goes on even when `Connection` names it: the client could not read the
# answer without it.
END_TO_END = frozenset({b"content-length", b"content-type", b"content-encoding"})
# Shorter credentials are none of ours, and would be found in all sorts of harmless values.
LEAST_TOKEN = 16
_LONGEST_TOKEN = 512

# what every answer says of its way: trace, tries, the line of the key, milliseconds that were ours
OWN_LINES = b"x-clawbot-trace-id: %b\r\nx-clawbot-attempts: %d\r\n%bx-clawbot-overhead-ms: %.3f\r\n"

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_QUERY = re.compile(r"[!-~]*")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def find_tokens(headers: Headers, query: str) -> list[str]:
    """What the places of a credential hold, in order and without repeats."""
    found: dict[str, None] = {}
    for place in _CREDENTIALS:
        for name, value in headers:
            if name != place:
                continue
            text = value.decode("latin-1").strip()
            if place == b"authorization":
                scheme, _, text = text.partition(" ")
                text = text.strip() if scheme.lower() == "bearer" else ""
            if 0 < len(text) <= _LONGEST_TOKEN:
                found[text] = None
    for parameter, text in _parameters(query):
        if parameter == _KEY_PARAMETER and 0 < len(text) <= _LONGEST_TOKEN:
            found[text] = None
    return list(found)


def without_key(query: str, tokens: Iterable[str]) -> str:
    """The query, byte for byte, without our parameters and without any that holds the token."""
    held = tuple(token for token in tokens if len(token) >= LEAST_TOKEN)
    kept = []
    for part in query.split("&") if query else ():
        name, value = _parameter(part)
        ours = name in (_KEY_PARAMETER, PINNED_KEY_PARAMETER)
        if not ours and not any(token in value or token in name for token in held):
            kept.append(part)
    return "&".join(kept)


def to_upstream(headers: Headers, tokens: Iterable[str]) -> Headers:
    """The client's headers, without what is the proxy's business and without every trace of the token."""
    named = named_by_connection(headers)
    held = tuple(token.encode("latin-1", "replace") for token in tokens if len(token) >= LEAST_TOKEN)
    return [
        (name, value)
        for name, value in headers
        if name not in _NOT_UP
        and name not in named
        and not name.startswith(_NOT_UP_PREFIXES)
        and not any(token in value or token.lower() in name for token in held)
    ]


def to_client(headers: Headers, secret: Secret) -> Headers:
    """The provider's headers, names in lower case, without cookies, organisation ids, and the key."""
    lowered = [(name.lower(), value) for name, value in headers]
    named = named_by_connection(lowered)
    return [
        (name, secret.hidden(value))
        for name, value in lowered
        if name not in NOT_DOWN and name not in named and not name.startswith(b"x-clawbot-")
    ]


def given_trace(headers: Headers, tokens: Iterable[str]) -> str:
    """The trace of `traceparent` (W3C Trace Context), else `x-request-id`, else ""."""
    traceparent = _TRACEPARENT.fullmatch(header(headers, b"traceparent"))
    if traceparent is not None:
        return traceparent["trace"]
    request_id = header(headers, b"x-request-id")
    if _REQUEST_ID.fullmatch(request_id) and not any(token in request_id for token in tokens):
        return request_id
    return ""


def new_trace() -> str:
    """A trace id as W3C Trace Context wants it: 16 random bytes in hex."""
    return f"{random.getrandbits(128):032x}"


def check_query(query: str) -> None:
    """Refuse what no query has (RFC 3986 section 3.4, and what browsers leave unencoded).

    Raises:
        BadPathError: spaces, control characters, or anything outside ASCII.
    """
    if _QUERY.fullmatch(query) is None:
        raise BadPathError("the query has characters that no query has")


def header(headers: Headers, name: bytes) -> str:
    """The value of the first header of that (lower-case) name, or ""."""
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def is_plain(headers: Headers) -> bool:
    """Whether the body is not compressed."""
    lowered = [(name.lower(), value) for name, value in headers]
    return header(lowered, b"content-encoding").strip().lower() in ("", "identity")


def named_by_connection(headers: Headers) -> set[bytes]:
    """What the `connection` headers name, in lower case: options, and headers that go no further."""
    values = (value for name, value in headers if name == b"connection")
    return {part.strip().lower() for value in values for part in value.split(b",")} - END_TO_END


def _parameters(query: str) -> list[tuple[str, str]]:
    return [_parameter(part) for part in query.split("&")] if query else []


def _parameter(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return unquote_plus(name), unquote_plus(value)


def pairs_of(lines: bytes) -> Headers:
    """Header lines as pairs."""
    pairs = (line.split(b": ", 1) for line in lines.split(b"\r\n") if line)
    return [(name, value) for name, value in pairs]
