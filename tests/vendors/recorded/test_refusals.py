"""The provider of recorded shape has teeth: asked wrongly, and not through the proxy, it refuses."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest

from clawbot_manager.vendors.catalog import load_catalog
from tests.fakes.upstream import RecordedUpstream
from tests.fakes.upstream.vendors import RECORDED
from tests.proxy.conftest import SECRET
from tests.vendors.recorded.calls import BODIES, CALLS, CHAT, COHERE, GOOGLE, MESSAGES, Call
from tests.vendors.recorded.error_bodies import ERRORS

PLACES = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
MAIN = [next(call for call in CALLS if call.vendor == vendor) for vendor in RECORDED]
# where each vendor's main call wants its key
WANTED = {
    "anthropic": {"x-api-key"},
    "google": {"x-goog-api-key"},
    "azure-openai": {"api-key", "authorization"},
}


async def ask(
    upstream: RecordedUpstream,
    vendor: str,
    path: str,
    body: Any,
    *places: str,
    headers: dict[str, str] | None = None,
) -> int:
    """Ask the provider itself, with its key in these places; gives the status."""
    upstream.vendor = vendor
    given = {place: f"Bearer {SECRET}" if place == "authorization" else SECRET for place in places}
    async with (
        aiohttp.ClientSession() as client,
        client.post(upstream.url + path, json=body, headers={**given, **(headers or {})}) as answer,
    ):
        await answer.read()
        return answer.status


def right_headers(call: Call) -> dict[str, str]:
    return {"anthropic-version": "2023-06-01"} if call.dialect == MESSAGES else {}


@pytest.mark.parametrize("call", MAIN, ids=str)
async def test_place_of_the_key(upstream: RecordedUpstream, call: Call) -> None:
    wanted = WANTED.get(call.vendor, {"authorization"})
    body, headers = BODIES[call.dialect], right_headers(call)
    for place in PLACES:
        status = await ask(upstream, call.vendor, call.arrives, body, place, headers=headers)
        assert (status == 200) is (place in wanted), place
    two = await ask(upstream, call.vendor, call.arrives, body, "authorization", "x-api-key", headers=headers)
    assert two == 400
    query = f"{call.arrives}?key={SECRET}"
    assert await ask(upstream, call.vendor, query, body, headers=headers) in (400, 401)


@pytest.mark.parametrize("call", MAIN, ids=str)
async def test_version_in_the_path(upstream: RecordedUpstream, call: Call) -> None:
    """Lost, doubled, or in the wrong place."""
    place = min(WANTED.get(call.vendor, {"authorization"}))
    body, headers = BODIES[call.dialect], right_headers(call)
    wrong = [f"/v1{call.arrives}", f"/v9{call.arrives}", f"{call.arrives}/"]
    wrong.append(re.sub(r"/v\d(beta)?(?=/)", "", call.arrives))
    for path in wrong:
        if path == call.arrives or (call.vendor, path) == ("deepseek", "/v1/chat/completions"):
            continue  # no version to lose; an alias
        assert await ask(upstream, call.vendor, path, body, place, headers=headers) == 404, path


async def test_headers_and_queries(upstream: RecordedUpstream) -> None:
    message = BODIES[MESSAGES]
    assert await ask(upstream, "anthropic", "/v1/messages", message, "x-api-key") == 400
    dated = "/openai/deployments/dep/chat/completions"
    assert await ask(upstream, "azure-openai", dated, BODIES[CHAT], "api-key") == 404
    assert (
        await ask(upstream, "azure-openai", f"{dated}?api-version=2024-10-21", BODIES[CHAT], "api-key") == 200
    )
    v1 = "/openai/v1/chat/completions?api-version=2024-10-21"
    assert await ask(upstream, "azure-openai", v1, BODIES[CHAT], "api-key") == 404


async def test_unknown_fields(upstream: RecordedUpstream) -> None:
    asking = {"stream": True, "stream_options": {"include_usage": True}}
    chat = {**BODIES[CHAT], **asking}
    assert await ask(upstream, "mistral", "/v1/chat/completions", chat, "authorization") == 422
    assert await ask(upstream, "cohere", "/v2/chat", {**BODIES[COHERE], **asking}, "authorization") == 422
    headers = {"anthropic-version": "2023-06-01"}
    message = {**BODIES[MESSAGES], **asking}
    assert await ask(upstream, "anthropic", "/v1/messages", message, "x-api-key", headers=headers) == 400
    unstreamed = {**BODIES[CHAT], "stream_options": {"include_usage": True}}
    assert await ask(upstream, "openai", "/v1/chat/completions", unstreamed, "authorization") == 400
    call = "/v1beta/models/m:generateContent"
    assert await ask(upstream, "google", call, BODIES[GOOGLE], "x-goog-api-key") == 200


def test_every_kind_of_every_vendor_has_a_recorded_body() -> None:
    for vendor_id in load_catalog().ids:
        vendor = load_catalog().get(vendor_id)
        assert vendor is not None
        kinds = {rule.kind for rule in vendor.errors.rules}
        assert kinds <= {kind for kind, _, _ in ERRORS[vendor_id]}, vendor_id
