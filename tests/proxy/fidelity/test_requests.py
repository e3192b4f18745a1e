"""What the provider gets is what the client sent, but for what the proxy documents."""

from __future__ import annotations

import os

import pytest

from tests.proxy.rig import CHAT, FILES, SECRET, TOKEN, Rig, request
from tests.support.raw import Call, status_of

BYTES = bytes(range(256)) * 3 + b"\r\n\r\n0\r\n\r\n--x--\r\n" + os.urandom(1000)


async def sent(rig: Rig, data: bytes) -> tuple[Call, bytes]:
    """Send a request; gives the head and the body that the provider got."""
    bodies: list[bytes] = []

    async def take(call: Call) -> None:
        bodies.append(await call.body())
        await call.answer()

    rig.provider.answering = take
    client = await rig.client()
    await client.send(data)
    head, _ = await client.answer()
    assert status_of(head) == 200, head
    return rig.provider.heads[-1], bodies[-1]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_any_method(rig: Rig, method: str) -> None:
    client = await rig.client()
    await client.send(request(method, "/v1/openai/v1/anything"))
    assert status_of(await client.head()) == 200
    assert rig.provider.heads[0].line == b"%b /v1/anything HTTP/1.1" % method.encode()


@pytest.mark.parametrize(
    ("vendor", "given", "wanted"),
    [
        ("openai", "/v1/files/a%2Fb%20c/content", "/v1/files/a%2Fb%20c/content"),
        ("openai", "/v1/models/ft:gpt-4o:org::id", "/v1/models/ft:gpt-4o:org::id"),
        ("mistral", "/v1/models/ft%3Aopen-mistral-7b%3A1", "/v1/models/ft%3Aopen-mistral-7b%3A1"),
        ("google", "/v1beta/models/g-3:countTokens", "/v1beta/models/g-3:countTokens"),
        ("google", "/v1beta/cachedContents/x;y,z(1)!*'@", "/v1beta/cachedContents/x;y,z(1)!*'@"),
        ("openai", "/v1/x/%E4%BD%A0%e5%a5%bd", "/v1/x/%E4%BD%A0%e5%a5%bd"),
        ("openai", "/v1/x/100%25/", "/v1/x/100%25/"),
        ("openai", "/v1/x?a=%2F&b=%3A&a=/:&c", "/v1/x?a=%2F&b=%3A&a=/:&c"),
        ("openai", "/v1/x?q=a+b%20c&&=&%00=1", "/v1/x?q=a+b%20c&&=&%00=1"),
        ("openai", "/v1/x?filter[a][]=1&json={%22a%22:1}|^`", "/v1/x?filter[a][]=1&json={%22a%22:1}|^`"),
        ("google", "/v1beta/models?key=" + TOKEN + "&pageSize=2", "/v1beta/models?pageSize=2"),
    ],
)
async def test_path_and_query_byte_for_byte(rig: Rig, vendor: str, given: str, wanted: str) -> None:
    rig.add_key(vendor)
    call, _ = await sent(rig, request("GET", f"/api/v1/{vendor}{given}"))
    assert call.target == wanted.encode()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat%2Fcompletions",
        "/v1/chat/completions%2f",
        "/v1/fine_tuning%2Fjobs",
        "/v1%2Fmessages%2Fbatches",
    ],
)
async def test_no_second_spelling_of_what_is_metered_or_refused(rig: Rig, path: str) -> None:
    """A provider may take an encoded slash for a slash; then usage would pass by uncounted."""
    client = await rig.client()
    await client.send(request("POST", f"/v1/openai{path}", body=b"{}"))
    head, _ = await client.answer()
    assert status_of(head) in (400, 404)
    assert not rig.provider.heads


