"""How long the API's routes took lately, in this process."""

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

_KEPT = 500
_MINUTES = 15
_MOST_GROUPS = 40


class _Took(NamedTuple):
    at: float
    seconds: float
    failed: bool


class Latencies:
    """The last requests of each group of routes: `/api/bot/…` is the group "bot". Bounded, in memory."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._groups: dict[str, deque[_Took]] = {}

    def add(self, path: str, status: int, seconds: float) -> None:
        """A request was answered; what is none of the API's is not counted."""
        parts = path.split("/", 3)
        if len(parts) < 3 or parts[1] != "api" or not parts[2].replace("-", "").isalpha():
            return
        if parts[2] in self._groups or len(self._groups) < _MOST_GROUPS:
            kept = self._groups.setdefault(parts[2], deque(maxlen=_KEPT))
            kept.append(_Took(self._now(), seconds, status >= 500))

    def groups(self) -> list[dict[str, object]]:
        """Each group's count, share of failures, median and 95th percentile, of the last 15 minutes."""
        since = self._now() - _MINUTES * 60
        found = []
        for name, kept in sorted(self._groups.items()):
            recent = [took for took in kept if took.at >= since]
            if not recent:
                continue
            times = sorted(took.seconds for took in recent)
            found.append(
                {
                    "group": name,
                    "requests": len(recent),
                    "error_rate": sum(took.failed for took in recent) / len(recent),
                    "p50_ms": round(times[len(times) // 2] * 1000, 1),
                    "p95_ms": round(times[min(len(times) - 1, int(len(times) * 0.95))] * 1000, 1),
                }
            )
        return found
