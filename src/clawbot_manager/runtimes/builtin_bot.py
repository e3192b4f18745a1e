"""The built-in bot: a small chat agent behind the same HTTP surface as an OpenClaw gateway.

One file, standard library only, Python >= 3.9, so that a bare interpreter in a slim image runs it:
`python -I builtin_bot.py --bot-id UUID --instance LABEL`. Everything else comes from the environment
(`CLAWBOT_*`, see `Settings`) and from `config.json`, `soul.md`, `features.json` in the workspace, which are
read again for every message. It knows one place on the network, the proxy, and two tokens of its own.
Exit codes: 0 asked to end, 69 port taken, 75 another process is this bot already, 78 environment incomplete.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hmac
import http.client
import http.server
import itertools
import json
import os
import re
import select
import signal
import socket
import socketserver
import sys
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

MAX_BODY = 1 << 20
MAX_FILE = 1 << 18
MAX_LINE = 1 << 20
MAX_ANSWERS = 16  # at a time; more are told to come again
MAX_CONNECTIONS = 64
MAX_CONVERSATIONS = 256
MAX_TURNS = 40  # messages kept of one conversation
MAX_HISTORY_CHARS = 64_000
CLIENT_TIMEOUT = 30.0
CONNECT_TIMEOUT = 10.0
ANSWER_TIMEOUT = 600.0
DRAIN_SECONDS = 20.0

Message = dict[str, str]
Json = dict[str, Any]


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

    def body(self) -> Json:
        return {"error": {"message": self.message, "type": self.kind, "code": self.status}}


def log(level: str, event: str, **facts: object) -> None:
    """One line to stdout. Facts are ids, numbers and names; never a prompt, an answer or a token."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    words = [stamp, level, f"event={event}"]
    words += [f"{key}={json.dumps(v) if ' ' in str(v) else v}" for key, v in facts.items() if v is not None]
    with contextlib.suppress(OSError):  # a full disk or a file at its limit must not end the bot
        os.write(1, (" ".join(words) + "\n").encode("utf-8", "replace"))


@dataclass(frozen=True)
class Settings:
    """The bot's environment."""

    proxy_url: str
    proxy_token: str = field(repr=False)
    gateway_token: str = field(repr=False)
    bind: str
    port: int
    workspace: Path
    state_dir: Path
    upstream_timeout: float

    @classmethod
    def from_environment(cls, env: Any) -> Settings:
        needed = ("PROXY_URL", "PROXY_TOKEN", "GATEWAY_TOKEN", "GATEWAY_PORT", "WORKSPACE", "STATE_DIR")
        missing = [f"CLAWBOT_{name}" for name in needed if not env.get(f"CLAWBOT_{name}")]
        if missing:
            raise ConfigError(f"not set: {', '.join(missing)}")
        try:
            port, timeout = (
                int(env["CLAWBOT_GATEWAY_PORT"]),
                float(env.get("CLAWBOT_UPSTREAM_TIMEOUT", "120")),
            )
        except ValueError:
            raise ConfigError("CLAWBOT_GATEWAY_PORT and CLAWBOT_UPSTREAM_TIMEOUT must be numbers") from None
        return cls(
            proxy_url=env["CLAWBOT_PROXY_URL"].rstrip("/"),
            proxy_token=env["CLAWBOT_PROXY_TOKEN"],
            gateway_token=env["CLAWBOT_GATEWAY_TOKEN"],
            bind=env.get("CLAWBOT_GATEWAY_BIND") or "127.0.0.1",
            port=port,
            workspace=Path(env["CLAWBOT_WORKSPACE"]),
            state_dir=Path(env["CLAWBOT_STATE_DIR"]),
            upstream_timeout=timeout,
        )


# --- the workspace ---------------------------------------------------------------------------------------


class Route(NamedTuple):
    """One model at one provider, reached through the proxy."""

    vendor: str
    dialect: str
    base_url: str
    model: str


class Workspace(NamedTuple):
    """What the three files say now; the primary route comes first, one route for each other provider."""

    routes: list[Route]
    system: str
    persona: str
    features: Json


def _read_text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path.name}: {error.strerror}") from None


