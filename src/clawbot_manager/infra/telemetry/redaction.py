"""Masks secrets in what is about to be logged: by the name of the field, and by the shape of the value."""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

MASK = "[redacted]"

EventDict = MutableMapping[str, Any]

_SECRET_NAMES = re.compile(
    r"(?i)(authorization|(api|master|private)[-_ ]?key|secrets?|password|passwd|passphrase|credentials?|"
    r"token|cookies?)$"
)
# What this program itself gives out, and the places where anybody's secrets stand.
_OWN_SHAPES = (
    r"\bcbm_[a-z]+_[A-Za-z0-9_-]{16,}",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}",
    r"(?i)\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}",
    r"(?i)(?<=[?&])(?:key|api[-_]?key|token|access_token|setup)=[^&\s\"'<>]+",
    r"(?<=://)[^/\s:@\"']*:[^/\s@\"']+(?=@)",
)
_DEPTH = 8
# Control characters could forge lines and drive a terminal; tabs and line ends are told apart below.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
_MULTILINE = {"exception", "stack"}


class Redactor:
    """A structlog processor: the event with every value made plain and clean.

    What JSON and the console would only turn into text later (exceptions, models, bytes) becomes text here,
    so that nothing is written that was not looked at.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self._pattern = re.compile("|".join(f"(?:{_without_flags(p)})" for p in (*patterns, *_OWN_SHAPES)))

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        clean: dict[str, Any] = {}
        for key, given in event.items():
            name, value = _one_line(self._text(key)), self._value(key, given, 0)
            clean[name] = _one_line(value) if isinstance(value, str) and name not in _MULTILINE else value
        return clean

    def line(self, text: str) -> str:
        """One line of somebody else's log, plain and clean."""
        return _one_line(self._text(text))

    def _value(self, name: object, value: Any, depth: int) -> Any:
        secret = _SECRET_NAMES.search(_as_text(name)) is not None
        return MASK if secret and value and not isinstance(value, bool) else self._clean(value, depth)

    def _clean(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping | list | tuple | set | frozenset) and depth == _DEPTH:
            return "…"
        if isinstance(value, Mapping):
            return {self._text(key): self._value(key, one, depth + 1) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return self._items(list(value), depth)
        return self._text(value)

    def _items(self, values: list[Any], depth: int) -> list[Any]:
        # headers come as pairs: the first names what the second is
        if len(values) == 2 and isinstance(values[0], str | bytes):
            return [self._clean(values[0], depth + 1), self._value(values[0], values[1], depth + 1)]
        return [self._clean(one, depth + 1) for one in values]

    def _text(self, value: object) -> str:
        return self._pattern.sub(MASK, _as_text(value)).translate(_CONTROLS)


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="replace")
    try:
        return repr(value) if isinstance(value, BaseException) else str(value)
    except Exception:  # noqa: BLE001 - a log line must not fail for an object that cannot show itself
        return f"<{type(value).__name__}>"


def _one_line(text: str) -> str:
    return text.replace("\n", "\\n")


def _without_flags(pattern: str) -> str:
    # a global flag is legal only at the very start; scope it to its own alternative instead
    return f"(?i:{pattern[4:]})" if pattern.startswith("(?i)") else pattern
