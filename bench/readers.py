"""What reading usage costs: microseconds of CPU for each answer, event and burst.

    python -m bench.readers

The least of fifteen rounds; compare figures of one run only.
"""

import json
import time
import timeit
from collections.abc import Callable

from clawbot_manager.proxy.metering import UsageChunkHider
from clawbot_manager.vendors.dialects import DIALECTS, read_whole, reader_for

_EVENTS = "text/event-stream"
_HEAD = {"id": "chatcmpl-abc123", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-x"}
_USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
}
_MESSAGE = {"role": "assistant", "content": "word " * 130}
_WHOLE = json.dumps({**_HEAD, "choices": [{"message": _MESSAGE}], "usage": _USAGE}).encode()


def _event(content: object, end: str = "\n\n") -> bytes:
    return f"data: {json.dumps(content, separators=(',', ':'))}{end}".encode()


_CHUNK = _event({**_HEAD, "choices": [{"index": 0, "delta": {"content": " word"}}], "usage": None})
_TELLING = _event({**_HEAD, "choices": [{"delta": {"content": " word"}}], "usage": _USAGE})
_LAST = _event({**_HEAD, "choices": [], "usage": _USAGE}) + b"data: [DONE]\n\n"
_DELTA = _event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " word"}})
_GOOGLE = _event(
    {
        "candidates": [{"content": {"parts": [{"text": "Hello there " * 20}]}}],
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 50, "totalTokenCount": 60},
        "modelVersion": "gemini-4",
    },
    "\r\n\r\n",
)


def _feeding(dialect: str, path: str, first: bytes, event: bytes) -> Callable[[], object]:
    reader = reader_for(DIALECTS[dialect].collector(path), _EVENTS)
    reader.feed(first)
    return lambda: reader.feed(event)


def _whole_stream() -> object:
    reader = reader_for(DIALECTS["openai-chat"].collector("/chat/completions"), _EVENTS)
    reader.feed(_CHUNK * 60 + _LAST)
    return reader.finish()


def _hidden_stream() -> object:
    hider = UsageChunkHider()
    return hider.feed(_CHUNK * 60 + _LAST) + hider.finish()


def _cases() -> dict[str, Callable[[], object]]:
    chat = DIALECTS["openai-chat"]
    hider = UsageChunkHider()
    begun = _event({"type": "message_start", "message": {"model": "c", "usage": {"input_tokens": 5}}})
    google = "/models/m:streamGenerateContent"
    return {
        "whole JSON answer of 1.2 KB": lambda: read_whole(
            chat, "/chat/completions", "application/json", _WHOLE
        ),
        "the same at a glance": lambda: chat.glance("/chat/completions", _WHOLE),
        "live event": _feeding("openai-chat", "/chat/completions", _CHUNK, _CHUNK),
        "live event with counts in each": _feeding("openai-chat", "/chat/completions", _TELLING, _TELLING),
        "live event of Anthropic": _feeding("anthropic-messages", "/messages", begun, _DELTA),
        "live event of Google": _feeding("google-generatecontent", google, _GOOGLE, _GOOGLE),
        "burst of 60 events": _feeding("openai-chat", "/chat/completions", _CHUNK, _CHUNK * 60),
        "whole stream of 60 events in one burst": _whole_stream,
        "hiding: live event": lambda: hider.feed(_CHUNK),
        "hiding: whole stream of 60 events in one burst": _hidden_stream,
    }


def main() -> None:
    """Measure and print."""
    for name, case in _cases().items():
        times = timeit.repeat(case, number=500, repeat=15, timer=time.process_time)
        print(f"{name:50} {min(times) / 500 * 1e6:7.2f} us")


if __name__ == "__main__":
    main()
