"""The rim of the control plane: trace id, body limit, security headers. Plain ASGI, no per-request tasks."""

from time import perf_counter

import orjson
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clawbot_manager.control.shared.problems import problem_body
from clawbot_manager.infra.telemetry.logs import trace_id_var
from clawbot_manager.infra.telemetry.traces import trace_id_from
from clawbot_manager.kit.errors import PayloadTooLargeError

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
        status = 0
        started = perf_counter()

        async def guarded_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
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
                raise self._too_large()
            return message

        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > self._max_body:
            error = self._too_large()
            body = orjson.dumps(problem_body(error.status, error.code, error.title, error.detail))
            start = [(b"content-type", b"application/problem+json")]
            await guarded_send({"type": "http.response.start", "status": error.status, "headers": start})
            await guarded_send({"type": "http.response.body", "body": body})
            return
        try:
            await self._app(scope, guarded_receive, guarded_send)
        finally:
            _log_request(scope, status, perf_counter() - started)

    def _too_large(self) -> PayloadTooLargeError:
        return PayloadTooLargeError(f"The body is larger than {self._max_body} bytes. Send less.")


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    # reading goes on all the time while a console is open: it is news only when it fails
    quiet = scope["method"] in {"GET", "HEAD"} and status < 400
    log = _log.debug if quiet else _log.info
    log("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000, 1))
