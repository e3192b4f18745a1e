"""A real HTTP server in a thread that answers what a test tells it and remembers what it was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Answer:
    """What to answer once."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeApi:
    """`on` says what a route answers: each answer once, the last one for ever."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    _answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)

    def on(self, method: str, path: str, *answers: Any, status: int = 200, **headers: str) -> None:
        """Answers of a route: JSON values, `bytes` as they are, or Answer."""
        self._answers[method, path] = [
            one
            if isinstance(one, Answer)
            else Answer(status, one, {name.replace("_", "-"): value for name, value in headers.items()})
            for one in answers or (None,)
        ]

    def problem(self, method: str, path: str, status: int, detail: str, **more: Any) -> None:
        """A route that refuses with a problem document."""
        headers = more.pop("headers", {})
        code = more.pop("code", "some_code")
        body = {
            "type": f"about:blank#{code}",
            "title": "No",
            "status": status,
            "code": code,
            "detail": detail,
        }
        body |= {"trace_id": "trace-1", "params": {}, "errors": [], **more}
        self.on(method, path, Answer(status, body, {"content-type": "application/problem+json", **headers}))

    def stream(self, path: str, *events: str) -> None:
        """A POST route that answers with server-sent events."""
        data = "".join(f"data: {event}\n\n" for event in events).encode()
        self.on("POST", path, Answer(200, data, {"content-type": "text/event-stream"}))

    def calls(self, method: str, path: str) -> list[Asked]:
        """The requests that came to a route."""
        return [one for one in self.asked if (one.method, one.path) == (method, path)]

    def take(self, asked: Asked) -> Answer:
        """Remembers the request and gives its answer; an unknown route is a test's mistake and says so."""
        self.asked.append(asked)
        answers = self._answers.get((asked.method, asked.path))
        if answers is None:
            return Answer(599, {"detail": f"the test has no {asked.method} {asked.path}"})
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _Handler(BaseHTTPRequestHandler):
    api: FakeApi

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(raw) if raw else None
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
        answer = self.api.take(asked)
        data = b"" if answer.body is None else answer.body
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        self.send_response(answer.status)
        for name, value in {"content-type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - names of the standard library

    def log_message(self, *_: Any) -> None:
        """Stays quiet."""


@contextmanager
def fake_api() -> Iterator[FakeApi]:
    """A running server."""
    api = FakeApi()
    handler = type("Handler", (_Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
