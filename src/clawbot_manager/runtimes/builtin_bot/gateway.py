"""The bot's own HTTP surface, that of an OpenClaw gateway."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from _operator import _compare_digest  # hmac's own, without the OpenSSL that hmac brings along
from collections.abc import Iterator
from typing import Any

from .conversations import Conversations, parse_question
from .dialects import Ask, Json
from .environment import Environment
from .journal import log
from .refusals import ConfigError, Refusal
from .upstream import Call
from .wire import Server, Wire
from .workspace import Route, read_workspace

MAX_ANSWERS = 16  # at a time; more are told to come again


class Bot:
    """What outlives one request: conversations, the places for answers, and whether we are going."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.draining = False
        self.places = threading.BoundedSemaphore(MAX_ANSWERS)
        self.running = 0
        self.conversations = Conversations()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """Hold one of the places for answers; refuses when there is none or the bot is ending."""
        if self.draining or not self.places.acquire(blocking=False):
            why = "the bot is ending" if self.draining else "too many answers at a time"
            raise Refusal(503, why, "overloaded", "1")
        with self._lock:
            self.running += 1
        try:
            yield
        finally:
            with self._lock:
                self.running -= 1
            self.places.release()


class Gateway(Wire):
    """One connection from the manager."""

    bot: Bot

    def do_GET(self) -> None:  # noqa: N802 - the base class calls it so
        if self.path == "/healthz":
            self._json(200, {"ok": True, "status": "live"})
        elif self.path == "/readyz":
            why = self._not_ready()
            self._json(503 if why else 200, {"ready": False, "failing": [why]} if why else {"ready": True})
        else:
            try:
                self._authorize("/v1/models")
            except Refusal as refusal:
                self._refuse(refusal)
            else:  # who asks with the token learns from this that it is the bot that has the port
                model = {"id": "openclaw/default", "object": "model", "created": 0, "owned_by": "clawbot"}
                self._json(200, {"object": "list", "data": [model]})

    def _not_ready(self) -> str | None:
        if self.bot.draining:
            return "gateway-draining"
        try:
            read_workspace(self.bot.environment.workspace, self.bot.environment.proxy_url)
        except ConfigError as error:
            return str(error)
        return None

    def do_POST(self) -> None:  # noqa: N802 - the base class calls it so
        given, started, status = self.headers.get("x-request-id") or "", time.monotonic(), 500
        self.trace = given if re.fullmatch(r"[A-Za-z0-9._-]{1,128}", given) else os.urandom(16).hex()
        self.begun = False
        try:
            body = self._body()
            self.close_connection |= self.bot.draining
            self._authorize("/v1/chat/completions")
            with self.bot.answering():
                self._chat(json.loads(body))
            status = 200
        except Refusal as refusal:
            status = refusal.status
            self._refuse(refusal)
        except ValueError:
            status = 400
            self._refuse(Refusal(400, "the body is not valid JSON", "invalid_request_error"))
        except ConfigError as error:
            status = 503
            self._refuse(Refusal(503, str(error), "not_configured"))
        except OSError:
            status, self.close_connection = 499, True  # the caller left
        finally:
            took = int((time.monotonic() - started) * 1000)
            log("INFO" if status < 400 else "WARN", "chat", trace=self.trace, status=status, duration_ms=took)

    def _authorize(self, page: str) -> None:
        """Only this page, and for the manager only."""
        if self.path.split("?")[0] != page:
            raise Refusal(404, "no such page", "not_found")
        scheme, _, token = (self.headers.get("authorization") or "").partition(" ")
        known = self.bot.environment.gateway_token.encode()
        given = token.strip().encode("latin-1", "replace")
        if scheme.lower() != "bearer" or not _compare_digest(given, known):
            raise Refusal(401, "Unauthorized", "unauthorized")

    def _chat(self, body: Any) -> None:
        turns, system, options = parse_question(body)
        environment = self.bot.environment
        workspace = read_workspace(environment.workspace, environment.proxy_url)
        user = body.get("user")
        shared = workspace.features.get("session_scope", "user") != "user"
        key = ("*" if shared else f"user:{user}") if user else None
        call = Call(environment, Ask("", [], None, None), self.trace)
        local = self.bot.conversations.command(turns[-1]["content"].strip(), workspace, key)
        if local is not None:
            call.finish = "stop"
            self._answer(body, Route("local", "", "", "command"), iter([local]), call)
            return
        history = self.bot.conversations.history(key)
        if history:  # what came before is known here, whether the caller repeats it or not
            last = max((i for i, turn in enumerate(turns) if turn["role"] == "assistant"), default=-1)
            turns = turns[last + 1 :]
        instructions = "\n\n".join(part for part in (workspace.system, *system) if part)
        call = Call(environment, Ask(instructions, history + turns, **options), self.trace)
        route, texts = call.begin(workspace.routes)
        answer = self._answer(body, route, texts, call)
        self.bot.conversations.remember(key, [*turns, {"role": "assistant", "content": answer}])

    def _answer(self, body: Any, route: Route, texts: Iterator[str], call: Call) -> str:
        """Send the texts as they come, or as one when no stream was asked for; returns the whole."""
        head = {
            "id": f"chatcmpl-{self.trace}",
            "created": int(time.time()),
            "model": f"{route.vendor}/{route.model}",
        }
        if not body.get("stream"):
            whole = "".join(texts)
            message = {"role": "assistant", "content": whole}
            choice = {"index": 0, "message": message, "finish_reason": self._finish(call)}
            usage = {"usage": self._usage(call)} if call.usage else {}
            self._json(200, {**head, "object": "chat.completion", "choices": [choice], **usage})
            return whole
        head["object"] = "chat.completion.chunk"
        parts: list[str] = []
        self._begin_stream()
        self._event(
            {**head, "choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]}
        )
        for text in texts:
            parts.append(text)
            self._event(
                {**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
            )
        self._event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": self._finish(call)}]})
        if (body.get("stream_options") or {}).get("include_usage") and call.usage:
            self._event({**head, "choices": [], "usage": self._usage(call)})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")
        return "".join(parts)

    @staticmethod
    def _finish(call: Call) -> str:
        return "length" if str(call.finish).lower() in ("length", "max_tokens") else "stop"

    @staticmethod
    def _usage(call: Call) -> Json:
        return {**call.usage, "total_tokens": sum(v for v in call.usage.values() if isinstance(v, int))}


def listen(bot: Bot) -> Server:
    """The bot's gateway on its address; raises `OSError` when that is taken."""
    address = (bot.environment.bind, bot.environment.port)
    return Server(address, type("BotGateway", (Gateway,), {"bot": bot}))
