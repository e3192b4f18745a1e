"""Whole conversations: what a client sends on one connection, and what the provider answers, in turn."""

from __future__ import annotations

from dataclasses import dataclass

from tests.proxy.rig import FILES, chat, request

MODELS = "/v1/openai/v1/models"
LAST = b"0\r\n\r\n"


@dataclass(frozen=True)
class Conversation:
    """`methods` are those of the requests that get an answer. `ends`: the provider closes after its last one.

    `spoilt`: bytes of the answer are not valid, and how much of it goes on before that is seen may differ.
    """

    name: str
    sent: bytes
    answers: tuple[bytes, ...]
    methods: tuple[str, ...] = ("GET",)
    ends: bool = False
    spoilt: bool = False

    def __str__(self) -> str:
        return self.name


def answer(body: bytes = b"ok", *lines: bytes, status: bytes = b"200 OK") -> bytes:
    """An answer of known length."""
    return b"\r\n".join([b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *lines, b"", b""]) + body


def chunked(*pieces: bytes, end: bytes = LAST) -> bytes:
    """An answer in chunks."""
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks(*pieces, end=end)


def chunks(*pieces: bytes, end: bytes = LAST) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + end


def old(data: bytes) -> bytes:
    return data.replace(b"HTTP/1.1", b"HTTP/1.0", 1)


_UPLOAD = request("POST", FILES, "transfer-encoding: chunked")
_EXPECTING = request("POST", FILES, "expect: 100-continue", body=b"12345")
_MIXED = (
    request() + chat() + request("HEAD") + _UPLOAD + chunks(b"x", b"y") + request("PUT", FILES, body=b"z")
)
_TWO = ("GET", "GET")
_LINES = ("x-mine: 1", "x-empty:", "x-latin: \xe9", "content-type: text/plain")

