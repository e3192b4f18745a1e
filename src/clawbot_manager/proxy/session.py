"""A session over a WebSocket: an exchange whose answer is one long conversation in both directions."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import msgspec

from clawbot_manager.proxy.exchange import Exchange, Step
from clawbot_manager.proxy.messages import Answer, ReadError, Relay
from clawbot_manager.proxy.ports import ProviderKey
from clawbot_manager.proxy.websocket import MessageReader
from clawbot_manager.vendors.dialects import Reading, RequestFacts
from clawbot_manager.vendors.dialects.realtime import SessionCollector, SessionDialect

_SWITCHING = 101
# Close codes that tell of no failure: normal, going away, none given (RFC 6455 section 7.4.1)
_GOOD_ENDS = frozenset({1000, 1001, 1005})
_JSON = (b"{", b" ", b"\n", b"\r", b"\t")  # others send sound
_MOST_ASKED = 1 << 20
_MOST_ASKING = 16


class Session(Exchange):
    """Until the provider has switched to the WebSocket it is an exchange like others, with failover.

    After `answered` with 101 the provider's bytes go through `passing`, `seen` and `released`, the client's
    through `sent`. It is recorded once, at its end, with the sum of what all its answers used.
    """

    _meter: "SessionMeter | None" = None
    _from_client: MessageReader | None = None
    _messages_read = 0

    def begin(self, body: bytes | None, keys: Sequence[ProviderKey] | None = None) -> Step:
        """See `Exchange.begin`; the model is in the address, if the vendor wants it there."""
        step = super().begin(body, keys)
        self._facts = RequestFacts(_model_in(self._route.head.query), stream=True)
        return step

    def answered(self, status: int, content_type: str, content_encoding: str) -> Relay | ReadError | Answer:
        """See `Exchange.answered`."""
        if status != _SWITCHING:
            return super().answered(status, content_type, content_encoding)
        self._answer_came()
        self._status = status
        self._note(status, None, None)
        dialect = self._dialect
        self._reader = self._meter = SessionMeter(dialect.session())
        if self._facts.model is None:
            self._from_client = MessageReader(masked=True, most=_MOST_ASKED)
        return self._relay()

    @property
    def wants_drain(self) -> bool:
        """See `Exchange.wants_drain`: after the provider's Close frame there is nothing more to learn."""
        return self._meter is not None and self._meter.messages.close_code is None

    @property
    def frames(self) -> MessageReader:
        """Where the provider's direction stands."""
        assert self._meter is not None
        return self._meter.messages

    def released(self) -> bytes:
        """What the mask held back in case the key went on, once a frame is over: nobody waits for another."""
        if self._mask is None or not self.frames.at_boundary:
            return b""
        return self._mask.finish()

    def sent(self, data: bytes) -> None:
        """Bytes of the client, on their way up: read until one names the model."""
        reader = self._from_client
        if reader is None:
            return
        for message in reader.feed(data):
            self._messages_read += 1
            content = decoded(message)
            model = None if content is None else self._dialect.asked_model(content)
            if model is not None:
                self._facts = RequestFacts(model, stream=True)
            if model is not None or self._messages_read >= _MOST_ASKING:
                self._from_client = None
                return
        if reader.is_lost:
            self._from_client = None

    @property
    def _dialect(self) -> SessionDialect:
        dialect = self._route.dialect
        assert isinstance(dialect, SessionDialect)
        return dialect


class SessionMeter:
    """A `UsageReader` of the provider's messages."""

    def __init__(self, collector: SessionCollector) -> None:
        self.messages = MessageReader(masked=False)
        self._collector = collector

    def feed(self, data: bytes) -> None:
        """More bytes of the provider."""
        for message in self.messages.feed(data):
            if not message.startswith(_JSON) or not self._collector.wants(message):
                continue
            if (content := decoded(message)) is not None:
                self._collector.take(content)

    def finish(self) -> Reading:
        """What all the messages said, and how the provider closed."""
        collector, code = self._collector, self.messages.close_code
        reading = Reading()
        reading.usage, reading.model, reading.error = collector.usage, collector.model, collector.error
        if code is not None and code not in _GOOD_ENDS:
            reading.error = reading.error or f"close_{code}"
        return reading


def decoded(message: bytes) -> dict[str, Any] | None:
    """A message's JSON object; None for anything else."""
    try:
        content = msgspec.json.decode(message)
    except (ValueError, RecursionError):  # ValueError: also text that is no UTF-8
        return None
    return content if isinstance(content, dict) else None


def _model_in(query: str) -> str | None:
    """OpenAI's name for it, and Azure's."""
    given = parse_qs(query)
    return next((given[name][0] for name in ("model", "deployment") if name in given), None)
