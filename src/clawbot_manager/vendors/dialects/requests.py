"""Reading request bodies: what the proxy must know of them, also of those that only lenient parsers take.

A body that cannot be read here may be read by the provider all the same: JSON in UTF-16, with comments, with
`NaN`, behind a byte order mark, with something after its end, or compressed. It is passed on as it is, and
its facts are read as leniently as such parsers do. What even this cannot read gives no facts; its answer is
metered like any other.
"""

import json
import re
import zlib
from typing import Any

import msgspec

_MOST_LENIENT = 4 << 20
# A string, or what is not in JSON: a comment, a comma before a closing bracket. Who is never closed
# goes on to the end, so that no text is looked at twice.
_NOT_JSON = re.compile(
    r'("(?:[^"\\]++|\\.)*+"?+)|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?+|//[^\n]*+|#[^\n]*+|,(?=\s*+[}\]])', re.DOTALL
)


class RequestFacts(msgspec.Struct, frozen=True, gc=False):
    """What the proxy needs to know of a request; `asks_usage` is the client's own `include_usage`.

    `background`: the work goes on after the answer, or may: it was asked for, or the body could not be read.
    """

    model: str | None = None
    stream: bool = False
    asks_usage: bool | None = None
    background: bool = False


class _Options(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class _Usual(msgspec.Struct, gc=False):
    """The fields as nearly all requests have them: any other type is a matter for `_Fields`."""

    model: str | None = None
    stream: bool | None = None
    stream_options: _Options | None = None
    background: bool | None = None


class _Fields(msgspec.Struct, gc=False):
    model: Any = None
    stream: Any = None
    stream_options: Any = None
    background: Any = None


_decode_usual = msgspec.json.Decoder(_Usual).decode
_decode = msgspec.json.Decoder(_Fields).decode


def json_facts(body: bytes, *, stream_default: bool = False, may_be_background: bool = False) -> RequestFacts:
    """`model`, `stream`, `stream_options.include_usage`, and `background` where there is such a thing."""
    try:
        usual = _decode_usual(body)
        stream, options = usual.stream, usual.stream_options
        return RequestFacts(
            usual.model,
            stream_default if stream is None else stream,
            None if options is None else options.include_usage,
            may_be_background and usual.background is True,
        )
    except (ValueError, RecursionError):
        pass
    try:
        fields = _decode(body)
    except (ValueError, RecursionError):
        content = lenient(body)
        if content is None:
            return RequestFacts(background=may_be_background and bool(body.strip()))
        fields = msgspec.convert(content, _Fields)
    options, background = fields.stream_options, fields.background
    asks = options.get("include_usage") if type(options) is dict else None
    return RequestFacts(
        fields.model if type(fields.model) is str else None,
        stream_default if fields.stream is None else fields.stream is True,
        asks if type(asks) is bool else None,
        may_be_background and background is not None and background is not False,
    )


def lenient(body: bytes) -> dict[str, Any] | None:
    """The JSON object that a lenient parser finds in the bytes; None when there is none, or it is too
    large.
    """
    if body[:2] == b"\x1f\x8b":
        body = _inflated(body)
    if len(body) > _MOST_LENIENT:
        return None
    try:
        text = body.decode(json.detect_encoding(body), "replace").lstrip("\ufeff \t\r\n")
        return _first_object(text)
    except (ValueError, RecursionError):
        pass
    try:
        return _first_object(_NOT_JSON.sub(lambda found: found.group(1) or " ", text).lstrip())
    except (ValueError, RecursionError):
        return None


def _first_object(text: str) -> dict[str, Any]:
    """What stands first in the text; whatever follows it is ignored.

    Raises:
        ValueError, RecursionError: it is no JSON object.
    """
    content, _ = json.JSONDecoder(strict=False).raw_decode(text)
    if not isinstance(content, dict):
        raise ValueError("no object")  # noqa: TRY004 - as for other text that is none
    return content


def _inflated(body: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, _MOST_LENIENT + 1)
    except zlib.error:
        return b""
