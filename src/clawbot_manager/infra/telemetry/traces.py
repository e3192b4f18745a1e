"""Trace ids: taken from the W3C `traceparent` or `x-request-id` of the edge, else made."""

import os
import re

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_PLAIN = re.compile(r"[A-Za-z0-9._-]{8,64}")


def trace_id_from(traceparent: str | None, request_id: str | None) -> str:
    """The caller's trace id when it is well-formed, else 32 new hexadecimal digits."""
    if traceparent and (match := _TRACEPARENT.fullmatch(traceparent)):
        return match[1]
    if request_id and _PLAIN.fullmatch(request_id):
        return request_id
    return os.urandom(16).hex()
