"""What an upstream's error answer means: by the vendor's own ordered rules, then by the status alone."""

import email.utils
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from clawbot_manager.vendors.records import ErrorKind, ErrorRule, Vendor

_BY_STATUS: Mapping[int, ErrorKind] = {
    401: "bad_key",
    402: "quota_exhausted",
    403: "forbidden",
    404: "not_found",
    408: "timeout",
    413: "context_length",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    524: "timeout",
    529: "overloaded",
}

# Kinds after which another key may do better. The others are the caller's own matter.
MOVES_ON: frozenset[str] = frozenset(
    {"bad_key", "quota_exhausted", "rate_limited", "overloaded", "server_error", "timeout"}
)

# Anthropic's own body, served by other vendors' Anthropic-shaped endpoints as well.
_ANTHROPIC_TYPES: Mapping[str, ErrorKind] = {
    "authentication_error": "bad_key",
    "billing_error": "quota_exhausted",
    "permission_error": "forbidden",
    "not_found_error": "not_found",
    "rate_limit_error": "rate_limited",
    "overloaded_error": "overloaded",
    "timeout_error": "timeout",
    "api_error": "server_error",
}

_MAX_WAIT_SECONDS = 86_400.0


def classify(vendor: Vendor, dialect: str | None, status: int, body: bytes) -> ErrorKind:
    """The kind of an error answer (status >= 400). Never raises, whatever the body is."""
    content = _decode(body)
    rules = vendor.errors
    types = _texts(content, rules.type_at)
    codes = _texts(content, rules.code_at)
    messages = [*_texts(content, rules.message_at), *([content] if isinstance(content, str) else [])]
    if content is None:
        messages.append(body[:4096].decode("utf-8", "replace"))
    if rules.code_in_message is not None:
        found = (re.search(rules.code_in_message, message) for message in messages)
        codes += [match.group(1) for match in found if match is not None]
    if dialect == "anthropic-messages":
        types += _texts(content, ("error.type",))
        codes += _texts(content, ("error.details.error_code",))
    for rule in rules.rules:
        if _matches(rule, status, types, codes, messages):
            return rule.kind
    if dialect == "anthropic-messages":
        for one in types:
            if one in _ANTHROPIC_TYPES:
                return _ANTHROPIC_TYPES[one]
    return by_status(status)


def by_status(status: int) -> ErrorKind:
    """The kind that an HTTP status alone suggests."""
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "server_error" if status >= 500 else "bad_request"


def retry_after(headers: Iterable[tuple[str, str]], body: bytes = b"") -> float | None:
    """Seconds to wait as the answer asks for: `retry-after-ms`, `retry-after` (seconds or a date, RFC 9110
    section 10.2.3), or Google's `RetryInfo.retryDelay` in the body. None when it says nothing usable.
    """
    fields = {name.lower(): value.strip() for name, value in headers}
    waits = (
        _number(fields.get("retry-after-ms"), 0.001),
        _number(fields.get("retry-after"), 1.0),
        _date(fields.get("retry-after")),
        _google_delay(body),
    )
    for wait in waits:
        if wait is not None:
            return min(max(wait, 0.0), _MAX_WAIT_SECONDS)
    return None


def _matches(rule: ErrorRule, status: int, types: list[str], codes: list[str], messages: list[str]) -> bool:
    if rule.status is not None and rule.status != status:
        return False
    if rule.type is not None and rule.type not in types:
        return False
    if rule.code is not None and rule.code not in codes:
        return False
    if rule.message is None:
        return True
    needle = rule.message.lower()
    return any(needle in message.lower() for message in messages)


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _texts(content: Any, paths: Iterable[str]) -> list[str]:
    """The scalars found at the dotted paths, as text."""
    found: list[str] = []
    for path in paths:
        values = _walk(content, path.split("."))
        found += [
            str(one) for one in values if isinstance(one, (str, int, float)) and not isinstance(one, bool)
        ]
    return found


def _walk(value: Any, steps: list[str]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    name = step.removesuffix("[]")
    if not isinstance(value, dict) or name not in value:
        return
    inner = value[name]
    if step.endswith("[]"):
        for item in inner if isinstance(inner, list) else ():
            yield from _walk(item, rest)
    else:
        yield from _walk(inner, rest)


def _number(text: str | None, unit: float) -> float | None:
    try:
        number = float(text) * unit if text else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None


def _date(text: str | None) -> float | None:
    if not text:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()


def _google_delay(body: bytes) -> float | None:
    if b"retryDelay" not in body:
        return None
    for text in _texts(_decode(body), ("error.details[].retryDelay",)):
        if text.endswith("s"):
            return _number(text[:-1], 1.0)
    return None
