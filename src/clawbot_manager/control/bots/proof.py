"""Proof of life: one prompt from the bot through the proxy and a key to the provider, and back.

An open port says little about a bot. A prompt that fails says where: the hops in their order are the bot,
the proxy, the key and the provider, and what the proxy saw of the attempt tells which of them it was.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from time import perf_counter

import orjson

from clawbot_manager.control.bots.errors import BotUnreachableError
from clawbot_manager.control.bots.gateway import GatewayClient
from clawbot_manager.control.bots.models import Bot
from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.ids import uuid7

PROMPT = "This is an automatic check of the way to your model. Answer with the one word: ready"
_LOOKS = 8
_POLL = 0.25
_SKEW = timedelta(seconds=1)
_LONGEST_ANSWER = 64 * 1024
_IN_A_ROW = 3
_KEY_CODES = {"no_key", "no_key_available", "no_base_url", "not_in_plan"}
_PROVIDER_CODES = ("upstream_", "egress_", "simulator_")


class Hop(StrEnum):
    """Where a prompt can get lost."""

    BOT = "bot"
    PROXY = "proxy"
    KEY = "key"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Traffic:
    """One request of the bot as the proxy recorded it; `error_code` is the proxy's own word."""

    vendor: str
    model: str | None
    status: int
    error_code: str | None


Witness = Callable[[Bot, datetime], Awaitable[Sequence[Traffic]]]
"""What the proxy saw of a bot since a time, oldest first; what it sees is told within two seconds."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How it went: `hop` None means that the prompt came back."""

    hop: Hop | None
    detail: str
    latency_ms: int


class Prover:
    """Sends the prompt and, when it fails, finds the hop."""

    def __init__(self, gateway: GatewayClient, witness: Witness, clock: Clock, *, timeout: float) -> None:
        self._gateway = gateway
        self._witness = witness
        self._clock = clock
        self._timeout = timeout

    async def prove(self, bot: Bot, endpoint: str, operator_token: str) -> Proof:
        """Never raises but when it is cancelled."""
        began, since = perf_counter(), self._clock.now() - _SKEW
        problem = await self._ask(endpoint, operator_token)
        latency = round((perf_counter() - began) * 1000)
        if problem is None:
            return Proof(None, "A prompt went to the provider and came back.", latency)
        seen = await self._seen(bot, since)
        hop, detail = find_hop(seen, problem)
        return Proof(hop, detail, latency)

    async def _ask(self, endpoint: str, operator_token: str) -> str | None:
        """None when it answered with some text; else what it said or did."""
        conversation = f"proof-{uuid7()}"
        try:
            async with asyncio.timeout(self._timeout):
                events = await self._gateway.chat(
                    endpoint,
                    operator_token,
                    message=PROMPT,
                    conversation=conversation,
                    trace_id=conversation,
                )
                raw = b""
                async for chunk in events:
                    raw += chunk
                    if len(raw) > _LONGEST_ANSWER:
                        break
        except BotUnreachableError as error:
            return error.detail
        except TimeoutError:
            return f"no answer within {self._timeout:.0f} s"
        return _problem_in(raw)

    async def _seen(self, bot: Bot, since: datetime) -> Sequence[Traffic]:
        """The proxy's records are written in batches, so they may come a little later than the answer."""
        for _ in range(_LOOKS):
            if seen := await self._witness(bot, since):
                return seen
            await asyncio.sleep(_POLL)
        return []


def find_hop(seen: Sequence[Traffic], problem: str) -> tuple[Hop, str]:
    """Where the prompt got lost, and what to do, from what the proxy saw and what the bot said."""
    if seen:
        return _hop_of(seen[-1], problem)
    if problem.startswith("The bot does not answer"):
        return Hop.BOT, f"The bot's gateway cannot be reached. {problem}"
    return (
        Hop.PROXY,
        f"No request of the bot reached the proxy, or none with a token it knows. The bot said: {problem}",
    )


def failing(seen: Sequence[Traffic]) -> tuple[Hop, str] | None:
    """Where a bot's requests get lost, when the last few all did; None: one came back, or few were made."""
    last = seen[-_IN_A_ROW:]
    if len(last) < _IN_A_ROW or not all(map(has_failed, last)):
        return None
    hop, detail = _hop_of(last[-1], "")
    return hop, f"Its last {_IN_A_ROW} requests failed. {detail}"


def has_failed(one: Traffic) -> bool:
    """Whether there was no good answer for a client that waited for one."""
    code = one.error_code or ""
    return not code.startswith("client_") and (one.status >= 400 or code.startswith(_PROVIDER_CODES))


def _hop_of(last: Traffic, problem: str) -> tuple[Hop, str]:
    asked, code = f"{last.vendor}, model {last.model or 'unknown'}", last.error_code
    if code in _KEY_CODES:
        return Hop.KEY, f"The proxy has no key that the bot may use for {asked}: {code}. Add or enable one."
    if code is None and last.status in {401, 403}:
        return Hop.KEY, f"The provider refused the key for {asked} (status {last.status})."
    if code is None and last.status < 400:
        return Hop.BOT, f"The provider answered, but the bot did not pass it on. The bot said: {problem}"
    if code is None or code.startswith(_PROVIDER_CODES):
        return Hop.PROVIDER, f"The provider gave no answer for {asked}: {code or f'status {last.status}'}."
    return Hop.PROXY, f"The proxy refused the request for {asked}: {code}."


def _problem_in(raw: bytes) -> str | None:
    """None when these server-sent events hold some text of an answer and no error."""
    text = ""
    for line in raw.split(b"\n"):
        payload = line.removeprefix(b"data:").strip()
        if not line.startswith(b"data:") or payload == b"[DONE]":
            continue
        try:
            event = orjson.loads(payload)
            if "error" in event:
                return str(event["error"].get("message", "an error"))[:300]
            text += event["choices"][0]["delta"].get("content") or ""
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            continue
    return None if text.strip() else "an empty answer"
