"""The rim of the control plane: trace id, body limit, security headers. Plain ASGI, no per-request tasks."""

import orjson
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clawbot_manager.control.shared.problems import problem_body
from clawbot_manager.infra.telemetry.logs import trace_id_var
from clawbot_manager.infra.telemetry.traces import trace_id_from

_log = structlog.get_logger(__name__)

_SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


class BodyTooLargeError(Exception):
    """Raised inside `receive` when the body outgrows the limit."""


class ControlRim:
    """Wraps the control application."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self._app = app
        self._max_body = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        token = trace_id_var.set(trace_id_from(headers.get("traceparent"), headers.get("x-request-id")))
        try:
            await self._serve(scope, headers, receive, send)
        finally:
            trace_id_var.reset(token)

    async def _serve(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        started = False

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                out = MutableHeaders(scope=message)
                out["x-clawbot-trace-id"] = trace_id_var.get() or ""
                for name, value in _SECURITY_HEADERS.items():
                    out.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    out.setdefault("cache-control", "no-store")
            await send(message)

        seen = 0

        async def guarded_receive() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_body:
                raise BodyTooLargeError
            return message

        declared = headers.get("content-length", "0")
        try:
            if declared.isdigit() and int(declared) > self._max_body:
                raise BodyTooLargeError  # noqa: TRY301 - one place answers for both ways to be too large
            await self._app(scope, guarded_receive, guarded_send)
        except BodyTooLargeError:
            if started:
                raise
            await self._refuse(guarded_send)

    async def _refuse(self, send: Send) -> None:
        detail = f"The body is larger than {self._max_body} bytes. Send less."
        body = orjson.dumps(problem_body(413, "payload_too_large", "The body is too large", detail))
        headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})
