"""What a failed use of a key means for the key: for how long it is left alone, and what its owner reads."""

import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

Effect = Literal["retire", "park", "cool", "spare"]

# Error kinds of the catalogue and failures of the transport. All other kinds are the caller's own matter.
EFFECTS: Mapping[str, Effect] = {
    "bad_key": "retire",
    "quota_exhausted": "park",
    "rate_limited": "cool",
    # Not the key's fault, but its address may be the one that is in trouble: others first for a moment.
    "overloaded": "spare",
    "server_error": "spare",
    "timeout": "spare",
    "connect_error": "spare",
    "connect_timeout": "spare",
    "tls_refused": "spare",
    "broken": "spare",
    "egress_denied": "spare",
}

_DETAILS: Mapping[Effect, str] = {
    "retire": "The vendor refused the key{status}. It is not used until a free check finds it good again.",
    "park": "The vendor says that the account's money or quota is used up{status}. The key rests.",
    "cool": "The vendor says that the key is used too fast{status}. The key rests.",
}

_FIRST_CHECK = {"retire": 15.0, "park": 600.0}
FORGIVEN_AFTER = timedelta(minutes=1)


def cool(said: float | None, strikes: int) -> timedelta:
    """The rest after a rate limit: as `said` (seconds), else longer each time in a row.

    An hour at most: a limit for a day is asked again each hour, rather than believed from one odd header.
    """
    seconds = min(5.0 * 2**strikes, 300.0) if said is None else min(max(said, 0.1), 3600.0)
    return timedelta(seconds=seconds)


def park(said: float | None) -> timedelta:
    """The rest of a key without money: long, because money does not come back in seconds, at most a day.

    The vendors' `retry-after` next to such an answer is often that of their rate limits.
    """
    return timedelta(seconds=3600.0 if said is None else min(max(said, 600.0), 86_400.0))


def spare(said: float | None) -> timedelta:
    """How long other keys come first."""
    return timedelta(seconds=2.0 if said is None else min(max(said, 0.1), 10.0))


def first_check(effect: Effect) -> timedelta | None:
    """When to ask the vendor for the first time whether the key is good again; None = no need to ask."""
    seconds = _FIRST_CHECK.get(effect)
    return None if seconds is None else timedelta(seconds=seconds * random.uniform(1.0, 1.3))  # noqa: S311


def detail(effect: Effect, status: int | None) -> str:
    """What the owner reads."""
    return _DETAILS[effect].format(status="" if status is None else f" ({status})")
