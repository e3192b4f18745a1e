"""Which hop a prompt got lost at, from what the proxy saw and what the bot said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import uuid4

import pytest

from clawbot_manager.control.bots.errors import BotUnreachableError
from clawbot_manager.control.bots.gateway import GatewayClient
from clawbot_manager.control.bots.models import Bot
from clawbot_manager.control.bots.proof import Hop, Proof, Prover, Traffic, failing, find_hop
from tests.support.clock import MovableClock

SAID = "The bot refused: no luck"


@pytest.mark.parametrize(
    ("status", "error_code", "hop"),
    [
        (404, "no_key", Hop.KEY),
        (503, "no_key_available", Hop.KEY),
        (401, None, Hop.KEY),
        (403, None, Hop.KEY),
        (404, "vendor_not_configured", Hop.PROXY),
        (429, "limit_requests", Hop.PROXY),
        (502, "upstream_unreachable", Hop.PROVIDER),
        (504, "upstream_timeout", Hop.PROVIDER),
        (502, "egress_denied", Hop.PROVIDER),
        (404, None, Hop.PROVIDER),
        (500, None, Hop.PROVIDER),
        (200, "upstream_broken", Hop.PROVIDER),
        (200, None, Hop.BOT),
    ],
)
def test_what_the_proxy_saw_names_the_hop(status: int, error_code: str | None, hop: Hop) -> None:
    seen = Traffic("openai", "gpt-5", status, error_code)
    found, detail = find_hop([Traffic("openai", "gpt-5", 200, None), seen], SAID)
    assert found is hop
    if hop is not Hop.BOT:
        assert "openai, model gpt-5" in detail
        assert (error_code or str(status)) in detail


def test_nothing_seen_and_no_answer_is_the_bots_own_gateway() -> None:
    assert find_hop([], "The bot does not answer. Look at its logs, or restart it.")[0] is Hop.BOT


def test_nothing_seen_of_a_bot_that_speaks_is_the_way_to_the_proxy() -> None:
    hop, detail = find_hop([], SAID)
    assert hop is Hop.PROXY
    assert SAID in detail


GOOD = Traffic("openai", "gpt-5", 200, None)
BAD = Traffic("openai", "gpt-5", 500, None)
LEFT = Traffic("openai", "gpt-5", 499, "client_closed")


@pytest.mark.parametrize(
    ("seen", "fails"),
    [
        ([], False),
        ([BAD, BAD], False),
        ([GOOD, BAD, BAD, BAD], True),
        ([BAD, BAD, BAD, GOOD], False),
        ([BAD, BAD, LEFT], False),
        ([Traffic("openai", None, 200, "upstream_broken")] * 3, True),
    ],
)
def test_a_few_failures_in_a_row_tell(seen: list[Traffic], fails: bool) -> None:
    found = failing(seen)
    assert (found is not None and found[0] is Hop.PROVIDER) is fails


class Scripted(GatewayClient):
    def __init__(self, *chunks: bytes, refusal: str | None = None) -> None:
        super().__init__()
        self._chunks = chunks
        self._refusal = refusal

    async def chat(
        self, endpoint: str, operator_token: str, *, message: str, conversation: str, trace_id: str
    ) -> AsyncIterator[bytes]:
        if self._refusal:
            raise BotUnreachableError(self._refusal)
        return self._answer()

    async def _answer(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


async def prove(gateway: GatewayClient, *batches: Sequence[Traffic]) -> Proof:
    waiting = [*batches]

    async def witness(_bot: Bot, since: datetime) -> Sequence[Traffic]:
        assert since.tzinfo is not None
        return waiting.pop(0) if waiting else []

    bot = cast(Any, Bot)(id=uuid4(), owner_id=uuid4())
    return await Prover(gateway, witness, MovableClock(), timeout=5).prove(bot, "http://bot", "token")


async def test_some_text_is_proof() -> None:
    chunks = [b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\nda', b'ta: {"choices":[{"delta":']
    done = await prove(Scripted(*chunks, b'{"content":"ready"}}]}\n\ndata: [DONE]\n\n'))
    assert done.hop is None


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"data: [DONE]\n\n",
        b"data: not json\n\n",
        b'data: {"choices":[]}\n\n',
        b'data: {"choices":[{"delta":{"content":" "}}]}\n\ndata: [DONE]\n\n',
        b'data: {"choices":[{"delta":{"content":"rea"}}]}\n\ndata: {"error":{"message":"broke off"}}\n\n',
    ],
)
async def test_an_answer_without_text_or_with_an_error_is_none(answer: bytes) -> None:
    proof = await prove(Scripted(answer), [Traffic("openai", None, 500, None)])
    assert proof.hop is Hop.PROVIDER


async def test_what_the_proxy_saw_may_come_late() -> None:
    gateway = Scripted(refusal="The bot refused: it is down")
    proof = await prove(gateway, [], [], [Traffic("openai", "gpt-5", 404, "no_key")])
    assert proof.hop is Hop.KEY
