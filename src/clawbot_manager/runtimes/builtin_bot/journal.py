"""The bot's log: lines on its standard output."""

from __future__ import annotations

import contextlib
import json
import os
import time


def log(level: str, event: str, **facts: object) -> None:
    """One line. Facts are ids, numbers and names; never a prompt, an answer or a token."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    words = [stamp, level, f"event={event}"]
    words += [f"{key}={json.dumps(v) if ' ' in str(v) else v}" for key, v in facts.items() if v is not None]
    with contextlib.suppress(OSError):  # a full disk or a file at its limit must not end the bot
        os.write(1, (" ".join(words) + "\n").encode("utf-8", "replace"))
