"""What can be said instead of an answer."""

from __future__ import annotations

from typing import Any


class ConfigError(Exception):
    """The workspace or the environment does not describe a bot that could answer; the text says why."""


class Refusal(Exception):  # noqa: N818 - it is an answer
    """What the caller gets instead of an answer: a status and an OpenAI-shaped error."""

    def __init__(self, status: int, message: str, kind: str, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.retry_after = status, message, kind, retry_after

    @property
    def passing(self) -> bool:
        """Whether another provider may do better."""
        return self.status == 429 or self.status >= 500

    def body(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "type": self.kind, "code": self.status}}
