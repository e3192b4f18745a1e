"""What the client gets is what the provider sent, but for what the proxy documents."""

from __future__ import annotations

import gzip
import random
import re
from itertools import pairwise

import pytest

from tests.proxy.rig import CHAT, SECRET, Rig, chat, request
from tests.support.raw import Call, RawClient, status_of, value_of

OWN = (b"x-clawbot-trace-id", b"x-clawbot-attempts", b"x-clawbot-key", b"x-clawbot-overhead-ms")


def bytes_of(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def foreign(head: bytes) -> list[bytes]:
    """The lines of a head that the proxy did not write."""
    return [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"x-clawbot-")]


async def asked(rig: Rig, data: bytes | None = None) -> tuple[RawClient, bytes, bytes]:
    client = await rig.client()
    await client.send(data or request())
    return client, *await client.answer()


class TestBodies:
    @pytest.mark.parametrize("size", [0, 1, 1000, 65_536, 262_144, 262_145, 3_000_000])
    @pytest.mark.parametrize("target", [CHAT, "/v1/openai/v1/files/f/content"])
    async def test_of_known_length(self, rig: Rig, size: int, target: str) -> None:
        body = bytes_of(size)

        async def answer(call: Call) -> None:
            await call.answer(body, b"content-type: application/octet-stream")

        rig.provider.answering = answer
        _, head, got = await asked(rig, request("GET", target))
        assert got == body
        assert value_of(head, b"content-length") == str(size).encode()
        assert value_of(head, b"transfer-encoding") is None

    @pytest.mark.parametrize("kind", [b"application/json", b"text/event-stream", b"audio/mpeg"])
    @pytest.mark.parametrize("cut", [1, 7, 1000, 100_000])
    async def test_in_any_chunks(self, rig: Rig, kind: bytes, cut: int) -> None:
        body = bytes_of(cut * 40)

        async def answer(call: Call) -> None:
            await call.body()
            await call.begin(b"content-type: " + kind)
            for start in range(0, len(body), cut):
                await call.chunk(body[start : start + cut])
            await call.chunk(b"")

        rig.provider.answering = answer
        _, _, got = await asked(rig, chat())
        assert got == body

    async def test_chunks_cut_anywhere_on_the_wire(self, rig: Rig) -> None:
        body = bytes_of(3000)
        wire = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        wire += b"".join(
            b"%X;a=b\r\n%b\r\n" % (len(one), one)
            for one in (body[at : at + 250] for at in range(0, 3000, 250))
        )
        wire += b"0\r\nx-trailer: dropped\r\n\r\n"
        generator = random.Random(2)
        for _ in range(20):
            places = sorted({0, len(wire), *(generator.randrange(len(wire)) for _ in range(30))})
            pieces = [wire[a:b] for a, b in pairwise(places)]

            async def answer(call: Call, pieces: list[bytes] = pieces) -> None:
                await call.send(*pieces)

            rig.provider.answering = answer
            _, head, got = await asked(rig)
            assert got == body
            assert b"dropped" not in head

    async def test_until_the_connection_closes(self, rig: Rig) -> None:
        body = bytes_of(100_000)

        async def answer(call: Call) -> None:
            await call.send(b"HTTP/1.0 200 OK\r\ncontent-type: audio/wav\r\n\r\n", body)
            call.writer.close()

        rig.provider.answering = answer
        _, head, got = await asked(rig)
        assert got == body
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")

    async def test_a_packed_file_stays_packed(self, rig: Rig) -> None:
        body = gzip.compress(bytes_of(50_000))

        async def answer(call: Call) -> None:
            await call.answer(body, b"content-type: application/gzip")

        rig.provider.answering = answer
        _, _, got = await asked(rig)
        assert got == body

    async def test_a_stream_is_untouched_where_usage_was_asked_for(self, rig: Rig) -> None:
        """Only the chunk that the proxy itself asked for is hidden; the rest is byte for byte."""
        stream = (
            b': a comment\r\n\r\ndata:{"choices":[{"delta":{"content":"\\u4f60"}}] , "usage":null}\n\n'
            b"event: x\nid: 1\nretry: 5\ndata: a\ndata: b\n\n\n\ndata: [DONE]\n\n"
        )

        async def answer(call: Call) -> None:
            await call.body()
            usage = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
            await call.begin(b"content-type: text/event-stream")
            for piece in (stream[:60], stream[60:-14] + usage, stream[-14:], b""):
                await call.chunk(piece)

        rig.provider.answering = answer
        for asks in (False, True):
            options = {"stream_options": {"include_usage": True}} if asks else {}
            _, _, got = await asked(rig, chat(stream=True, **options))
            assert got.replace(
                b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n', b""
            )
            assert (b"completion_tokens" in got) is asks
            assert got.startswith(stream[:-14])
            assert got.endswith(stream[-14:])
        assert [record.usage.output_tokens for record in await rig.records(2)] == [2, 2]


