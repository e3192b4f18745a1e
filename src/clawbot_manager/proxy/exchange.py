"""One request on its way: route, forward with failover, meter, settle.

The transport drives it: `begin` gives the first decision; `failed`, `answered` and `error_body` give the next
one; after a `Relay` every byte goes through `passing`; `close` ends it, whatever happened.
"""

import random
from collections.abc import Sequence
from datetime import datetime

from clawbot_manager.proxy import headers as fields
from clawbot_manager.proxy import refusals
from clawbot_manager.proxy.masking import KeyMask, PackedMask, Secret, mask_for, unpack_error
from clawbot_manager.proxy.messages import (
    Answer,
    FailureReason,
    Headers,
    Origin,
    Prepared,
    ReadError,
    Relay,
    UpstreamRequest,
)
from clawbot_manager.proxy.metering import UsageChunkHider, ask_for_usage
from clawbot_manager.proxy.ports import (
    Attempt,
    ProviderKey,
    UsageRecord,
)
from clawbot_manager.proxy.refusals import Refusal
from clawbot_manager.proxy.route import Route
from clawbot_manager.proxy.services import Services
from clawbot_manager.vendors.addressing import BadPathError, NoAddressError, NotInPlanError
from clawbot_manager.vendors.dialects import Reading, RequestFacts, UsageReader, reader_for, usage_of
from clawbot_manager.vendors.errors import MOVES_ON, classify
from clawbot_manager.vendors.waits import wait_asked

_BACKS_OFF = frozenset(
    {"overloaded", "server_error", "timeout", "connect_error", "connect_timeout", "broken"}
)
_CLIENT_CLOSED = 499  # nginx's number for a client that left before it got an answer
_NO_FACTS = RequestFacts()
_NOTHING_READ = Reading()
_NOT_SENT = Prepared(
    "", Origin("", "", 0), "", "", [], b"", Secret(""), b"", None, simulated=False, asks=False
)
Step = UpstreamRequest | Answer | Relay


