"""The plain records that pass between a transport, the pipeline and the upstream client."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

Headers = list[tuple[bytes, bytes]]

FailureReason = Literal[
    "connect_error", "connect_timeout", "timeout", "broken", "egress_denied", "simulator_disabled"
]


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """How the proxy behaves. Seconds and bytes.

    `read_timeout` is between two reads of an answer, so it bounds the wait for the first byte too, and not
    a stream that flows. `failover_window` bounds how long other keys are tried. `allow_unmetered_jobs` lets
    batches, files and the like through, whose cost shows in no answer.
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


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request as it came in: the raw (still encoded) path and query, header names in lower case."""

    method: str
    path: str
    query: str
    headers: Headers = field(repr=False)


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request to a provider; it carries the provider's key, which `repr` hides.

    `body` None means that the client's body is to be streamed up.
    """

    method: str
    url: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Send:
    """Decision: send this to the provider, after waiting `delay` seconds."""

    request: UpstreamRequest
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Decision: this is the whole answer for the client."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Relay:
    """Decision: pass the provider's answer through, `first` before what is still to come."""

    status: int
    headers: Headers
    first: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
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
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None
    ) -> AbstractAsyncContextManager[UpstreamResponse]:
        """Send; leaving the context closes the connection unless the body was read to its end.

        Raises:
            UpstreamFailureError: no answer came.
        """
        ...
