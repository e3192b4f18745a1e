"""A provider that echoes the key, wherever it can: the bot never gets it, and nothing is held for long."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from urllib.parse import quote

import pytest

from tests.proxy.rig import CHAT, FILES, Rig, chat, request
from tests.support.raw import Call, RawClient, status_of, value_of

KEY = "sk-echo/ed+key==of-the-provider"
JSON = b"content-type: application/json"
SPELLINGS = [KEY, KEY.replace("/", "\\/"), json.dumps(KEY)[1:-1].replace("=", "\\u003D"), quote(KEY, safe="")]
spelt = pytest.mark.parametrize("spelling", SPELLINGS, ids=["plain", "slash", "unicode", "percent"])


@pytest.fixture(autouse=True)
def key(rig: Rig) -> None:
    rig.keys.keys.clear()
    rig.add_key("openai", KEY)


def answers(rig: Rig, body: bytes, *headers: bytes, status: bytes = b"200 OK") -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.answer(body, *headers, status=status)

    rig.provider.answering = answer


async def asked(rig: Rig, data: bytes | None = None) -> tuple[bytes, bytes]:
    client = await rig.client()
    await client.send(data or chat())
    return await client.answer()


def holds(*texts: bytes) -> bool:
    """Whether the key can be read anywhere."""
    return any(one.encode() in text for one in SPELLINGS for text in texts)


@spelt
@pytest.mark.parametrize("data", [chat(), request(target="/v1/openai/v1/unheard-of")], ids=["chat", "other"])
async def test_in_a_body(rig: Rig, spelling: str, data: bytes) -> None:
    answers(rig, f'{{"you sent": "{spelling}"}}'.encode(), JSON)
    head, body = await asked(rig, data)
    assert status_of(head) == 200
    assert not holds(head, body)
    assert body == b'{"you sent": "' + b"*" * len(spelling) + b'"}'


@spelt
async def test_in_a_head(rig: Rig, spelling: str) -> None:
    place = f"https://elsewhere.example/?key={spelling}".encode()
    answers(rig, b"{}", b"Location: " + place, b"X-Debug: got " + spelling.encode(), JSON)
    client = await rig.client()
    for _ in range(3):  # the heads behind the first go by its shape
        await client.send(chat())
        head, _ = await client.answer()
        assert not holds(head)
        assert value_of(head, b"x-debug") == b"got ***"
        assert value_of(head, b"location") == b"https://elsewhere.example/?key=***"


async def test_in_the_reason(rig: Rig) -> None:
    answers(rig, b"{}", JSON, status=b"200 " + KEY.encode())
    head, _ = await asked(rig)
    assert not holds(head)


@spelt
@pytest.mark.parametrize("size", [1, 2, 5, 17])
async def test_across_chunks(rig: Rig, spelling: str, size: int) -> None:
    text = f"data: before {spelling} between {spelling} behind\n\n".encode()

    async def answer(call: Call) -> None:
        await call.body()
        await call.begin(b"content-type: text/event-stream")
        for start in range(0, len(text), size):
            await call.chunk(text[start : start + size])
        await call.chunk(b"")

    rig.provider.answering = answer
    _, body = await asked(rig, chat(stream=True))
    assert body == text.replace(spelling.encode(), b"*" * len(spelling))


@spelt
@pytest.mark.parametrize("status", [b"400 Bad", b"401 No", b"403 No", b"429 Slow", b"500 Oops"])
async def test_in_an_error(rig: Rig, spelling: str, status: bytes) -> None:
    answers(rig, f'{{"error":{{"message":"bad key {spelling}"}}}}'.encode(), JSON, status=status)
    head, body = await asked(rig)
    assert status_of(head) == int(status[:3])
    assert body == b'{"error":{"message":"bad key ***"}}'
    assert value_of(head, b"content-length") == str(len(body)).encode()


async def test_in_an_error_that_escapes_everything(rig: Rig) -> None:
    said = "".join(f"\\u{ord(one):04x}" for one in KEY)
    answers(rig, f'{{"error":"{said}"}}'.encode(), JSON, status=b"401 No")
    assert (await asked(rig))[1] == b'{"error":"***"}'


@spelt
async def test_in_an_error_that_is_too_large_to_be_read(rig: Rig, spelling: str) -> None:
    part = b"x" * 300_000
    answers(
        rig,
        part + spelling.encode() + part + spelling.encode(),
        b"content-type: text/plain",
        status=b"400 Bad",
    )
    head, body = await asked(rig)
    stars = b"*" * len(spelling)
    assert (status_of(head), body) == (400, part + stars + part + stars)


@pytest.mark.parametrize("status", [b"401 No", b"429 Slow"])
async def test_in_a_packed_error(rig: Rig, status: bytes) -> None:
    packed = gzip.compress(f'{{"error":{{"message":"{KEY}"}}}}'.encode())
    answers(rig, packed, JSON, b"Content-Encoding: gzip", status=status)
    head, body = await asked(rig)
    assert body == b'{"error":{"message":"***"}}'
    assert value_of(head, b"content-encoding") is None


async def test_a_packed_error_means_what_it_says(rig: Rig) -> None:
    """It is understood before the key is judged by it."""
    body = gzip.compress(b'{"error":{"code":"insufficient_quota","type":"insufficient_quota"}}')
    answers(rig, body, JSON, b"content-encoding: gzip", status=b"429 Too Many")
    await asked(rig)
    assert rig.keys.reports[0].reason == "quota_exhausted"


async def test_in_a_packed_error_that_is_too_large(rig: Rig) -> None:
    noise = random.Random(5).randbytes(600_000)
    answers(rig, gzip.compress(KEY.encode() + noise), b"content-encoding: gzip", status=b"400 Bad")
    head, body = await asked(rig)
    assert status_of(head) == 400
    assert body.startswith(b"***")
    assert not holds(head, body)


@pytest.mark.parametrize("level", [0, 9])
async def test_in_a_packed_answer(rig: Rig, level: int) -> None:
    """What nobody asked for and nobody can mask breaks off, before anything of the key is out."""
    packed = gzip.compress(b'{"a":"' + b"text " * 10_000 + KEY.encode() + b'"}', level)
    answers(rig, packed, JSON, b"content-encoding: gzip")
    client = await rig.client()
    await client.send(chat())
    await client.head()
    got = await client.rest()
    assert len(got) < len(packed)
    assert KEY.encode()[:-1] not in zlib.decompressobj(47).decompress(got)
    record = (await rig.records())[0]
    assert (record.status, record.error_code) == (200, "key_in_answer")


async def test_a_packed_answer_without_the_key_passes_as_it_is(rig: Rig) -> None:
    generator = random.Random(7)
    numbers = [generator.random() for _ in range(5000)]
    packed = gzip.compress(json.dumps({"embedding": numbers}).encode())

    async def answer(call: Call) -> None:
        await call.body()
        await call.begin(JSON, b"content-encoding: gzip")
        for start in range(0, len(packed), 97):
            await call.chunk(packed[start : start + 97])
        await call.chunk(b"")

    rig.provider.answering = answer
    head, body = await asked(rig)
    assert value_of(head, b"content-encoding") == b"gzip"
    assert body == packed


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip, br"])
async def test_an_answer_that_cannot_be_looked_into(rig: Rig, encoding: bytes) -> None:
    rig.add_key("openai", "sk-another-that-is-not-tried-for-that")
    answers(rig, b"???", JSON, b"content-encoding: " + encoding)
    head, body = await asked(rig)
    assert (status_of(head), value_of(head, b"x-clawbot-error")) == (502, b"upstream_packed")
    assert b"???" not in body
    assert len(rig.provider.heads) == 1
    assert (await rig.records())[0].error_code == "upstream_packed"


async def test_a_stream_of_packed_events(rig: Rig) -> None:
    """Usage was asked for, but what it is hidden in can't be opened: it passes as it is."""
    packed = gzip.compress(b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\ndata: [DONE]\n\n')
    answers(rig, packed, b"content-type: text/event-stream", b"content-encoding: gzip")
    assert (await asked(rig, chat(stream=True)))[1] == packed


ECHOES: dict[str, tuple[bytes, list[bytes], bytes]] = {
    "body": (f'{{"you":"{KEY}"}}'.encode(), [], b"200 OK"),
    "escaped": (f'{{"you":"{SPELLINGS[2]}"}}'.encode(), [], b"200 OK"),
    "header": (b"{}", [b"x-echo: " + KEY.encode()], b"200 OK"),
    "packed": (gzip.compress(KEY.encode()), [b"content-encoding: gzip"], b"200 OK"),
    "unknown": (b"?", [b"content-encoding: br"], b"200 OK"),
    "error": (f'{{"error":"{KEY}"}}'.encode(), [], b"400 Bad"),
    "reason": (b"{}", [], b"200 " + KEY.encode()),
}


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("before", range(4))
async def test_on_a_connection_that_has_served_before(rig: Rig, echo: str, before: int) -> None:
    """The usual request goes a shorter way from the second on, and the usual head from the third."""
    client = await rig.client()
    answers(rig, b"{}", JSON)
    for _ in range(before):
        await client.send(chat())
        assert (await client.answer())[1] == b"{}"
    body, headers, status = ECHOES[echo]
    answers(rig, body, JSON, *headers, status=status)
    await client.send(chat())
    head = await client.head()
    rest = await client.exactly(int(value_of(head, b"content-length") or b"0")) if echo != "packed" else b""
    assert not holds(head, rest)
    if echo == "packed":
        assert KEY.encode()[:-1] not in zlib.decompressobj(47).decompress(await client.rest())


async def test_in_an_interim_answer(rig: Rig) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.send(b"HTTP/1.1 103 Early Hints\r\nlink: <" + KEY.encode() + b">\r\n\r\n")
        await call.answer(b"{}")

    rig.provider.answering = answer
    head, body = await asked(rig)
    assert (status_of(head), body) == (200, b"{}")
    assert not holds(head)


async def test_in_a_trailer(rig: Rig) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.begin(JSON, b"trailer: x-key")
        await call.send(b"2\r\n{}\r\n0\r\nx-key: " + KEY.encode() + b"\r\n\r\n")

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat("connection: close"))
    assert not holds(await client.rest())