class Exchange:
    """One request; not shared between tasks, used once. `counted` = the budgets admitted it.

    What most requests never touch stands in the class: making an exchange costs what it sets.
    """

    refused: Answer | None = None
    _body: bytes | None = None
    _facts: RequestFacts = _NO_FACTS
    _candidates: Sequence[ProviderKey] = ()
    _tried = 0
    _key: ProviderKey | None = None
    _asks_usage = False
    _no_asking = False
    _reader: UsageReader | None = None
    _hider: UsageChunkHider | None = None
    _mask: KeyMask | PackedMask | None = None
    _prepared = _NOT_SENT
    _last: Answer | None = None
    _status = 0
    _error_code: str | None = None
    _first_byte: float | None = None
    _sent_at = 0.0
    _waited = 0.0
    _closed = False

    def __init__(self, services: Services, route: Route, refusal: Refusal | None, *, counted: bool) -> None:
        self._services = services
        self._route = route
        self._counted = counted
        self._started = services.monotonic()
        self._at = services.now()
        self._attempts: list[Attempt] = []
        self.trace_id = route.trace_given or fields.new_trace()
        if refusal is not None:
            self.refused = self._refuse(refusal)

    @classmethod
    def resumed(
        cls,
        services: Services,
        route: Route,
        *,
        started: float,
        at: datetime,
        trace: str,
        facts: RequestFacts,
        body: bytes,
        keys: Sequence[ProviderKey],
        prepared: Prepared,
        asks_usage: bool,
        sent_at: float,
    ) -> "Exchange":
        """One that stands where `wire.express` stands: sent with the first key, and nothing heard since."""
        self = cls.__new__(cls)
        self._services, self._route, self._counted, self._attempts = services, route, True, []
        self._started, self._at, self.trace_id, self._facts, self._body = started, at, trace, facts, body
        self._candidates, self._tried, self._key = keys, 1, keys[0]
        self._prepared, self._asks_usage, self._sent_at = prepared, asks_usage, sent_at
        return self

    @property
    def buffers_body(self) -> bool:
        """Whether the transport must read the whole body first (up to `max_buffered_body`)."""
        return self._route.buffers_body

    @property
    def wants_drain(self) -> bool:
        """Whether reading on after the client has left may tell what the answer cost."""
        return self._reader is not None and self._status < 400

    def refuse(self, refusal: Refusal) -> Answer:
        """The transport's own refusal: a body that is too large or broken, no room."""
        return self._refuse(refusal)

    def begin(self, body: bytes | None, keys: Sequence[ProviderKey] | None = None) -> Step:
        """The first decision. `body` None = the transport streams it up, and there is one try only. `keys`:
        what the key ring said, if it has been asked already.
        """
        self._body = body
        route = self._route
        bot, dialect = route.bot, route.dialect
        assert bot is not None
        if dialect is not None and body is not None:
            self._facts = dialect.facts(route.path.shape, body)
            if self._facts.background and not self._services.config.allow_unmetered_jobs:
                return self._refuse(refusals.NOT_SERVED)
        candidates = self._services.keys.candidates(bot, route.vendor_name) if keys is None else keys
        if route.upload is not None:
            candidates = route.upload.keys(candidates)
        if not candidates:
            return self._refuse(refusals.without_key(self._services.inventory, bot, route.vendor_name))
        self._candidates = candidates
        return self._next(refusals.NO_KEY_AVAILABLE, delay=0.0)

    def failed(self, reason: FailureReason) -> Step:
        """No answer came."""
        self._answer_came()
        self._note(None, reason, None)
        self._last = None
        if self._body is None:
            return self._refuse(refusals.of_failure(reason))
        return self._next(refusals.of_failure(reason), self._backoff(reason))

    def answered(self, status: int, content_type: str, content_encoding: str) -> Relay | ReadError | Answer:
        """The head of an answer came. An `Answer` is the proxy's own, instead of the provider's."""
        assert self._key is not None
        self._answer_came()
        self._status = status
        if status >= 400:
            return ReadError(self._services.config.max_error_body)
        self._note(status, None, None)
        if content_encoding and self._prepared.secret.text and self._route.head.method != "HEAD":
            self._mask = mask_for(self._prepared.secret, content_encoding)
            if self._mask is None:
                return self._refuse(refusals.PACKED)
        if (collector := self._route.collector()) is not None:
            self._reader = reader_for(collector, content_type, content_encoding)
        plain = content_encoding.strip().lower() in ("", "identity")
        if self._asks_usage and plain and content_type.lower().startswith("text/event-stream"):
            self._hider = UsageChunkHider()
        return self._relay()

    def error_body(self, status: int, headers: Headers, body: bytes, *, whole: bool) -> Step:
        """The body of an error answer came; `whole` False = there is more than was read."""
        assert self._key is not None
        assert self._route.vendor is not None
        dialect = self._route.dialect
        passes = not whole and fields.is_plain(headers)
        body, headers = unpack_error(body, headers)
        kind = classify(self._route.vendor, dialect.id if dialect else None, status, body)
        texts = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
        wait = wait_asked(self._route.vendor, texts, body, self._services.now())
        unknown = self._route.vendor.status == "user-defined"  # who may say it in any words
        if self._asks_usage and status in (400, 422) and (unknown or b"stream_options" in body):
            self._no_asking = True  # the request was spoilt by us, not by the key: once more, as it came
            self._attempts.append(Attempt(self._key.key_id, status, "stream_options_refused"))
            return self._send(self._key, 0.0)
        self._note(status, kind, wait)
        if passes:
            self._error_code = kind
            relay = self._relay()
            relay.first = body
            return relay
        body = self._prepared.secret.hidden_anyhow(body)
        kept = fields.to_client(headers, self._prepared.secret)
        kept = [(name, value) for name, value in kept if name != b"content-length"]
        self._last = Answer(status, [*kept, *fields.pairs_of(self._own()), _length(body)], body)
        if kind in MOVES_ON and self._body is not None:
            return self._next(None, self._backoff(kind))
        return self._give_last(kind)

    def passing(self, data: bytes) -> bytes:
        """Bytes of the provider's answer; gives those for the client. `seen` follows with the same."""
        if self._first_byte is None:
            self._first_byte = self._services.monotonic()
        if self._mask is not None or not self._prepared.secret.is_absent(data):
            if self._mask is None:
                self._mask = KeyMask(self._prepared.secret)
            data = self._mask.feed(data)
        return data if self._hider is None else self._hider.feed(data)

    @property
    def spoilt(self) -> bool:
        """Whether `passing` gives nothing because a key is where none can be masked: break the answer off."""
        return self._mask is not None and self._mask.spoilt

    def seen(self, data: bytes) -> None:
        """The same bytes again, for the meter: the client has had them by now."""
        if self._reader is not None:
            self._reader.feed(data)

    def ended(self) -> bytes:
        """The provider's answer is complete; gives the last bytes for the client."""
        rest = b"" if self._mask is None else self._mask.finish()
        if self._hider is None:
            return rest
        return (self._hider.feed(rest) if rest else b"") + self._hider.finish()

    def close(self, error_code: str | None = None) -> None:
        """Settle and record, once; `error_code` says what cut the exchange short."""
        bot = self._route.bot
        if self._closed or bot is None:
            return
        self._closed = True
        record = self._record(error_code)
        services = self._services
        try:
            if self._counted:
                services.budgets.settle(bot, record)
        finally:
            services.usage.record(record)

    def _next(self, refusal: Refusal | None, delay: float) -> Step:
        """The next key's request; when there is none, the last answer, else the refusal."""
        in_time = not self._attempts or (
            self._services.monotonic() - self._started + delay < self._services.config.failover_window
        )
        if self._attempts and in_time:
            self._ask_again()
        while in_time and self._tried < len(self._candidates):
            key = self._key = self._candidates[self._tried]
            self._tried += 1
            try:
                return self._send(key, delay)
            except NoAddressError as error:
                refusal = refusals.NOT_IN_PLAN if isinstance(error, NotInPlanError) else refusals.NO_BASE_URL
                self._note(None, refusal.code, None)
            except BadPathError:
                return self._refuse(refusals.BAD_PATH)
        if self._last is not None:
            return self._give_last(self._attempts[-1].reason)
        return self._refuse(refusal or refusals.NO_KEY_AVAILABLE)

    def _ask_again(self) -> None:
        """The keys that are left, as things stand now: others may have learned which must be left alone."""
        bot, vendor = self._route.bot, self._route.vendor
        assert bot is not None
        assert vendor is not None
        used = {attempt.key_id for attempt in self._attempts if attempt.key_id is not None}
        keys = self._services.keys.candidates(bot, vendor.id, used)
        self._candidates = keys if self._route.upload is None else self._route.upload.keys(keys)
        self._tried = 0

    def _send(self, key: ProviderKey, delay: float) -> UpstreamRequest:
        """The request with this key.

        Raises:
            NoAddressError, BadPathError: it has no address.
        """
        route = self._route
        prepared = self._prepared = route.prepared(key)
        body = self._body
        if self._facts.stream and body is not None:
            body = self._asking(prepared, body)
        # a traceparent goes through as it is; everything else gets the id that we record
        trace = b"" if route.has_traceparent else self.trace_id.encode()
        self._sent_at = self._services.monotonic()
        return UpstreamRequest(prepared, body, trace, delay)

    def _asking(self, prepared: Prepared, body: bytes) -> bytes:
        """The body, asking for usage where only that makes a stream tell it."""
        self._asks_usage = False
        if self._facts.asks_usage or self._no_asking or not prepared.asks:
            return body
        asking = ask_for_usage(body)
        self._asks_usage = asking is not None
        return body if asking is None else asking

    def _answer_came(self) -> float:
        now = self._services.monotonic()
        self._waited += now - self._sent_at
        return now

    def _relay(self) -> Relay:
        relay = Relay(self._status, self._hider is None, self._own(), self._prepared.secret)
        if self._route.upload is not None and self._key is not None:
            relay.rewrite = self._route.upload.rewriter(self._prepared.netloc, self._key)
        return relay

    def _own(self) -> bytes:
        """Our own header lines."""
        overhead = self._services.monotonic() - self._started - self._waited
        return fields.OWN_LINES % (
            self.trace_id.encode(),
            len(self._attempts),
            self._prepared.key_line,
            overhead * 1000,
        )

    def _note(self, status: int | None, reason: str | None, wait: float | None) -> None:
        assert self._key is not None
        self._attempts.append(Attempt(self._key.key_id, status, reason))
        self._services.keys.report(self._key, status=status, reason=reason, retry_after=wait)

    def _backoff(self, reason: str) -> float:
        if reason not in _BACKS_OFF:
            return 0.0
        config = self._services.config
        longest = min(config.backoff_most, config.backoff_first * 2.0 ** (len(self._attempts) - 1))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing

    def _give_last(self, kind: str | None) -> Answer:
        assert self._last is not None
        self._status, self._error_code = self._last.status, kind
        return self._last

    def _refuse(self, refusal: Refusal) -> Answer:
        self._status, self._error_code = refusal.status, refusal.code
        numeric = self._route.vendor is not None and self._route.vendor.errors.numeric_code
        answer = refusals.render(refusal, self._route.speaks, self.trace_id, numeric_code=numeric)
        answer.headers += fields.pairs_of(self._own())[1:]  # the trace is there already
        return answer

    def _reading(self) -> Reading:
        """What the answer said. Nothing, if the client left while the provider was at work: that may cost."""
        if self._reader is not None:
            return self._reader.finish()
        unanswered = self._status == 0 and self._sent_at > 0
        return (self._route.collector() if unanswered else None) or _NOTHING_READ

    def _record(self, error_code: str | None) -> UsageRecord:
        route, started, first = self._route, self._started, self._first_byte
        key = self._key
        reading = self._reading()
        billed = self._status == 0 or 200 <= self._status < 300
        cut = error_code is not None
        usage = usage_of(reading, self._body, cut=cut) if billed else reading.usage
        # by position: naming 22 fields costs as much as all of the pipeline's decisions
        return UsageRecord(
            self._at,
            self.trace_id,
            *route.constants(),
            None if key is None else key.key_id,
            None if key is None else key.label,
            self._facts.model,
            reading.model,
            self._facts.stream or route.streams,
            self._status or _CLIENT_CLOSED,
            error_code or self._error_code or (reading.error and "error_in_answer"),
            usage,
            (self._services.monotonic() - started) * 1000,
            None if first is None else (first - started) * 1000,
            self._attempts,
            self._prepared.simulated,
        )


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()
