"""The dialects that are spoken over WebSockets: sessions of many answers, whose usage is summed.

A session has no body that names its model: the address does, a message of the client, or the answer.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from clawbot_manager.vendors.dialects.base import (
    Collector,
    Dialect,
    ErrorFacts,
    count,
    first_count,
    text,
    total,
)
from clawbot_manager.vendors.dialects.dashscope import DashScopeNative
from clawbot_manager.vendors.dialects.google import GoogleGenerateContent
from clawbot_manager.vendors.dialects.openai import OpenAiResponses
from clawbot_manager.vendors.dialects.requests import RequestFacts
from clawbot_manager.vendors.records import DialectId
from clawbot_manager.vendors.usage import Usage

Details = dict[str, int | float | str]
Numbers = Mapping[str, int | float | None]

_NOTHING = Usage()
_MODALITIES = ("text", "audio", "image", "video")
_MOST_TASKS = 256
# The bulk of OpenAI's events. Looked for where they begin, out of reach of what a user says.
_DELTA = re.compile(rb'\{\s*(?:"event_id"\s*:\s*"[^"\\]*+"\s*,\s*)?"type"\s*:\s*"[a-z_.]+\.delta"')


class SessionCollector(ABC):
    """Sums the answers of one session, out of its decoded messages.

    The details of `usage` have how many answers were counted, and how many began and told no usage: they were
    cut short. `error` is the last one that a message told of.
    """

    def __init__(self) -> None:
        self.usage = _NOTHING
        self.model: str | None = None
        self.error: str | None = None
        self._sum = _NOTHING
        self._begun = 0
        self._counted = 0

    @abstractmethod
    def wants(self, data: bytes) -> bool:
        """Whether a message is worth decoding: a cheap look at its bytes."""

    @abstractmethod
    def take(self, content: dict[str, Any]) -> None:
        """One message of the server."""

    def _add(self, usage: Usage, *, answers: int) -> None:
        """So many answers have told their usage."""
        self._counted += answers
        self._sum = added(self._sum, usage)
        self._tell()

    def _tell(self, besides: Usage = _NOTHING) -> None:
        unfinished = max(0, self._begun - self._counted)
        numbers = Usage(details=_told({"responses": self._counted, "responses_unfinished": unfinished}))
        self.usage = added(added(self._sum, numbers), besides)


class OpenAiRealtimeCollector(SessionCollector):
    """OpenAI's events, and those of who imitates them (openai 3.54: `types/realtime`, `types/live`).

    `response.done` is of the Realtime API; `response.completed` and its like of Responses over a WebSocket,
    which a Live session also has inside `response.event`. What a transcription model used is in the totals,
    and apart in the details: its price is another.
    """

    _CLOSING = ("response.done", "response.completed", "response.incomplete", "response.failed")
    _TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
    _seconds: int | float | None = None

    def wants(self, data: bytes) -> bool:
        """Events with counts, errors, beginnings, and whatever names the model first."""
        if _DELTA.match(data) is not None:
            return False
        return (
            data.rfind(b'"usage"') >= 0
            or data.find(b'"error"') >= 0
            or data.find(b'"response.created"') >= 0
            or (self.model is None and data.find(b'"model"') >= 0)
        )

    def take(self, content: dict[str, Any]) -> None:
        """One event of the server."""
        inner = content.get("event")
        if text(content, "type") == "response.event" and isinstance(inner, dict):
            content = inner
        kind = text(content, "type") or ""
        for place in (("session", "model"), ("response", "model"), ("model",)):
            self.model = self.model or text(content, *place)
        table = content.get("usage")
        if kind == "response.created":
            self._begun += 1
            self._tell()
        elif kind in self._CLOSING:
            self._close(content.get("response"))
        elif kind == "error":
            self.error = text(content, "error", "code") or text(content, "error", "type") or "error"
        elif isinstance(table, dict) and kind == self._TRANSCRIBED:
            self._add(_apart(session_usage(table)), answers=0)
        elif isinstance(table, dict) and kind == "transcription.done":
            self._add(session_usage(table), answers=1)
        elif isinstance(table, dict) and kind in ("session.usage.updated", "session.closed"):
            self._seconds = _number(table.get("seconds"))
            self._tell()

    def _close(self, response: Any) -> None:
        if not isinstance(response, dict):
            return
        if text(response, "status") == "failed":
            self.error = text(response, "status_details", "error", "code") or "response_failed"
        table = response.get("usage")
        if isinstance(table, dict) and table:
            self._add(session_usage(table), answers=1)

    def _tell(self, besides: Usage = _NOTHING) -> None:
        """The seconds of a Live session are totals so far, not increments."""
        if self._seconds is not None:
            besides = Usage(source="provider", details=_told({"seconds": self._seconds}))
        super()._tell(besides)


def session_usage(table: dict[str, Any]) -> Usage:
    """The usage of one answer: the Realtime API says `input_token_details`, its imitators and Responses
    `input_tokens_details`.
    """
    given = first_count(table, ("input_tokens",), ("prompt_tokens",))
    output = first_count(table, ("output_tokens",), ("completion_tokens",))
    units: Numbers = {
        "seconds": _first_number(table, "seconds", "duration", "prompt_audio_seconds"),
        "characters": count(table, "characters"),
    }
    told = total(given, output, count(table, "total_tokens")) is not None or any(
        one is not None for one in units.values()
    )
    cached = (("input_token_details", "cached_tokens"), ("input_tokens_details", "cached_tokens"))
    return Usage(
        input_tokens=given,
        output_tokens=output,
        cache_read_tokens=first_count(table, *cached),
        cache_write_tokens=count(table, "input_tokens_details", "cache_write_tokens"),
        reasoning_tokens=count(table, "output_tokens_details", "reasoning_tokens"),
        source="provider" if told else "none",
        details=_told({**units, **_parts(table)}),
    )


def _parts(table: dict[str, Any]) -> Numbers:
    """The parts of the counts, by what was heard, seen and said."""
    parts: dict[str, int | float | None] = {}
    for kind in _MODALITIES:
        tokens = f"{kind}_tokens"
        for side in ("input", "output"):
            places = ((f"{side}_token_details", tokens), (f"{side}_tokens_details", tokens))
            parts[f"{kind}_{side}_tokens"] = first_count(table, *places)
        parts[f"{kind}_cache_read_tokens"] = count(
            table, "input_token_details", "cached_tokens_details", tokens
        )
    return parts


def _apart(usage: Usage) -> Usage:
    """What a transcription model used beside the session's own."""
    details = {
        "transcription_input_tokens": usage.input_tokens,
        "transcription_output_tokens": usage.output_tokens,
        "transcription_seconds": (usage.details or {}).get("seconds"),
    }
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        source=usage.source,
        details=_told(details),
    )


