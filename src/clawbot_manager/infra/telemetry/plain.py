"""The log format of `logs.py` for a process that has no structlog."""

import json
import logging
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from clawbot_manager.infra.telemetry.events import FIELDS, LineHandler
from clawbot_manager.infra.telemetry.redaction import Redactor

_LEVEL_WIDTH = 9
_EVENT_WIDTH = 30
_QUOTED = frozenset(" \t=\r\n\"'")


class PlainFormatter(logging.Formatter):
    """One JSON object a line, or a line for people; with secrets masked in both."""

    def __init__(self, redactor: Redactor, *, console: bool) -> None:
        super().__init__()
        self._redactor = redactor
        self._console = console

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        event: dict[str, Any] = {
            **getattr(record, FIELDS, {}),
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": timestamp(record.created),
        }
        if record.exc_info and record.exc_info[0] is not None:
            event["exception"] = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        clean = self._redactor(None, "", event)
        return _for_people(dict(clean)) if self._console else json.dumps(clean)


def timestamp(seconds: float) -> str:
    """A time as all log lines have it: RFC 3339, UTC, microseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _for_people(event: dict[str, Any]) -> str:
    exception = event.pop("exception", None)
    head = (
        f"{event.pop('timestamp')} [{event.pop('level'):<{_LEVEL_WIDTH}}] "
        f"{event.pop('event'):<{_EVENT_WIDTH}} [{event.pop('logger')}]"
    )
    fields = "".join(f" {name}={_quoted(value)}" for name, value in sorted(event.items()))
    return head + fields + (f"\n{exception}" if exception else "")


def _quoted(value: object) -> str:
    return repr(value) if isinstance(value, str) and _QUOTED & set(value) else str(value)


def configure_plain_logs(
    level: str, output: Literal["auto", "console", "json"], redact: Sequence[str] = ()
) -> None:
    """What `logs.configure_logs` does, without structlog."""
    console = output == "console" or (output == "auto" and sys.stderr.isatty())
    handler = LineHandler(writes_json=not console)
    handler.setFormatter(PlainFormatter(Redactor(redact), console=console))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel(logging.WARNING)
