"""Every API, streamed and not, asked for its usage and not, finished and cut by either side."""

from __future__ import annotations

import asyncio
import json
import math
from contextlib import suppress

import aiohttp
import pytest

from clawbot_manager.vendors.usage import Usage
from tests.fakes.upstream import Seen
from tests.proxy.conftest import TOKEN, World
from tests.proxy.metering.calls import CALLS
from tests.proxy.metering.conftest import Ending, Script, ScriptedUpstream
from tests.proxy.metering.rows import JSON, SPOKEN, Call

AUTH = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
ASKED = {"stream_options": {"include_usage": True}}
Client = aiohttp.ClientSession

# What a client that leaves, or a provider that breaks off, leaves behind in the record.
ERRORS: dict[Ending, str | None] = {
    "finished": None,
    "broken": "upstream_broken",
    "stalled": "client_closed",
    "drained": "client_closed",
    "silent": "client_closed",
}
STREAMS = [(call, asked, ending) for call in CALLS if call.stream for asked in (False, True)
           for ending in ("finished", "broken", "stalled", "drained")]  # fmt: skip
WHOLES = [(call, ending) for call in CALLS if call.whole for ending in ("finished", "broken", "silent")]


def request_of(call: Call, *, stream: bool, asked: bool) -> bytes:
    body = {**call.body, **(call.streams if stream else {}), **(ASKED if asked else {})}
    if call.content_type == "application/x-ndjson" and not stream:
        body["stream"] = False
    return json.dumps(body).encode()


def estimated(call: Call, body: bytes, begun: tuple[int | None, int | None], output: int | None) -> Usage:
    """What stands in the record of an answer that was cut before it told: four letters are a token."""
    given = math.ceil(len(body) / 4)
    if call.cut == "nothing":
        return Usage()
    if call.cut == "input":
        return Usage(given, source="estimated")
    if call.cut == "spoken":
        return Usage(2, source="estimated", details={"characters": len("hi there")})
    told_input, told_output = begun
    if None not in begun:
        return Usage(*begun, source="provider")
    return Usage(
        given if told_input is None else told_input,
        output if told_output is None else told_output,
        source="estimated",
    )


def of_a_finished(call: Call, body: bytes) -> Usage:
    """What is told, or what stands for it with providers that never tell."""
    if call.usage.source == "estimated":
        return estimated(call, body, (None, None), call.usage.output_tokens)
    return call.usage


def counts(usage: Usage) -> tuple[int | None, int | None, str]:
    """Of an answer that was cut, what else it told by then does not matter here."""
    return usage.input_tokens, usage.output_tokens, usage.source


async def play(
    world: World, upstream: ScriptedUpstream, http: Client, call: Call, path: str, body: bytes, script: Script
) -> bytes:
    """Make the call; gives what the client got before it left, or the answer broke off."""
    upstream.script = script
    world.add_key(call.vendor)
    headers = {**AUTH, **({} if script.whole else call.headers)}
    answer = await http.post(f"/api/v1/{call.vendor}{path}", data=body, headers=headers)
    assert answer.status == 200
    received = b""
    while script.ending in ("stalled", "drained"):
        received += await answer.content.readany()
        if len(received) >= len(script.first):
            answer.close()
            upstream.go_on.set()
            return received
    try:
        async for piece in answer.content.iter_any():
            received += piece
        assert script.ending == "finished"
    except aiohttp.ClientPayloadError:
        assert script.ending == "broken"
    finally:
        answer.close()
    return received


async def ask_and_leave(
    world: World, upstream: ScriptedUpstream, http: Client, call: Call, body: bytes
) -> None:
    """Make the call, and be gone before the provider says a word."""
    upstream.script = Script(JSON, b"", b"", "silent", whole=True)
    world.add_key(call.vendor)
    asking = asyncio.create_task(http.post(f"/api/v1/{call.vendor}{call.path}", data=body, headers=AUTH))
    async with asyncio.timeout(10):
        await upstream.begun.wait()
    asking.cancel()
    with suppress(asyncio.CancelledError):
        (await asking).close()


def check_asking(call: Call, seen: Seen, body: bytes, *, asked: bool) -> None:
    """The provider gets what the client sent, but for the asking where that is needed."""
    if call.asks and not asked:
        assert seen.json() == {**json.loads(body), **ASKED}
    else:
        assert seen.body == body


@pytest.mark.parametrize(("call", "asked", "ending"), STREAMS, ids=str)
async def test_streams(
    world: World, upstream: ScriptedUpstream, http: Client, call: Call, asked: bool, ending: Ending
) -> None:
    assert call.stream is not None
    first, rest = call.stream
    body = request_of(call, stream=True, asked=asked)
    script = Script(call.content_type, first, rest, ending)
    received = await play(world, upstream, http, call, call.path_of_stream or call.path, body, script)
    await world.settled()
    (record,) = world.usage.records
    check_asking(call, upstream.seen[0], body, asked=asked)
    if ending == "finished":
        shown = rest if asked or call.unasked is None else call.unasked
        assert received == first + shown
    else:
        assert received.startswith(first)
    if ending in ("finished", "drained"):
        assert record.usage == of_a_finished(call, body)
    else:
        assert counts(record.usage) == counts(estimated(call, body, call.begun, SPOKEN))
    # the end of a drained answer may be there before the client's leaving is noticed
    assert record.error_code in ((ERRORS[ending], None) if ending == "drained" else (ERRORS[ending],))
    assert (record.status, record.vendor) == (200, call.vendor)
    assert world.budgets.settled == [record]


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize(("call", "ending"), WHOLES, ids=str)
async def test_whole_answers(
    world: World, upstream: ScriptedUpstream, http: Client, call: Call, ending: Ending, asked: bool
) -> None:
    assert call.whole is not None
    body = request_of(call, stream=False, asked=asked)
    at = call.whole.find(b"Hello from ")
    cut = at + len("Hello from ") if at > 0 else len(call.whole) // 2
    if ending == "silent":
        await ask_and_leave(world, upstream, http, call, body)
    else:
        script = Script(JSON, call.whole[:cut], call.whole[cut:], ending, whole=True)
        received = await play(world, upstream, http, call, call.path, body, script)
        expected = call.whole if ending == "finished" else call.whole[:cut]
        # what may be the beginning of the key is held back, and gone when the answer breaks off
        assert received in ((expected,) if ending == "finished" else (expected, expected[:-1]))
    await world.settled()
    (record,) = world.usage.records
    assert upstream.seen[0].body == body
    if ending == "finished":
        assert record.usage == of_a_finished(call, body)
    else:
        output = None if ending == "silent" else SPOKEN
        assert counts(record.usage) == counts(estimated(call, body, (None, None), output))
    assert record.error_code == ERRORS[ending]
    assert record.status == (499 if ending == "silent" else 200)
    assert world.budgets.settled == [record]
