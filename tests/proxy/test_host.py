"""Nothing that a caller sends changes where a request goes."""

from __future__ import annotations

from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.proxy.conftest import TOKEN, World
from tests.proxy.raw import raw_request

AUTH = {"authorization": f"Bearer {TOKEN}"}
CHAT = "/api/v1/openai/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
Client = aiohttp.ClientSession


class TestTheHostStays:
    @pytest.mark.parametrize(
        "path",
        [
            "/v1/openai/@evil.example/x",
            "/v1/openai/x@evil.example:80/",
        ],
    )
    async def test_harmless(self, world: World, path: str) -> None:
        world.add_key("openai")
        answer = await raw_request(
            world,
            f"GET {path} HTTP/1.1\nhost: evil.example\nx-forwarded-host: evil.example\n"
            f"x-forwarded-for: 1.2.3.4\nforwarded: host=evil.example\nconnection: close\n"
            f"authorization: Bearer {TOKEN}\n\n",
        )
        assert answer.startswith(b"HTTP/1.1 200")
        seen = world.upstream.seen[0]
        assert seen.header("host") == urlsplit(world.upstream.url).netloc
        assert not [name for name, _ in seen.headers if "forward" in name.lower()]

    @pytest.mark.parametrize(
        "path",
        [
            "/v1/openai//evil.example/x",
            "/v1/openai/http://evil.example/",
            "/v1/openai/v1/%63hat/completions",
            "/v1/openai/v1//chat/completions",
            "/v1/openai/%62atches",
            "/v1/google/v1beta/models/g%3AbatchGenerateContent",
            "/v1/openai/../../admin",
            "/v1/openai/..%2f..%2fadmin",
            "/v1/openai/%2e%2e/admin",
            "/v1/openai/%252e%252e/admin",
            "/v1/openai/a/./b",
            "/v1/openai/a\\..\\b",
            "/v1/openai/a%0d%0ahost:evil",
        ],
    )
    async def test_refused(self, world: World, path: str) -> None:
        world.add_key("openai")
        answer = await raw_request(
            world, f"GET {path} HTTP/1.1\nhost: h\nconnection: close\nauthorization: Bearer {TOKEN}\n\n"
        )
        assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404"))
        assert not world.upstream.seen

    async def test_absolute_form(self, world: World) -> None:
        world.add_key("openai")
        await raw_request(
            world,
            "GET http://evil.example/v1/openai/models HTTP/1.1\nhost: evil.example\nconnection: close\n"
            f"authorization: Bearer {TOKEN}\n\n",
        )
        for seen in world.upstream.seen:
            assert seen.header("host") == urlsplit(world.upstream.url).netloc

    async def test_body_and_query_do_not_choose(self, world: World, http: Client) -> None:
        world.add_key("openai")
        evil = {"api_base": "http://evil.example", "base_url": "http://evil.example", "api_key": "x"}
        answer = await http.post(
            CHAT, json={**ASK, **evil}, params={"api_base": "http://evil.example"}, headers=AUTH
        )
        assert answer.status == 200
        assert len(world.upstream.seen) == 1