def _read_json(path: Path) -> Json | None:
    text = _read_text(path)
    try:
        value = None if text is None else json.loads(text)
    except ValueError:
        raise ConfigError(f"{path.name}: not valid JSON") from None
    if value is not None and not isinstance(value, dict):
        raise ConfigError(f"{path.name}: not an object")
    return value


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _routes(config: Json, proxy_url: str) -> list[Route]:
    primary = config.get("primary") or {}
    routes: list[Route] = []
    for provider in config.get("providers") or []:
        vendor, dialect = str(provider["vendor"]), str(provider.get("dialect"))
        if dialect not in DIALECTS:
            raise ConfigError(f"config.json: provider {vendor} has the unknown dialect {dialect}")
        base_url = str(provider.get("base_url") or f"{proxy_url}/{vendor}").rstrip("/")
        if _origin(base_url) != _origin(proxy_url):  # the token is for the proxy and for nobody else
            raise ConfigError(f"config.json: the base_url of provider {vendor} is not at the proxy")
        chosen = primary.get("vendor") == vendor and primary.get("model")
        model = chosen or provider.get("primary_model") or next(iter(provider.get("models") or []), None)
        if not isinstance(model, str):
            raise ConfigError(f"config.json: provider {vendor} has no model")
        routes.insert(0 if chosen else len(routes), Route(vendor, dialect, base_url, model))
    if not routes:
        raise ConfigError("config.json: no provider")
    return routes


def read_workspace(root: Path, proxy_url: str) -> Workspace:
    """Read the three files as they are now; raises `ConfigError`."""
    config = _read_json(root / "config.json")
    if config is None:
        raise ConfigError("config.json is missing")
    if config.get("schema") != 1:
        raise ConfigError("config.json: this bot reads schema 1")
    features = _read_json(root / "features.json")
    try:
        routes = _routes(config, proxy_url)
        about = config.get("persona") or {}
        persona = " ".join(str(about[key]) for key in ("name", "emoji") if about.get(key))
        features = config.get("features") or {} if features is None else features
    except (AttributeError, KeyError, TypeError):
        raise ConfigError("config.json: not of the shape that schema 1 asks for") from None
    soul = (_read_text(root / "soul.md") or "").strip()
    system = "\n\n".join(part for part in (f"Your name is {persona}." if persona else "", soul) if part)
    return Workspace(routes, system, persona, features)


# --- the four ways to ask a model ------------------------------------------------------------------------


class Ask(NamedTuple):
    """One question to a model, free of any dialect."""

    system: str
    messages: list[Message]
    max_tokens: int | None
    temperature: float | None


class Piece(NamedTuple):
    """What one upstream event says."""

    text: str = ""
    finish: str | None = None
    usage: Json | None = None
    last: bool = False


class Dialect(NamedTuple):
    path: str
    body: Callable[[Ask, str], Json]
    headers: Callable[[str], dict[str, str]]
    read: Callable[[Json], Piece]


def _given(**options: Any) -> Json:
    return {key: value for key, value in options.items() if value is not None}


def _with_system(ask: Ask) -> list[Message]:
    return ([{"role": "system", "content": ask.system}] if ask.system else []) + ask.messages


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _openai_body(ask: Ask, model: str) -> Json:
    options = _given(max_tokens=ask.max_tokens, temperature=ask.temperature)
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    return {"model": model, "messages": _with_system(ask), **asked, **options}


def _openai_read(event: Json) -> Piece:
    choice = (event.get("choices") or [{}])[0]
    usage = event.get("usage") or {}
    counts = _given(
        prompt_tokens=usage.get("prompt_tokens"), completion_tokens=usage.get("completion_tokens")
    )
    return Piece((choice.get("delta") or {}).get("content") or "", choice.get("finish_reason"), counts)


def _anthropic_body(ask: Ask, model: str) -> Json:
    options = _given(system=ask.system or None, temperature=ask.temperature)
    limit = ask.max_tokens or 4096  # this dialect demands a number
    return {"model": model, "messages": ask.messages, "max_tokens": limit, "stream": True, **options}


def _anthropic_read(event: Json) -> Piece:
    usage = event.get("usage") or (event.get("message") or {}).get("usage") or {}
    counts = _given(prompt_tokens=usage.get("input_tokens"), completion_tokens=usage.get("output_tokens"))
    delta = event.get("delta") or {}
    return Piece(
        delta.get("text") or "", delta.get("stop_reason"), counts, event.get("type") == "message_stop"
    )


def _google_body(ask: Ask, _model: str) -> Json:
    roles = {"assistant": "model"}
    contents = [
        {"role": roles.get(m["role"], "user"), "parts": [{"text": m["content"]}]} for m in ask.messages
    ]
    body: Json = {"contents": contents}
    if ask.system:
        body["systemInstruction"] = {"parts": [{"text": ask.system}]}
    if options := _given(maxOutputTokens=ask.max_tokens, temperature=ask.temperature):
        body["generationConfig"] = options
    return body


