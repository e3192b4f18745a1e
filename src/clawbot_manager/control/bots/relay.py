"""A bot's own gateway, reached through the manager with the rights of the bot's owner.

The gateway's token is full power over the bot, so nobody gets it: the manager puts it in. What the gateway
answers was made by a bot, so a browser must not run it as a page of ours.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import aiohttp
from yarl import URL

from clawbot_manager.control.bots.errors import BotUnreachableError
from clawbot_manager.kit.errors import InvalidInputError

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=330)
_PIECE = 64 * 1024
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection"}
) | frozenset({"te", "trailer", "transfer-encoding", "upgrade"})
_SOCKET = {f"sec-websocket-{name}" for name in ("key", "version", "extensions", "protocol")}
_NOT_ASKED = _HOP_BY_HOP | _SOCKET | {"host", "authorization", "cookie", "origin", "referer", "x-api-key"}
_NOT_ANSWERED = _HOP_BY_HOP | {"set-cookie", "server", "location", "content-security-policy"}
_INERT = {
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class RelayedAnswer:
    """What the gateway answered; `body` must be read to its end or closed."""

    status: int
    headers: Mapping[str, str]
    body: AsyncIterator[bytes]


class GatewayRelay:
    """One HTTP client for all bots of this node; it follows no redirect and keeps no cookie."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def ask(
        self,
        endpoint: str,
        operator_token: str,
        *,
        method: str,
        path: str,
        query: str,
        headers: Iterable[tuple[str, str]],
        body: AsyncIterator[bytes] | None,
    ) -> RelayedAnswer:
        """Pass a request on; `path` is as the client wrote it, below the gateway's root.

        Raises:
            InvalidInputError: the path would leave the gateway.
            BotUnreachableError: the gateway does not answer.
        """
        url = gateway_url(endpoint, path, query)
        try:
            answer = await self.session().request(
                method,
                url,
                headers=relayed_headers(headers, operator_token),
                data=body,
                allow_redirects=False,
                timeout=_TIMEOUT,
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BotUnreachableError("The bot's gateway does not answer. Look at its logs.") from error
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_ANSWERED}
        return RelayedAnswer(answer.status, {**kept, **_INERT}, _pieces(answer))

    def session(self) -> aiohttp.ClientSession:
        """The one client; made when there is a loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=0),
                auto_decompress=False,
                skip_auto_headers={"User-Agent", "Accept-Encoding", "Content-Type"},
            )
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


def gateway_url(endpoint: str, path: str, query: str) -> URL:
    """Where a client's path and query lead.

    Raises:
        InvalidInputError: the path would leave the gateway.
    """
    return URL(endpoint + _below(path) + (f"?{query}" if query else ""), encoded=True)


def relayed_headers(headers: Iterable[tuple[str, str]], operator_token: str) -> list[tuple[str, str]]:
    """What of a client's headers goes on, with the gateway's token in place of the client's."""
    kept = [(name, value) for name, value in headers if name.lower() not in _NOT_ASKED]
    return [*kept, ("authorization", f"Bearer {operator_token}")]


def _below(path: str) -> str:
    plain = unquote(path).replace("\\", "/")
    leaves = {".", ".."} & set(plain.split("/")) or "//" in path
    if leaves or any(ord(character) < 0x20 for character in plain):
        raise InvalidInputError("The path must be a plain one below the gateway.")
    return f"/{path.lstrip('/')}"


async def _pieces(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """As they come. An answer that breaks off raises, so that the client sees it broken."""
    async with answer:
        async for piece in answer.content.iter_chunked(_PIECE):
            yield piece
