"""Asking for usage where a vendor tells it only when asked, and hiding the answer from who did not ask."""

import msgspec

from clawbot_manager.vendors.dialects.openai import is_usage_chunk
from clawbot_manager.vendors.dialects.sse import Block, SseSplitter, event_data


def ask_for_usage(body: bytes) -> bytes | None:
    """The body with `stream_options.include_usage` set; None when it cannot be set."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        given = fields.get("stream_options")
        options = msgspec.json.decode(given) if given is not None else None
    except (msgspec.DecodeError, RecursionError):
        return None
    if given is None:
        # Only inserted, so that every other byte stays what the client sent.
        start = body.index(b"{") + 1
        comma = b"," if fields else b""
        return body[:start] + b'"stream_options":{"include_usage":true}' + comma + body[start:]
    if options is not None and not isinstance(options, dict):
        return None
    fields["stream_options"] = msgspec.Raw(msgspec.json.encode({**(options or {}), "include_usage": True}))
    return msgspec.json.encode(fields)


class UsageChunkHider:
    """Passes a stream of chat chunks through, but for the extra one that `include_usage` adds."""

    def __init__(self) -> None:
        self._splitter = SseSplitter()

    def feed(self, data: bytes) -> bytes:
        """What of these bytes (and earlier ones) can go on."""
        return b"".join(block.raw for block in self._splitter.feed(data) if not _is_extra(block))

    def finish(self) -> bytes:
        """What was still held back."""
        block = self._splitter.finish()
        return b"" if block is None or _is_extra(block) else block.raw


def _is_extra(block: Block) -> bool:
    if not block.whole or b'"usage"' not in block.raw or b'"choices"' not in block.raw:
        return False
    try:
        return is_usage_chunk(msgspec.json.decode(event_data(block.raw)))
    except (msgspec.DecodeError, RecursionError):
        return False
