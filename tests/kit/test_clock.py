"""The machine's clock tells aware UTC, whatever the machine's zone."""

from __future__ import annotations

import time
from datetime import timedelta

from clawbot_manager.kit.clock import SystemClock


def test_now_is_aware_utc_and_now() -> None:
    now = SystemClock().now()
    assert now.utcoffset() == timedelta(0)
    assert abs(now.timestamp() - time.time()) < 5
