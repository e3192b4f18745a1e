"""What is no WebSocket of a vendor is refused, and what a provider refuses goes the ordinary way."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from clawbot_manager.kit.ids import uuid7
from clawbot_manager.vendors.catalog import load_catalog
from clawbot_manager.vendors.simulator import SIMULATED_BASE_URL
from tests.fakes.ports import bot
from tests.proxy.realtime.provider import SocketProvider
from tests.proxy.realtime.test_pass_through import AUTH, OPENS, REALTIME, SWITCHES, open_to
from tests.proxy.rig import SECRET, TOKEN, Rig, request
from tests.support.raw import Call, status_of, value_of

GOOGLE = "/v1/google/ws/google.ai.generativelanguage.v1beta.GenerativeService."


async def refused(rig: Rig, target: str = REALTIME, **options: Any) -> tuple[int, str | None, bytes]:
    """Status, our own error code and body of an opening that fails."""
    with pytest.raises(InvalidStatus) as caught:
        async with open_to(rig, target, **options):
            pass
    response = caught.value.response
    return response.status_code, response.headers.get("x-clawbot-error"), bytes(response.body)


class TestPolicy:
    @pytest.mark.parametrize(
        "target",
        [
            "/v1/openai/v1/realtime/translations",
            "/v1/openai/v1/realtime/calls",
            "/v1/openai/v1/live/sessions/s/attach",
            "/v1/openai/v1/live/sessions/s/fork",
            "/v1/openai/v1/chat/completions",
            "/v1/openai/v1/models",
            "/v1/openai/",
            "/v1/openai/v1/realtime/",
            "/v1/anthropic/v1/messages",
            "/v1/groq/openai/v1/realtime",
            "/v1/together/v1/realtime",
            "/v1/doubao/api/v3/realtime/dialogue",
            GOOGLE + "BidiGenerateMusic",
            GOOGLE + "BidiGenerateContentConstrained",
            "/v1/google/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent",
            "/v1/dashscope/api-ws/v1/other",
            "/v1/mistral/v1/audio/speech/realtime",
        ],
    )
    async def test_what_nobody_could_count(self, rig: Rig, provider: SocketProvider, target: str) -> None:
        assert (await refused(rig, target))[:2] == (404, "path_not_served")
        assert not provider.seen
        (record,) = await rig.records()
        assert (record.status, record.error_code) == (404, "path_not_served")

    @pytest.mark.parametrize(
        "target",
        ["/v1/openai/v1/%72ealtime", "/v1/openai/v1//realtime", "/v1/openai/v1/REALTIME", "/v1/openai/../x"],
    )
    async def test_no_second_spelling(self, rig: Rig, provider: SocketProvider, target: str) -> None:
        assert (await refused(rig, target))[:2] == (400, "bad_path")
        assert not provider.seen

    @pytest.mark.parametrize(
        ("headers", "answer"),
        [
            ({}, (401, "token_missing")),
            ({"authorization": "Bearer cbm-a-token-that-nobody-has"}, (401, "token_invalid")),
        ],
    )
    async def test_who_has_no_token(
        self, rig: Rig, provider: SocketProvider, headers: dict[str, str], answer: tuple[int, str]
    ) -> None:
        assert (await refused(rig, additional_headers=headers))[:2] == answer
        assert not provider.seen

    async def test_a_vendor_that_is_none_of_the_bots(self, rig: Rig) -> None:
        rig.tokens.bots[TOKEN] = bot(vendors=["google"])
        assert (await refused(rig))[:2] == (404, "vendor_not_configured")

    async def test_a_limit(self, rig: Rig, provider: SocketProvider) -> None:
        rig.budgets.limit = "tokens_per_day"
        status, code, body = await refused(rig)
        assert (status, code) == (429, "tokens_per_day")
        assert b'"error"' in body
        assert not provider.seen
        assert not rig.budgets.settled

    async def test_the_token_in_the_path(self, rig: Rig, provider: SocketProvider) -> None:
        assert (await refused(rig, f"/v1/openai/v1/realtime/{TOKEN}"))[0] == 400
        assert not provider.seen

    async def test_errors_are_the_vendors_own_kind(self, rig: Rig) -> None:
        rig.budgets.limit = "tokens_per_day"
        _, _, body = await refused(rig, GOOGLE + "BidiGenerateContent")
        assert b"RESOURCE_EXHAUSTED" in body

    async def test_the_simulated_provider_has_none(self, rig: Rig) -> None:
        rig.keys.keys[:] = [replace(rig.keys.keys[0], base_url=SIMULATED_BASE_URL)]
        assert (await refused(rig))[0] == 404
        (record,) = await rig.records()
        assert (record.status, record.simulated) == (404, True)

    async def test_without_an_upgrade_it_is_a_request_like_others(self, raw: Rig) -> None:
        """Nobody gets a WebSocket by it: `upgrade` does not travel up."""
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS[2:]))
        head, _ = await client.answer()
        assert status_of(head) == 200
        await client.send(request("GET", REALTIME, "connection: upgrade", "upgrade: h2c"))
        head, _ = await client.answer()
        assert status_of(head) == 200
        assert [call.header(b"upgrade") for call in raw.provider.heads] == [None, None]


class TestWaysPastTheProxy:
    @pytest.mark.parametrize(
        "target",
        [
            "/v1/openai/v1/realtime/calls",
            "/v1/openai/v1/realtime/client_secrets",
            "/v1/openai/v1/realtime/sessions",
            "/v1/openai/v1/live/sessions",
            "/v1/openai/v1/chatkit/sessions",
            "/v1/azure-openai/openai/realtimeapi/sessions?api-version=2025-04-01-preview",
            "/v1/google/v1alpha/auth_tokens",
            "/v1/mistral/v1/client/sessions",
        ],
    )
    async def test_sessions_that_nothing_here_would_see(self, raw: Rig, target: str) -> None:
        """WebRTC and telephones, and keys for clients that then speak to the provider themselves."""
        client = await raw.client()
        await client.send(request("POST", target, body=b"{}"))
        head, _ = await client.answer()
        assert (status_of(head), value_of(head, b"x-clawbot-error")) == (404, b"path_not_served")
        assert not raw.provider.heads


def test_the_documents_name_what_is_served() -> None:
    text = (Path(__file__).parents[3] / "docs" / "proxy.md").read_text()
    section = text.partition("## WebSockets")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in section.splitlines() if line.startswith("| `")]
    named = {
        (vendor, path)
        for vendors, paths in rows
        for vendor in re.findall(r"`([^`]+)`", vendors)
        for path in re.findall(r"`(/[^`]+)`", paths)
        if path not in ("/openai", "/openai/v1")
    }
    served = {
        (vendor.id, re.sub(r"\.v1(?:alpha|beta)?\.", ".{version}.", path).rstrip("/"))
        for vendor in load_catalog().vendors.values()
        for path in vendor.sockets
    }
    assert named == served


class TestTheProvidersRefusal:
    async def test_the_next_key(self, rig: Rig, provider: SocketProvider) -> None:
        good = rig.keys.keys[0]
        rig.keys.keys.insert(0, replace(good, key_id=uuid7(), secret="sk-a-key-that-is-dead-0001"))
        async with open_to(rig) as socket:
            await socket.send("hello")
            assert await socket.recv() == "hello"
            assert socket.response is not None
            assert socket.response.headers["x-clawbot-attempts"] == "2"
        (record,) = await rig.records()
        assert (record.status, record.key_id) == (101, good.key_id)
        assert [(one.status, one.reason) for one in record.attempts] == [(401, "bad_key"), (101, None)]
        assert [(one.status, one.reason) for one in rig.keys.reports] == [(401, "bad_key"), (101, None)]
        assert len(provider.seen) == 2

    async def test_a_key_that_cannot_be_reached(self, rig: Rig) -> None:
        good = rig.keys.keys[0]
        rig.keys.keys.insert(0, replace(good, key_id=uuid7(), base_url="http://127.0.0.1:1"))
        async with open_to(rig):
            pass
        (record,) = await rig.records()
        assert [one.reason for one in record.attempts] == ["connect_error", None]

    async def test_no_other_key(self, rig: Rig) -> None:
        rig.keys.keys[:] = [replace(rig.keys.keys[0], secret="sk-a-key-that-is-dead-0001")]
        status, _, body = await refused(rig)
        assert (status, b"invalid_api_key" in body) == (401, True)
        (record,) = await rig.records()
        assert (record.status, record.error_code, record.streamed) == (401, "bad_key", True)

    async def test_no_key_at_all(self, rig: Rig) -> None:
        rig.keys.keys.clear()
        assert (await refused(rig))[:2] == (404, "no_key")

    @pytest.mark.parametrize("early", [b"", b"GET /v1/openai/v1/models HTTP/1.1\r\nhost: x\r\n\r\n"])
    async def test_what_came_behind_the_opening_is_no_request(self, raw: Rig, early: bytes) -> None:
        """Frames that look like a request, sent before anybody said that there is a WebSocket."""

        async def refuse(call: Call) -> None:
            await call.answer(b'{"error":{"message":"Not now"}}', status=b"400 Bad Request")

        raw.provider.answering = refuse
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS) + early)
        head, body = await client.answer()
        assert (status_of(head), body) == (400, b'{"error":{"message":"Not now"}}')
        assert value_of(head, b"connection") == b"close"
        assert await client.rest() == b""
        assert len(raw.provider.heads) == 1

    async def test_an_answer_that_does_not_switch(self, raw: Rig) -> None:
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS))
        head, body = await client.answer()
        assert (status_of(head), body) == (200, b"{}")
        assert await client.rest() == b""
        (record,) = await raw.records()
        assert record.status == 200

    async def test_a_switch_that_nobody_asked_for(self, raw: Rig) -> None:
        async def switch(call: Call) -> None:
            await call.send(SWITCHES)

        raw.provider.answering = switch
        client = await raw.client()
        await client.send(request("GET", REALTIME))
        head, _ = await client.answer()
        assert status_of(head) == 502

    async def test_the_key_is_not_quoted(self, raw: Rig) -> None:
        async def quote(call: Call) -> None:
            await call.answer(f"bad key {SECRET}".encode(), status=b"400 Bad Request")

        raw.provider.answering = quote
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS))
        _, body = await client.answer()
        assert SECRET.encode() not in body

    async def test_an_informational_answer_before_it(self, raw: Rig) -> None:
        async def switch(call: Call) -> None:
            await call.send(b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n" + SWITCHES)
            await call.gone()

        raw.provider.answering = switch
        client = await raw.client()
        await client.send(request("GET", REALTIME, *OPENS))
        assert status_of(await client.head()) == 101


def test_openings_of_these_tests_are_complete() -> None:
    assert AUTH
    assert len(OPENS) == 4
