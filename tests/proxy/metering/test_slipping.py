"""Ways past the meter, tried over real sockets: none of them leads anywhere."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from clawbot_manager.proxy.messages import ProxyConfig
from clawbot_manager.vendors.usage import Usage
from tests.fakes.ports import bot
from tests.fakes.upstream import Canned
from tests.proxy.conftest import TOKEN, World, wire_proxy
from tests.proxy.metering.chats import chunk
from tests.proxy.metering.conftest import Script, ScriptedUpstream
from tests.proxy.metering.rows import JSON, SSE, answer, events
from tests.vendors.dialects.reading import told

AUTH = {"authorization": f"Bearer {TOKEN}"}
SENDS = {**AUTH, "content-type": "application/json"}
ASK = [{"role": "user", "content": "hi"}]
CHAT = "/api/v1/openai/chat/completions"
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
TOLD = events(chunk({"content": "Hello from "}), {"model": "m-1", "choices": [], "usage": USAGE}, done=True)
UNTOLD = events(chunk({"role": "assistant"}), chunk({"content": "Hello from "}), done=True)
Client = aiohttp.ClientSession


def scripted(upstream: ScriptedUpstream, content_type: str, body: bytes, **headers: str) -> None:
    upstream.script = Script(content_type, body, b"", headers=headers)


async def usage(world: World) -> Usage:
    await world.settled()
    return world.usage.records[-1].usage


@pytest.fixture
async def with_jobs(upstream: ScriptedUpstream) -> AsyncIterator[World]:
    """A world whose operator allows unmetered jobs."""
    world = World(upstream, config=ProxyConfig(allow_unmetered_jobs=True))
    world.tokens.bots[TOKEN] = bot()
    async with wire_proxy(world) as url:
        world.url = url
        yield world


class TestBackground:
    @pytest.mark.parametrize("more", [{}, {"stream": True}])
    @pytest.mark.parametrize("spelling", ["utf-8", "utf-16", "a comma too many", "compressed", "a form"])
    async def test_refused(
        self, world: World, upstream: ScriptedUpstream, http: Client, more: dict[str, Any], spelling: str
    ) -> None:
        world.add_key("openai")
        text = json.dumps({"model": "m", "input": "hi", "background": True, **more})
        body = text.encode(spelling if spelling.startswith("utf") else "utf-8")
        if spelling == "a comma too many":
            body = body[:-1] + b",}"
        elif spelling == "compressed":
            body = gzip.compress(body)
        headers = (
            {**AUTH, "content-type": "multipart/form-data; boundary=x"} if spelling == "a form" else SENDS
        )
        for count in (1, 2):  # also when the head is known already
            refused = await http.post("/api/v1/openai/responses", data=body, headers=headers)
            assert (refused.status, refused.headers["x-clawbot-error"]) == (404, "path_not_served")
            await world.settled(count)
        assert not upstream.seen

    async def test_not_refused_once_more(
        self, world: World, upstream: ScriptedUpstream, http: Client
    ) -> None:
        """A refusal stands for one request, not for the head that it had."""
        world.add_key("openai")
        scripted(upstream, JSON, answer(model="m", usage={"input_tokens": 1, "output_tokens": 2}))
        for background, status in ((False, 200), (True, 404), (False, 200), (None, 200)):
            body = {"model": "m", "input": "hi", "background": background}
            assert (await http.post("/api/v1/openai/responses", json=body, headers=AUTH)).status == status
        assert len(upstream.seen) == 3

    async def test_allowed_and_not_guessed(self, with_jobs: World, upstream: ScriptedUpstream) -> None:
        with_jobs.add_key("openai")
        scripted(upstream, JSON, answer(model="m", status="queued", background=True, usage=None))
        async with aiohttp.ClientSession(with_jobs.url) as http:
            body = {"model": "m", "input": "hi", "background": True}
            assert (await http.post("/api/v1/openai/responses", json=body, headers=AUTH)).status == 200
        assert await usage(with_jobs) == Usage()

    async def test_reading_it_again_is_not_counted_again(
        self, world: World, upstream: ScriptedUpstream, http: Client
    ) -> None:
        world.add_key("openai")
        scripted(upstream, JSON, answer(model="m", usage={"input_tokens": 1, "output_tokens": 2}))
        assert (await http.get("/api/v1/openai/responses/resp_1", headers=AUTH)).status == 200
        assert await usage(world) == Usage()


class TestHeaders:
    async def test_jobs_of_dashscope(self, world: World, upstream: ScriptedUpstream, http: Client) -> None:
        world.add_key("dashscope")
        path = "/api/v1/dashscope/api/v1/services/aigc/text2image/image-synthesis"
        refused = await http.post(path, json={}, headers={**AUTH, "X-DashScope-Async": "enable"})
        assert (refused.status, refused.headers["x-clawbot-error"]) == (404, "path_not_served")
        assert not upstream.seen
        scripted(upstream, JSON, answer(usage={"image_count": 1}))
        assert (
            await http.post(path, json={}, headers={**AUTH, "X-DashScope-Async": "disable"})
        ).status == 200
        await world.settled(2)
        assert await usage(world) == told(images=1)

    @pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
    async def test_another_method(
        self, world: World, upstream: ScriptedUpstream, http: Client, name: str
    ) -> None:
        """Google takes a GET with such a header for the POST that it names."""
        world.add_key("google")
        path = "/api/v1/google/v1beta/models/m:generateContent"
        refused = await http.get(path, headers={**AUTH, name: "POST"})
        assert (refused.status, refused.headers["x-clawbot-error"]) == (405, "method_not_served")
        assert not upstream.seen


class TestBodies:
    """What is not read strictly is passed on as it is, and metered all the same."""

    @pytest.mark.parametrize(
        ("body", "model", "asked"),
        [
            (b'{"model":"m","stream":true,"temperature":NaN}', "m", True),
            (b'{"model":"m","stream":true,"top_p":Infinity}', "m", True),
            (b'{"model":"m","stream":true} and more', "m", True),
            (b'{"model":"m",/* yes */"stream":true,}', "m", True),
            (b'{"stream":false,"model":"m","stream":true}', "m", True),
            (b'{"model":"m","stream":true,"x":"\xff"}', "m", True),
            (b'{"stream":true,"stream":false,"model":"m"}', "m", False),
            ('{"model":"m","stream":true}'.encode("utf-16"), "m", False),
            ('{"model":"m","stream":true}'.encode("utf-32"), "m", False),
            (b'\xef\xbb\xbf{"model":"m","stream":true}', "m", False),
            (gzip.compress(b'{"model":"m","stream":true}', mtime=0), "m", False),
            (b"stream: true  # YAML", None, False),
        ],
    )
    async def test_of_chats(
        self,
        world: World,
        upstream: ScriptedUpstream,
        http: Client,
        body: bytes,
        model: str | None,
        asked: bool,
    ) -> None:
        """Who could be asked is; the answer of the others is estimated."""
        world.add_key("openai")
        scripted(upstream, SSE, TOLD if asked else UNTOLD)
        received = await (await http.post(CHAT, data=body, headers=SENDS)).read()
        assert b'"usage": {' not in received
        (seen,) = upstream.seen
        asking = b'"stream_options":{"include_usage":true},'
        assert seen.body == (body.replace(b"{", b"{" + asking, 1) if asked else body)
        expected = told(11, 7) if asked else Usage(math.ceil(len(body) / 4), 3, source="estimated")
        found = await usage(world)
        assert (found.output_tokens, found.source) == (expected.output_tokens, expected.source)
        assert world.usage.records[0].model_asked == model

    async def test_forms_where_none_belongs(
        self, world: World, upstream: ScriptedUpstream, http: Client
    ) -> None:
        """A chat behind the type of a form is read like any other: some servers mind no type."""
        world.add_key("openai")
        scripted(upstream, SSE, TOLD)
        headers = {**AUTH, "content-type": "multipart/form-data; boundary=x"}
        body = json.dumps({"model": "m", "messages": ASK, "stream": True})
        await (await http.post(CHAT, data=body, headers=headers)).read()
        assert upstream.seen[0].json()["stream_options"] == {"include_usage": True}
        assert await usage(world) == told(11, 7)


class TestAnswers:
    """Answers that hide what they tell."""

    async def ask(self, world: World, http: Client, vendor: str = "openai", path: str = "") -> bytes:
        world.add_key(vendor)
        body = {"model": "m", "messages": ASK, "stream": True}
        answered = await http.post(path or f"/api/v1/{vendor}/chat/completions", json=body, headers=AUTH)
        return await answered.read()

    @pytest.mark.parametrize("encoding", ["gzip", "deflate"])
    async def test_compressed_though_nobody_asked(
        self, world: World, upstream: ScriptedUpstream, http: Client, encoding: str
    ) -> None:
        packed = gzip.compress(TOLD) if encoding == "gzip" else __import__("zlib").compress(TOLD)
        scripted(upstream, SSE, packed, **{"content-encoding": encoding})
        assert await self.ask(world, http) == packed
        assert await usage(world) == told(11, 7)

    @pytest.mark.parametrize("content_type", ["text/plain", "application/octet-stream", ""])
    async def test_under_another_type(
        self, world: World, upstream: ScriptedUpstream, http: Client, content_type: str
    ) -> None:
        scripted(upstream, content_type, TOLD)
        assert await self.ask(world, http) == TOLD
        assert await usage(world) == told(11, 7)

    @pytest.mark.parametrize("content_type", ["application/x-protobuf", "application/octet-stream"])
    async def test_in_a_form_that_nobody_reads(
        self, world: World, upstream: ScriptedUpstream, http: Client, content_type: str
    ) -> None:
        scripted(upstream, content_type, b"\x0a\x90\x01" * 40)
        await self.ask(world, http)
        found = await usage(world)
        assert (found.output_tokens, found.source) == (30, "estimated")

    @pytest.mark.parametrize(
        ("path", "content_type", "expected"),
        [
            ("speech", "audio/mpeg", Usage(2, source="estimated", details={"characters": 8})),
            ("speech", "application/octet-stream", Usage(2, source="estimated", details={"characters": 8})),
            ("transcriptions", "text/plain", Usage()),
            ("translations", "application/x-subrip", Usage()),
            ("transcriptions", "text/vtt", Usage()),
        ],
    )
    async def test_sound_and_what_was_heard(
        self,
        world: World,
        upstream: ScriptedUpstream,
        http: Client,
        path: str,
        content_type: str,
        expected: Usage,
    ) -> None:
        """Speech is known by its text; what plain transcriptions cost, nobody can say."""
        world.add_key("openai")
        scripted(upstream, content_type, b"Hello from the mock")
        body = {"model": "m", "input": "hi there", "voice": "v"}
        answered = await http.post(f"/api/v1/openai/v1/audio/{path}", json=body, headers=AUTH)
        assert await answered.read() == b"Hello from the mock"
        assert await usage(world) == expected

    async def test_on_paths_that_nobody_knows(
        self, world: World, upstream: ScriptedUpstream, http: Client
    ) -> None:
        scripted(upstream, SSE, TOLD)
        path = "/api/v1/custom/v1/whatever/comes/next"
        assert await self.ask(world, http, "custom", path) == TOLD
        assert await usage(world) == told(11, 7)
        assert world.usage.records[0].dialect is None

    async def test_or_that_tell_nothing(self, world: World, upstream: ScriptedUpstream, http: Client) -> None:
        """Recorded, settled, and counted as a request: not guessed, for most of them cost nothing."""
        scripted(upstream, JSON, answer(id="file-1", bytes=9))
        await self.ask(world, http, path="/api/v1/openai/files")
        assert await usage(world) == Usage()
        assert world.budgets.settled == world.usage.records


class TestAsking:
    @pytest.mark.parametrize(
        ("vendor", "status", "refusal"),
        [
            ("openai", 400, {"error": {"message": "Unrecognized request argument: stream_options"}}),
            ("openai", 422, {"detail": [{"loc": ["body", "stream_options"], "type": "extra_forbidden"}]}),
            ("custom", 400, {"error": "one of the fields is not known here"}),
        ],
    )
    async def test_refused_and_sent_again_as_it_came(
        self, world: World, upstream: ScriptedUpstream, http: Client, vendor: str, status: int, refusal: Any
    ) -> None:
        world.add_key(vendor)
        upstream.canned.append(Canned(status, json.dumps(refusal).encode()))
        scripted(upstream, SSE, UNTOLD)
        body = json.dumps({"model": "m", "messages": ASK, "stream": True}).encode()
        answered = await http.post(f"/api/v1/{vendor}/v1/chat/completions", data=body, headers=SENDS)
        assert (answered.status, await answered.read()) == (200, UNTOLD)
        assert [seen.body == body for seen in upstream.seen] == [False, True]
        assert await usage(world) == Usage(math.ceil(len(body) / 4), 3, source="estimated")
        assert [one.reason for one in world.usage.records[0].attempts] == ["stream_options_refused", None]

    async def test_what_the_client_asked_wrongly_is_the_clients(
        self, world: World, upstream: ScriptedUpstream, http: Client
    ) -> None:
        world.add_key("openai")
        upstream.canned.append(Canned(400, b'{"error":{"message":"no such model"}}'))
        body = {"model": "m", "messages": ASK, "stream": True}
        assert (await http.post(CHAT, json=body, headers=AUTH)).status == 400
        assert len(upstream.seen) == 1
        assert await usage(world) == Usage()


class TestErrors:
    @pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
    async def test_cost_nothing(
        self, world: World, upstream: ScriptedUpstream, http: Client, status: int
    ) -> None:
        world.add_key("openai")
        upstream.canned.append(Canned(status, b'{"error":{"message":"no"},"usage":{"prompt_tokens":9}}'))
        await http.post(CHAT, json={"model": "m", "messages": ASK}, headers=AUTH)
        assert await usage(world) == Usage()

    async def test_inside_a_stream_before_it_said_anything(
        self, world: World, upstream: ScriptedUpstream, http: Client
    ) -> None:
        world.add_key("openai")
        scripted(
            upstream, SSE, b": processing\n\n" + events({"error": {"message": "gone", "type": "overloaded"}})
        )
        await http.post(CHAT, json={"model": "m", "messages": ASK, "stream": True}, headers=AUTH)
        assert await usage(world) == Usage()
        assert world.usage.records[0].error_code == "error_in_answer"

    async def test_inside_a_stream_after_it_did(
        self, world: World, upstream: ScriptedUpstream, http: Client
    ) -> None:
        world.add_key("openai")
        said = events(
            chunk({"content": ""}), chunk({"content": "Hello from "}), {"error": {"message": "gone"}}
        )
        scripted(upstream, SSE, said)
        await http.post(CHAT, json={"model": "m", "messages": ASK, "stream": True}, headers=AUTH)
        found = await usage(world)
        assert (found.output_tokens, found.source) == (3, "estimated")

    async def test_nobody_was_reached(self, world: World, http: Client) -> None:
        world.add_key("openai")
        world.keys.keys[0] = type(world.keys.keys[0])(
            **{
                name: getattr(world.keys.keys[0], name)
                for name in ("key_id", "owner_id", "vendor", "label", "secret")
            },
            base_url="http://127.0.0.1:1",
        )
        assert (await http.post(CHAT, json={"model": "m", "messages": ASK}, headers=AUTH)).status == 502
        assert await usage(world) == Usage()


async def test_many_at_once(world: World, upstream: ScriptedUpstream, http: Client) -> None:
    """Each in the books once, and the sums are what the provider said."""
    world.add_key("openai")
    scripted(upstream, SSE, TOLD)

    async def one(number: int) -> None:
        body = {"model": "m", "messages": ASK, "stream": True, "n": number}
        await (await http.post(CHAT, json=body, headers=AUTH)).read()

    await asyncio.gather(*(one(number) for number in range(60)))
    await world.settled(60)
    assert sum(record.usage.input_tokens or 0 for record in world.usage.records) == 11 * 60
    assert sum(record.usage.output_tokens or 0 for record in world.usage.records) == 7 * 60
