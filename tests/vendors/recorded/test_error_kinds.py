"""Recorded errors: what the key ring is told, whether another key is tried, what the client gets."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.fakes.upstream import Canned, RecordedUpstream
from tests.fakes.upstream.shapes import TEXT
from tests.proxy.conftest import SECRET, TOKEN, World
from tests.vendors.recorded.calls import BODIES, CALLS, MESSAGES, Call
from tests.vendors.recorded.error_bodies import ANTHROPIC_DOORS, ERRORS, body_bytes

# the transport that serves in production; what a vendor wants is not the transport's matter
pytestmark = pytest.mark.parametrize("world", ["wire"], indirect=True)

AUTH = {"authorization": f"Bearer {TOKEN}"}
Client = aiohttp.ClientSession
SECOND = f"{SECRET}-second"
# After these another key may do better; the others are the caller's own matter.
ANOTHER_KEY = {"bad_key", "quota_exhausted", "rate_limited", "overloaded", "server_error", "timeout"}
CASES = [
    pytest.param(vendor, kind, status, body, id=f"{vendor}-{number}-{kind}-{status}")
    for vendor, several in ERRORS.items()
    for number, (kind, status, body) in enumerate(several)
]
DOORS = {call.vendor: call for call in CALLS if call.dialect == MESSAGES and not call.base}


def main_call(vendor: str) -> Call:
    """A call in the vendor's usual dialect, with a key that has no base path of its own."""
    return next(call for call in CALLS if call.vendor == vendor and not call.base)


async def refuse_first(
    world: World, upstream: RecordedUpstream, http: Client, call: Call, canned: Canned, kind: str
) -> aiohttp.ClientResponse:
    """Two keys, the first of which gets this answer."""
    upstream.vendor = call.vendor
    first = world.add_key(call.vendor, api_type=call.api_type)
    second = world.add_key(call.vendor, SECOND, api_type=call.api_type)
    upstream.by_key[SECRET] = canned
    answer = await http.post(f"/api/v1/{call.vendor}{call.sent}", json=BODIES[call.dialect], headers=AUTH)
    received = await answer.read()
    assert upstream.complaints == []
    reports = world.keys.reports
    assert (reports[0].key_id, reports[0].status, reports[0].reason) == (first.key_id, canned.status, kind)
    await world.settled()
    (record,) = world.usage.records
    if kind in ANOTHER_KEY:
        assert answer.status == 200, received
        assert TEXT in received.decode()
        assert [report.key_id for report in reports] == [first.key_id, second.key_id]
        assert [attempt.reason for attempt in record.attempts] == [kind, None]
        assert (record.key_id, record.usage.output_tokens) == (second.key_id, 7)
    else:
        assert (answer.status, received) == (canned.status, canned.body)
        assert len(reports) == 1
        assert (record.status, record.error_code) == (canned.status, kind)
        assert record.usage.output_tokens is None
    return answer


@pytest.mark.parametrize(("vendor", "kind", "status", "body"), CASES)
async def test_kind(
    world: World,
    upstream: RecordedUpstream,
    http: Client,
    vendor: str,
    kind: str,
    status: int,
    body: Any,
) -> None:
    await refuse_first(world, upstream, http, main_call(vendor), Canned(status, body_bytes(body)), kind)


@pytest.mark.parametrize("vendor", sorted(set(DOORS) - {"anthropic", "custom"}))
@pytest.mark.parametrize(("kind", "status", "body"), ANTHROPIC_DOORS, ids=lambda one: str(one)[:20])
async def test_behind_an_anthropic_door(
    world: World,
    upstream: RecordedUpstream,
    http: Client,
    vendor: str,
    kind: str,
    status: int,
    body: Any,
) -> None:
    await refuse_first(world, upstream, http, DOORS[vendor], Canned(status, body_bytes(body)), kind)


@pytest.mark.parametrize(
    ("vendor", "headers", "body", "seconds"),
    [
        ("openai", {"retry-after": "7"}, {}, 7.0),
        ("openai", {"retry-after-ms": "1500", "retry-after": "2"}, {}, 1.5),
        ("anthropic", {"retry-after": "30"}, {}, 30.0),
        ("azure-openai", {"retry-after-ms": "250"}, {}, 0.25),
        ("groq", {"retry-after": "2"}, {}, 2.0),
        ("moonshot", {"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, {}, 0.0),
        (
            "google",
            {},
            {
                "error": {
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}],
                }
            },
            34.0,
        ),
        ("yi", {}, {}, None),
    ],
)
async def test_how_long_to_wait(
    world: World,
    upstream: RecordedUpstream,
    http: Client,
    vendor: str,
    headers: dict[str, str],
    body: Any,
    seconds: float | None,
) -> None:
    canned = Canned(429, body_bytes(body), {"content-type": "application/json", **headers})
    await refuse_first(world, upstream, http, main_call(vendor), canned, "rate_limited")
    assert world.keys.reports[0].retry_after == seconds


@pytest.mark.parametrize("vendor", sorted(ERRORS))
async def test_a_wrong_key_is_known_for_one(
    world: World, upstream: RecordedUpstream, http: Client, vendor: str
) -> None:
    """What the vendor itself says to a key that it does not know."""
    call = main_call(vendor)
    upstream.vendor = vendor
    world.add_key(vendor, "sk-a-key-that-nobody-ever-gave-out")
    answer = await http.post(f"/api/v1/{vendor}{call.sent}", json=BODIES[call.dialect], headers=AUTH)
    assert answer.status in (400, 401)
    assert world.keys.reports[0].reason == "bad_key"
