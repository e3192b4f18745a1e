"""OpenAI's `usage` object, as its APIs and its many imitators fill it, and the collectors that find it."""

from typing import Any

import msgspec

from clawbot_manager.vendors.dialects.base import ORDINARY, Collector, Fields, Names, note, number, rows, text
from clawbot_manager.vendors.dialects.glance import chat_at_a_glance
from clawbot_manager.vendors.usage import NOTHING, Details, Usage

_OF_CACHE_WRITE: Names = {
    "ttl_30m_tokens": "cache_write_30m_tokens",
    "ttl_12h_tokens": "cache_write_12h_tokens",
    "ephemeral_5m_input_tokens": "cache_write_5m_tokens",
    "ephemeral_1h_input_tokens": "cache_write_1h_tokens",
}
_OF_INPUT: Names = {
    "text_tokens": "text_input_tokens",
    "audio_tokens": "audio_input_tokens",
    "image_tokens": "image_input_tokens",
    "video_tokens": "video_input_tokens",
    "audio_cached_tokens": "audio_cache_read_tokens",
    "cached_tokens_details": {
        "text_tokens": "text_cache_read_tokens",
        "audio_tokens": "audio_cache_read_tokens",
        "image_tokens": "image_cache_read_tokens",
    },
    "cache_write_tokens_details": _OF_CACHE_WRITE,
    "cache_creation": _OF_CACHE_WRITE,
}
_OF_OUTPUT: Names = {
    "text_tokens": "text_output_tokens",
    "audio_tokens": "audio_output_tokens",
    "image_tokens": "image_output_tokens",
    "accepted_prediction_tokens": "accepted_prediction_tokens",
    "rejected_prediction_tokens": "rejected_prediction_tokens",
}
_TOOLS: Names = {
    "web_search_requests": "web_search_requests",
    "web_fetch_requests": "web_fetch_requests",
}
# Chat says prompt and completion, the newer APIs input and output; audio says token_details, without the s.
_INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
_OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
DETAILS: Names = {
    **dict.fromkeys(_INPUT_DETAILS, _OF_INPUT),
    **dict.fromkeys(_OUTPUT_DETAILS, _OF_OUTPUT),
    "citation_tokens": "citation_tokens",
    "num_search_queries": "web_search_requests",
    "search_context_size": "search_context_size",
    "connector_tokens": "connector_tokens",
    "prompt_audio_seconds": "seconds",
    "seconds": "seconds",
    "duration": "seconds",
    "characters": "characters",
    "image_count": "images",
    "generated_images": "images",
    "search_units": "search_units",
    "service_tier": "service_tier",
    "speed": "speed",
    "server_tool_use": _TOOLS,
    "server_tool_use_details": _TOOLS,
    "cost": {"": "cost_usd", "total_cost": "cost_usd"},
    "cost_details": {"upstream_inference_cost": "upstream_cost_usd"},
    "cache_creation": _OF_CACHE_WRITE,
}
_NO_DETAILS: dict[str, Any] = {}


def read_usage(table: dict[str, Any], tier: Any = None, names: Names = DETAILS) -> Usage:
    """OpenAI's `usage` object, of any of its APIs: cache is inside the input, reasoning inside the output.

    Where there is only a total (embeddings, rerank), it is the input. Perplexity counts reasoning and
    citations besides the completion: there the total tells.
    """
    get = table.get
    given, output = number(get("prompt_tokens")), number(get("completion_tokens"))
    if given is None:
        given = number(get("input_tokens"))
    if output is None:
        output = number(get("output_tokens"))
    whole = number(get("total_tokens"))
    if whole is not None:
        if given is None and output is None:
            given = whole
        elif whole > (given or 0) + (output or 0) and (get("reasoning_tokens") or get("citation_tokens")):
            output = whole - (given or 0)
    of_input = _part(table, _INPUT_DETAILS)
    read = of_input.get("cached_tokens")
    reasoning = _part(table, _OUTPUT_DETAILS).get("reasoning_tokens")
    details: Details = {}
    note(details, table, names)
    if tier is not None and tier not in ORDINARY:
        note(details, {"service_tier": tier}, names)
    told = given is not None or output is not None or bool(details)
    return Usage(
        given,
        output,
        read if type(read) is int and read >= 0 else _cache_read(table, of_input),
        _cache_written(of_input),
        number(get("reasoning_tokens") if reasoning is None else reasoning),
        "provider" if told else "none",
        details or None,
    )


