"""What is read of requests: also of those that only lenient parsers take."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.vendors.dialects import DIALECTS, RequestFacts
from clawbot_manager.vendors.dialects.requests import lenient

CHAT = "/chat/completions"


def of_chat(body: bytes) -> RequestFacts:
    return DIALECTS["openai-chat"].facts(CHAT, body)


class TestStrict:
    def test_body(self) -> None:
        body = b'{"model":"m","stream":true,"stream_options":{"include_usage":false},"x":[1,{"y":2}]}'
        assert of_chat(body) == RequestFacts("m", True, False)

    def test_google_in_the_path(self) -> None:
        facts = DIALECTS["google-generatecontent"].facts("/models/a%2Eb:streamGenerateContent", b"")
        assert facts == RequestFacts("a.b", True)

    def test_ollama_streams_unless_told(self) -> None:
        ollama = DIALECTS["ollama"]
        assert ollama.facts("/api/chat", b'{"model":"m"}').stream
        assert not ollama.facts("/api/chat", b'{"model":"m","stream":false}').stream
        assert not ollama.facts("/api/embed", b'{"model":"m"}').stream

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model":1,"stream":"yes"}', b"[" * 100_000])
    def test_nonsense(self, body: bytes) -> None:
        assert of_chat(body) == RequestFacts()


READ_LENIENTLY = {
    "NaN": b'{"temperature":NaN,"model":"m","stream":true}',
    "Infinity": b'{"model":"m","top_p":-Infinity,"stream":true}',
    "byte order mark": b'\xef\xbb\xbf{"model":"m","stream":true}',
    "UTF-16 with a mark": '{"model":"m","stream":true}'.encode("utf-16"),
    "UTF-16, little": '{"model":"m","stream":true}'.encode("utf-16-le"),
    "UTF-16, big": '{"model":"m","stream":true}'.encode("utf-16-be"),
    "UTF-32 with a mark": '{"model":"m","stream":true}'.encode("utf-32"),
    "UTF-32, big": '{"model":"m","stream":true}'.encode("utf-32-be"),
    "a key twice: the last wins": b'{"model":"x","stream":false,"model":"m","stream":true}',
    "more behind the end": b'{"model":"m","stream":true} and more',
    "two objects": b'{"model":"m","stream":true}{"model":"n"}',
    "comments": b'/* a */ {"model":"m", // b "model":"n"\n "stream":true # c\n}',
    "a comma too many": b'{"model":"m","stream":true,}',
    "control characters in a text": b'{"x":"a\n\tb","model":"m","stream":true}',
    "a lone surrogate": b'{"x":"\\ud83d","model":"m","stream":true}',
    "no UTF-8": b'{"stream":true,"x":"\xff\xfe","model":"m"}',
    "no UTF-8 in what is read": b'{"stream":true,"model":"m","stream_options":{"\xff":1}}',
    "compressed": gzip.compress(b'{"model":"m","stream":true}', mtime=0),
    "marks of comments in a text": b'{"x":"/* \\" // #","model":"m","stream":true,}',
}


class TestLenient:
    @pytest.mark.parametrize("body", READ_LENIENTLY.values(), ids=READ_LENIENTLY)
    def test_read_as_lenient_parsers_do(self, body: bytes) -> None:
        assert of_chat(body) == RequestFacts("m", True)

    @pytest.mark.parametrize(
        "body", [b"not json", b"\x00\x01\x02", b'{"model":', b"[1]", b"\x1f\x8bbroken", b'"a', b"{" * 99_999]
    )
    def test_what_cannot_be_read(self, body: bytes) -> None:
        assert lenient(body) is None

    @pytest.mark.parametrize(
        "part", ["/*", '\\"', "," + " " * 50, "/**", '"', "/* ", "#", "//", "{[", "\\u0000", "NaN,"]
    )
    def test_hostile_bodies_take_linear_time(self, part: str) -> None:
        """In quadratic time these would run into the time limit of all tests."""
        body = ('{"x":"' if part.startswith("\\") else '{"x":1,') + part * ((3 << 20) // len(part))
        assert lenient(body.encode()) is None

    def test_too_large(self) -> None:
        assert lenient(b'{"model":"m","x":NaN' + b" " * (5 << 20) + b"}") is None
        assert lenient(gzip.compress(b'{"model":"m","x":"' + b" " * (50 << 20) + b'"}')) is None

    @given(st.binary(max_size=200) | st.text('{}[]":,/*#\\ \nm1', max_size=60).map(str.encode))
    def test_never_raises(self, body: bytes) -> None:
        for dialect in DIALECTS.values():
            assert isinstance(dialect.facts("/responses", body), RequestFacts)

    @given(
        st.dictionaries(st.sampled_from(["model", "stream", "stream_options", "x"]), st.none() | st.text())
    )
    def test_strict_and_lenient_agree(self, content: dict[str, str | None]) -> None:
        strict = of_chat(json.dumps(content).encode())
        assert of_chat(b"\xef\xbb\xbf" + json.dumps(content).encode()) == strict


class TestBackground:
    @pytest.mark.parametrize(
        ("dialect", "path"), [("openai-responses", "/responses"), ("google-generatecontent", "/interactions")]
    )
    @pytest.mark.parametrize(
        ("body", "background"),
        [
            (b'{"background":true}', True),
            (b'{"background":true,"stream":true}', True),
            (b'{"background":"true"}', True),
            (b'{"background":1}', True),
            ('{"background":true}'.encode("utf-16"), True),
            (b'{"background":true,}', True),
            (b'{"background":false,"background":true}', True),
            (b'{"background":false}', False),
            (b'{"background":null}', False),
            (b'{"input":"background"}', False),
            (b"", False),
            (b"what no parser here reads", True),
        ],
    )  # fmt: skip
    def test_asked_for(self, dialect: str, path: str, body: bytes, background: bool) -> None:
        assert DIALECTS[dialect].facts(path, body).background is background

    def test_elsewhere_it_means_nothing(self) -> None:
        assert not of_chat(b'{"background":true}').background
        assert not of_chat(b"what no parser here reads").background
