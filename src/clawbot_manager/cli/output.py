"""What commands print: data on standard output, progress and remarks on standard error."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console

NOTHING = "–"
_PLAIN_WIDTH = 100_000  # not a terminal: one row, one line, so that grep and awk can work on it

_CONTROLS = {code: "�" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
_JSON_CONTROLS = {code: f"\\u{code:04x}" for code in range(127, 160)}


def clean(text: str) -> str:
    """Text from elsewhere without the control characters that could drive the terminal."""
    return text.translate(_CONTROLS)


def cell(value: Any) -> str:
    """A value as text in a table: null is a dash, 0 is 0, a list is its items."""
    if value is None or value in ("", []):
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(cell(item) for item in value)
    return clean(str(value))


def when(value: Any) -> str:
    """An RFC 3339 time without fractions of a second, in UTC as the API says it."""
    if not isinstance(value, str):
        return cell(value)
    day, _, time = value.partition("T")
    return clean(f"{day} {time[:8]}Z") if time else clean(value)


def json_text(value: Any, *, sort_keys: bool = False) -> str:
    """The value as indented JSON; nothing is cut."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=sort_keys).translate(_JSON_CONTROLS)


class Output:
    """Prints for people, or with `as_json` exactly what the API said."""

    def __init__(self, *, as_json: bool, terminal: bool) -> None:
        self.as_json = as_json
        self.terminal = terminal

    def data(self, value: Any, human: Callable[[], None]) -> None:
        """The command's result: `value` as JSON when asked for, else what `human` prints."""
        if self.as_json:
            if value is not None:
                print(json_text(value))
        else:
            human()

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
        """A table whose long values are folded, not cut; `empty` is said when there are no rows."""
        if not rows:
            print(empty)
            return
        from rich.table import Table  # noqa: PLC0415 - only when a table is drawn
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for header in headers:
            table.add_column(header, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell(value)) for value in row))
        self._console(sys.stdout).print(table)

    def record(self, pairs: Mapping[str, Any]) -> None:
        """One thing, a line for each of its values."""
        width = max(len(name) for name in pairs)
        for name, value in pairs.items():
            lines = cell(value).split("\n")
            print(f"{name:<{width}}  {lines[0]}")
            for line in lines[1:]:
                print(f"{'':<{width}}  {line}")

    def write(self, text: str) -> None:
        """A piece of an answer, at once and without a line end."""
        sys.stdout.write(clean(text))
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """A remark that is no data."""
        print(clean(text), file=sys.stderr, flush=True)

    @contextmanager
    def progress(self, text: str) -> Iterator[Callable[[str], None]]:
        """Says what goes on: a spinner on a terminal, a plain line for each change elsewhere."""
        if not self.terminal:
            self.note(text)
            yield self.note
            return
        from rich.text import Text  # noqa: PLC0415 - only when there is someone to watch

        with self._console(sys.stderr).status(Text(clean(text))) as status:
            yield lambda change: status.update(Text(clean(change)))

    def _console(self, stream: TextIO) -> "Console":
        from rich.console import Console  # noqa: PLC0415 - rich doubles the time to the first line of --help

        return Console(
            file=stream,
            width=None if self.terminal else _PLAIN_WIDTH,
            highlight=False,
            markup=False,
            emoji=False,
        )