@pytest.mark.parametrize("target", [FILES, CHAT, "/v1/openai/v1/unheard-of"])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "audio/wav", None])
async def test_bodies_are_untouched(rig: Rig, target: str, kind: str | None) -> None:
    headers = [f"content-type: {kind}"] if kind else []
    call, body = await sent(rig, request("POST", target, *headers, body=BYTES))
    assert body == BYTES
    assert call.header(b"content-type") == (kind.encode() if kind else None)
    assert call.header(b"content-length") == str(len(BYTES)).encode()


@pytest.mark.parametrize("sizes", [[1] * 50, [65536, 1, 70000], [300_000], []])
async def test_chunked_uploads(rig: Rig, sizes: list[int]) -> None:
    pieces = [os.urandom(size) for size in sizes]
    body = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\nx-trailer: 1\r\n\r\n"
    call, got = await sent(rig, request("POST", FILES, "transfer-encoding: chunked") + body)
    assert got == b"".join(pieces)
    assert call.header(b"transfer-encoding") == b"chunked"
    assert call.header(b"content-length") is None


async def test_a_chunked_body_that_is_read_goes_on_with_its_length(rig: Rig) -> None:
    data = request("POST", CHAT, "content-type: application/json", "transfer-encoding: chunked")
    call, got = await sent(rig, data + b'5\r\n{"mod\r\n8\r\nel":"m"}\r\n0\r\n\r\n')
    assert got == b'{"model":"m"}'
    assert call.header(b"transfer-encoding") is None


async def test_headers_keep_their_order_and_their_bytes(rig: Rig) -> None:
    passing = [
        ("x-b", "2"),
        ("user-agent", "sdk/1 (x; y)"),
        ("accept", "*/*, application/json;q=0.1"),
        ("x-b", "1"),
        ("x-latin", "caf\xe9 \xff"),
        ("x-empty", ""),
        ("anthropic-beta", "a,b"),
        ("x-a", "  inner   spaces"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ]
    lines = [f"{name.title()}: {value}" for name, value in passing]
    dropped = [
        "Cookie: a=b",
        "Connection: keep-alive, x-hop",
        "X-Hop: 1",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "Accept-Encoding: gzip, br",
        "Proxy-Authorization: Basic eA==",
        "Proxy-Connection: keep-alive",
        "X-Forwarded-For: 10.0.0.1",
        "X-Forwarded-Host: evil.example",
        "Forwarded: host=evil.example",
        "Via: 1.1 x",
        "X-Real-IP: 10.0.0.1",
        "OpenAI-Organization: org-theirs",
        "OpenAI-Project: proj",
        "X-Goog-User-Project: p",
        "X-Clawbot-Key: 1",
        "X-ClawBot-Anything: 1",
        "X-Api-Key: another-credential-of-somebody",
        "Api-Key: another-credential-of-somebody",
        "X-Goog-Api-Key: another-credential-of-somebody",
        f"X-Debug: token is {TOKEN}",
    ]
    mixed = [
        one for pair in zip(dropped, [*lines, *[""] * len(dropped)], strict=False) for one in pair if one
    ]
    call, _ = await sent(rig, request("GET", "/v1/openai/v1/x", *mixed))
    own = [
        (b"accept-encoding", b"identity"),
        (b"authorization", f"Bearer {SECRET}".encode()),
    ]
    wanted = [(name.encode(), value.strip().encode("latin-1")) for name, value in passing]
    assert call.headers == [(b"host", rig.provider.url.partition("//")[2].encode()), *wanted, *own]


async def test_the_trace_is_added_when_there_is_no_other(rig: Rig) -> None:
    call, _ = await sent(rig, request())
    record = (await rig.records())[0]
    assert call.header(b"x-request-id") == record.trace_id.encode()


async def test_expect_is_answered_here(rig: Rig) -> None:
    client = await rig.client()
    await client.send(request("POST", FILES, "expect: 100-continue", "content-length: 3"))
    assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"abc")
    head, _ = await client.answer()
    assert status_of(head) == 200
    assert rig.provider.heads[0].header(b"expect") is None
