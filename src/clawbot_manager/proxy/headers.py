"""What goes through, what is taken out, and where the bot's token is found."""

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from clawbot_manager.kit.ids import uuid7
from clawbot_manager.proxy.messages import Headers

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
}
_NOT_UP_PREFIXES = (b"x-forwarded-", b"x-clawbot-")
_NOT_DOWN = _HOP_BY_HOP | {
    b"set-cookie",
    b"set-cookie2",
    b"alt-svc",
    b"strict-transport-security",
    b"date",  # the serving transport writes its own
    b"server",
    b"openai-organization",
    b"openai-project",
    b"anthropic-organization-id",
    b"anthropic-workspace-id",
    b"x-goog-user-project",
}
# Shorter credentials are none of ours, and would be found in all sorts of harmless values.
LEAST_TOKEN = 16
_LONGEST_TOKEN = 512

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
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
    """The query, byte for byte, without `key` and without any parameter that holds the token."""
    held = tuple(token for token in tokens if len(token) >= LEAST_TOKEN)
    kept = []
    for part in query.split("&") if query else ():
        name, value = _parameter(part)
        if name != _KEY_PARAMETER and not any(token in value or token in name for token in held):
            kept.append(part)
    return "&".join(kept)


def to_upstream(headers: Headers, tokens: Iterable[str]) -> Headers:
    """The client's headers, without what is the proxy's business and without every trace of the token."""
    named = _named_by_connection(headers)
    held = tuple(token.encode("latin-1", "replace") for token in tokens if len(token) >= LEAST_TOKEN)
    return [
        (name, value)
        for name, value in headers
        if name not in _NOT_UP
        and name not in named
        and not name.startswith(_NOT_UP_PREFIXES)
        and not any(token in value for token in held)
    ]


def to_client(headers: Headers, secret: str) -> Headers:
    """The provider's headers, without cookies, organisation ids, and any echo of the key."""
    lowered = [(name.lower(), value) for name, value in headers]
    named = _named_by_connection(lowered)
    held = secret.encode("utf-8")
    return [
        (name, value)
        for name, value in lowered
        if name not in _NOT_DOWN
        and name not in named
        and not name.startswith(b"x-clawbot-")
        and not (held and held in value)
    ]


def trace_id(headers: Headers, tokens: Iterable[str]) -> str:
    """The trace of `traceparent` (W3C Trace Context), else `x-request-id`, else a new one."""
    traceparent = _TRACEPARENT.fullmatch(header(headers, b"traceparent"))
    if traceparent is not None:
        return traceparent["trace"]
    request_id = header(headers, b"x-request-id")
    if _REQUEST_ID.fullmatch(request_id) and not any(token in request_id for token in tokens):
        return request_id
    return uuid7().hex


def header(headers: Headers, name: bytes) -> str:
    """The value of the first header of that (lower-case) name, or ""."""
    return next((value.decode("latin-1") for key, value in headers if key == name), "")


def _named_by_connection(headers: Headers) -> set[bytes]:
    values = (value for name, value in headers if name == b"connection")
    return {part.strip().lower() for value in values for part in value.split(b",")}


def _parameters(query: str) -> list[tuple[str, str]]:
    return [_parameter(part) for part in query.split("&")] if query else []


def _parameter(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return unquote_plus(name), unquote_plus(value)
