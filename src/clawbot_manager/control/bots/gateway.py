"""Talks to a bot's own gateway: the surface of an OpenClaw gateway (`/readyz`, chat completions)."""

from collections.abc import AsyncIterator

import aiohttp
import orjson
import structlog

from clawbot_manager.control.bots.errors import BotUnreachableError
from clawbot_manager.infra.http import read_up_to

_log = structlog.get_logger(__name__)

_READY_TIMEOUT = aiohttp.ClientTimeout(total=3)
_CHAT_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=330)
_MAX_ERROR_BODY = 16_384


class GatewayClient:
    """One HTTP client for the gateways of all bots of this node."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            # no proxies from the environment, no cookies: bots are on this machine
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), connector=aiohttp.TCPConnector(limit=0)
            )
        return self._session

    async def ready(self, endpoint: str, operator_token: str) -> str | None:
        """None when this bot can answer; else why not. Never raises.

        It must also know its own operator token: another process may have taken the port.
        """
        try:
            async with self._client().get(f"{endpoint}/readyz", timeout=_READY_TIMEOUT) as answer:
                body = orjson.loads(await read_up_to(answer, _MAX_ERROR_BODY))
                if answer.status != 200 or body.get("ready") is not True:
                    return f"not ready: {body.get('failing') or body.get('error') or answer.status}"[:300]
            headers = {"authorization": f"Bearer {operator_token}"}
            async with self._client().get(
                f"{endpoint}/v1/models", headers=headers, timeout=_READY_TIMEOUT
            ) as answer:
                return None if answer.status == 200 else "what answers on its port is not this bot"
        except (aiohttp.ClientError, TimeoutError, ValueError, AttributeError) as error:
            return f"it does not answer yet ({type(error).__name__})"

    async def chat(
        self, endpoint: str, operator_token: str, *, message: str, conversation: str, trace_id: str
    ) -> AsyncIterator[bytes]:
        """Send one message; the answer's server-sent events as they come.

        The first event is awaited before this returns, so that a refusal is an error and not half a stream.

        Raises:
            BotUnreachableError: the gateway cannot be reached or refuses.
        """
        body = {
            "model": "openclaw/default",
            "stream": True,
            "user": conversation,
            "messages": [{"role": "user", "content": message}],
        }
        headers = {"authorization": f"Bearer {operator_token}", "x-request-id": trace_id}
        try:
            answer = await self._client().post(
                f"{endpoint}/v1/chat/completions", json=body, headers=headers, timeout=_CHAT_TIMEOUT
            )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise BotUnreachableError("The bot does not answer. Look at its logs, or restart it.") from error
        if answer.status != 200:
            raise await _refusal(answer)
        return _relay(answer)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


async def _refusal(answer: aiohttp.ClientResponse) -> BotUnreachableError:
    async with answer:
        raw = await read_up_to(answer, _MAX_ERROR_BODY)
    try:
        message = str(orjson.loads(raw)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = "no reason given"
    return BotUnreachableError(f"The bot refused: {message[:500]}", params={"status": answer.status})


async def _relay(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    async with answer:
        try:
            async for chunk in answer.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            _log.warning("chat.broken", error=type(error).__name__)
            broken = {"error": {"message": "The bot broke off its answer.", "code": "bot_unreachable"}}
            yield b"\n\ndata: " + orjson.dumps(broken) + b"\n\ndata: [DONE]\n\n"
