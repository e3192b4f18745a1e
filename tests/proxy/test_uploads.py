"""Uploads that go on at an address of the provider's answer come back to the proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from tests.fakes.upstream import Canned, RecordedUpstream
from tests.proxy.conftest import SECRET, TOKEN, World

OTHER = f"{SECRET}-other"
START = {"x-goog-upload-protocol": "resumable", "x-goog-upload-command": "start"}
FINISH = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
PATH = "/api/v1/google/upload/v1beta/files"


@pytest.fixture
async def upstream() -> AsyncIterator[RecordedUpstream]:
    mock = RecordedUpstream(keys={SECRET, OTHER}, vendor="google")
    async with mock.serving():
        yield mock


async def begin(world: World, http: aiohttp.ClientSession, **headers: str) -> str:
    """Begin an upload; gives the address that the client is told."""
    given = {"x-goog-api-key": TOKEN, **START, **headers}
    async with http.post(PATH, json={"file": {}}, headers=given) as answer:
        assert answer.status == 200, await answer.text()
        told = answer.headers["x-goog-upload-url"]
        assert answer.headers["x-goog-upload-control-url"] == told
    return told


async def test_the_address_leads_back_to_the_key_that_began(
    world: World, upstream: RecordedUpstream, http: aiohttp.ClientSession
) -> None:
    world.add_key("google")
    other = world.add_key("google", OTHER)
    world.keys.keys.reverse()
    told = await begin(world, http)
    assert told.startswith(world.url + PATH)
    assert parse_qs(urlsplit(told).query)["clawbot-key"] == [str(other.key_id)]
    world.keys.keys.reverse()  # the other key's turn
    async with http.post(told.removeprefix(world.url), data=b"some bytes", headers=FINISH) as answer:
        assert answer.status == 200
        assert (await answer.json())["file"]["name"] == "files/file-1"
    assert upstream.google_files.files == {"file-1": b"some bytes"}
    assert upstream.complaints == []
    assert [seen.header("x-goog-api-key") for seen in upstream.seen] == [OTHER, OTHER]
    assert upstream.seen[1].query == "upload_id=up-1&upload_protocol=resumable"
    assert all(TOKEN not in seen.everything() for seen in upstream.seen)
    await world.settled(2)
    assert [record.key_id for record in world.usage.records] == [other.key_id, other.key_id]


async def test_the_address_is_as_the_client_sees_the_proxy(
    world: World, upstream: RecordedUpstream, http: aiohttp.ClientSession
) -> None:
    world.add_key("google")
    told = await begin(world, http, **{"x-forwarded-proto": "https", "host": "bots.example"})
    assert told.startswith(f"https://bots.example{PATH}?upload_id=")


@pytest.mark.parametrize("key_id", ["0199-none", "*"])
async def test_a_key_that_the_bot_may_not_use(
    world: World, upstream: RecordedUpstream, http: aiohttp.ClientSession, key_id: str
) -> None:
    world.add_key("google")
    query = f"?upload_id=up-1&clawbot-key={key_id}&key={TOKEN}"
    async with http.post(PATH + query, data=b"x", headers=FINISH) as answer:
        assert (answer.status, answer.headers["x-clawbot-error"]) == (503, "no_key_available")
    assert not upstream.seen


async def test_an_address_elsewhere_is_not_told(
    world: World, upstream: RecordedUpstream, http: aiohttp.ClientSession
) -> None:
    world.add_key("google")
    upstream.canned.append(
        Canned(200, b"", {"x-goog-upload-url": "https://elsewhere.example/upload/v1/files?u=1"})
    )
    given = {"x-goog-api-key": TOKEN, **START}
    async with http.post(PATH, json={"file": {}}, headers=given) as answer:
        assert answer.status == 200
        assert "x-goog-upload-url" not in answer.headers


async def test_others_answers_are_left_alone(
    world: World, upstream: RecordedUpstream, http: aiohttp.ClientSession
) -> None:
    world.add_key("google")
    told = f"{upstream.url}/upload/v1/files?u=1"
    upstream.canned.append(Canned(200, b"{}", {"x-goog-upload-url": told}))
    async with http.get("/api/v1/google/v1beta/files", headers={"x-goog-api-key": TOKEN}) as answer:
        assert answer.headers["x-goog-upload-url"] == told
