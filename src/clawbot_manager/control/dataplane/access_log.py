"""The line in the log for each request through the proxy: made by the writer's thread, a batch at a time."""

import json
import logging
import time
from collections.abc import Sequence
from typing import Literal

from clawbot_manager.infra.telemetry.events import get_logger, line_handler
from clawbot_manager.infra.telemetry.plain import timestamp
from clawbot_manager.infra.telemetry.redaction import Redactor
from clawbot_manager.proxy.ports import UsageRecord

_NAME = "clawbot_manager.proxy"
_EVENT = "proxy.request"
_log = get_logger(_NAME)

Requests = Literal["all", "failed", "none"]
_MOST_KNOWN = 10_000
_HEXADECIMAL = "0123456789abcdef"


class _Clean(dict[str | None, str]):
    """Values as JSON, without secrets: most come again and again, so each is looked at once."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def __missing__(self, value: str | None) -> str:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        known = self[value] = json.dumps(self._redactor(None, "", {"value": value})["value"])
        return known


class AccessLog:
    """Writes lines of the form that the configured log has; `requests` says for which requests.

    JSON is put together by hand, and written once for a batch: a line through the usual chain costs 20 us.
    The time is that of writing.
    """

    def __init__(self, requests: Requests, redact: Sequence[str] = ()) -> None:
        self._requests = requests
        self._clean = _Clean(Redactor(redact))

    def write(self, records: Sequence[UsageRecord]) -> None:
        """Write the lines of these requests."""
        if self._requests == "none":
            return
        if self._requests == "failed":
            records = [one for one in records if one.status >= 400 or one.error_code is not None]
        handler = line_handler(logging.INFO)
        if handler is None or not handler.writes_json:
            for record in records:
                _log.info(_EVENT, **_fields(record))
        elif records:
            handler.write_lines(self._lines(records))

    def _lines(self, records: Sequence[UsageRecord]) -> str:
        clean, at = self._clean, timestamp(time.time())
        end = f'"event": "{_EVENT}", "level": "info", "logger": "{_NAME}", "timestamp": "{at}"}}\n'
        return "".join(
            [
                f'{{"trace_id": {self._trace(record.trace_id)}, "hostname": {clean[record.hostname]}, '
                f'"vendor": {clean[record.vendor]}, "status": {record.status}, '
                f'"error_code": {clean[record.error_code]}, "attempts": {len(record.attempts)}, '
                f'"ms": {record.duration_ms:.1f}, {end}'
                for record in records
            ]
        )

    def _trace(self, trace_id: str) -> str:
        """Ours are hexadecimal; what a client sent in their place is looked at like any text."""
        if len(trace_id) == 32 and not trace_id.strip(_HEXADECIMAL):
            return f'"{trace_id}"'
        return self._clean[trace_id]


def _fields(record: UsageRecord) -> dict[str, object]:
    return {
        "trace_id": record.trace_id,
        "hostname": record.hostname,
        "vendor": record.vendor,
        "status": record.status,
        "error_code": record.error_code,
        "attempts": len(record.attempts),
        "ms": round(record.duration_ms, 1),
    }
