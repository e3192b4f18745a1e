"""HTTP towards the manager, free of what is said over it: whole answers, streams, threads and bounds."""

from __future__ import annotations

import contextlib
import http.server
import json
import socketserver
import sys
import threading
from typing import Any

from .dialects import Json
from .journal import log
from .refusals import Refusal

MAX_BODY = 1 << 20
MAX_CONNECTIONS = 64
CLIENT_TIMEOUT = 30.0


class Wire(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "clawbot-builtin", ""
    timeout = CLIENT_TIMEOUT
    begun = False  # a stream: whatever comes next must be an event of it

    def log_message(self, *_: object) -> None:
        """Silent: the request line is the caller's text, and we log events of our own."""

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
        self.close_connection = self.request_version == "HTTP/1.0"
        return body

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

    def __init__(self, address: tuple[str, int], handler: type[Wire]) -> None:
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__(address, handler)
        self.socket.setblocking(False)  # who gave up while they waited must not hold up the accepting

    def server_bind(self) -> None:
        """Without HTTPServer's reverse look-up of our own name, which hangs where there is no resolver."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:  # no thread to be had: of the bot's own limits, the likeliest to be met
            self._free.release()
            raise

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
