"""What is worked out when nobody tells."""

from __future__ import annotations

import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawbot_manager.vendors.dialects import Reading, usage_of
from clawbot_manager.vendors.dialects.estimate import tokens, tokens_of_answer, tokens_of_request
from clawbot_manager.vendors.usage import Usage
from tests.vendors.dialects.reading import JSON, SSE, read, sse


class TestTokens:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("", 0),
            ("four letters are a token", 24 / 4),
            ("十二个字大约是八个词元", 11 / 1.5),
            ("ひらがなとカタカナ", 9 / 1.5),
            ("한국어도 그렇다", 7 / 1.5 + 1 / 4),
            ("Кириллица", 9 / 2.5),
            ("naïve", 4 / 4 + 1 / 2.5),
            ("नमस्ते", 6 / 2),
            ("สวัสดี", 6 / 2),
            ("👍", 2),
        ],
    )
    def test_by_script(self, text: str, expected: float) -> None:
        assert tokens(text.encode()) == pytest.approx(expected)

    @given(st.text(), st.text())
    def test_adds_up(self, one: str, other: str) -> None:
        both = tokens((one + other).encode("utf-8", "ignore"))
        assert both == pytest.approx(
            tokens(one.encode("utf-8", "ignore")) + tokens(other.encode("utf-8", "ignore"))
        )

    @given(st.binary())
    def test_any_bytes(self, data: bytes) -> None:
        assert tokens(data) >= 0


class TestRequests:
    def test_letters(self) -> None:
        body = json.dumps({"messages": [{"role": "user", "content": "x" * 4000}]}).encode()
        assert 1000 < tokens_of_request(body) < 1020

    @pytest.mark.parametrize("ascii_only", [True, False])
    def test_escaped_or_not(self, ascii_only: bool) -> None:
        body = json.dumps({"x": "十二个字" * 150}, ensure_ascii=ascii_only).encode()
        assert tokens_of_request(body) == 403

    def test_escapes(self) -> None:
        assert tokens_of_request(b'"\\ud83d\\udc4d"') == 3
        assert tokens_of_request(b'"\\ud83d \\u00e9 \\uZZZZ \\u12"') < 9

    def test_pictures_are_no_text(self) -> None:
        picture = base64.b64encode(random.Random(1).randbytes(300_000)).decode()
        body = json.dumps({"x": "y" * 400, "image": f"data:image/png;base64,{picture}"}).encode()
        assert 1600 < tokens_of_request(body) < 1620
        two = json.dumps([picture, picture]).encode()
        assert 3000 < tokens_of_request(two) < 3010

    def test_text_without_spaces_is_text(self) -> None:
        assert tokens_of_request(b"a" * 5000) == 1250

    def test_large_bodies_by_their_beginning(self) -> None:
        body = b'"' + b"word " * 600_000 + b'"'
        assert tokens_of_request(body) == pytest.approx(750_000, rel=0.01)


def passed(text: str, size: int = 0, said: tuple[str, ...] = ("content",)) -> Reading:
    reading = Reading()
    reading.said = said
    reading.basis = "text"
    reading.sample = text.encode()
    reading.passed = size or len(reading.sample)
    return reading


class TestAnswers:
    def test_only_the_texts_count(self) -> None:
        assert tokens_of_answer(passed('{"id":"xxxxxxxxxxxx","content":"12345678","content":null}')) == 2

    def test_cut_in_a_text(self) -> None:
        assert tokens_of_answer(passed('{"content":"1234567')) == 2
        assert tokens_of_answer(passed('{"content":"123\\')) == 1
        assert tokens_of_answer(passed('{"content":')) == 0

    def test_marks_in_a_text(self) -> None:
        assert tokens_of_answer(passed(r'{"content":"1234\"content\":\"5678"}')) == 6

    def test_the_rest_is_like_the_sample(self) -> None:
        sample = 'data: {"content":"12345678"}\n\n' * 10
        assert tokens_of_answer(passed(sample)) == 20
        assert tokens_of_answer(passed(sample, size=100 * len(sample))) == 2000

    def test_without_a_sample_bytes_are_taken_for_text(self) -> None:
        assert tokens_of_answer(passed("", size=401)) == 101

    def test_padding_does_not_count(self) -> None:
        """OpenAI pads its chunks to hide how long the words are."""
        chunks = [{"choices": [{"delta": {"content": "ab"}}], "obfuscation": "x" * n} for n in range(90)]
        reading = read("openai-chat", sse([{"model": "m"}, *chunks]), SSE)
        assert usage_of(reading, None, cut=True).output_tokens == pytest.approx(45, abs=12)

    @given(word=st.sampled_from(["hello ", "你好", "été "]), count=st.integers(min_value=1, max_value=3000))
    def test_long_streams(self, word: str, count: int) -> None:
        chunks = sse([{"model": "m"}, *({"choices": [{"delta": {"content": word}}]} for _ in range(count))])
        found = usage_of(read("openai-chat", chunks, SSE), None, cut=True).output_tokens
        assert found == pytest.approx(tokens(word.encode()) * count, rel=0.02, abs=1)