def _part(table: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    for name in names:
        part = table.get(name)
        if type(part) is dict:
            return part
    return _NO_DETAILS


def _cache_read(table: dict[str, Any], of_input: dict[str, Any]) -> int | None:
    for place, name in (
        (of_input, "cached_tokens"),
        (of_input, "cache_read_input_tokens"),
        (table, "prompt_cache_hit_tokens"),
        (table, "cached_tokens"),
    ):
        if (found := number(place.get(name))) is not None:
            return found
    return None


def _cache_written(of_input: dict[str, Any]) -> int | None:
    if not of_input:
        return None
    found = number(of_input.get("cache_write_tokens"))
    return number(of_input.get("cache_creation_input_tokens")) if found is None else found


class ChatFields(Fields):
    """Of a whole chat completion: its texts are skipped."""

    service_tier: Any = None
    x_groq: Any = None
    bot_usage: Any = None
    base_resp: Any = None


class ChatEvent(ChatFields):
    """Of a chunk: Moonshot's usage is in the choice."""

    choices: Any = None


class ChatCollector(Collector):
    """Chat completions: the last `usage` that is not null, wherever the vendor puts it."""

    event = msgspec.json.Decoder(ChatEvent)
    whole = msgspec.json.Decoder(ChatFields)
    said = ("content", "reasoning_content", "reasoning", "refusal", "arguments", "text")
    stands = (b'"usage":{', b'"usage": {')
    settled = False
    _seen = 0
    _WITHOUT_MODEL = 4

    def take(self, content: Any) -> None:
        """A chunk, or a whole answer."""
        if type(content.model) is str and content.model:
            self.model = content.model
        self._seen += 1
        self.settled = self.model is not None or self._seen >= self._WITHOUT_MODEL
        if type(content.usage) is dict:
            self._told(read_usage(content.usage, content.service_tier))
        else:
            self._elsewhere(content)
        if content.error:
            self.error = text(content.error, "type") or "error"
        if content.base_resp is not None and (code := base_resp_error(content.base_resp)) is not None:
            self.error = code

    def take_usual(self, data: bytes) -> bool:
        """See `Collector`."""
        seen = chat_at_a_glance(data)
        if seen is None:
            return False
        self.model, self.usage = seen[0] or self.model, seen[1]
        return True

    def _told(self, usage: Usage) -> None:
        if usage.source == "provider":
            self.usage = usage

    def _elsewhere(self, content: Any) -> None:
        """Groq's stream has it in `x_groq`, Moonshot's in the choice, Doubao's bots by model."""
        choices = getattr(content, "choices", None)
        holders = choices if type(choices) is list else ()
        for holder in (content.x_groq, *holders):
            if type(holder) is dict and type(table := holder.get("usage")) is dict:
                self._told(read_usage(table, content.service_tier))
                return
        if type(content.bot_usage) is dict:
            self._told(_of_bots(content.bot_usage))


def _of_bots(table: dict[str, Any]) -> Usage:
    """Doubao's `bot_usage`: the sum over the models that worked, and how often they searched."""
    models = rows(table.get("model_usage"))
    if not models:
        return NOTHING
    searches = sum(number(one.get("search_count")) or 0 for one in rows(table.get("action_usage")))
    return Usage(
        sum(number(one.get("prompt_tokens")) or 0 for one in models),
        sum(number(one.get("completion_tokens")) or 0 for one in models),
        source="provider",
        details={"web_search_requests": searches} if searches else None,
    )


def base_resp_error(table: Any) -> str | None:
    """MiniMax tells its errors in a 200: the code, None when all is well."""
    code = table.get("status_code") if type(table) is dict else None
    return str(code) if type(code) is int and code != 0 else None


class ResponseFields(Fields):
    """Of a response, whole or inside an event."""

    status: Any = None
    service_tier: Any = None


class ResponseEvent(ResponseFields):
    """Of an event, or of a whole response."""

    type: Any = None
    code: Any = None
    response: ResponseFields | None = None


class ResponsesCollector(Collector):
    """Responses: `usage` at the top of a whole answer, or in the `response` of the closing event."""

    event = msgspec.json.Decoder(ResponseEvent)
    whole = msgspec.json.Decoder(ResponseEvent)
    said = ("delta",)
    said_whole = ("text", "arguments")
    settled = False
    _UNDER_WAY = ("queued", "in_progress")

    def take(self, content: Any) -> None:
        """An event, or a whole answer."""
        answer = content.response or content
        if type(answer.model) is str:
            self.model = answer.model
        self.settled = True
        if type(answer.usage) is dict:
            usage = read_usage(answer.usage, answer.service_tier)
            if usage.source == "provider":
                self.usage = usage
        if content.response is None and answer.status in self._UNDER_WAY:
            self.basis = "nothing"  # a background response: what it will cost is told elsewhere
        if answer.error or content.type == "error":
            self.error = text(answer.error, "code") or (
                content.code if type(content.code) is str else "error"
            )