class GoogleLiveCollector(SessionCollector):
    """`usageMetadata` beside any message: the counts of one turn, not of the session so far (google-genai 3.4
    `types.UsageMetadata` leaves that open; pydantic-ai pull request 7269 shows it by probes of two models).
    """

    def wants(self, data: bytes) -> bool:
        """Messages with counts."""
        return data.rfind(b'"usageMetadata"') >= 0

    def take(self, content: dict[str, Any]) -> None:
        """One message of the server."""
        table = content.get("usageMetadata")
        if not isinstance(table, dict) or not table:
            return
        thoughts, tools = count(table, "thoughtsTokenCount"), count(table, "toolUsePromptTokenCount")
        given = total(count(table, "promptTokenCount"), tools)
        output = total(first_count(table, ("responseTokenCount",), ("candidatesTokenCount",)), thoughts)
        told = total(given, output, count(table, "totalTokenCount")) is not None
        details = {
            **_modalities("input", table.get("promptTokensDetails")),
            **_modalities("output", table.get("responseTokensDetails")),
            **_modalities("cache_read", table.get("cacheTokensDetails")),
            "tool_input_tokens": tools,
        }
        usage = Usage(
            input_tokens=given,
            output_tokens=output,
            cache_read_tokens=count(table, "cachedContentTokenCount"),
            reasoning_tokens=thoughts,
            source="provider" if told else "none",
            details=_told(details),
        )
        self._add(usage, answers=1)


class DashScopeTasksCollector(SessionCollector):
    """`payload.usage` in the events of a task: totals of the task so far, so its last one counts. Tasks may
    follow one another on a connection (Model Studio, "CosyVoice server-side events", "Paraformer").
    """

    def __init__(self) -> None:
        super().__init__()
        self._past = _NOTHING
        self._tasks: dict[str, Usage] = {}

    def wants(self, data: bytes) -> bool:
        """Events with counts, and failures."""
        return data.rfind(b'"usage"') >= 0 or data.find(b'"task-failed"') >= 0

    def take(self, content: dict[str, Any]) -> None:
        """One event of the server."""
        if text(content, "header", "event") == "task-failed":
            self.error = text(content, "header", "error_code") or "task-failed"
        payload = content.get("payload")
        table = payload.get("usage") if isinstance(payload, dict) else None
        if not isinstance(table, dict) or not table:
            return
        task = (text(content, "header", "task_id") or "")[:64]
        if task not in self._tasks:
            self._counted += 1
        self._tasks[task] = session_usage(table)
        if len(self._tasks) > _MOST_TASKS:
            self._past = added(self._past, self._tasks.pop(next(iter(self._tasks))))
        self._sum = self._past
        for usage in self._tasks.values():
            self._sum = added(self._sum, usage)
        self._tell()


