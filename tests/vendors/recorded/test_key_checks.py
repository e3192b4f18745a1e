"""The free request that tells a good key from a bad one, and the list of models, in front of each vendor."""

from __future__ import annotations

import aiohttp
import pytest

from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.checks import CheckRequest, Verdict, judge, key_check, models_list, parse_models
from tests.fakes.upstream import Canned, RecordedUpstream
from tests.proxy.conftest import SECRET

VENDORS = load_catalog().ids
WRONG = "sk-a-key-that-nobody-ever-gave-out"
# lists that are open to everybody prove no key
PUBLIC = {"openrouter", "venice", "perplexity"}


def base_of(upstream: RecordedUpstream, vendor_id: str) -> str:
    """The key's own base URL: a bare host, but for custom endpoints, which are taken as they are."""
    return f"{upstream.url}/v1" if vendor_id == "custom" else upstream.url


async def send(upstream: RecordedUpstream, request: CheckRequest) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as client,
        client.request(request.method, request.url, headers=dict(request.headers)) as answer,
    ):
        return answer.status, await answer.read()


async def checked(upstream: RecordedUpstream, vendor_id: str, secret: str) -> Verdict:
    vendor = load_catalog().vendors[vendor_id]
    upstream.vendor = vendor_id
    return judge(
        vendor, *await send(upstream, key_check(vendor, secret, base_url=base_of(upstream, vendor_id)))
    )


@pytest.mark.parametrize("vendor_id", VENDORS)
async def test_a_good_key(upstream: RecordedUpstream, vendor_id: str) -> None:
    assert (await checked(upstream, vendor_id, SECRET)).outcome == "ok"
    assert upstream.complaints == []
    assert upstream.seen[0].everything().count(SECRET) == 1


@pytest.mark.parametrize("vendor_id", VENDORS)
async def test_a_bad_key(upstream: RecordedUpstream, vendor_id: str) -> None:
    verdict = await checked(upstream, vendor_id, WRONG)
    assert (verdict.outcome, verdict.reason) == ("bad_key", "bad_key")


@pytest.mark.parametrize("vendor_id", VENDORS)
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_answer_that_says_nothing(upstream: RecordedUpstream, vendor_id: str, status: int) -> None:
    upstream.canned.append(Canned(status, b"{}"))
    assert (await checked(upstream, vendor_id, SECRET)).outcome == "unknown"


@pytest.mark.parametrize("vendor_id", VENDORS)
async def test_models(upstream: RecordedUpstream, vendor_id: str) -> None:
    vendor = load_catalog().vendors[vendor_id]
    upstream.vendor = vendor_id
    base = base_of(upstream, vendor_id)
    status, body = await send(upstream, models_list(vendor, SECRET, base_url=base))
    assert (status, parse_models(vendor, body)) == (200, ["mock-1"])
    assert upstream.complaints == []
    status, _ = await send(upstream, models_list(vendor, WRONG, base_url=base))
    assert (status == 200) is (vendor_id in PUBLIC)
    assert vendor.models.needs_key is (vendor_id not in {*PUBLIC, "ollama"})


@pytest.mark.parametrize("vendor_id", sorted(PUBLIC))
def test_no_key_is_proven_by_what_everybody_may_read(vendor_id: str) -> None:
    vendor = load_catalog().vendors[vendor_id]
    assert vendor.key_check.url != vendor.models.url
