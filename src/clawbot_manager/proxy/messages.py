"""The plain records that pass between a transport, the pipeline and the upstream client."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    from clawbot_manager.proxy.masking import Secret
    from clawbot_manager.proxy.ports import Attempt, ProviderKey

Headers = list[tuple[bytes, bytes]]

FailureReason = Literal[
    "connect_error",
    "connect_timeout",
    "tls_refused",
    "timeout",
    "broken",
    "egress_denied",
    "simulator_disabled",
]


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """How the proxy behaves. Seconds and bytes.

    `read_timeout` is between two reads of an answer, so it bounds the wait for the first byte too, and not
    a stream that flows. `failover_window` bounds how long other keys are tried. `allow_unmetered_jobs` lets
    batches, files and the like through, whose cost shows in no answer. `head_timeout` bounds a request's head
    and the silence inside its body, `write_timeout` a client that takes nothing, `drain_*` how long an answer
    is read on after the client has left, for the sake of its usage. `max_buffered_total` is for all bodies
    together. `session_idle` is how long a WebSocket may be silent in both directions, pings included.
    """

    connect_timeout: float = 10.0
    read_timeout: float = 300.0
    failover_window: float = 90.0
    max_buffered_body: int = 32 << 20
    max_error_body: int = 256 << 10
    backoff_first: float = 0.1
    backoff_most: float = 2.0
    simulator_enabled: bool = True
    allow_unmetered_jobs: bool = False
    max_head: int = 64 << 10
    head_timeout: float = 30.0
    idle_timeout: float = 75.0
    write_timeout: float = 120.0
    drain_seconds: float = 0.75
    drain_bytes: int = 1 << 20
    max_buffered_total: int = 512 << 20
    upstream_idle: float = 90.0
    upstream_idle_most: int = 512
    session_idle: float = 600.0


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request as it came in: the raw (still encoded) path and query, header names in lower case."""

    method: str
    path: str
    query: str = field(repr=False)
    headers: Headers = field(repr=False)


class Origin(NamedTuple):
    """Where connections go to: `https`, `http` or `simulated`, a host in lower case, a port."""

    scheme: str
    host: str
    port: int


@dataclass(slots=True, eq=False)
class Prepared:
    """All of a request to a provider that one key and one request head settle; kept and used again.

    `secret` is what an answer must not hold; `key_line` names the key in our own header. `simulated`: its
    provider is the simulated one. `asks`: a stream tells its usage only when
    asked. `worked`: the attempts of a request that the first try answered with 200.
    `headers` has the key in exactly one place, and neither `host` nor a body's length. `block` is request
    line and headers as they stand on a socket, `host` included, up to where `content-length` may follow.
    """

    method: str
    origin: Origin
    netloc: str
    target: str = field(repr=False)
    headers: Headers = field(repr=False)
    block: bytes = field(repr=False)
    secret: "Secret" = field(repr=False)
    key_line: bytes
    key: "ProviderKey | None"
    simulated: bool
    asks: bool
    worked: "list[Attempt]" = field(default_factory=list)


class UpstreamRequest(msgspec.Struct, eq=False, gc=False):
    """Decision: send this to the provider, after waiting `delay` seconds.

    `body` None means that the client's body is to be streamed up. `trace` is the value of the `x-request-id`
    to add, b"" for none.
    """

    prepared: Prepared
    body: bytes | None
    trace: bytes
    delay: float = 0.0

    def __repr__(self) -> str:
        return f"UpstreamRequest({self.method} to {self.prepared.netloc})"

    @property
    def method(self) -> str:
        """The method, in upper case."""
        return self.prepared.method

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.prepared.origin.scheme}://{self.prepared.netloc}{self.prepared.target}"

    @property
    def headers(self) -> Headers:
        """All headers but `host` and the body's length."""
        traced = [(b"x-request-id", self.trace)] if self.trace else []
        return [*self.prepared.headers, *traced]


@dataclass(slots=True, eq=False)
class Answer:
    """Decision: this is the whole answer for the client, `content-length` included."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)


@dataclass(slots=True, eq=False)
class Relay:
    """Decision: pass the provider's answer through, `first` before what is still to come.

    The transport filters the headers (see `headers.to_client`), drops `content-length` unless `same_length`,
    passes what is left through `rewrite` if there is one, and adds `own`: all header lines end in CRLF.
    """

    status: int
    same_length: bool
    own: bytes
    secret: "Secret" = field(repr=False)
    first: bytes = field(default=b"", repr=False)
    rewrite: Callable[[bytes], bytes] | None = None


@dataclass(slots=True, eq=False)
class ReadError:
    """Decision: read this many bytes of the provider's error, then ask again with `error_body`."""

    limit: int


class UpstreamFailureError(Exception):
    """No answer, or an answer that broke off."""

    def __init__(self, reason: FailureReason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason: FailureReason = reason
        self.detail = detail


class UpstreamResponse(Protocol):
    """An answer whose body is still to be read."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Headers:
        """As the provider sent them."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives.

        Raises:
            UpstreamFailureError: it broke off or stalled.
        """
        ...


class Upstream(Protocol):
    """Sends requests to providers."""

    def send(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None, length: int | None = None
    ) -> AbstractAsyncContextManager[UpstreamResponse]:
        """Send; `length` is that of a streamed body, where known. Leaving the context closes the connection
        unless the body was read to its end.

        Raises:
            UpstreamFailureError: no answer came.
        """
        ...
