"""The rim of the control plane: trace id, body limit, security headers. Plain ASGI, no per-request tasks."""

from collections.abc import Mapping
from ipaddress import ip_address
from time import perf_counter

import orjson
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clawbot_manager.control.shared.acts import Origin, origin_var
from clawbot_manager.control.shared.latency import Latencies
from clawbot_manager.control.shared.problems import problem_body
from clawbot_manager.infra.telemetry.logs import trace_id_var
from clawbot_manager.infra.telemetry.traces import trace_id_from
from clawbot_manager.kit.errors import ForbiddenError, PayloadTooLargeError, ProblemError

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


class ForeignHostError(ProblemError):
    """The request was sent to a name that is not this server's."""

    status = 421
    code = "foreign_host"
    title = "This server does not go by this name"


class ForeignOriginError(ForbiddenError):
    """A page of another site sent the request."""

    code = "foreign_origin"
    title = "Not from another site"


class ControlRim:
    """Wraps the control application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body_bytes: int,
        hosts: frozenset[str] = frozenset(),
        larger: Mapping[str, int] | None = None,
        latencies: Latencies | None = None,
    ) -> None:
        self._app = app
        self._larger = larger or {}  # by path, what may be larger than other bodies
        self._latencies = latencies or Latencies()
        self._max_body = max_body_bytes
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        token = trace_id_var.set(trace_id_from(headers.get("traceparent"), headers.get("x-request-id")))
        client = scope.get("client")
        origin = origin_var.set(Origin(client[0] if client else None, headers.get("user-agent")))
        try:
            await self._serve(scope, headers, receive, send)
        finally:
            trace_id_var.reset(token)
            origin_var.reset(origin)

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

        seen, largest = 0, self._larger.get(scope["path"], self._max_body)

        async def guarded_receive() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > largest:
                raise _too_large(largest)
            return message

        error = self._refusal(headers, largest)
        if error is not None:
            body = orjson.dumps(problem_body(error.status, error.code, error.title, error.detail))
            start = [(b"content-type", b"application/problem+json")]
            await guarded_send({"type": "http.response.start", "status": error.status, "headers": start})
            await guarded_send({"type": "http.response.body", "body": body})
            return
        try:
            await self._app(scope, guarded_receive, guarded_send)
        finally:
            spent = perf_counter() - started
            self._latencies.add(scope["path"], status, spent)
            _log_request(scope, status, spent)

    def _refusal(self, headers: Headers, largest: int) -> ProblemError | None:
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > largest:
            return _too_large(largest)
        host, origin = _name_of(headers.get("host", "")), headers.get("origin")
        if not self._is_ours(host):
            return ForeignHostError(
                f"Nothing is served for {host[:100]!r}. Set CLAWBOT_SERVER__PUBLIC_URL to use it."
            )
        if origin is not None and origin != "null":
            source = _name_of(origin.partition("://")[2])
            if source != host and source not in self._hosts and not (_is_local(source) and _is_local(host)):
                return ForeignOriginError("Another site's page may not do this.")
        return None

    def _is_ours(self, host: str) -> bool:
        """An address cannot be another site's name (DNS rebinding); a name must be one of ours."""
        return not host or _is_local(host) or host in self._hosts or _is_address(host)


def _too_large(largest: int) -> PayloadTooLargeError:
    return PayloadTooLargeError(f"The body is larger than {largest} bytes. Send less.")


def _name_of(netloc: str) -> str:
    """The host of `host:port`, in lower case, an IPv6 address without its brackets."""
    netloc = netloc.strip().lower().rstrip("/")
    if netloc.startswith("["):
        return netloc[1:].partition("]")[0]
    return netloc.partition(":")[0].rstrip(".")


def _is_local(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".localhost")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    # reading goes on all the time while a console is open: it is news only when it fails
    quiet = scope["method"] in {"GET", "HEAD"} and status < 400
    log = _log.debug if quiet else _log.info
    log("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1000, 1))
