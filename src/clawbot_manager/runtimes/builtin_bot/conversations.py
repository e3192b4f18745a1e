"""What is said to the bot: questions, the conversations they belong to, and commands."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from .dialects import Json, Message
from .refusals import Refusal
from .workspace import Workspace

MAX_CONVERSATIONS = 256
MAX_TURNS = 40  # messages kept of one conversation
MAX_HISTORY_CHARS = 64_000


class Conversations:
    """Kept in memory, a bounded number of bounded ones."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._conversations: OrderedDict[str, list[Message]] = OrderedDict()

    def history(self, key: str | None) -> list[Message]:
        with self._lock:
            return list(self._conversations.get(key or "", ()))

    def remember(self, key: str | None, messages: list[Message]) -> None:
        """Add to a conversation; the oldest turns, and the longest untouched conversations, are forgotten."""
        if not key:
            return
        with self._lock:
            kept = (self._conversations.pop(key, []) + messages)[-MAX_TURNS:]
            while kept and (
                sum(len(m["content"]) for m in kept) > MAX_HISTORY_CHARS or kept[0]["role"] != "user"
            ):
                kept.pop(0)
            self._conversations[key] = kept
            if len(self._conversations) > MAX_CONVERSATIONS:
                self._conversations.popitem(last=False)

    def forget(self, key: str | None) -> None:
        with self._lock:
            self._conversations.pop(key or "", None)

    def command(self, text: str, workspace: Workspace, key: str | None) -> str | None:
        """The answer to a command, None when the text is for the model."""
        if not workspace.features.get("commands") or not text.startswith("/"):
            return None
        word = text.split(maxsplit=1)[0]
        if word == "/new":
            self.forget(key)
        models = "\n".join(f"- {route.vendor}/{route.model}" for route in workspace.routes)
        answers = {
            "/help": "/help: this list\n/model: the models in use\n/new: start afresh\n/persona: who I am",
            "/model": f"The first one answers, the others stand in for it:\n{models}",
            "/new": "A new conversation begins.",
            "/persona": workspace.system or "I have no persona.",
        }
        return answers.get(word)


def parse_question(body: Any) -> tuple[list[Message], list[str], Json]:
    """The turns, the caller's own instructions and the options of a chat request; raises `Refusal` 400."""
    turns: list[Message] = []
    system: list[str] = []
    try:
        for message in body["messages"]:
            content, role = message["content"], message["role"]
            if not isinstance(content, str):
                content = "\n".join(part["text"] for part in content)
            if role in ("system", "developer"):
                system.append(content)
            else:
                turns.append({"role": "assistant" if role == "assistant" else "user", "content": content})
        options = {"max_tokens": body.get("max_completion_tokens") or body.get("max_tokens")}
        options["temperature"] = body.get("temperature")
        understood = all(v is None or isinstance(v, (int, float)) for v in options.values())
        understood = understood and bool(turns) and turns[-1]["role"] == "user"
    except (AttributeError, KeyError, TypeError):
        understood = False
    if not understood:
        text = "messages must be a list of roles and texts that ends with the user's"
        raise Refusal(400, text, "invalid_request_error")
    return turns, system, options
