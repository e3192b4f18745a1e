"""Structured logs to standard error, with the trace id of the request, and with secrets masked."""

import logging
import re
import sys
from collections.abc import MutableMapping, Sequence
from contextvars import ContextVar
from typing import Any, Literal

import structlog

trace_id_var: ContextVar[str | None] = ContextVar("trace_id", default=None)

_SECRET_NAMES = re.compile(r"(?i)(authorization|api[-_]?key|secret|password|token|cookie)$")
_MASK = "[redacted]"

EventDict = MutableMapping[str, Any]


class _Redactor:
    def __init__(self, patterns: Sequence[str]) -> None:
        self._pattern = (
            re.compile("|".join(f"(?:{_without_flags(p)})" for p in patterns)) if patterns else None
        )

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        for key, value in event.items():
            event[key] = _MASK if _SECRET_NAMES.search(key) and value else self._clean(value)
        return event

    def _clean(self, value: Any) -> Any:
        if self._pattern is not None and isinstance(value, str):
            return self._pattern.sub(_MASK, value)
        return value


def _without_flags(pattern: str) -> str:
    # a global flag is legal only at the very start; scope it to its own alternative instead
    return f"(?i:{pattern[4:]})" if pattern.startswith("(?i)") else pattern


def _add_trace_id(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if (trace_id := trace_id_var.get()) is not None:
        event.setdefault("trace_id", trace_id)
    return event


def configure_logs(
    level: str, output: Literal["auto", "console", "json"], redact: Sequence[str] = ()
) -> None:
    """Set up structlog and the standard library's logging once, both through the same chain.

    `redact` are regular expressions of secrets that must never be written, whatever field they are in.
    """
    console = output == "console" or (output == "auto" and sys.stderr.isatty())
    redactor = _Redactor(redact)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _add_trace_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    render: list[Any] = (
        [redactor, structlog.dev.ConsoleRenderer()]
        if console
        else [structlog.processors.format_exc_info, redactor, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "aiosqlite", "sqlalchemy.engine", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