PLAIN = [
    Conversation("get", request("GET", MODELS, *_LINES), (answer(b"models", b"x-theirs: 2"),)),
    Conversation("get with a query", request("GET", MODELS + "?a=b%20c&d"), (answer(),)),
    Conversation("post", chat(), (answer(b'{"id":1}', b"content-type: application/json"),), ("POST",)),
    Conversation("head", request("HEAD"), (b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n",), ("HEAD",)),
    Conversation("put", request("PUT", FILES, body=b"\x00\xff" * 500), (answer(),), ("PUT",)),
    Conversation("patch", request("PATCH", FILES, body=b"{}"), (answer(),), ("PATCH",)),
    Conversation("delete", request("DELETE", FILES), (answer(),), ("DELETE",)),
    Conversation("delete with a body", request("DELETE", FILES, body=b"why"), (answer(),), ("DELETE",)),
    Conversation("options", request("OPTIONS", FILES), (answer(b""),), ("OPTIONS",)),
    Conversation("get with a body", request("GET", MODELS, body=b"what"), (answer(),)),
    Conversation("post of nothing", request("POST", FILES, body=b""), (answer(),), ("POST",)),
    Conversation("upload in chunks", _UPLOAD + chunks(b"one", b"two" * 100, b"\r\n"), (answer(),), ("POST",)),
    Conversation(
        "extensions and trailers",
        _UPLOAD + b'3;a=b\r\none\r\n003;c="d"\r\ntwo\r\n0;e\r\nx-trailer: 1\r\n\r\n',
        (answer(),),
        ("POST",),
    ),
    Conversation("absolute form", request("GET", "http://other" + MODELS), (answer(),)),
    Conversation("a blank line first", b"\r\n" + request(), (answer(),)),
    Conversation("expect", _EXPECTING, (answer(),), ("POST",)),
    Conversation("upgrade", request("GET", MODELS, "connection: upgrade", "upgrade: h2c"), (answer(),)),
    Conversation("old version", old(request()), (answer(),)),
    Conversation("old version, chunks", old(request()), (chunked(b"one", b"two"),)),
    Conversation(
        "old version, kept",
        old(request("GET", MODELS, "connection: keep-alive")) + old(request()),
        (answer(b"first"), answer(b"second")),
        _TWO,
    ),
    Conversation("connection: close", request("GET", MODELS, "connection: close") + request(), (answer(),)),
    Conversation("answer in chunks", request() * 2, (chunked(b"one", b"two"), chunked(b"three")), _TWO),
    Conversation("chunks in capitals", request(), (chunked(end=b"A\r\n0123456789\r\n" + LAST),)),
    Conversation(
        "answer with extensions and trailers",
        request() * 2,
        (chunked(b"a", end=b"1;x=y\r\nb\r\n0;z\r\nx-trailer: 1\r\n\r\n"), answer(b"next")),
        _TWO,
    ),
    Conversation("answer of nothing", request(), (chunked(),)),
    Conversation("answer to the end", request(), (b"HTTP/1.1 200 OK\r\n\r\nto the end",), ends=True),
    Conversation("answer to the end, old", request(), (b"HTTP/1.0 200 OK\r\n\r\nto the end",), ends=True),
    Conversation("old to the end", old(request()), (b"HTTP/1.1 200 OK\r\n\r\nto the end",), ends=True),
    Conversation("no reason", request(), (b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok",)),
    Conversation(
        "no bodies",
        request("HEAD") + request("HEAD") + request() * 3,
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b'HTTP/1.1 304 Not Modified\r\netag: "x"\r\n\r\n',
            answer(b"body"),
        ),
        ("HEAD", "HEAD", "GET", "GET", "GET"),
    ),
    Conversation("continue", request(), (b"HTTP/1.1 100 Continue\r\n\r\n" + answer(),)),
    Conversation(
        "early hints", request(), (b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 2 + answer(b"late"),)
    ),
    Conversation("not found", request(), (answer(b"no such thing", status=b"404 Not Found"),)),
    Conversation("not acceptable", chat(), (answer(b"{}", status=b"422 Unprocessable"),), ("POST",)),
    Conversation("redirect", request(), (answer(b"", b"location: /elsewhere", status=b"302 Found"),)),
    Conversation(
        "many",
        _MIXED * 2,
        (answer(b"1"), chunked(b"2", b"2"), answer(b""), answer(b"4"), answer(b"5" * 300)) * 2,
        ("GET", "POST", "HEAD", "POST", "PUT") * 2,
    ),
    Conversation(
        "stream",
        chat(stream=True),
        (
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            + chunks(b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n', b"data: [DONE]\n\n"),
        ),
        ("POST",),
    ),
]

BROKEN = [
    Conversation("short of its length", request(), (answer(b"0123456789")[:-4],), ends=True),
    Conversation("short of its length, old", old(request()), (answer(b"0123456789")[:-4],), ends=True),
    Conversation("no last chunk", request(), (chunked(b"half", end=b""),), ends=True),
    Conversation("no last chunk, old", old(request()), (chunked(b"half", end=b""),), ends=True),
    Conversation("half a chunk", request(), (chunked(b"half", end=b"a\r\nhalf"),), ends=True),
    Conversation("no end of the trailers", request(), (chunked(b"half", end=b"0\r\nx: y\r\n"),), ends=True),
    Conversation("no chunks", request(), (chunked(b"half", end=b"nonsense\r\n"),), spoilt=True),
    Conversation("half a head", request(), (answer()[:20],), ends=True),
    Conversation("no head", request(), (b"nonsense\r\n\r\n",), ends=True),
    Conversation("nothing", request(), (b"",), ends=True),
    Conversation("both lengths", request(), (answer(b"ok", b"transfer-encoding: chunked"),), ends=True),
    Conversation("two lengths", request(), (answer(b"ok", b"content-length: 3"),), ends=True),
    Conversation("no length", request(), (b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nok",), ends=True),
]

# what comes with an answer and is no part of it; alone it comes too late to be told from the next answer
EXCESS = [
    Conversation("more than its length", request() * 2, (answer() + answer(b"evil"), answer(b"next")), _TWO),
    Conversation("more than its chunks", request() * 2, (chunked(b"ok") + b"evil", answer(b"next")), _TWO),
]

_HIDDEN = request("GET", "/v1/openai/v1/hidden")

BAD = [
    Conversation(name, request("POST", FILES, *lines) + body + _HIDDEN, (), ("POST",))
    for name, lines, body in [
        ("length and chunks", ("content-length: 5", "transfer-encoding: chunked"), LAST),
        ("chunks and length", ("transfer-encoding: chunked", "content-length: 5"), LAST),
        ("two equal lengths", ("content-length: 5", "content-length: 5"), b"12345"),
        ("two differing lengths", ("content-length: 5", "content-length: 6"), b"123456"),
        ("a signed length", ("content-length: +5",), b"12345"),
        ("a length in hex", ("content-length: 0x5",), b"12345"),
        ("a list of lengths", ("content-length: 5, 5",), b"12345"),
        ("xchunked", ("transfer-encoding: xchunked",), LAST),
        ("chunked twice", ("transfer-encoding: chunked, chunked",), LAST),
        ("identity", ("transfer-encoding: identity",), b""),
        ("blank before the colon", ("content-length : 5",), b"12345"),
        ("folded", ("content-length: 5", " folded"), b"12345"),
        ("nul", ("x: a\x00b",), b""),
        ("no name", (": x",), b""),
        ("two hosts", ("host: other",), b""),
        ("chunk size in 0x", ("transfer-encoding: chunked",), b"0x5\r\nhello\r\n" + LAST),
        ("signed chunk size", ("transfer-encoding: chunked",), b"+5\r\nhello\r\n" + LAST),
        ("huge chunk size", ("transfer-encoding: chunked",), b"f" * 17 + b"\r\nhello\r\n" + LAST),
        ("chunk without its end", ("transfer-encoding: chunked",), b"5\r\nhello" + LAST),
    ]
] + [
    Conversation("no host", b"GET /v1/openai/v1/models HTTP/1.1\r\n\r\n", ()),
    Conversation("no version", b"GET /v1/openai/v1/models HTTP/1.x\r\nhost: h\r\n\r\n", ()),
    Conversation("a version to come", b"GET /v1/openai/v1/models HTTP/2.0\r\nhost: h\r\n\r\n", ()),
    Conversation(
        "a bad one behind a good one", request() + b"G\x00T /v1/x/ HTTP/1.1\r\n\r\n", (answer(),), _TWO
    ),
]
