"""The proxy over real sockets: what passes, what does not, and how things end when they end badly."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import aiohttp
import pytest
from yarl import URL

from clawbot_manager.proxy.app import ProxyApp
from clawbot_manager.proxy.forward import UpstreamClient
from clawbot_manager.proxy.messages import ProxyConfig
from clawbot_manager.proxy.ports import LimitHit
from clawbot_manager.vendors.simulator import SIMULATED_BASE_URL
from tests.fakes.ports import bot, key
from tests.fakes.upstream import Canned
from tests.proxy.conftest import SECRET, TOKEN, World
from tests.proxy.raw import raw_request

AUTH = {"authorization": f"Bearer {TOKEN}"}
CHAT = "/api/v1/openai/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
Client = aiohttp.ClientSession


class TestPassingThrough:
    async def test_method_path_query_body_and_headers(self, world: World, http: Client) -> None:
        world.add_key("openai")
        url = URL(f"{world.url}/v1/openai/files/a%2Fb%20c?x=1&y=%2B&key={TOKEN}&z", encoded=True)
        answer = await http.put(url, data=b"\x00\xff raw", headers={"x-mine": "kept", "cookie": "a=b"})
        assert answer.status == 200
        seen = world.upstream.seen[0]
        assert (seen.method, seen.path, seen.query) == ("PUT", "/v1/files/a%2Fb%20c", "x=1&y=%2B&z")
        assert seen.body == b"\x00\xff raw"
        assert seen.header("x-mine") == "kept"
        assert seen.header("cookie") is None
        assert seen.header("accept-encoding") == "identity"
        assert seen.header("authorization") == f"Bearer {SECRET}"
        assert TOKEN not in seen.everything()
        assert answer.headers["x-mock"] == "yes"
        assert "set-cookie" not in answer.headers

    async def test_organisation_is_not_told(self, world: World, http: Client) -> None:
        world.add_key("openai")
        answer = await http.get("/v1/openai/models", headers=AUTH)
        assert "openai-organization" not in answer.headers
        assert answer.headers["x-clawbot-attempts"] == "1"
        assert answer.headers["x-clawbot-key"] == str(world.keys.keys[0].key_id)

    async def test_chunked_upload_streams(self, world: World, http: Client) -> None:
        world.add_key("openai")

        async def parts() -> Any:
            for _ in range(3):
                yield b"x" * 1000

        answer = await http.post(
            "/v1/openai/files", data=parts(), headers={**AUTH, "content-type": "application/octet-stream"}
        )
        assert (await answer.json())["bytes"] == 3000

    @pytest.mark.parametrize("place", ["authorization", "x-api-key", "api-key", "x-goog-api-key", "?key="])
    async def test_every_place_of_the_token(self, world: World, http: Client, place: str) -> None:
        world.add_key("anthropic")
        params = {"key": TOKEN} if place == "?key=" else {}
        headers = {"authorization": f"bearer {TOKEN}"} if place == "authorization" else {}
        if place not in ("authorization", "?key="):
            headers = {place: TOKEN}
        answer = await http.get("/v1/anthropic/v1/models", headers=headers, params=params)
        assert answer.status == 200
        seen = world.upstream.seen[0]
        assert TOKEN not in seen.everything()
        assert seen.everything().count(SECRET) == 1

    async def test_second_credential_is_removed(self, world: World, http: Client) -> None:
        world.add_key("google")
        headers = {**AUTH, "x-goog-api-key": TOKEN, "x-api-key": "another", "x-debug": f"t={TOKEN}"}
        await http.get("/v1/google/v1beta/models", headers=headers)
        seen = world.upstream.seen[0]
        assert seen.header("x-goog-api-key") == SECRET
        assert "another" not in seen.everything()
        assert TOKEN not in seen.everything()

    async def test_anthropic_version(self, world: World, http: Client) -> None:
        world.add_key("anthropic")
        for given, wanted in ((None, "2023-06-01"), ("2026-10-21", "2026-10-21")):
            headers = {**AUTH, **({"anthropic-version": given} if given else {})}
            await http.post("/v1/anthropic/v1/messages", json=ASK, headers=headers)
            assert world.upstream.seen[-1].header("anthropic-version") == wanted

    async def test_trace(self, world: World, http: Client) -> None:
        world.add_key("openai")
        trace = "0af7651916cd43dd8448eb211c80319c"
        traceparent = f"00-{trace}-b7ad6b7169203331-01"
        answer = await http.get("/v1/openai/models", headers={**AUTH, "traceparent": traceparent})
        assert answer.headers["x-clawbot-trace-id"] == trace
        assert world.upstream.seen[-1].header("traceparent") == traceparent
        answer = await http.get("/v1/openai/models", headers={**AUTH, "x-request-id": "mine-1"})
        assert answer.headers["x-clawbot-trace-id"] == "mine-1"
        assert world.upstream.seen[-1].header("x-request-id") == "mine-1"

    async def test_redirects_are_not_followed(self, world: World, http: Client) -> None:
        world.add_key("openai")
        world.upstream.canned.append(Canned(302, b"", {"location": "http://127.0.0.1:1/elsewhere"}))
        answer = await http.get("/v1/openai/models", headers=AUTH, allow_redirects=False)
        assert answer.status == 302

    async def test_stream_options_only_where_the_vendor_wants_them(self, world: World, http: Client) -> None:
        for vendor, injected in (("openai", True), ("mistral", False), ("groq", False)):
            world.add_key(vendor)
            answer = await http.post(
                f"/v1/{vendor}/chat/completions", json={**ASK, "stream": True}, headers=AUTH
            )
            body = await answer.read()
            assert b'"usage"' not in body.replace(b'"usage": null', b"")
            assert body.endswith(b"data: [DONE]\n\n")
            assert ("stream_options" in world.upstream.seen[-1].json()) is injected

    async def test_stream_options_refused_upstream(self, world: World, http: Client) -> None:
        world.add_key("openai")
        asked = {**ASK, "model": "echo-stream-options", "stream": True}
        answer = await http.post(CHAT, json=asked, headers=AUTH)
        assert answer.status == 200
        assert (await answer.read()).endswith(b"data: [DONE]\n\n")
        assert world.upstream.seen[-1].json() == asked

    async def test_body_is_untouched_otherwise(self, world: World, http: Client) -> None:
        world.add_key("openai")
        body = b'{ "model" : "m",\n "messages":[{"role":"user","content":"\\u4f60"}], "n": 1.0 }'
        await http.post(CHAT, data=body, headers={**AUTH, "content-type": "application/json"})
        assert world.upstream.seen[0].body == body


class TestRefusals:
    @pytest.mark.parametrize(
        ("headers", "code"), [({}, "token_missing"), ({"authorization": "Bearer no"}, "token_invalid")]
    )
    async def test_token(self, world: World, http: Client, headers: dict[str, str], code: str) -> None:
        answer = await http.post(CHAT, json=ASK, headers=headers)
        assert answer.status == 401
        assert answer.headers["x-clawbot-error"] == code
        assert answer.headers["x-clawbot-trace-id"]
        assert not world.usage.records
        assert not world.upstream.seen

    async def test_shapes(self, world: World, http: Client) -> None:
        openai = await (await http.post("/v1/openai/chat/completions")).json()
        assert openai["error"]["type"] == "authentication_error"
        anthropic = await (await http.post("/v1/anthropic/v1/messages")).json()
        assert anthropic["type"] == "error"
        google = await (await http.post("/v1/google/v1beta/models/m:generateContent")).json()
        assert google["error"]["status"] == "UNAUTHENTICATED"
        ollama = await (await http.post("/v1/ollama/api/chat")).json()
        assert isinstance(ollama["error"], str)

    async def test_vendor_not_configured(self, world: World, http: Client) -> None:
        world.add_key("openai")
        world.tokens.bots[TOKEN] = bot(vendors=["anthropic"])
        answer = await http.post(CHAT, json=ASK, headers=AUTH)
        assert (answer.status, answer.headers["x-clawbot-error"]) == (404, "vendor_not_configured")
        await world.settled()
        assert world.usage.records[0].error_code == "vendor_not_configured"
        assert not world.budgets.settled

    async def test_limit(self, world: World, http: Client) -> None:
        world.add_key("openai")
        world.budgets.limit = LimitHit("daily_tokens", 120.0)
        answer = await http.post(CHAT, json=ASK, headers=AUTH)
        assert (answer.status, answer.headers["x-clawbot-error"]) == (429, "daily_tokens")
        assert answer.headers["retry-after"] == "120"
        text = (await answer.text()).lower()
        assert not [word for word in ("billing", "quota", "credit", "payment", "balance") if word in text]
        await world.settled()
        assert not world.budgets.settled

    async def test_unmetered_work(self, world: World, http: Client) -> None:
        world.add_key("openai")
        world.add_key("anthropic")
        for path in ("/v1/openai/batches", "/v1/anthropic/v1/messages/batches"):
            answer = await http.post(path, json={}, headers=AUTH)
            assert answer.headers["x-clawbot-error"] == "path_not_served"
        assert not world.upstream.seen

    async def test_body_too_large(self, world: World) -> None:
        world.add_key("openai")
        answer = await raw_request(
            world,
            f"POST {CHAT} HTTP/1.1\nhost: h\nconnection: close\ncontent-type: application/json\n"
            f"content-length: {33 << 20}\nauthorization: Bearer {TOKEN}\n\n",
        )
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"x-clawbot-error: body_too_large" in answer

    async def test_unreachable(self, world: World, http: Client) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            base_url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            world.keys.keys.append(key("openai", SECRET, base_url=base_url))
            answer = await http.post(CHAT, json=ASK, headers=AUTH)
        assert (answer.status, answer.headers["x-clawbot-error"]) == (502, "upstream_unreachable")
        assert world.keys.reports[0].reason == "connect_error"

    @pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "[::1]", "167772161"])
    async def test_egress(self, world: World, http: Client, host: str) -> None:
        world.keys.keys.append(key("custom", SECRET, base_url=f"http://{host}:8080/v1"))
        answer = await http.post("/v1/custom/chat/completions", json=ASK, headers=AUTH)
        assert answer.status == 502
        assert answer.headers["x-clawbot-error"] == "egress_denied"


class TestFailover:
    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (401, b"{}", "bad_key"),
            (429, b'{"error":{"code":"insufficient_quota"}}', "quota_exhausted"),
            (429, b"{}", "rate_limited"),
            (503, b"{}", "overloaded"),
            (500, b"oops", "server_error"),
            (504, b"", "timeout"),
        ],
    )
    async def test_moves_on(self, world: World, http: Client, status: int, body: bytes, kind: str) -> None:
        first = world.add_key("openai", "sk-first")
        second = world.add_key("openai")
        world.upstream.by_key["sk-first"] = Canned(status, body, {"retry-after": "7"})
        answer = await http.post(CHAT, json=ASK, headers=AUTH)
        assert answer.status == 200
        assert answer.headers["x-clawbot-attempts"] == "2"
        assert answer.headers["x-clawbot-key"] == str(second.key_id)
        report = world.keys.reports[0]
        assert (report.key_id, report.reason, report.retry_after) == (first.key_id, kind, 7.0)
        assert world.keys.reports[1].reason is None
        await world.settled()
        record = world.usage.records[0]
        assert [attempt.reason for attempt in record.attempts] == [kind, None]
        assert len(world.usage.records) == 1

    @pytest.mark.parametrize("status", [400, 403, 404, 422])
    async def test_the_clients_own_matter(self, world: World, http: Client, status: int) -> None:
        world.add_key("openai", "sk-first")
        world.add_key("openai")
        body = b'{ "error" : {"message": "no"} }'
        world.upstream.by_key["sk-first"] = Canned(status, body, {"content-type": "application/json"})
        answer = await http.post(CHAT, json=ASK, headers=AUTH)
        assert (answer.status, await answer.read()) == (status, body)
        assert len(world.upstream.seen) == 1

    async def test_the_last_answer_is_passed_on(self, world: World, http: Client) -> None:
        for secret in ("sk-first-dead", "sk-second-dead"):
            world.add_key("openai", secret)
            body = f'{{"error":{{"message":"bad key {secret}"}}}}'.encode()
            world.upstream.by_key[secret] = Canned(401, body)
        answer = await http.post(CHAT, json=ASK, headers=AUTH)
        text = await answer.text()
        assert answer.status == 401
        assert "x-clawbot-error" not in answer.headers
        assert "dead" not in text
        await world.settled()
        assert world.usage.records[0].error_code == "bad_key"

    async def test_ten_bad_keys(self, world: World, http: Client) -> None:
        for number in range(10):
            world.add_key("openai", f"sk-bad-{number}")
        world.add_key("openai")
        answer = await http.post(CHAT, json=ASK, headers=AUTH)
        assert answer.status == 200
        assert answer.headers["x-clawbot-attempts"] == "11"


class TestEndings:
    async def test_upstream_breaks(self, world: World, http: Client) -> None:
        world.add_key("openai")
        answer = await http.post(CHAT, json={**ASK, "model": "break", "stream": True}, headers=AUTH)
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
        await world.settled()
        assert world.usage.records[0].error_code == "upstream_broken"

    async def test_client_leaves(self, world: World, http: Client) -> None:
        world.add_key("openai")
        answer = await http.post(CHAT, json={**ASK, "model": "stall", "stream": True}, headers=AUTH)
        await answer.content.readany()
        answer.close()
        async with asyncio.timeout(10):
            await world.upstream.cancelled.wait()
        await world.settled()
        assert world.usage.records[0].error_code == "client_closed"
        assert len(world.budgets.settled) == 1

    async def test_settled_and_recorded_once(self, world: World, http: Client) -> None:
        world.add_key("openai")
        answer = await http.post(CHAT, json={**ASK, "model": "m"}, headers=AUTH)
        assert answer.status == 200
        await world.settled()
        assert world.budgets.settled == world.usage.records


class TestSimulated:
    async def test_answers_and_counts(self, world: World, http: Client) -> None:
        world.keys.keys.append(key("custom", "", base_url=SIMULATED_BASE_URL))
        asked = {**ASK, "model": "simulated-small", "stream": True}
        answer = await http.post("/v1/custom/chat/completions", json=asked, headers=AUTH)
        events = (await answer.text()).split("\n\n")
        assert events[-2] == "data: [DONE]"
        said = "".join(json.loads(one[6:])["choices"][0]["delta"].get("content", "") for one in events[:-2])
        assert said.startswith("[Simulated answer]")
        await world.settled()
        assert world.usage.records[0].usage.source == "provider"
        assert world.usage.records[0].simulated
        models = await (await http.get("/v1/custom/models", headers=AUTH)).json()
        assert [one["id"] for one in models["data"]] == ["simulated-small", "simulated-large"]


class TestTimeouts:
    async def test_silent_upstream(self, world: World) -> None:
        """A provider that takes the request and says nothing."""
        world.config = ProxyConfig(read_timeout=0.05)
        world.add_key("openai")
        async with UpstreamClient(world.policy, world.config) as client:
            app = ProxyApp(world.pipeline(), client)
            messages: list[Any] = []
            body = json.dumps({**ASK, "model": "silent"}).encode()
            incoming = asyncio.Queue[Any]()
            incoming.put_nowait({"type": "http.request", "body": body})

            async def send(message: Any) -> None:
                messages.append(message)

            scope = {
                "type": "http",
                "method": "POST",
                "path": CHAT,
                "raw_path": CHAT.encode(),
                "query_string": b"",
                "headers": [(b"authorization", f"Bearer {TOKEN}".encode())],
            }
            await app(scope, incoming.get, send)
        assert messages[0]["status"] == 504
        assert dict(messages[0]["headers"])[b"x-clawbot-error"] == b"upstream_timeout"
        assert world.keys.reports[0].reason == "timeout"

    async def test_websockets_are_refused(self, world: World) -> None:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async with UpstreamClient(world.policy) as client:
            await ProxyApp(world.pipeline(), client)({"type": "websocket"}, asyncio.Queue[Any]().get, send)
        assert sent[0]["type"] == "websocket.close"


class TestKeepAlive:
    async def test_connections_are_reused(self, world: World, http: Client) -> None:
        world.add_key("openai")
        for _ in range(5):
            answer = await http.post(CHAT, json={**ASK, "stream": True}, headers=AUTH)
            await answer.read()
        assert world.upstream.connections == 1

    async def test_many_at_once(self, world: World, http: Client) -> None:
        world.add_key("openai")

        async def one(number: int) -> None:
            answer = await http.post(CHAT, json={**ASK, "stream": number % 2 == 0}, headers=AUTH)
            assert answer.status == 200
            await answer.read()

        await asyncio.gather(*(one(number) for number in range(40)))
        await world.settled(40)
        assert {record.usage.output_tokens for record in world.usage.records} == {7}