class TestHeads:
    async def test_order_and_bytes(self, rig: Rig) -> None:
        lines = [
            b"Content-Type: application/json; charset=UTF-8",
            b"X-RateLimit-Remaining:  7 ",
            b"x-request-id: req_1",
            b"Date: Mon, 30 Nov 2026 00:00:00 GMT",
            b"Server: theirs",
            b"X-Latin: caf\xe9",
            b"x-request-id: req_2",
            b"Retry-After: 1",
            b"Content-Encoding: identity",
            b"Content-Disposition: attachment; filename*=UTF-8''%e2%82%ac",
            b"X-Empty:",
            b"Location: https://elsewhere.example/a?b=c#d",
        ]
        dropped = [
            b"Set-Cookie: session=1",
            b"Connection: keep-alive, x-hop",
            b"X-Hop: 1",
            b"Keep-Alive: timeout=5",
            b"Proxy-Authenticate: Basic",
            b"Trailer: x-t",
            b"Upgrade: h2c",
            b'Alt-Svc: h3=":443"',
            b"Strict-Transport-Security: max-age=1",
            b"OpenAI-Organization: org-ours",
            b"OpenAI-Project: proj-ours",
            b"Anthropic-Organization-Id: org-ours",
            b"X-Clawbot-Key: forged",
            b"X-ClawBot-Anything: forged",
        ]
        mixed = [one for pair in zip(dropped, [*lines, b"", b""], strict=True) for one in pair if one]

        async def answer(call: Call) -> None:
            await call.body()
            await call.answer(b"{}", *mixed)

        rig.provider.answering = answer
        client = await rig.client()
        for _ in range(3):  # the second answer's head is read by the shape of the first
            await client.send(request())
            head, _ = await client.answer()
            assert foreign(head) == [b"HTTP/1.1 200 OK", b"content-length: 2", *lines]
            assert b"forged" not in head

    @pytest.mark.parametrize(
        "status",
        [b"200 OK", b"201 Created", b"202 ", b"206 Partial Content", b"299", b"300 Multiple", b"399 x"],
    )
    async def test_status_and_reason(self, rig: Rig, status: bytes) -> None:
        async def answer(call: Call) -> None:
            await call.answer(b"x", status=status)

        rig.provider.answering = answer
        _, head, _ = await asked(rig)
        assert head.split(b"\r\n")[0] == b"HTTP/1.1 " + status

    @pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 418, 422, 451, 499])
    async def test_errors_of_the_client_pass_unchanged(self, rig: Rig, status: int) -> None:
        body = b'{ "error" : {"message": "no", "x": "\\u00e9"} }\n'

        async def answer(call: Call) -> None:
            await call.body()
            await call.answer(
                body, b"Content-Type: application/problem+json", b"X-Mine: 1", status=b"%d Whatever" % status
            )

        rig.provider.answering = answer
        _, head, got = await asked(rig, chat())
        assert (status_of(head), got) == (status, body)
        assert value_of(head, b"content-type") == b"application/problem+json"
        assert value_of(head, b"x-mine") == b"1"
        assert all(value_of(head, name) is not None for name in OWN)
        assert value_of(head, b"x-clawbot-error") is None

    async def test_a_large_error_passes_whole(self, rig: Rig) -> None:
        body = bytes_of(2_000_000)

        async def answer(call: Call) -> None:
            await call.answer(body, status=b"404 Not Found")

        rig.provider.answering = answer
        _, head, got = await asked(rig)
        assert (status_of(head), got) == (404, body)

    async def test_interim_answers_are_not_for_the_client(self, rig: Rig) -> None:
        async def answer(call: Call) -> None:
            await call.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
            await call.answer(b"{}")

        rig.provider.answering = answer
        _, head, got = await asked(rig)
        assert (status_of(head), got) == (200, b"{}")
        assert b"link" not in head

    @pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
    async def test_no_body_where_none_can_be(self, rig: Rig, status: bytes) -> None:
        async def answer(call: Call) -> None:
            await call.send(b"HTTP/1.1 " + status + b"\r\netag: x\r\n\r\n")

        rig.provider.answering = answer
        client = await rig.client()
        for _ in range(2):
            await client.send(request())
            head = await client.head()
            assert head.startswith(b"HTTP/1.1 " + status)
            assert value_of(head, b"transfer-encoding") is None

    async def test_head_tells_the_length_of_what_it_does_not_send(self, rig: Rig) -> None:
        async def answer(call: Call) -> None:
            await call.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: x\r\n\r\n")

        rig.provider.answering = answer
        client = await rig.client()
        for _ in range(2):
            await client.send(request("HEAD"))
            head = await client.head()
            assert value_of(head, b"content-length") == b"12345"

    async def test_options(self, rig: Rig) -> None:
        async def answer(call: Call) -> None:
            await call.send(b"HTTP/1.1 204 No Content\r\nAllow: GET, POST\r\n\r\n")

        rig.provider.answering = answer
        client = await rig.client()
        await client.send(request("OPTIONS", CHAT))
        head = await client.head()
        assert value_of(head, b"allow") == b"GET, POST"
        assert rig.provider.heads[0].line == b"OPTIONS /v1/chat/completions HTTP/1.1"

    async def test_a_provider_cannot_take_the_framing_away(self, rig: Rig) -> None:
        """`Connection` may name any header; the length of the body is not one hop's matter only."""

        async def answer(call: Call) -> None:
            await call.answer(b"{}", b"connection: content-length, content-type", b"content-type: a/b")

        rig.provider.answering = answer
        client = await rig.client()
        for _ in range(2):
            await client.send(request())
            head, body = await client.answer()
            assert value_of(head, b"content-length") == b"2"
            assert body == b"{}"


