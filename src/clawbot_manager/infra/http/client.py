"""aiohttp with a guard at the moment of connecting.

Checking a name when it is stored is not enough: it may resolve elsewhere later (DNS rebinding). Here each
connection is made to exactly the addresses that were looked at.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import ResolveResult

from clawbot_manager.infra.http.egress import EgressDeniedError, EgressPolicy
from clawbot_manager.kit.addresses import parse_address

if TYPE_CHECKING:
    from aiohttp.tracing import Trace

DEFAULT_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=10)


class GuardedConnector(aiohttp.TCPConnector):
    """A connector that connects only where the policy lets it.

    aiohttp's resolver is not asked for hosts that are addresses already, so the guard sits where both ways
    meet: in what the connector takes for the host's addresses, which is what it then connects to.
    """

    def __init__(self, policy: EgressPolicy, *, limit: int = 0) -> None:
        super().__init__(limit=limit, ttl_dns_cache=30)
        self._policy = policy

    async def _resolve_host(
        self, host: str, port: int, traces: "Sequence[Trace] | None" = None
    ) -> list[ResolveResult]:
        literal = parse_address(host)
        if literal is not None:
            self._policy.check_address(host, port, literal)
        resolved = await super()._resolve_host(host, port, traces)
        for one in resolved:
            address = parse_address(one["host"])
            if address is None:
                raise EgressDeniedError("unresolved", f"{host}:{port} did not resolve to an address.")
            self._policy.check_address(host, port, address)
        return resolved


async def read_up_to(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, or its first `limit` bytes. (`content.read(n)` gives what has arrived so far.)"""
    body = bytearray()
    while len(body) < limit:
        chunk = await answer.content.read(limit - len(body))
        if not chunk:
            break
        body += chunk
    return bytes(body)


def guarded_session(
    policy: EgressPolicy,
    *,
    timeout: aiohttp.ClientTimeout = DEFAULT_TIMEOUT,
    limit: int = 0,
    auto_decompress: bool = True,
) -> aiohttp.ClientSession:
    """A session over a guarded connector: no cookies, no proxy from the environment. The caller closes it.

    Redirects are the caller's to switch off per request (`allow_redirects=False`).
    """
    return aiohttp.ClientSession(
        connector=GuardedConnector(policy, limit=limit),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=timeout,
        trust_env=False,
        auto_decompress=auto_decompress,
    )
