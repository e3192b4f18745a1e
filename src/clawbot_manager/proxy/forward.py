"""Carries requests to providers: over the network with aiohttp, or in process to the simulated provider."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import TracebackType
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from clawbot_manager.infra.http import EgressDeniedError, EgressPolicy, guarded_session
from clawbot_manager.proxy.messages import (
    Headers,
    ProxyConfig,
    UpstreamFailureError,
    UpstreamRequest,
    UpstreamResponse,
)
from clawbot_manager.vendors import simulator

_OWN_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class UpstreamClient:
    """The one way out. Use as an async context manager: its connections close with it."""

    def __init__(self, policy: EgressPolicy, config: ProxyConfig | None = None) -> None:
        self._policy = policy
        self._config = config or ProxyConfig()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "UpstreamClient":
        self._session = guarded_session(
            self._policy,
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=self._config.connect_timeout,
                sock_read=self._config.read_timeout,
            ),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def send(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None, length: int | None = None
    ) -> AsyncIterator[UpstreamResponse]:
        """Send to where the URL's scheme says; see `Upstream.send`."""
        if request.url.startswith(simulator.SIMULATED_BASE_URL + "/"):
            yield self._simulate(request)
            return
        async with self._over_network(request, body, length) as response:
            yield response

    def _simulate(self, request: UpstreamRequest) -> UpstreamResponse:
        if not self._config.simulator_enabled:
            raise UpstreamFailureError("simulator_disabled")
        path = urlsplit(request.url).path
        return _SimulatedResponse(simulator.answer(request.method, path, request.body or b""))

    @asynccontextmanager
    async def _over_network(
        self, request: UpstreamRequest, body: AsyncIterator[bytes] | None, length: int | None
    ) -> AsyncIterator[UpstreamResponse]:
        assert self._session is not None, "use the client as a context manager"
        data = body if body is not None else (request.body or None)
        headers = [(_text(name), _text(value)) for name, value in request.headers]
        if length is not None:
            headers.append(("content-length", str(length)))
        try:
            response = await self._session.request(
                request.method,
                # Already encoded by the client, and byte for byte what the provider is to see.
                URL(request.url, encoded=True),
                headers=headers,
                data=data,
                allow_redirects=False,
                skip_auto_headers=_OWN_HEADERS,
            )
        except EgressDeniedError as error:
            raise UpstreamFailureError("egress_denied", error.detail) from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _failure(error) from error
        try:
            yield _NetworkResponse(response)
        finally:
            # Gives the connection back when the body was read to its end, and closes it otherwise.
            response.close()


class _NetworkResponse:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Headers:
        return list(self._response.raw_headers)

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _failure(error) from error


class _SimulatedResponse:
    def __init__(self, answer: simulator.SimulatedAnswer) -> None:
        self._pieces: Iterator[simulator.Piece] = answer.pieces
        self.status = answer.status
        self.headers: Headers = [(name.encode(), value.encode()) for name, value in answer.headers]

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            await asyncio.sleep(piece.delay)
            yield piece.data


def _failure(error: BaseException) -> UpstreamFailureError:
    """What went wrong, in one word; the detail is the exception's class, for its text may hold a URL."""
    detail = type(error).__name__
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return UpstreamFailureError("connect_timeout", detail)
    if isinstance(error, TimeoutError):
        return UpstreamFailureError("timeout", detail)
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.InvalidURL)):
        return UpstreamFailureError("connect_error", detail)
    return UpstreamFailureError("broken", detail)


def _text(value: bytes) -> str:
    """aiohttp wants text and writes UTF-8: what is not UTF-8 is read as Latin-1 (RFC 9110)."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
