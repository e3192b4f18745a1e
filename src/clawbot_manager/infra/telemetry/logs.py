"""Structured logs to standard error, with the trace id of the request, and with secrets masked."""

import logging
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, Literal

import structlog

from clawbot_manager.infra.telemetry.events import FIELDS, LineHandler
from clawbot_manager.infra.telemetry.redaction import EventDict, Redactor

trace_id_var: ContextVar[str | None] = ContextVar("trace_id", default=None)


def _add_trace_id(_logger: Any, _method: str, event: EventDict) -> EventDict:
    if (trace_id := trace_id_var.get()) is not None:
        event.setdefault("trace_id", trace_id)
    return event


def _lift_fields(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """The fields that `events.EventLogger` hung on a record of the standard library."""
    for name, value in getattr(event["_record"], FIELDS, {}).items():
        event.setdefault(name, value)
    return event


def configure_logs(
    level: str, output: Literal["auto", "console", "json"], redact: Sequence[str] = ()
) -> None:
    """Set up structlog and the standard library's logging once, both through the same chain.

    `redact` are regular expressions of secrets that must never be written, whatever field they are in.
    """
    console = output == "console" or (output == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _add_trace_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    # Tracebacks become text before the redactor sees them, without the values of local variables.
    render: list[Any] = [
        structlog.processors.format_exc_info,
        Redactor(redact),
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        if console
        else structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[_lift_fields, *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
    )
    handler = LineHandler(writes_json=not console)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.error", "uvicorn.access", "aiosqlite", "sqlalchemy.engine", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