class TestOwnHeaders:
    async def test_on_success(self, rig: Rig) -> None:
        _, head, _ = await asked(rig, chat())
        record = (await rig.records())[0]
        assert value_of(head, b"x-clawbot-trace-id") == record.trace_id.encode()
        assert value_of(head, b"x-clawbot-key") == str(rig.keys.keys[0].key_id).encode()
        assert value_of(head, b"x-clawbot-attempts") == b"1"
        assert re.fullmatch(rb"\d+\.\d{3}", value_of(head, b"x-clawbot-overhead-ms") or b"")
        assert SECRET.encode() not in head

    async def test_on_a_refusal_before_any_key(self, rig: Rig) -> None:
        rig.keys.keys.clear()
        _, head, _ = await asked(rig, chat())
        assert value_of(head, b"x-clawbot-error") == b"no_key"
        assert value_of(head, b"x-clawbot-trace-id") == (await rig.records())[0].trace_id.encode()
        assert value_of(head, b"x-clawbot-attempts") == b"0"
        assert value_of(head, b"x-clawbot-overhead-ms") is not None
        assert value_of(head, b"x-clawbot-key") is None

    async def test_on_a_refusal_after_trying(self, rig: Rig) -> None:
        async def answer(call: Call) -> None:
            await call.body()
            call.reset()

        rig.provider.answering = answer
        _, head, _ = await asked(rig, chat())
        assert value_of(head, b"x-clawbot-error") == b"upstream_broken"
        assert value_of(head, b"x-clawbot-key") == str(rig.keys.keys[0].key_id).encode()
        assert value_of(head, b"x-clawbot-attempts") == b"1"
        assert value_of(head, b"x-clawbot-overhead-ms") is not None

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (request(target="/v1/nobody/x"), b"unknown_vendor"),
            (request().replace(b"Bearer cbm", b"Bearer abc"), b"token_invalid"),
            (request(target="/v1/openai/../x"), b"bad_path"),
        ],
    )
    async def test_on_every_refusal_there_is_a_trace(self, rig: Rig, data: bytes, code: bytes) -> None:
        _, head, _ = await asked(rig, data)
        assert value_of(head, b"x-clawbot-error") == code
        assert re.fullmatch(rb"[0-9a-f]{32}", value_of(head, b"x-clawbot-trace-id") or b"")
        assert value_of(head, b"x-clawbot-overhead-ms") is not None
