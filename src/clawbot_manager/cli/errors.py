"""The one error that a command raises on purpose: what went wrong and what to do about it."""

from collections.abc import Mapping
from typing import Any


class CliError(Exception):
    """Ends the command with one readable line on standard error and `exit_code`."""

    def __init__(self, message: str, *, hint: str | None = None, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def line(self) -> str:
        """The whole error as one line."""
        parts = [_sentence(self.message)]
        if self.hint:
            parts.append(_sentence(self.hint))
        return " ".join(parts)


class ApiError(CliError):
    """The server refused: a problem document, or an HTTP status where there is none."""

    def __init__(
        self, status: int, problem: Mapping[str, Any], *, reason: str = "", hint: str | None = None
    ) -> None:
        self.status = status
        self.code = str(problem.get("code") or "")
        self.trace_id = str(problem.get("trace_id") or "")
        detail = (
            problem.get("detail") or problem.get("title") or f"The server answered {status} {reason}".strip()
        )
        super().__init__(_with_fields(str(detail), problem.get("errors")), hint=hint)

    def line(self) -> str:
        """The whole error as one line, with the trace id to look it up by."""
        return f"{super().line()} (trace {self.trace_id})" if self.trace_id else super().line()


def _with_fields(detail: str, errors: Any) -> str:
    fields = [
        (str(error.get("field") or "?"), str(error.get("detail") or error.get("code") or ""))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, Mapping)
    ]
    # the detail often names the first field already: nothing is said twice
    news = [(field, text) for field, text in fields if field not in detail or text.rstrip(".") not in detail]
    if not news:
        return detail
    named = "; ".join(f"{field}: {text.rstrip('.')}" for field, text in news)
    if len(news) == 1 and news[0][1] == detail:
        return named
    return f"{_sentence(detail)} {named}"


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?", ":", "。")) else text + "."
