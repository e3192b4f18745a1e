"""Logs carry the trace id and no secret: in no field, at no depth, in no traceback, in neither format."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import structlog

from clawbot_manager.infra.telemetry.logs import configure_logs, trace_id_var
from clawbot_manager.infra.telemetry.redaction import MASK
from clawbot_manager.vendors.catalog import load_catalog

KEY = "sk-ant-api03-planted0123456789abcdefghij"
Logged = Callable[[Callable[[Any], object]], str]


@pytest.fixture
def patterns() -> list[str]:
    return [one.pattern for one in load_catalog().redaction_patterns]


@pytest.fixture(params=["json", "console"])
def logged(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, patterns: list[str]
) -> Iterator[Logged]:
    """Call with a function of a logger; the text that was written for it comes back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    configure_logs("info", request.param, patterns)

    def write(action: Callable[[Any], object]) -> str:
        start = stream.tell()
        action(structlog.get_logger("tests"))
        return stream.getvalue()[start:]

    yield write
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


class Odd:
    """What JSON and the console would turn into text by themselves."""

    def __str__(self) -> str:
        return f"an object that holds {KEY}"

    __repr__ = __str__


class Mute:
    def __str__(self) -> str:
        raise RuntimeError("no text")


def _log_fields(fields: dict[str, Any], log: Any) -> None:
    log.info("it.happened", **fields)


NAMED = "planted-without-a-shape-of-its-own"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "proxy-authorization", "x-api-key", "api_key", "apikey", "password", "new_password",
        "session_secret", "client_secrets", "token", "refresh_token", "Set-Cookie", "cookies", "master_key",
        "private_key", "credentials", "passphrase",
    ],
)  # fmt: skip
def test_what_a_field_is_called_masks_it_at_any_depth(logged: Logged, name: str) -> None:
    for value in (
        {name: NAMED},
        {"headers": {name: NAMED}},
        {"headers": [(name, NAMED)]},
        {"headers": [(name.encode(), NAMED.encode())]},
        {"deep": [{"list": ({name: [NAMED]},)}]},
    ):
        line = logged(partial(_log_fields, value))
        assert NAMED not in line
        assert MASK in line


def test_what_is_no_secret_stays(logged: Logged) -> None:
    line = logged(
        lambda log: log.info("usage.written", input_tokens=12, key_id="k-1", has_token=True, token=None)
    )
    assert MASK not in line
    assert "12" in line
    assert "k-1" in line


@pytest.mark.parametrize(
    "value",
    [
        KEY,
        f"the provider said: wrong key {KEY}!",
        KEY.encode(),
        [KEY],
        (1, KEY),
        {KEY},
        {"a": {"b": [{"c": KEY}]}},
        {KEY: 1},
        Odd(),
        [Odd()],
        ValueError(KEY),
        {"error": ValueError("wrong", {"key": KEY})},
        f"https://h/v1?key={'AIza' + 'x' * 35}&planted0123456789abcdefghij",
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_shape_is_masked_in_any_value(logged: Logged, value: object) -> None:
    line = logged(lambda log: log.info("it.happened", value=value))
    assert KEY not in line
    assert "AIza" not in line
    assert MASK in line


@pytest.mark.parametrize(
    "secret",
    [
        "cbm_bot_Zq4tV9xK2mLr8WpB6nYs3HdC7gJf5TaEZq4tV9xK2mL",
        "cbm_refresh_Zq4tV9xK2mLr8WpB6nYs3HdC7gJf5TaEZq4tV9xK2mL",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "Basic dXNlcjpwYXNzd29yZA==",
        "user:hunter2pass",
    ],
)
def test_our_own_tokens_and_those_in_addresses_are_masked(logged: Logged, secret: str) -> None:
    text = f"postgresql://{secret}@db/clawbot" if ":" in secret else f"got {secret} there"
    line = logged(lambda log: log.info("it.happened", text=text))
    assert secret.split()[-1] not in line
    assert MASK in line


def test_the_event_text_and_its_arguments_are_cleaned(logged: Logged) -> None:
    with_key = f"calling with {KEY}"
    for action in (
        lambda log: log.info(with_key),
        lambda log: log.info("calling with %s", KEY),
        lambda _log: logging.getLogger("foreign").error("calling with %s", KEY),
        lambda _log: logging.getLogger("foreign").error("calling with %(key)s", {"key": KEY}),
    ):
        line = logged(action)
        assert "calling with" in line
        assert KEY not in line


def _fail() -> None:
    local_variable = "planted-local-" + "variable"
    try:
        raise ValueError(f"wrong key {KEY}")
    except ValueError as error:
        raise RuntimeError(f"cannot go on, {len(local_variable)}") from error


def _in_a_traceback(log: Any) -> None:
    try:
        _fail()
    except RuntimeError:
        log.exception("it.failed")


def test_a_traceback_shows_the_way_and_no_value(logged: Logged) -> None:
    for action in (_in_a_traceback, lambda _log: _in_a_traceback(logging.getLogger("foreign"))):
        text = logged(action)
        assert "cannot go on" in text
        assert "_fail" in text
        assert "test_logs.py" in text
        assert KEY not in text
        assert "planted-local-variable" not in text


def test_a_stack_is_cleaned(logged: Logged) -> None:
    text = logged(lambda log: log.info("it.happened", stack_info=True))
    assert "test_logs.py" in text


def test_an_awkward_value_does_not_lose_the_line(logged: Logged) -> None:
    circle: list[Any] = []
    circle.append(circle)
    for value in (Mute(), circle, {1: {2: 3}}, "\ud800", float("nan"), b"\xff"):
        assert "it.happened" in logged(partial(_log_fields, {"value": value}))


def test_a_caller_cannot_forge_lines_or_drive_the_terminal(logged: Logged) -> None:
    hostile = "Mozilla\n2026-01-01 [info] server.forged\r\x1b[2J\x9b2J"
    for action in (
        lambda log: log.info("it.happened", agent=hostile),
        lambda log: log.info(hostile),
        lambda log: log.info("it.happened", **{hostile: 1}),
    ):
        text = logged(action)
        assert text.count("\n") == 1
        assert not {"\r", "\x1b", "\x9b"} & set(text)


def test_the_trace_id_is_in_every_line(logged: Logged) -> None:
    token = trace_id_var.set("0af7651916cd43dd8448eb211c80319c")
    try:
        assert "0af7651916cd43dd8448eb211c80319c" in logged(lambda log: log.info("it.happened"))
        assert "0af7651916cd43dd8448eb211c80319c" in logged(lambda _log: logging.getLogger("x").error("x"))
    finally:
        trace_id_var.reset(token)
    assert "trace_id" not in logged(lambda log: log.info("it.happened"))


def test_below_the_level_nothing_is_written(logged: Logged) -> None:
    assert logged(lambda log: log.debug("it.happened")) == ""
    assert logged(lambda _log: logging.getLogger("sqlalchemy.engine").info("SELECT")) == ""


@pytest.mark.parametrize("logged", ["json"], indirect=True)
def test_json_is_one_object_a_line(logged: Logged) -> None:
    text = logged(lambda log: log.warning("it.happened", count=2, names=["a", "b"]))
    line = json.loads(text)
    assert (line["event"], line["level"], line["logger"]) == ("it.happened", "warning", "tests")
    assert (line["count"], line["names"]) == (2, ["a", "b"])
    assert line["timestamp"].endswith("Z")
    assert "exception" in json.loads(logged(_in_a_traceback))