async def test_in_an_answer_that_breaks_off(rig: Rig) -> None:
    async def answer(call: Call) -> None:
        await call.body()
        await call.begin(b"content-type: text/event-stream")
        await call.chunk(b"data: " + KEY.encode()[:-1])
        call.reset()

    rig.provider.answering = answer
    client = await rig.client()
    await client.send(chat(stream=True))
    got = await _until_broken(client)
    assert KEY.encode()[:-1] not in got


async def test_in_a_file(rig: Rig) -> None:
    """A key that was uploaded as a text of the bot's own comes back masked: it is the provider's key."""
    answers(rig, b"\x00\x01" + KEY.encode() + b"\xff", b"content-type: application/octet-stream")
    _, body = await asked(rig, request(target=f"{FILES}/f/content"))
    assert body == b"\x00\x01" + b"*" * len(KEY) + b"\xff"


async def test_a_key_of_another_try(rig: Rig) -> None:
    """Whose key was tried first is not told by the one that is tried next."""
    rig.add_key("openai", "sk-the-second-key-of-this-bot")
    told: list[bytes] = []

    async def answer(call: Call) -> None:
        await call.body()
        told.append(call.header(b"authorization") or b"")
        await call.answer(b'{"error":"' + told[-1] + b'"}', JSON, status=b"401 No")

    rig.provider.answering = answer
    _, body = await asked(rig)
    assert len(told) == 2
    assert body == b'{"error":"Bearer ***"}'


async def test_nothing_is_copied_that_holds_no_key(rig: Rig) -> None:
    """The usual answer is not even looked at twice: same bytes, one piece."""
    body = b'{"a":"%b"}' % (b"sk-" * 1000)
    answers(rig, body, JSON)
    assert (await asked(rig, request("POST", CHAT, body=b"{}")))[1] == body


async def _until_broken(client: RawClient) -> bytes:
    try:
        return await client.head() + await client.rest()
    except ConnectionError:
        return b""