def _google_read(event: Json) -> Piece:
    candidate = (event.get("candidates") or [{}])[0]
    parts = (candidate.get("content") or {}).get("parts") or []
    text = "".join(part.get("text") or "" for part in parts if not part.get("thought"))
    usage = event.get("usageMetadata") or {}
    prompt, completion = usage.get("promptTokenCount"), usage.get("candidatesTokenCount")
    return Piece(
        text, candidate.get("finishReason"), _given(prompt_tokens=prompt, completion_tokens=completion)
    )


def _ollama_body(ask: Ask, model: str) -> Json:
    options = _given(num_predict=ask.max_tokens, temperature=ask.temperature)
    return {
        "model": model,
        "messages": _with_system(ask),
        "stream": True,
        **({"options": options} if options else {}),
    }


def _ollama_read(event: Json) -> Piece:
    counts = _given(prompt_tokens=event.get("prompt_eval_count"), completion_tokens=event.get("eval_count"))
    done = bool(event.get("done"))
    finish = (event.get("done_reason") or "stop") if done else None
    return Piece((event.get("message") or {}).get("content") or "", finish, counts, done)


DIALECTS = {
    "openai-chat": Dialect("/chat/completions", _openai_body, _bearer, _openai_read),
    "anthropic-messages": Dialect(
        "/v1/messages",
        _anthropic_body,
        lambda token: {"x-api-key": token, "anthropic-version": "2023-06-01"},
        _anthropic_read,
    ),
    "google-generatecontent": Dialect(
        "/v1beta/models/{model}:streamGenerateContent?alt=sse",
        _google_body,
        lambda token: {"x-goog-api-key": token},
        _google_read,
    ),
    "ollama": Dialect("/api/chat", _ollama_body, _bearer, _ollama_read),
}


# --- asking through the proxy ----------------------------------------------------------------------------


