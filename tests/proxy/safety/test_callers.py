"""Nothing that a caller sends chooses where the provider's key goes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from tests.proxy.rig import CHAT, SECRET, TOKEN, Rig, request
from tests.support.raw import Call, RawProvider, status_of, value_of

AUTH = f"authorization: Bearer {TOKEN}"


@dataclass
class Scene:
    """The proxy before the right provider, and somebody who would like to be it."""

    rig: Rig
    evil: RawProvider

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.evil.port}"

    async def says(self, raw: str | bytes) -> bytes:
        """Send something; gives the head of the answer, after looking at who was called."""
        client = await self.rig.client()
        await client.send(raw.replace("\n", "\r\n").encode("latin-1") if isinstance(raw, str) else raw)
        head, body = await client.answer()
        assert self.evil.accepted == 0
        own = self.rig.provider.url.partition("//")[2].encode()
        assert all(call.header(b"host") == own for call in self.rig.provider.heads)
        assert all(call.target.startswith(b"/v1/") for call in self.rig.provider.heads)
        assert SECRET.encode() not in head + body
        return head


@pytest.fixture
async def scene(rig: Rig) -> AsyncIterator[Scene]:
    async with RawProvider().serving() as evil:
        yield Scene(rig, evil)


@pytest.mark.parametrize(
    "target",
    [
        "/v1/openai//{host}/x",
        "/v1/openai/http://{host}/x",
        "/v1/openai/https:%2f%2f{host}/x",
        "/v1/openai/@{host}/x",
        "/v1/openai/x@{host}/",
        "/v1/openai/:@{host}/",
        "/v1/openai/\\{host}\\x",
        "/v1/openai/%5c%5c{host}/x",
        "/v1/openai/..%2f..%2f{host}",
        "/v1/openai/%2e%2e/%2e%2e/{host}",
        "/v1/openai/.%2e/x",
        "/v1/openai/%252e%252e/x",
        "/v1/openai/x/../../../{host}",
        "/v1/openai/x%0d%0ahost:%20{host}",
        "/v1/openai/x%00@{host}",
        "/v1/openai/x;@{host}",
        "/v1/openai/x#@{host}/",
        "/v1/openai?@{host}",
        "/v1/openai/models?url=http://{host}&base_url=http://{host}&api_base=http://{host}",
        "/v1/openai/models?host={host}&proxy=http://{host}&endpoint=http://{host}",
        "http://{host}/v1/openai/models",
        "https://{host}/v1/openai/models",
        "http://{host}@{host}/v1/openai/models",
        "/v1/openai@{host}/models",
        "/v1/http:%2f%2f{host}/models",
        "/v1/{host}/models",
        "/v1/openai/deployments/..%2f..%2f@{host}/chat/completions",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_paths_and_queries(scene: Scene, target: str, method: str) -> None:
    head = await scene.says(
        f"{method} {target.format(host=scene.host)} HTTP/1.1\nhost: h\n{AUTH}\ncontent-length: 0\n\n"
    )
    assert status_of(head) in (200, 400, 404)
    if status_of(head) == 200:
        assert value_of(head, b"x-clawbot-key") is not None


@pytest.mark.parametrize(
    "line",
    [
        "x-forwarded-host: {host}",
        "x-forwarded-for: {host}\nx-forwarded-proto: http\nx-forwarded-port: 1",
        "x-forwarded-server: {host}",
        "forwarded: host={host};proto=http;for={host}",
        "x-original-url: http://{host}/",
        "x-rewrite-url: http://{host}/",
        "x-host: {host}",
        "x-http-host-override: {host}",
        "x-clawbot-base-url: http://{host}",
        "x-portkey-custom-host: http://{host}",
        "x-base-url: http://{host}",
        "api-base: http://{host}",
        "openai-base: http://{host}",
        "destination: http://{host}",
        "origin: http://{host}\nreferer: http://{host}/",
        "via: 1.1 {host}",
    ],
)
async def test_headers(scene: Scene, line: str) -> None:
    head = await scene.says(
        f"GET /v1/openai/v1/models HTTP/1.1\nhost: {scene.host}\n{AUTH}\n{line.format(host=scene.host)}\n\n"
    )
    assert status_of(head) == 200


@pytest.mark.parametrize("host", ["a/b", "a?b", "a#b", "a@b", "a\\b", "", "[::1", "a b", "a:99999", "\xff"])
async def test_odd_hosts(scene: Scene, host: str) -> None:
    """Whatever stands there is not used for anything."""
    head = await scene.says(f"GET /v1/openai/v1/models HTTP/1.1\nhost: {host}\n{AUTH}\n\n")
    assert status_of(head) in (200, 400)


@pytest.mark.parametrize("vendor", ["openai", "custom"])
async def test_bodies(scene: Scene, vendor: str) -> None:
    scene.rig.add_key(vendor, base_url=f"{scene.rig.provider.url}/v1")
    url = f"http://{scene.host}"
    fields = {"api_base": url, "base_url": url, "api_key": "x", "endpoint": url, "proxy": url, "host": url}
    body = {
        "model": f"openai/{url}",
        "messages": [],
        **fields,
        "extra_body": fields,
        "litellm_params": fields,
    }
    await scene.says(request("POST", f"/v1/{vendor}/v1/chat/completions", body=json.dumps(body).encode()))
    assert len(scene.rig.provider.heads) == 1


@pytest.mark.parametrize("line", ["CONNECT {host} HTTP/1.1", "GET {host} HTTP/1.1", "OPTIONS * HTTP/1.1"])
async def test_other_forms_of_a_target(scene: Scene, line: str) -> None:
    head = await scene.says(f"{line.format(host=scene.host)}\nhost: h\n{AUTH}\nconnection: close\n\n")
    assert 400 <= status_of(head) < 500
    assert not scene.rig.provider.heads


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
@pytest.mark.parametrize("place", ["http://{host}/stolen", "//{host}/stolen", "/elsewhere", "ftp://x", ""])
async def test_redirects_are_the_clients(scene: Scene, status: int, place: str) -> None:
    """A redirect is passed on as it is, and followed by nobody here: the key stays."""
    location = place.format(host=scene.host).encode()

    async def answer(call: Call) -> None:
        await call.body()
        await call.answer(b"", b"Location: " + location, status=b"%d Moved" % status)

    scene.rig.provider.answering = answer
    for data in (request(), request("POST", CHAT, body=b'{"model":"m"}')):
        head = await scene.says(data)
        assert (status_of(head), value_of(head, b"location")) == (status, location)
    assert len(scene.rig.provider.heads) == 2


async def test_a_caller_nobody_knows_is_refused_before_its_body(scene: Scene) -> None:
    """Not one byte of a gigabyte is waited for, parsed or held."""
    for kind in ("application/json", "multipart/form-data; boundary=" + "x" * 60_000):
        head = await scene.says(
            f"POST {CHAT} HTTP/1.1\nhost: h\nauthorization: Bearer nobody\ncontent-type: {kind}\n"
            f"content-length: {1 << 30}\n\n"
        )
        assert status_of(head) == 401
    assert not scene.rig.provider.heads


@pytest.mark.parametrize("boundary", ["", "x" * 10_000, '"unclosed', "a\tb", "----" * 2000])
async def test_boundaries_are_not_looked_at(scene: Scene, boundary: str) -> None:
    """Multipart is passed on unread, so nothing in it can be made expensive here."""
    body = b"--x\r\n" * 1000
    head = await scene.says(
        request(
            "POST",
            "/v1/openai/v1/files",
            f"content-type: multipart/form-data; boundary={boundary}",
            body=body,
        )
    )
    assert status_of(head) == 200
