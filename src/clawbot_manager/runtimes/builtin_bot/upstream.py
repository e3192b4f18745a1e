"""Asking through the proxy: one question, the providers in turn until one begins to answer."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from .dialects import DIALECTS, END, Ask, Dialect, Json, read_failure, read_line
from .environment import Environment
from .journal import log
from .refusals import Refusal
from .workspace import Route

MAX_LINE = 1 << 20
CONNECT_TIMEOUT = 10.0
ANSWER_TIMEOUT = 600.0


class Call:
    """One question on its way: hands out text as it comes and collects what the end says."""

    def __init__(self, environment: Environment, ask: Ask, trace: str) -> None:
        self._environment, self._ask, self.trace = environment, ask, trace
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
        connection.sock.settimeout(self._environment.upstream_timeout)
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
        headers.update(dialect.headers(self._environment.proxy_token))
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
        deadline = time.monotonic() + ANSWER_TIMEOUT
        while line := response.readline(MAX_LINE):
            if time.monotonic() > deadline:
                raise TimeoutError
            event = read_line(line)
            if event == END:
                return
            if isinstance(event, dict):
                yield event

    def _refusal(self, status: int, told: Any, retry_after: str | None = None) -> Refusal:
        failure = read_failure(status, told)
        message = failure.message
        for secret in (self._environment.proxy_token, self._environment.gateway_token):
            message = message.replace(secret, "***")
        return Refusal(failure.status, message[:500], failure.kind, retry_after)
