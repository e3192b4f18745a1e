"""How long a provider asks to be left alone: `retry-after`, Google's `RetryInfo`, or the reset of a limit."""

import email.utils
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from clawbot_manager.vendors.errors import decoded, texts_at
from clawbot_manager.vendors.records import Vendor

_MOST_SECONDS = 86_400.0
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|[smhd])){1,5}", re.ASCII)
_PART = re.compile(r"([\d.]+)(ms|[smhd])", re.ASCII)
# A number from here on is a moment in Unix time: in seconds since 1973, in milliseconds since 1973.
_UNIX_SECONDS = 1e8
_UNIX_MILLISECONDS = 1e11


def wait_asked(
    vendor: Vendor, headers: Iterable[tuple[str, str]], body: bytes, now: datetime
) -> float | None:
    """Seconds to wait before the key is used again, as the error answer asks for; None when it does not.

    In this order: `retry-after-ms`, `retry-after` (seconds or a date, RFC 9110 section 10.2.3), Google's
    `RetryInfo.retryDelay` in the body, and the vendor's reset header of the limit that is used up. Moments
    count from the answer's own `date`, where it has one: the provider's clock may differ from ours.
    At most a day, at least 0.
    """
    fields = {name.lower(): value.strip() for name, value in headers}
    now = _date(fields.get("date", "")) or now
    wait = _number(fields.get("retry-after-ms", ""))
    wait = _moment_or_span(fields.get("retry-after", ""), now) if wait is None else wait / 1000
    if wait is None:
        wait = _google_delay(body)
    if wait is None:
        wait = _reset(vendor, fields, now)
    return None if wait is None else min(max(wait, 0.0), _MOST_SECONDS)


def _reset(vendor: Vendor, fields: Mapping[str, str], now: datetime) -> float | None:
    """The reset of the limit that is used up; of the longest one, when several are.

    A vendor with one limit alone may leave out what is left of it. Others tell it of each limit: which reset
    counts must not be guessed, because one may be for a minute and the next for a day.
    """
    waits = []
    for limit in vendor.limits:
        left = _number(fields.get(limit.remaining, ""))
        if left is None and limit.remaining not in fields and len(vendor.limits) == 1:
            left = 0.0
        wait = _moment_or_span(fields.get(limit.reset, ""), now)
        if left is not None and left <= 0 and wait is not None:
            waits.append(wait)
    return max(waits, default=None)


def _moment_or_span(text: str, now: datetime) -> float | None:
    """Seconds from a number of them, a duration such as `6m0s`, a Unix time, an RFC 3339 time or a date."""
    number = _number(text)
    if number is not None:
        if number >= _UNIX_MILLISECONDS:
            return number / 1000 - now.timestamp()
        return number - now.timestamp() if number >= _UNIX_SECONDS else number
    if _DURATION.fullmatch(text):
        return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text))
    moment = _date(text) or _rfc3339(text)
    return None if moment is None else (moment - now).total_seconds()


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(text: str) -> datetime | None:
    """The moment of an HTTP date."""
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _rfc3339(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _google_delay(body: bytes) -> float | None:
    if b"retryDelay" not in body:
        return None
    for text in texts_at(decoded(body), ("error.details[].retryDelay",)):
        if text.endswith("s"):
            return _number(text[:-1])
    return None
