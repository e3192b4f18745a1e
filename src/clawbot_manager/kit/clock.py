"""Time as a dependency, so that tests can move it."""

from datetime import UTC, datetime
from functools import partial
from typing import Protocol


class Clock(Protocol):
    """Where the current time comes from."""

    def now(self) -> datetime:
        """The current time, timezone-aware, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    # not a function of Python's own: it is asked for every request
    now = staticmethod(partial(datetime.now, UTC))
