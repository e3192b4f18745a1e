"""Structured log events that need no framework: the standard library's logging with fields.

For what a lean process runs too. The full program writes them through the chain of `logs.py`, a lean one
through that of `plain.py`; both write the same lines.
"""

import logging
import sys
from typing import Any

FIELDS = "event_fields"
"""The attribute of a `logging.LogRecord` that holds the fields."""


class EventLogger:
    """Logs events with fields, as structlog's loggers do."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def info(self, event: str, **fields: Any) -> None:
        """Something happened."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Something is not as it should be, and the program copes."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Something failed; `exc_info` may be the exception."""
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """Something failed, with the exception that is being handled."""
        self._log(logging.ERROR, event, {"exc_info": True, **fields})

    def _log(self, level: int, event: str, fields: dict[str, Any]) -> None:
        exc_info = fields.pop("exc_info", None)
        self._logger.log(level, event, extra={FIELDS: fields}, exc_info=exc_info)


def get_logger(name: str) -> EventLogger:
    """The logger of a module."""
    return EventLogger(logging.getLogger(name))


class LineHandler(logging.StreamHandler[Any]):
    """The handler of the program's own log, on standard error; `writes_json` = one JSON object a line."""

    def __init__(self, *, writes_json: bool) -> None:
        super().__init__(sys.stderr)
        self.writes_json = writes_json

    def write_lines(self, text: str) -> None:
        """Write finished lines in one piece, between those of others. Never raises."""
        with self.lock:  # type: ignore[union-attr] # made by the base class
            try:
                self.stream.write(text)
                self.flush()
            except (OSError, ValueError):  # standard error is closed: no log, and nobody to tell
                return


def line_handler(level: int) -> LineHandler | None:
    """The handler of the program's log, where events of this level are written at all."""
    root = logging.getLogger()
    if root.level > level:
        return None
    return next((one for one in root.handlers if isinstance(one, LineHandler)), None)
