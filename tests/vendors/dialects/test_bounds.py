"""What hostile answers cost: bounded memory, linear time, and never the pass-through."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.vendors.dialects import DIALECTS, Collector, reader_for
from clawbot_manager.vendors.dialects.bodies import JsonReader
from clawbot_manager.vendors.dialects.inflate import MOST_INFLATED, InflatingReader
from clawbot_manager.vendors.dialects.readers import NdjsonReader, OpaqueReader, SseReader
from clawbot_manager.vendors.usage import Usage
from tests.vendors.dialects.reading import JSON, NDJSON, PATHS, SSE, answer, facts, pieces, read, sse

EXTRA = sse([{"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}])
TOLD = Usage(1, 2, source="provider")


def collector(dialect: str = "openai-chat") -> Collector:
    return DIALECTS[dialect].collector(PATHS[dialect])


class TestStreams:
    @given(cuts=st.lists(st.integers(min_value=0, max_value=1200), max_size=200))
    def test_large_event_is_passed_over_and_the_next_is_read(self, cuts: list[int]) -> None:
        large = b"data: " + b'{"usage":{"prompt_tokens":9}}' + b" " * 1000 + b"\n\n"
        whole, cut = (SseReader(collector(), max_event=100) for _ in range(2))
        for piece in pieces(large + EXTRA, cuts):
            cut.feed(piece)
            assert len(cut._splitter._pending) <= 200
        whole.feed(large + EXTRA)
        assert whole.finish().usage == TOLD
        assert facts(cut.finish()) == facts(whole.finish())

    @given(cuts=st.lists(st.integers(min_value=0, max_value=1200), max_size=200))
    def test_large_line_is_passed_over_and_the_next_is_read(self, cuts: list[int]) -> None:
        data = b'{"eval_count":9,"x":"' + b"x" * 1000 + b'"}\n{"eval_count":2}'
        whole, cut = (NdjsonReader(collector("ollama"), max_line=100) for _ in range(2))
        for piece in pieces(data, cuts):
            cut.feed(piece)
            assert len(cut._pending) <= 100
        whole.feed(data)
        assert whole.finish().usage.output_tokens == 2
        assert facts(cut.finish()) == facts(whole.finish())

    @pytest.mark.parametrize(
        ("dialect", "path", "event"),
        [
            (
                "openai-responses",
                "/responses",
                {
                    "type": "response.completed",
                    "response": {
                        "model": "m",
                        "output": [{"type": "image_generation_call", "result": "A" * (3 << 20)}],
                        "tools": [{"parameters": {"properties": {"usage": {"type": "object"}}}}],
                        "usage": {"input_tokens": 1, "output_tokens": 2},
                    },
                },
            ),
            (
                "openai-other",
                "/images/edits",
                {"b64_json": "A" * (3 << 20), "usage": {"input_tokens": 1, "output_tokens": 2}},
            ),
            (
                "google-generatecontent",
                "/models/m:streamGenerateContent",
                {
                    "candidates": [{"content": {"parts": [{"inlineData": {"data": "A" * (3 << 20)}}]}}],
                    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2},
                },
            ),
            (
                "openai-chat",
                "/chat/completions",
                {
                    "usage": {"prompt_tokens": 1, "completion_tokens": 2},
                    "choices": [{"delta": {"images": [{"url": "A" * (3 << 20)}]}}],
                },
            ),
        ],
    )
    def test_counts_beside_a_picture(self, dialect: str, path: str, event: Any) -> None:
        """An event that is too large to be decoded is looked at from both ends."""
        for data, content_type in ((sse([event]), SSE), (sse([event])[6:-1], NDJSON)):
            for cuts in ([], list(range(0, len(data), 60_000)), [5, len(data) - 5]):
                assert read(dialect, pieces(data, cuts), content_type, path=path).usage == TOLD

    @pytest.mark.parametrize("content_type", [SSE, NDJSON, JSON, ""])
    @pytest.mark.parametrize(
        "part",
        [
            b"data: x\n",
            b"data: " + b"x" * 500 + b"\n",
            b": x\n\n",
            b"data: " + b"x" * 5000,
            b"\0" * 9000,
            b"\n",
            b"\r",
            b'{"usage":',
            b"[" * 999,
            b'data: {"a":' * 99,
            b'"usage": {"prompt_tokens":',
            b"\xff\xfe" * 999,
        ],
        ids=range(12),
    )
    def test_megabytes_without_an_end(self, content_type: str, part: bytes) -> None:
        """Ten of them; fewer of parts that are so small that the test itself takes longest."""
        reader: Any = reader_for(collector(), content_type)
        for _ in range(((10 if len(part) > 99 else 2) << 20) // len(part) // 64):
            reader.feed(part * 64)
            held = getattr(reader, "_pending", b"") or getattr(reader, "_body", b"")
            splitter = getattr(reader, "_splitter", None)
            held = splitter._pending if splitter is not None else held
            assert len(held) <= (1 << 20) + 700_000
        assert reader.finish().usage.source == "none"

    @pytest.mark.parametrize("content_type", [SSE, NDJSON])
    def test_sample_is_small_however_long_the_stream(self, content_type: str) -> None:
        reader: Any = reader_for(collector(), content_type)
        for _ in range(1000):
            reader.feed(b'data: {"choices":[{"delta":{"content":"x"}}],"model":"m"}\n\n' * 100)
        assert sum(map(len, reader._sample)) == 4096
        assert len(reader._sample) <= 4096

    @pytest.mark.parametrize("count", [1, 5000])
    def test_marks_everywhere_take_linear_time(self, count: int) -> None:
        chunk = sse([{"model": "m", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}])
        quiet = sse([{"choices": [{"delta": {"content": "x" * 300}}]}])
        assert read("openai-chat", (quiet + chunk) * count, SSE).usage == TOLD


class TestBodies:
    @given(cuts=st.lists(st.integers(min_value=0, max_value=400_000), max_size=9))
    def test_large_body_keeps_its_ends(self, cuts: list[int]) -> None:
        body = b'{"model":"m-1","data":"' + b"x" * 250_000 + b'","usage":{"prompt_tokens":4}}'
        whole, cut = (JsonReader(collector("openai-other"), max_body=70_000) for _ in range(2))
        for piece in pieces(body, cuts):
            cut.feed(piece)
            assert len(cut._body) <= 140_000 + len(piece)
        whole.feed(body)
        reading = cut.finish()
        assert (reading.usage.input_tokens, reading.model) == (4, "m-1")
        assert facts(reading) == facts(whole.finish())

    def test_usage_before_a_large_text(self) -> None:
        """Perplexity tells its usage first."""
        body = (
            answer({"prompt_tokens": 1, "completion_tokens": 2})[:-1]
            + b',"choices":"'
            + b"x" * (2 << 20)
            + b'"}'
        )
        assert read("openai-chat", pieces(body, [1000, 9000, 900_000]), JSON).usage == TOLD

    @pytest.mark.parametrize(
        "body",
        [
            b'{"model":"m","logprob":NaN,"usage":{"prompt_tokens":1,"completion_tokens":2}}',
            b'{"model":"m","logprob":-Infinity,"usage":{"prompt_tokens":1,"completion_tokens":2}}',
            b'{"model":"m","x":"\xff","usage":{"prompt_tokens":1,"completion_tokens":2}}',
            b'{"usage":{"prompt_tokens":1,"completion_tokens":2},"model":"m","x":"cut he',
            b'{"usage":{"prompt_tokens":9},"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2}}',
            b'data: {"model":"m"}\n\ndata: {"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n',
            b'{"model":"m"}\n{"usage": {"prompt_tokens":1,"completion_tokens":2}}\n',
        ],
        ids=["NaN", "Infinity", "no UTF-8", "cut", "a key twice", "events in truth", "lines in truth"],
    )
    @pytest.mark.parametrize(
        "content_type", [JSON, "text/plain; charset=utf-8", "application/problem+json", ""]
    )
    def test_not_quite_json(self, body: bytes, content_type: str) -> None:
        reading = read("openai-chat", body, content_type)
        assert (reading.usage, reading.model) == (TOLD, "m")

    def test_words_in_a_text_are_no_counts(self) -> None:
        said = 'he said "usage": {"prompt_tokens": 99}'
        body = json.dumps({"model": "m", "choices": [{"message": {"content": said}}]}).encode()
        assert read("openai-chat", body).usage == Usage()
        assert read("openai-chat", body[:-3]).usage == Usage()

    def test_one_piece_is_not_copied(self) -> None:
        reader = JsonReader(collector())
        body = answer({"prompt_tokens": 1, "completion_tokens": 2})
        reader.feed(body)
        assert reader._body is body

    def test_deep_json(self) -> None:
        for data in (b"[" * 500_000, b'{"a":' * 200_000, b'{"usage":' + b"[" * 100_000):
            assert read("openai-chat", data).usage == Usage()
            assert read("openai-chat", b"data: " + data + b"\n\n", SSE).usage == Usage()


def deflated(data: bytes, window: int) -> bytes:
    packer = zlib.compressobj(wbits=window)
    return packer.compress(data) + packer.flush()


class TestPacked:
    BODY = answer({"prompt_tokens": 1, "completion_tokens": 2})

    @pytest.mark.parametrize(
        ("packed", "encoding"),
        [
            (gzip.compress(BODY, mtime=0), "gzip"),
            (gzip.compress(BODY, mtime=0), " X-GZip "),
            (gzip.compress(BODY[:30], mtime=0) + gzip.compress(BODY[30:], mtime=0), "gzip"),
            (deflated(BODY, 15), "deflate"),
            (deflated(BODY, -15), "deflate"),
            (BODY, "identity"),
        ],
    )
    def test_read(self, packed: bytes, encoding: str) -> None:
        assert read("openai-chat", packed, encoding=encoding).usage == TOLD
        assert read("openai-chat", pieces(packed, list(range(200))), encoding=encoding).usage == TOLD

    def test_cut(self) -> None:
        reading = read("openai-chat", gzip.compress(EXTRA * 900)[:-9], SSE, encoding="gzip")
        assert reading.usage == TOLD

    @pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "nonsense"])
    def test_not_read(self, encoding: str) -> None:
        reading = read("openai-chat", b"\x1b\x02 packed", encoding=encoding)
        assert (reading.usage, reading.passed, reading.sample) == (Usage(), 9, b"")

    def test_bomb(self) -> None:
        """What unpacks to a hundred megabytes is read up to a bound, a little at a time."""
        fed: list[int] = []

        class Spy(OpaqueReader):
            def feed(self, data: bytes) -> None:
                fed.append(len(data))

        packer = zlib.compressobj(9)
        bomb = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(128)) + packer.flush()
        reader = InflatingReader(Spy(collector()))
        for piece in pieces(bomb, list(range(0, len(bomb), 1000))):
            reader.feed(piece)
        assert sum(fed) == MOST_INFLATED
        assert max(fed) <= 64 << 10

    def test_bomb_of_empty_members(self) -> None:
        """Gzip members that unpack to nothing, one after the other: linear all the same."""
        packed = gzip.compress(b"") * 50_000
        assert read("openai-chat", packed, encoding="gzip").usage == Usage()
