"""What an upstream's error answer means: by the vendor's own ordered rules, then by the status alone."""

import re
from collections.abc import Iterable, Iterator, Mapping
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


def classify(vendor: Vendor, dialect: str | None, status: int, body: bytes) -> ErrorKind:
    """The kind of an error answer (status >= 400). Never raises, whatever the body is."""
    content = decoded(body)
    rules = vendor.errors
    types = texts_at(content, rules.type_at)
    codes = texts_at(content, rules.code_at)
    messages = [*texts_at(content, rules.message_at), *([content] if isinstance(content, str) else [])]
    if content is None:
        messages.append(body[:4096].decode("utf-8", "replace"))
    if rules.code_in_message is not None:
        found = (re.search(rules.code_in_message, message) for message in messages)
        codes += [match.group(1) for match in found if match is not None]
    if dialect == "anthropic-messages":
        types += texts_at(content, ("error.type",))
        codes += texts_at(content, ("error.details.error_code",))
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


def decoded(body: bytes) -> Any:
    """The body's JSON, or None when it is not JSON."""
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):  # ValueError: also text that is no UTF-8
        return None


def texts_at(content: Any, paths: Iterable[str]) -> list[str]:
    """The scalars found at the dotted paths, as text."""
    found: list[str] = []
    for path in paths:
        found += [
            str(one)
            for one in values_at(content, path)
            if isinstance(one, (str, int, float)) and not isinstance(one, bool)
        ]
    return found


def values_at(content: Any, path: str) -> list[Any]:
    """What stands at the dotted path; `[]` after a step walks a list."""
    return list(_walk(content, path.split(".")))


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
