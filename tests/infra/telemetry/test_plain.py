"""A process without structlog writes the lines that the full program writes, and as clean."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator

import pytest
import structlog

from clawbot_manager.infra.telemetry.events import EventLogger, get_logger, line_handler
from clawbot_manager.infra.telemetry.logs import configure_logs
from clawbot_manager.infra.telemetry.plain import configure_plain_logs

KEY = "sk-ant-api03-planted0123456789abcdefghij"
PATTERNS = [r"\bsk-ant-[A-Za-z0-9_-]{16,}"]
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")

Action = Callable[[EventLogger], object]


def _fail(log: EventLogger) -> None:
    local_variable = "planted-local-" + "variable"
    try:
        raise ValueError(f"wrong key {KEY}, {len(local_variable)}")
    except ValueError:
        log.exception("it.failed", n=1)


ACTIONS: list[Action] = [
    lambda log: log.info("it.happened", key_id="k-1", count=2, nothing=None, names=["a"]),
    lambda log: log.warning("it.happened", token="planted", text=f"got {KEY}", deep={"password": "planted"}),
    lambda log: log.error("it.failed", exc_info=ValueError(KEY)),
    lambda log: log.info("two\nlines\x1b[2J", agent="a\nb\r"),
    lambda log: log.info("100% of %s"),
    lambda _log: logging.getLogger("foreign").error("calling with %s", KEY),
    _fail,
]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def _configured(configure: Callable[..., None], level: str, output: str) -> io.StringIO:
    """Where the log goes from now on."""
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        configure(level, output, PATTERNS)
    return stream


def _written(configure: Callable[..., None], output: str, action: Action) -> str:
    stream = _configured(configure, "info", output)
    action(get_logger("tests"))
    return _TIME.sub("(time)", stream.getvalue())


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("output", ["json", "console"])
def test_the_lines_are_those_of_the_full_program(output: str, action: Action) -> None:
    full = _written(configure_logs, output, action)
    plain = _written(configure_plain_logs, output, action)
    assert "(time)" in plain
    assert KEY not in plain
    assert "planted" not in plain
    if output == "json":
        assert json.loads(plain) == json.loads(full)
        assert plain.count("\n") == 1
    else:
        assert [line.rstrip() for line in plain.splitlines()] == [line.rstrip() for line in full.splitlines()]


@pytest.mark.parametrize("configure", [configure_logs, configure_plain_logs])
def test_finished_lines_go_where_the_log_goes_unless_the_level_is_higher(
    configure: Callable[..., None],
) -> None:
    stream = _configured(configure, "info", "json")
    handler = line_handler(logging.INFO)
    assert handler is not None
    assert handler.writes_json
    handler.write_lines("one\ntwo\n")
    assert stream.getvalue() == "one\ntwo\n"
    stream.close()
    handler.write_lines("nobody reads this\n")
    _configured(configure, "warning", "console")
    assert line_handler(logging.INFO) is None
    louder = line_handler(logging.WARNING)
    assert louder is not None
    assert not louder.writes_json
