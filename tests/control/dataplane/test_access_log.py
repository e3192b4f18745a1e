"""The line of a request is the one that the configured log would write, without secrets."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from clawbot_manager.control.dataplane.access_log import AccessLog, Requests
from clawbot_manager.infra.telemetry.logs import configure_logs
from clawbot_manager.infra.telemetry.plain import configure_plain_logs
from clawbot_manager.proxy.ports import Attempt
from tests.control.dataplane.records import a_record

KEY = "sk-ant-api03-planted0123456789abcdefghij"
PATTERNS = [r"\bsk-ant-[A-Za-z0-9_-]{16,}"]
CONFIGURES: list[Any] = [configure_logs, configure_plain_logs]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def _stream(configure: Any, output: str, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure(level, output, PATTERNS)
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    return stream


RECORDS = [
    a_record(trace_id="0af7651916cd43dd8448eb211c80319c", duration_ms=12.345),
    a_record(
        trace_id=KEY[:40], status=401, error_code="bad_key", attempts=[Attempt(None, 401), Attempt(None, 401)]
    ),
    a_record(trace_id='mine"\\1', vendor=KEY.lower(), hostname="a\nb", status=404),
]


@pytest.mark.parametrize("configure", CONFIGURES)
def test_the_line_is_what_the_log_would_write(configure: Any) -> None:
    lines = {}
    for output in ("json", "console"):
        stream = _stream(configure, output)
        AccessLog("all", PATTERNS).write(RECORDS)
        lines[output] = stream.getvalue().splitlines()
    found = [json.loads(line) for line in lines["json"]]
    assert len(found) == len(lines["console"]) == len(RECORDS)
    for record, line, for_people in zip(RECORDS, found, lines["console"], strict=True):
        assert list(line) == [
            "trace_id", "hostname", "vendor", "status", "error_code", "attempts", "ms", "event", "level",
            "logger", "timestamp",
        ]  # fmt: skip
        assert (line["event"], line["level"]) == ("proxy.request", "info")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["timestamp"])
        assert (line["status"], line["attempts"]) == (record.status, len(record.attempts))
        assert line["ms"] == round(record.duration_ms, 1)
        assert f"status={record.status}" in for_people
        for name in ("trace_id", "hostname", "vendor"):
            assert str(line[name]).split("\\")[0] in for_people
    assert found[0]["trace_id"] == RECORDS[0].trace_id
    assert found[1]["trace_id"] == found[2]["vendor"] == "[redacted]"
    assert found[2]["hostname"] == "a\\nb"
    assert "planted" not in str(lines)


@pytest.mark.parametrize(
    ("requests", "statuses"), [("all", [200, 401, 404, 200]), ("failed", [401, 404, 200]), ("none", [])]
)
@pytest.mark.parametrize("output", ["json", "console"])
def test_which_requests_get_one(requests: Requests, statuses: list[int], output: str) -> None:
    stream = _stream(configure_plain_logs, output)
    AccessLog(requests).write([*RECORDS, a_record(error_code="upstream_broken")])
    assert [int(found) for found in re.findall(r"status\W+(\d+)", stream.getvalue())] == statuses


@pytest.mark.parametrize("output", ["json", "console"])
def test_a_log_of_warnings_has_none(output: str) -> None:
    stream = _stream(configure_plain_logs, output, "warning")
    AccessLog("all").write(RECORDS)
    assert stream.getvalue() == ""
