"""A bot's own gateway through the manager: the owner's alone, with its own token, and inert in a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError, web
from yarl import URL

from clawbot_manager.runtimes.fake import FakeRuntime
from tests.control.test_bots import create
from tests.control.test_reconciler import bot_id, reaches
from tests.support.api import Api
from tests.support.clock import MovableClock

ROOT = "/api/bot/scout/gateway"


@dataclass
class Gateway:
    """What was asked of the bot's gateway; it answers with that."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)


@pytest.fixture
async def bots_gateway() -> AsyncIterator[Gateway]:
    gateway = Gateway()

    async def talk(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["chat.v2"])
        await socket.prepare(request)
        gateway.asked.append({"headers": {name.lower(): value for name, value in request.headers.items()}})
        async for message in socket:
            if message.data == "leave":
                await socket.close(code=4001)
            elif message.type is WSMsgType.TEXT:
                await socket.send_str(f"you said {message.data}")
            else:
                await socket.send_bytes(message.data)
        return socket

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        gateway.asked.append(
            {
                "method": request.method,
                "path": request.raw_path,
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "body": body,
            }
        )
        if request.path == "/breaks":
            response = web.StreamResponse(headers={"content-length": "100"})
            await response.prepare(request)
            await response.write(b"half")
            assert request.transport is not None
            request.transport.close()
            return response
        if request.path == "/slow":
            while request.transport is not None:
                await asyncio.sleep(0.02)
            gateway.left.set()
        if request.path == "/moved":
            return web.Response(status=302, headers={"location": "http://evil.example/"})
        headers = {"set-cookie": "a=b", "content-security-policy": "default-src *", "x-own": "kept"}
        return web.Response(body=b"<script>alert(1)</script>", content_type="text/html", headers=headers)

    app = web.Application(client_max_size=10_000_000)
    app.router.add_get("/ws", talk)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    gateway.url = str(site.name)
    yield gateway
    await runner.cleanup()


@pytest.fixture
async def owner(user: Api, runtime: FakeRuntime, bots_gateway: Gateway) -> Api:
    """With a bot that runs, whose gateway is that one."""
    await create(user, auto_start=True)
    await reaches(user, "running")
    identity = await bot_id(user)
    runtime.world.instances[identity] = replace(runtime.world.instances[identity], endpoint=bots_gateway.url)
    return user


async def test_a_request_goes_through_with_the_gateways_token(owner: Api, bots_gateway: Gateway) -> None:
    headers = {"cookie": "cbm_refresh=x", "x-own": "1", "content-type": "application/json"}
    path = f"{ROOT}/v1/things%2Fone?a=1&b=%20"
    answer = await owner.call("POST", path, data=b'{"x": 1}', headers=headers)
    assert answer.status == 200
    (asked,) = bots_gateway.asked
    assert (asked["method"], asked["path"]) == ("POST", "/v1/things%2Fone?a=1&b=%20")
    assert asked["body"] == b'{"x": 1}'
    assert asked["headers"]["authorization"].startswith("Bearer cbm_op_")
    assert asked["headers"]["x-own"] == "1"
    assert owner.user
    assert owner.user.token not in str(asked)
    assert "cookie" not in asked["headers"]


async def test_what_comes_back_is_inert(owner: Api) -> None:
    answer = await owner.get(f"{ROOT}/page")
    assert answer.text == "<script>alert(1)</script>"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-own"] == "kept"
    assert "set-cookie" not in answer.headers


async def test_a_redirect_leads_nowhere(owner: Api) -> None:
    answer = await owner.get(f"{ROOT}/moved", allow_redirects=False)
    assert answer.status == 302
    assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["..%2f..%2fx", "a//b", "%2e%2e/x", "a%0d%0ab", "..%5cx"])
async def test_no_path_leaves_the_gateway(owner: Api, bots_gateway: Gateway, path: str) -> None:
    answer = await owner.session.get(
        URL(f"{owner.base}{ROOT}/{path}", encoded=True),
        headers={"authorization": f"Bearer {owner.user.token if owner.user else ''}"},
    )
    assert answer.status in {400, 404, 422}
    assert bots_gateway.asked == []


async def test_an_answer_that_breaks_is_seen_broken(owner: Api) -> None:
    with pytest.raises(Exception, match=r"(?i)payload|closed|disconnected"):
        await owner.get(f"{ROOT}/breaks")


async def test_it_is_the_owners_alone(owner: Api, admin: Api, api: Api, bots_gateway: Gateway) -> None:
    assert (await admin.get(f"{ROOT}/x")).status == 404
    assert (await api.get(f"{ROOT}/x")).status == 401
    assert bots_gateway.asked == []