class SessionDialect(Dialect):
    """A dialect over a WebSocket. No path alone makes one: the catalogue says which vendor has it where.

    Until the WebSocket is open, and when it never is, the provider speaks as in its other APIs: `otherwise`.
    """

    otherwise: ClassVar[Dialect]

    def matches(self, method: str, path: str) -> bool:  # noqa: ARG002 - see above
        """Never."""
        return False

    def facts(self, path: str, body: bytes) -> RequestFacts:  # noqa: ARG002 - see `asked_model`
        """A session streams; its model is not in a body."""
        return RequestFacts(stream=True)

    def error_body(self, error: ErrorFacts) -> bytes:
        """As of the vendor's other APIs."""
        return self.otherwise.error_body(error)

    def collector(self, path: str = "") -> Collector:  # noqa: ARG002 - it is of no other API
        """For an answer that opens no session."""
        return self.otherwise.collector()

    @abstractmethod
    def session(self) -> SessionCollector:
        """A fresh collector for one session."""

    @abstractmethod
    def asked_model(self, message: dict[str, Any]) -> str | None:
        """The model that a message of the client asks for; None when it names none."""


class OpenAiRealtime(SessionDialect):
    """GET /realtime and its relatives."""

    id: ClassVar[DialectId] = "openai-realtime"
    version = "base"
    otherwise = OpenAiResponses()

    def asked_model(self, message: dict[str, Any]) -> str | None:
        """In `session.update`, `session.start`, or a `response.create` of Responses."""
        return text(message, "session", "model") or text(message, "model")

    def session(self) -> SessionCollector:
        """For one session."""
        return OpenAiRealtimeCollector()


class DashScopeRealtime(OpenAiRealtime):
    """GET /api-ws/v1/realtime: OpenAI's events at DashScope's own place."""

    id: ClassVar[DialectId] = "dashscope-realtime"
    version = "host"


class DashScopeTasks(SessionDialect):
    """GET /api-ws/v1/inference: tasks of speech and text in both directions."""

    id: ClassVar[DialectId] = "dashscope-tasks"
    version = "host"
    otherwise = DashScopeNative()

    def asked_model(self, message: dict[str, Any]) -> str | None:
        """In `run-task`."""
        return text(message, "payload", "model")

    def session(self) -> SessionCollector:
        """For one session."""
        return DashScopeTasksCollector()


class GoogleLive(SessionDialect):
    """GET /ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent."""

    id: ClassVar[DialectId] = "google-live"
    version = "none"
    otherwise = GoogleGenerateContent()

    def asked_model(self, message: dict[str, Any]) -> str | None:
        """In the first message, `setup`."""
        model = text(message, "setup", "model")
        return None if model is None else model.removeprefix("models/")

    def session(self) -> SessionCollector:
        """For one session."""
        return GoogleLiveCollector()


SESSION_DIALECTS: Mapping[str, SessionDialect] = {
    one.id: one for one in (OpenAiRealtime(), DashScopeRealtime(), DashScopeTasks(), GoogleLive())
}


def added(one: Usage, other: Usage) -> Usage:
    """The sum of two; what neither told stays untold."""
    return Usage(
        input_tokens=total(one.input_tokens, other.input_tokens),
        output_tokens=total(one.output_tokens, other.output_tokens),
        cache_read_tokens=total(one.cache_read_tokens, other.cache_read_tokens),
        cache_write_tokens=total(one.cache_write_tokens, other.cache_write_tokens),
        reasoning_tokens=total(one.reasoning_tokens, other.reasoning_tokens),
        source="provider" if "provider" in (one.source, other.source) else "none",
        details=_added_details(one.details, other.details),
    )


def _added_details(one: Details | None, other: Details | None) -> Details | None:
    if not one or not other:
        return one or other
    summed = dict(one)
    for name, value in other.items():
        before = summed.get(name, 0)
        if isinstance(before, (int, float)) and isinstance(value, (int, float)):
            summed[name] = before + value
    return summed


def _modalities(side: str, rows: Any) -> Numbers:
    """The counts by modality, of a list of `{"modality", "tokenCount"}`."""
    found: dict[str, int | float | None] = {}
    for row in rows if isinstance(rows, list) else ():
        kind = (text(row, "modality") or "").lower()
        if kind in _MODALITIES:
            found[f"{kind}_{side}_tokens"] = count(row, "tokenCount")
    return found


def _told(values: Mapping[str, int | float | str | None]) -> Details | None:
    """What there is of them: no zeros, and None instead of nothing."""
    return {name: value for name, value in values.items() if value} or None


def _first_number(table: dict[str, Any], *names: str) -> int | float | None:
    return next((number for name in names if (number := _number(table.get(name))) is not None), None)


def _number(value: Any) -> int | float | None:
    """A number that can be added up."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:
        return None
    return value