class TestWhatIsFilledIn:
    BODY = b'{"messages": "four"}'  # five tokens

    def reading(self, usage: Usage, basis: str = "text", text: str = '"content":"12345678"') -> Reading:
        reading = passed(text)
        reading.usage, reading.basis = usage, basis  # type: ignore[assignment]
        return reading

    @pytest.mark.parametrize("cut", [True, False])
    def test_nothing_where_all_is_told(self, cut: bool) -> None:
        told = Usage(1, 0, source="provider")
        assert usage_of(self.reading(told), self.BODY, cut=cut) is told

    @pytest.mark.parametrize("cut", [True, False])
    def test_all_where_nothing_is(self, cut: bool) -> None:
        assert usage_of(self.reading(Usage()), self.BODY, cut=cut) == Usage(5, 2, source="estimated")
        assert usage_of(self.reading(Usage()), None, cut=cut) == Usage(None, 2, source="estimated")

    def test_what_is_told_stays(self) -> None:
        told = Usage(9, None, 4, source="provider", details={"cache_write_5m_tokens": 1})
        assert usage_of(self.reading(told), self.BODY, cut=True) == Usage(
            9, 2, 4, source="estimated", details={"cache_write_5m_tokens": 1}
        )

    def test_a_count_left_out_of_a_whole_answer_stays_untold(self) -> None:
        told = Usage(None, 7, source="provider")
        assert usage_of(self.reading(told), self.BODY, cut=False) is told
        assert usage_of(self.reading(told), self.BODY, cut=True) == Usage(5, 7, source="estimated")

    def test_at_least_what_it_said_itself(self) -> None:
        reading = self.reading(Usage(9, source="provider"), text="{}")
        reading.at_least = 3
        assert usage_of(reading, self.BODY, cut=True) == Usage(9, 3, source="estimated")

    def test_no_answer_at_all(self) -> None:
        """The provider was at work when the client left: its output is not known."""
        reading = self.reading(Usage(), text="")
        assert usage_of(reading, self.BODY, cut=True) == Usage(5, None, source="estimated")

    def test_an_error_before_anything_was_said(self) -> None:
        reading = self.reading(Usage(), text="{}")
        reading.error = "overloaded"
        assert usage_of(reading, self.BODY, cut=True) == Usage()

    def test_by_what_the_call_is_billed(self) -> None:
        assert usage_of(self.reading(Usage(), "input"), self.BODY, cut=False) == Usage(5, source="estimated")
        assert usage_of(self.reading(Usage(), "nothing"), self.BODY, cut=True) == Usage()
        assert usage_of(Reading(), self.BODY, cut=True) == Usage()

    @pytest.mark.parametrize(
        ("body", "usage"),
        [
            (b'{"input":"12345678"}', Usage(2, source="estimated", details={"characters": 8})),
            ('{"input":"你好"}'.encode(), Usage(2, source="estimated", details={"characters": 2})),
            (b'{"text":"1234"}', Usage(1, source="estimated", details={"characters": 4})),
            (b'{"input":["1"]}', Usage()),
            (b"nonsense", Usage()),
            (None, Usage()),
        ],
    )
    def test_speech(self, body: bytes | None, usage: Usage) -> None:
        assert usage_of(self.reading(Usage(), "characters"), body, cut=False) == usage
        told = Usage(3, 90, source="provider")
        assert usage_of(self.reading(told, "characters"), body, cut=False) is told
        counted = Usage(source="provider", details={"characters": 3})
        assert usage_of(self.reading(counted, "characters"), body, cut=False) is counted

    def test_whole_answer_without_usage(self) -> None:
        body = json.dumps({"choices": [{"message": {"content": "12345678"}}]}).encode()
        found = usage_of(read("openai-chat", body, JSON), self.BODY, cut=False)
        assert found == Usage(5, 2, source="estimated")
