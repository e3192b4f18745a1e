"""Asking for usage where a vendor tells it only when asked, and hiding the answer from who did not ask."""

import re

import msgspec

from clawbot_manager.vendors.dialects.openai import is_usage_chunk
from clawbot_manager.vendors.dialects.requests import lenient
from clawbot_manager.vendors.dialects.sse import SseSplitter, event_data, events, marked

# An event larger than this is not the one with the usage: it need not be waited for
_LARGEST_USAGE_CHUNK = 64 << 10
_MARK = b'_tokens"'
_MARKS = (_MARK,)


class _Given(msgspec.Struct, gc=False):
    stream_options: msgspec.Raw = msgspec.Raw()


_probe = msgspec.json.Decoder(_Given).decode
_EMPTY = re.compile(rb"\s*\{\s*\}")


def ask_for_usage(body: bytes) -> bytes | None:
    """The body with `stream_options.include_usage` set; None when it cannot be set."""
    try:
        if not (given := _probe(body).stream_options):
            return _with_options(body, _EMPTY.match(body) is None)
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        options = msgspec.json.decode(given)
    except (ValueError, RecursionError):
        # what only lenient parsers read: nothing that stands in it is written anew
        content = lenient(body) if body.lstrip()[:1] == b"{" else None
        return None if content is None or "stream_options" in content else _with_options(body, bool(content))
    if options is not None and not isinstance(options, dict):
        return None
    fields["stream_options"] = msgspec.Raw(msgspec.json.encode({**(options or {}), "include_usage": True}))
    return msgspec.json.encode(fields)


def _with_options(body: bytes, more: bool) -> bytes:
    """The options inserted, so that every other byte stays what the client sent."""
    start = body.index(b"{") + 1
    return body[:start] + b'"stream_options":{"include_usage":true}' + (b"," if more else b"") + body[start:]


class UsageChunkHider:
    """Passes a stream of chat chunks through, but for the extra one that `include_usage` adds."""

    def __init__(self) -> None:
        self._splitter = SseSplitter(_LARGEST_USAGE_CHUNK)

    def feed(self, data: bytes) -> bytes:
        """What of these bytes (and earlier ones) can go on."""
        # By `rfind`, which is twice as fast as `in`
        if data[-2:] == b"\n\n" and self._splitter.idle and data.rfind(_MARK) < 0:
            return data
        return b"".join(
            _shown(block.raw) if block.whole else block.raw for block in self._splitter.feed(data)
        )

    def finish(self) -> bytes:
        """What was still held back."""
        return b"".join(_shown(block.raw) if block.whole else block.raw for block in self._splitter.finish())


def _shown(raw: bytes) -> bytes:
    """Complete events without the extra one."""
    if raw.find(b"\r") >= 0:
        return b"".join(event for event in events(raw) if not _is_extra(event))
    shown, passed = [], 0
    for begin, end in marked(raw, _MARKS):
        if _is_extra(raw[begin:end]):
            shown.append(raw[passed:begin])
            passed = end
    return b"".join([*shown, raw[passed:]]) if passed else raw


def _is_extra(event: bytes) -> bool:
    if len(event) > _LARGEST_USAGE_CHUNK or event.rfind(_MARK) < 0:
        return False
    try:
        return is_usage_chunk(msgspec.json.decode(event_data(event)))
    except (ValueError, RecursionError):
        return False
