"""A clock that tests move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class MovableClock:
    """Runs with the machine's clock, plus what it was moved by."""

    def __init__(self) -> None:
        self._moved = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._moved

    def move(self, **by: float) -> None:
        """Move forwards by hours=, minutes=, seconds=, days=."""
        self._moved += timedelta(**by)
