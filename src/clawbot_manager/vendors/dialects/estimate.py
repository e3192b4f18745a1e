"""What an answer cost when nobody told: worked out from the sizes of the request and of the answer's text.

No tokenizer of some hundred vendors' models runs here; characters by script come within a third or so. Latin
letters: four a token (OpenAI's rule of thumb; DeepSeek's documents say 0.3 tokens a letter). Chinese,
Japanese, Korean: one and a half characters a token (DeepSeek's and Qwen's documents: 0.6 tokens a
character). Other scripts lie between. The scripts are told apart by the first byte of a character in UTF-8.
"""

import math
import re
from functools import lru_cache

import msgspec

from clawbot_manager.vendors.dialects.base import Reading
from clawbot_manager.vendors.dialects.requests import lenient
from clawbot_manager.vendors.usage import Usage

_LOOKED_AT = 1 << 20
# First bytes of characters in UTF-8, and how many tokens such a character makes
_SCRIPTS = (
    (bytes(range(0x80)), 1 / 4),  # Latin letters, digits, marks
    (bytes(range(0xC2, 0xE0)), 1 / 2.5),  # accents, Greek, Cyrillic, Hebrew, Arabic
    (bytes(range(0xE0, 0xE3)), 1 / 2),  # the scripts of India and South-East Asia, typographic marks
    (bytes(range(0xE3, 0xF0)), 1 / 1.5),  # Chinese, Japanese, Korean
    (bytes(range(0xF0, 0xF5)), 2.0),  # emoji, rare characters
)
# Pictures and sound inside JSON: their tokens have little to do with their bytes, and a picture makes 1,500
_BLOB = re.compile(rb"([A-Za-z0-9+/=_-]{6000})[A-Za-z0-9+/=_-]++")
_ESCAPE = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u([0-9a-fA-F]{4})", re.DOTALL)
_BYTES_A_TOKEN = 4


def usage_of(reading: Reading, body: bytes | None, *, cut: bool) -> Usage:
    """The usage of an answer, what it lacks worked out. `body` is the request's, None if it was not kept;
    `cut` = the answer broke off, or nobody waited for it.

    A count that the provider could have told in a whole answer, and did not, stays untold.
    """
    usage = reading.usage
    if usage.input_tokens is not None and usage.output_tokens is not None:
        return usage
    told = usage.source == "provider"
    if reading.basis == "characters":
        return usage if told else _spoken(body)
    lacks_input = usage.input_tokens is None and (cut or not told) and reading.basis != "nothing"
    lacks_output = usage.output_tokens is None and reading.basis == "text"
    if not lacks_input and not lacks_output:
        return usage
    given, output = usage.input_tokens, usage.output_tokens
    if lacks_output and (told or reading.passed):
        output = max(reading.at_least, tokens_of_answer(reading))
    if reading.error is not None and not told and not output:
        return usage  # it failed before it began
    if lacks_input and body:
        given = tokens_of_request(body)
    if given == usage.input_tokens and output == usage.output_tokens:
        return usage
    return msgspec.structs.replace(usage, input_tokens=given, output_tokens=output, source="estimated")


def tokens(text: bytes) -> float:
    """About how many tokens a text in UTF-8 makes."""
    if text.isascii():
        return len(text) / _BYTES_A_TOKEN
    return sum((len(text) - len(text.translate(None, first))) * each for first, each in _SCRIPTS)


def tokens_of_request(body: bytes) -> int:
    """About how many tokens the texts in a JSON body make; its names and brackets stand for what a template
    adds to them.
    """
    seen = _BLOB.sub(rb"\1", _unescaped(body[:_LOOKED_AT]))
    return math.ceil(tokens(seen) * max(1.0, len(body) / _LOOKED_AT))


def tokens_of_answer(reading: Reading) -> int:
    """About how many tokens the text that passed makes: as in the sample, for all of its bytes. Without a
    sample (compressed, or no JSON) its bytes are taken for text.
    """
    if not reading.sample:
        return math.ceil(reading.passed / _BYTES_A_TOKEN)
    texts = b"".join(found.group(1) for found in _texts(reading.said).finditer(reading.sample))
    return math.ceil(tokens(_unescaped(texts)) * reading.passed / len(reading.sample))


def _spoken(body: bytes | None) -> Usage:
    """What a text to be spoken costs: its characters are known, its tokens about."""
    content = lenient(body or b"") or {}
    texts = [content[name] for name in ("input", "text", "prompt") if isinstance(content.get(name), str)]
    if not texts:
        return Usage()
    return Usage(
        input_tokens=math.ceil(tokens(texts[0].encode("utf-8", "replace"))),
        source="estimated",
        details={"characters": len(texts[0])},
    )


@lru_cache(maxsize=64)
def _texts(said: tuple[str, ...]) -> "re.Pattern[bytes]":
    """The values of these fields, as they stand in JSON; the last one may be cut."""
    names = "|".join(map(re.escape, said)).encode()
    return re.compile(rb'"(?:' + names + rb')"\s*+:\s*+"((?:[^"\\]++|\\.)*+)', re.DOTALL)


def _unescaped(text: bytes) -> bytes:
    """With one character in the place of each `\\uXXXX`."""
    return text if text.find(b"\\u") < 0 else _ESCAPE.sub(_character, text)


def _character(found: "re.Match[bytes]") -> bytes:
    if found.group(1) is None:
        return "😀".encode()
    return chr(int(found.group(1), 16)).encode("utf-8", "replace")