async def test_a_bot_that_does_not_run_or_answer_is_told(
    owner: Api, runtime: FakeRuntime, bots_gateway: Gateway
) -> None:
    identity = await bot_id(owner)
    seen = runtime.world.instances[identity]
    runtime.world.instances[identity] = replace(seen, endpoint="http://127.0.0.1:9")
    assert (await owner.get(f"{ROOT}/x")).json["code"] == "bot_unreachable"
    await owner.post("/api/bot/scout/stop")
    await reaches(owner, "stopped")
    assert (await owner.get(f"{ROOT}/x")).json["code"] == "bot_not_running"


async def test_a_client_that_leaves_is_not_answered_for(owner: Api, bots_gateway: Gateway) -> None:
    for method, data in (("GET", None), ("POST", b"x" * 100_000)):
        bots_gateway.left.clear()
        with pytest.raises(TimeoutError):
            await owner.call(method, f"{ROOT}/slow", data=data, timeout=0.5)
        async with asyncio.timeout(5):
            await bots_gateway.left.wait()


class TestWebSockets:
    async def _open(self, api: Api, path: str = "/ws") -> ClientWebSocketResponse:
        headers = {"authorization": f"Bearer {api.user.token}"} if api.user else {}
        url = f"{api.base}{ROOT}{path}".replace("http", "ws", 1)
        return await api.session.ws_connect(url, headers=headers, protocols=["chat.v2"])

    async def test_messages_go_both_ways_with_the_gateways_token(
        self, owner: Api, bots_gateway: Gateway
    ) -> None:
        async with await self._open(owner) as socket:
            assert socket.protocol == "chat.v2"
            await socket.send_str("hello")
            assert await socket.receive_str() == "you said hello"
            await socket.send_bytes(bytes(200_000))
            assert await socket.receive_bytes() == bytes(200_000)
        (asked,) = bots_gateway.asked
        assert asked["headers"]["authorization"].startswith("Bearer cbm_op_")
        assert owner.user
        assert owner.user.token not in str(asked)

    @pytest.mark.parametrize("wanted", [["chat.v2"], []])
    async def test_a_browser_brings_its_token_as_a_subprotocol(
        self, owner: Api, api: Api, bots_gateway: Gateway, wanted: list[str]
    ) -> None:
        assert owner.user
        token = owner.user.token
        url = f"{api.base}{ROOT}/ws".replace("http", "ws", 1)
        asked_for = ["clawbot-manager", f"clawbot-manager.bearer.{token}", *wanted]
        async with await api.session.ws_connect(url, protocols=asked_for) as socket:
            assert socket.protocol == (wanted or ["clawbot-manager"])[0]
            await socket.send_str("hello")
            assert await socket.receive_str() == "you said hello"
        (asked,) = bots_gateway.asked
        assert token not in str(asked)
        assert asked["headers"].get("sec-websocket-protocol", "") == ",".join(wanted)

    async def test_it_outlives_the_access_token_and_not_the_session(
        self, owner: Api, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("clawbot_manager.control.bots.relay_sockets._LOOK_SECONDS", 0.1)
        async with await self._open(owner) as socket:
            clock.move(hours=2)
            assert (await owner.get("/api/bot/scout")).status == 401
            await asyncio.sleep(0.5)
            await socket.send_str("hello")
            assert await socket.receive_str() == "you said hello"

    async def test_the_bots_close_reaches_the_client(self, owner: Api) -> None:
        async with await self._open(owner) as socket:
            await socket.send_str("leave")
            assert (await socket.receive()).type is WSMsgType.CLOSE
            assert socket.close_code == 4001

    async def test_nobody_else_gets_in(self, owner: Api, admin: Api, api: Api, bots_gateway: Gateway) -> None:
        for stranger in (admin, api):
            with pytest.raises(WSServerHandshakeError) as refused:
                await self._open(stranger)
            assert refused.value.status == 403
        with pytest.raises(WSServerHandshakeError):
            await self._open(owner, "/..%2f..%2fws")
        assert bots_gateway.asked == []

    async def test_it_ends_when_the_bot_stops(self, owner: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("clawbot_manager.control.bots.relay_sockets._LOOK_SECONDS", 0.1)
        async with await self._open(owner) as socket:
            await owner.post("/api/bot/scout/stop")
            message = await socket.receive(timeout=20)
            assert message.type is WSMsgType.CLOSE
            assert socket.close_code == 1008
