"""What is printed: whole values, no control characters, JSON as the API said it."""

import io
import json

import pytest

from clawbot_manager.cli.hostnames import RESERVED, suggest_hostname
from clawbot_manager.cli.output import Output, cell, clean, json_text, when
from clawbot_manager.control.bots.schemas import BotIn, BotProvider
from clawbot_manager.control.bots.service import RESERVED_HOSTNAMES


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("", "–"),
        ([], "–"),
        (0, "0"),
        (False, "no"),
        (True, "yes"),
        (["a", None], "a, –"),
        ("a\x1bb", "a�b"),
    ],
)
def test_cells(value: object, text: str) -> None:
    assert cell(value) == text


def test_times() -> None:
    assert when("2026-11-22T08:30:15.123456Z") == "2026-11-22 08:30:15Z"
    assert when(None) == "–"


def test_control_characters_are_shown_not_obeyed() -> None:
    assert clean("a\x1b]0;x\x07\x9b1m\r\n\tb") == "a�]0;x��1m�\n\tb"


def test_json_is_whole_and_safe() -> None:
    value = {"b": "长" * 300, "a": "\x9b\x1b"}
    text = json_text(value)
    assert json.loads(text) == value
    assert "长" * 300 in text
    assert "\x9b" not in text
    assert list(json.loads(json_text(value, sort_keys=True))) == ["a", "b"]


def test_a_table_off_a_terminal_keeps_a_row_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False, terminal=False).table(("A", "B"), [("x" * 300, 0), (None, "[red]y")], empty="none")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].split() == ["x" * 300, "0"]
    assert lines[2].split() == ["–", "[red]y"]


def test_a_table_on_a_terminal_folds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    Output(as_json=False, terminal=True).table(("A", "B"), [("x" * 90, "y")], empty="none")
    out = capsys.readouterr().out
    assert out.count("x") == 90
    assert "…" not in out
    assert max(map(len, out.splitlines())) <= 40


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False, terminal=False).table(("A",), [], empty="Nothing here.")
    assert capsys.readouterr().out == "Nothing here.\n"


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def drawn() -> str:
        stream = Terminal()
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", stream)
            Output(as_json=False, terminal=True).table(("HEAD",), [("x",)], empty="")
        return stream.getvalue()

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in drawn()


def test_a_record_folds_lines_under_their_name(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False, terminal=False).record({"a": "one\ntwo", "long name": 1})
    assert capsys.readouterr().out == "a          one\n           two\nlong name  1\n"


def test_progress_on_a_terminal_is_a_spinner_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with Output(as_json=False, terminal=True).progress("waiting") as say:
        say("more")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "hostname"),
    [
        ("Help Desk!", "help-desk"),
        ("Café Crème 2", "cafe-creme-2"),
        ("--x--", "bot-x"),
        ("Stats", "stats-bot"),
        ("a" * 63 + " b", "a" * 63),
        ("客服 Bot", "bot"),
    ],
)
def test_a_hostname_is_suggested(name: str, hostname: str) -> None:
    assert suggest_hostname(name) == hostname


@pytest.mark.parametrize("name", ["客服助手", "!!!", "", "é" * 300, "1", "templates"])
def test_a_suggestion_is_always_valid(name: str) -> None:
    suggested = suggest_hostname(name)
    BotIn(name="x", hostname=suggested, providers=[BotProvider(vendor="v", models=["m"])])
    assert suggested not in RESERVED_HOSTNAMES


def test_the_reserved_words_are_the_servers() -> None:
    assert RESERVED == RESERVED_HOSTNAMES