class Call:
    """One question on its way: hands out text as it comes and collects what the end says."""

    def __init__(self, settings: Settings, ask: Ask, trace: str) -> None:
        self._settings, self._ask, self.trace = settings, ask, trace
        self.usage: Json = {}
        self.finish: str | None = None

    def begin(self, routes: list[Route]) -> tuple[Route, Iterator[str]]:
        """The first route that begins to answer, and its text; raises the last `Refusal` when none does."""
        failure = Refusal(503, "no provider is configured", "server_error")
        for route in routes:
            texts, started = self._texts(route), time.monotonic()
            try:
                first = next(texts, "")
            except Refusal as refusal:
                took = int((time.monotonic() - started) * 1000)
                facts = {"vendor": route.vendor, "status": refusal.status, "duration_ms": took}
                log("WARN", "upstream", trace=self.trace, **facts)
                failure = refusal
                if not refusal.passing:
                    break
            else:
                return route, itertools.chain([first], texts)
        raise failure

    def _texts(self, route: Route) -> Iterator[str]:
        dialect = DIALECTS[route.dialect]
        self.usage, self.finish = {}, None
        connection = self._connect(route)
        try:
            for event in self._events(self._send(connection, route, dialect)):
                if event.get("error"):
                    raise self._refusal(502, event)
                piece = dialect.read(event)
                self.usage.update(piece.usage or {})
                self.finish = piece.finish or self.finish
                if piece.text:
                    yield piece.text
                if piece.last:
                    break
            if not self.finish:
                raise Refusal(502, "the provider's answer broke off", "upstream_error")
        except (TimeoutError, socket.timeout):  # noqa: UP041 - two classes before Python 3.10
            raise Refusal(504, "the provider did not answer in time", "upstream_timeout") from None
        except (OSError, http.client.HTTPException):
            raise Refusal(502, "the connection to the proxy broke", "upstream_error") from None
        except (ValueError, AttributeError, KeyError, IndexError, TypeError):
            raise Refusal(502, "the provider's answer was not understood", "upstream_error") from None
        finally:
            connection.close()

    def _connect(self, route: Route) -> http.client.HTTPConnection:
        parts = urlsplit(route.base_url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        try:
            connection = kind(parts.hostname or "", parts.port, timeout=CONNECT_TIMEOUT)
            connection.connect()
        except (OSError, ValueError, http.client.HTTPException):
            raise Refusal(502, "the proxy cannot be reached", "upstream_unreachable") from None
        connection.sock.settimeout(self._settings.upstream_timeout)
        return connection

    def _send(
        self, connection: http.client.HTTPConnection, route: Route, dialect: Dialect
    ) -> http.client.HTTPResponse:
        path = urlsplit(route.base_url).path + dialect.path.format(model=quote(route.model, safe=""))
        headers = {
            "content-type": "application/json",
            "x-request-id": self.trace,
            "user-agent": "clawbot-builtin",
        }
        headers.update(dialect.headers(self._settings.proxy_token))
        connection.request("POST", path, json.dumps(dialect.body(self._ask, route.model)), headers)
        response = connection.getresponse()
        if response.status == 200:
            return response
        try:
            told = json.loads(response.read(1 << 16))
        except ValueError:
            told = None
        status = response.status if response.status >= 400 else 502
        raise self._refusal(status, told, response.getheader("retry-after"))

    def _events(self, response: http.client.HTTPResponse) -> Iterator[Json]:
        """Server-sent events and JSON lines alike: each line that carries JSON is an event of its own."""
        deadline = time.monotonic() + ANSWER_TIMEOUT
        while line := response.readline(MAX_LINE):
            if time.monotonic() > deadline:
                raise TimeoutError
            text = line.decode("utf-8").strip()
            text = text[5:].strip() if text.startswith("data:") else text
            if text == "[DONE]":
                return
            if text.startswith("{"):
                yield json.loads(text)

    def _refusal(self, status: int, told: Any, retry_after: str | None = None) -> Refusal:
        error = told.get("error", told) if isinstance(told, dict) else None
        facts = error if isinstance(error, dict) else {"message": error}
        kind = str(facts.get("type") or facts.get("status") or "upstream_error")
        if status == 502:  # told inside a stream: only the event itself knows what it stands for
            code = facts.get("code")
            words = {"overloaded_error": 503, "rate_limit_error": 429, "rate_limit_exceeded": 429}
            status = code if isinstance(code, int) and 400 <= code < 600 else words.get(kind, 502)
        message = str(facts.get("message") or f"the provider answered with status {status}")
        for secret in (self._settings.proxy_token, self._settings.gateway_token):
            message = message.replace(secret, "***")
        return Refusal(status, message[:500], kind[:100], retry_after)


# --- the gateway -----------------------------------------------------------------------------------------


class Bot:
    """What outlives one request: conversations, the places for answers, and whether we are going."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.draining = False
        self.places = threading.BoundedSemaphore(MAX_ANSWERS)
        self.running = 0
        self._lock = threading.Lock()
        self._conversations: OrderedDict[str, list[Message]] = OrderedDict()

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


class Gateway(http.server.BaseHTTPRequestHandler):
    """One connection from the manager."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "clawbot-builtin", ""
    timeout = CLIENT_TIMEOUT
    bot: Bot

    def log_message(self, *_: object) -> None:
        """Silent: the request line is the caller's text, and we log events of our own."""

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._json(200, {"ok": True, "status": "live"})
        elif self.path == "/readyz":
            why = self._not_ready()
            self._json(503 if why else 200, {"ready": False, "failing": [why]} if why else {"ready": True})
        else:
            self._json(404, Refusal(404, "no such page", "not_found").body())

    def _not_ready(self) -> str | None:
        if self.bot.draining:
            return "gateway-draining"
        try:
            read_workspace(self.bot.settings.workspace, self.bot.settings.proxy_url)
        except ConfigError as error:
            return str(error)
        return None

    def do_POST(self) -> None:
        given, started, status = self.headers.get("x-request-id") or "", time.monotonic(), 500
        self.trace = given if re.fullmatch(r"[A-Za-z0-9._-]{1,128}", given) else uuid.uuid4().hex
        self.begun = False
        try:
            body = self._body()
            self._authorize()
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

    def _authorize(self) -> None:
        if self.path.split("?")[0] != "/v1/chat/completions":
            raise Refusal(404, "no such page", "not_found")
        scheme, _, token = (self.headers.get("authorization") or "").partition(" ")
        known = self.bot.settings.gateway_token.encode()
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            token.strip().encode("latin-1", "replace"), known
        ):
            raise Refusal(401, "Unauthorized", "unauthorized")

    def _body(self) -> bytes:
        """The whole body, read before anything is refused: closing on unread bytes resets the answer."""
        self.close_connection = True
        length = self.headers.get("content-length") or ""
        if not length.isascii() or not length.isdigit() or "transfer-encoding" in self.headers:
            raise Refusal(411, "a content-length is needed", "invalid_request_error")
        if int(length) > MAX_BODY:
            for _ in range(min(int(length), 8 * MAX_BODY) >> 16):
                self.rfile.read(1 << 16)
            raise Refusal(413, "the body is too large", "invalid_request_error")
        body = self.rfile.read(int(length))
        self.close_connection = self.bot.draining or self.request_version == "HTTP/1.0"
        return body

    def _chat(self, body: Any) -> None:
        turns, system, options = parse_question(body)
        settings = self.bot.settings
        workspace = read_workspace(settings.workspace, settings.proxy_url)
        user = body.get("user")
        shared = workspace.features.get("session_scope", "user") != "user"
        key = ("*" if shared else f"user:{user}") if user else None
        call = Call(settings, Ask("", [], None, None), self.trace)
        local = self.bot.command(turns[-1]["content"].strip(), workspace, key)
        if local is not None:
            call.finish = "stop"
            self._answer(body, Route("local", "", "", "command"), iter([local]), call)
            return
        history = self.bot.history(key)
        if history:  # what came before is known here, whether the caller repeats it or not
            last = max((i for i, turn in enumerate(turns) if turn["role"] == "assistant"), default=-1)
            turns = turns[last + 1 :]
        instructions = "\n\n".join(part for part in (workspace.system, *system) if part)
        call = Call(settings, Ask(instructions, history + turns, **options), self.trace)
        route, texts = call.begin(workspace.routes)
        answer = self._answer(body, route, texts, call)
        self.bot.remember(key, [*turns, {"role": "assistant", "content": answer}])

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

    def _refuse(self, refusal: Refusal) -> None:
        """Before the stream: the status itself. Inside it: an error event, and the end without [DONE]."""
        with contextlib.suppress(OSError):
            if self.begun:
                self._event(refusal.body())
                self._chunk(b"")
            else:
                self._json(refusal.status, refusal.body(), refusal.retry_after)

    def _json(self, status: int, body: Json, retry_after: str | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if retry_after and retry_after.isprintable():
            self.send_header("retry-after", retry_after)
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _begin_stream(self) -> None:
        self.begun, self.close_connection = True, True  # the end of the connection is the end of the answer
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("cache-control", "no-cache")
        self.send_header("connection", "close")
        if self.request_version != "HTTP/1.0":
            self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def _event(self, event: Json) -> None:
        self._chunk(b"data: " + json.dumps(event).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        plain = self.request_version == "HTTP/1.0"
        self.wfile.write(data if plain else b"%x\r\n%s\r\n" % (len(data), data))


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """A thread for each connection, and a bound on those."""

    daemon_threads, allow_reuse_address, request_queue_size = True, True, 64

    def __init__(self, address: tuple[str, int], bot: Bot) -> None:
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, type("BotGateway", (Gateway,), {"bot": bot}))

    def server_bind(self) -> None:
        """Without HTTPServer's reverse look-up of our own name, which hangs where there is no resolver."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, *_: object) -> None:
        """The kind and the place only: the text of an error may quote what a user wrote."""
        kind, _error, trace = sys.exc_info()
        while trace and trace.tb_next:
            trace = trace.tb_next
        log("ERROR", "failed", kind=kind and kind.__name__, line=trace and trace.tb_lineno)


def take_lock(state_dir: Path) -> int | None:
    """The lock that makes this process the only one of its bot, None when another holds it."""
    lock = os.open(state_dir / "bot.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return lock


def serve(settings: Settings, bot_id: str) -> int:
    """Serve until asked to end; then let running answers end, unless asked again or they take too long."""
    signals, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)  # written whichever thread the signal hits: a handler alone would not wake us
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    bot = Bot(settings)
    try:
        server = Server((settings.bind, settings.port), bot)
    except OSError as error:
        log("ERROR", "cannot_listen", port=settings.port, why=error.strerror)
        return 69
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    log("INFO", "listening", bot=bot_id, port=settings.port)
    os.read(signals, 1)
    bot.draining = True
    log("INFO", "ending", running=bot.running)
    server.shutdown()
    server.server_close()
    deadline = time.monotonic() + DRAIN_SECONDS
    while bot.running and time.monotonic() < deadline:
        if select.select([signals], [], [], 0.05)[0]:
            break
    log("INFO", "ended", cut_off=bot.running)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="The built-in bot.")
    parser.add_argument("--bot-id", required=True)
    parser.add_argument("--instance", required=True, help="whose bot this is: a mark for the manager")
    bot_id: str = parser.parse_args().bot_id
    try:
        settings = Settings.from_environment(os.environ)
        lock = take_lock(settings.state_dir)
    except (ConfigError, OSError) as error:
        log("ERROR", "cannot_start", why=str(error))
        return 78
    if lock is None:
        log("ERROR", "runs_already", bot=bot_id)
        return 75
    return serve(settings, bot_id)


if __name__ == "__main__":
    sys.exit(main())
