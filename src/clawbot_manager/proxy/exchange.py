"""One request on its way: route, forward with failover, meter, settle.

The transport drives it: `begin` gives the first decision; `failed`, `answered` and `error_body` give the next
one; after a `Relay` every byte goes through `passing`; `close` ends it, whatever happened.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from clawbot_manager.kit.clock import Clock
from clawbot_manager.kit.ids import uuid7
from clawbot_manager.proxy import headers as fields
from clawbot_manager.proxy import refusals
from clawbot_manager.proxy.messages import (
    Answer,
    FailureReason,
    Headers,
    ProxyConfig,
    ReadError,
    Relay,
    RequestHead,
    Send,
    UpstreamRequest,
)
from clawbot_manager.proxy.metering import UsageChunkHider, ask_for_usage
from clawbot_manager.proxy.ports import (
    Attempt,
    BotIdentity,
    Budgets,
    KeyInventory,
    KeyRing,
    ProviderKey,
    Usage,
    UsageRecord,
    UsageSink,
)
from clawbot_manager.proxy.refusals import Refusal
from clawbot_manager.vendors.addressing import BadPathError, CallPath, NoBaseUrlError, target
from clawbot_manager.vendors.dialects import Dialect, Reading, RequestFacts, UsageReader, reader_for
from clawbot_manager.vendors.errors import MOVES_ON, classify, retry_after
from clawbot_manager.vendors.records import Vendor
from clawbot_manager.vendors.simulator import SIMULATED_BASE_URL

_BACKS_OFF = frozenset(
    {"overloaded", "server_error", "timeout", "connect_error", "connect_timeout", "broken"}
)
_LONGEST_ENDPOINT = 200
_CLIENT_CLOSED = 499  # nginx's number for a client that left before it got an answer


@dataclass(frozen=True, slots=True)
class Services:
    """What every exchange needs."""

    keys: KeyRing
    budgets: Budgets
    usage: UsageSink
    config: ProxyConfig
    inventory: KeyInventory | None
    clock: Clock
    monotonic: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Call:
    """A request, understood. `speaks` is the dialect that an error is worded in."""

    head: RequestHead
    trace_id: str
    vendor: Vendor | None
    vendor_name: str
    path: CallPath
    dialect: Dialect | None
    speaks: Dialect
    problem: Refusal | None


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who sends it. `given` stood in the places of a credential; `counted` = the budgets admitted it."""

    bot: BotIdentity
    given: tuple[str, ...]
    counted: bool


Step = Send | Answer | Relay


class Exchange:
    """One request; not shared between tasks, used once."""

    def __init__(
        self, services: Services, call: Call, admitted: Admitted | None, refusal: Refusal | None
    ) -> None:
        self._services = services
        self._call = call
        self._admitted = admitted
        self._started = services.monotonic()
        self._at = services.clock.now()
        self._facts = RequestFacts()
        self._body: bytes | None = None
        self._keys: Iterator[ProviderKey] = iter(())
        self._key: ProviderKey | None = None
        self._attempts: list[Attempt] = []
        self._asks_usage = False
        self._no_asking = False
        self._reader: UsageReader | None = None
        self._hider: UsageChunkHider | None = None
        self._last: Answer | None = None
        self._status = 0
        self._error_code: str | None = None
        self._first_byte: float | None = None
        self._closed = False
        self.refused: Answer | None = None if refusal is None else self._refuse(refusal)

    @property
    def trace_id(self) -> str:
        """The id that joins the client's, our own and the provider's logs."""
        return self._call.trace_id

    @property
    def buffers_body(self) -> bool:
        """Whether the transport must read the whole body first (up to `max_buffered_body`)."""
        kind = fields.header(self._call.head.headers, b"content-type").partition(";")[0].strip().lower()
        return self._call.dialect is not None and not kind.startswith("multipart/")

    def too_large(self) -> Answer:
        """The body is over the limit."""
        return self._refuse(refusals.BODY_TOO_LARGE)

    def begin(self, body: bytes | None) -> Step:
        """The first decision. `body` None = the transport streams it up, and there is one try only."""
        self._body = body
        call = self._call
        assert self._admitted is not None
        assert call.vendor is not None
        if call.dialect is not None and body is not None:
            self._facts = call.dialect.facts(call.path.rest, body)
        candidates = self._services.keys.candidates(self._admitted.bot, call.vendor.id)
        if not candidates:
            inventory = self._services.inventory
            never = inventory is not None and not inventory.has_any(self._admitted.bot, call.vendor.id)
            return self._refuse(refusals.NO_KEY if never else refusals.NO_KEY_AVAILABLE)
        self._keys = iter(candidates)
        return self._next(refusals.NO_KEY_AVAILABLE, delay=0.0)

    def failed(self, reason: FailureReason) -> Step:
        """No answer came."""
        self._note(None, reason, None)
        self._last = None
        if self._body is None:
            return self._refuse(refusals.of_failure(reason))
        return self._next(refusals.of_failure(reason), self._backoff(reason))

    def answered(self, status: int, headers: Headers) -> Relay | ReadError:
        """The head of an answer came."""
        assert self._key is not None
        self._status = status
        if status >= 400:
            return ReadError(self._services.config.max_error_body)
        self._note(status, None, None)
        self._listen(headers)
        return Relay(status, self._down(headers, same_length=self._hider is None))

    def error_body(self, status: int, headers: Headers, body: bytes, *, whole: bool) -> Step:
        """The body of an error answer came; `whole` False = there is more than was read."""
        assert self._key is not None
        assert self._call.vendor is not None
        dialect = self._call.dialect
        kind = classify(self._call.vendor, dialect.id if dialect else None, status, body)
        wait = retry_after(((k.decode("latin-1"), v.decode("latin-1")) for k, v in headers), body)
        if self._asks_usage and status in (400, 422) and b"stream_options" in body:
            self._no_asking = True  # the request was spoilt by us, not by the key: once more, as it came
            self._attempts.append(Attempt(self._key.key_id, status, "stream_options_refused"))
            return Send(self._request(self._key))
        self._note(status, kind, wait)
        secret = self._key.secret.encode()
        if not whole:
            self._error_code = kind
            return Relay(status, self._down(headers, same_length=True), body)
        if secret and secret in body:
            body = body.replace(secret, b"***")
        self._last = Answer(status, [*self._down(headers, same_length=False), _length(body)], body)
        if kind in MOVES_ON and self._body is not None:
            return self._next(None, self._backoff(kind))
        return self._give_last(kind)

    def passing(self, data: bytes) -> bytes:
        """Bytes of the provider's answer; gives those for the client."""
        if self._first_byte is None:
            self._first_byte = self._services.monotonic()
        if self._reader is not None:
            self._reader.feed(data)
        return data if self._hider is None else self._hider.feed(data)

    def ended(self) -> bytes:
        """The provider's answer is complete; gives the last bytes for the client."""
        return b"" if self._hider is None else self._hider.finish()

    def close(self, error_code: str | None = None) -> None:
        """Settle and record, once; `error_code` says what cut the exchange short."""
        if self._closed or self._admitted is None:
            return
        self._closed = True
        record = self._record(self._admitted.bot, error_code)
        try:
            if self._admitted.counted:
                self._services.budgets.settle(self._admitted.bot, record)
        finally:
            self._services.usage.record(record)

    def _next(self, refusal: Refusal | None, delay: float) -> Step:
        """The next key's request; when there is none, the last answer, else the refusal."""
        waited = self._services.monotonic() - self._started
        in_time = not self._attempts or waited + delay < self._services.config.failover_window
        for key in self._keys if in_time else ():
            self._key = key
            try:
                return Send(self._request(key), delay)
            except NoBaseUrlError:
                self._note(None, "no_base_url", None)
                refusal = refusals.NO_BASE_URL
            except BadPathError:
                return self._refuse(refusals.BAD_PATH)
        if self._last is not None:
            return self._give_last(self._attempts[-1].reason)
        return self._refuse(refusal or refusals.NO_KEY_AVAILABLE)

    def _request(self, key: ProviderKey) -> UpstreamRequest:
        """The request with this key in exactly one place.

        Raises:
            NoBaseUrlError, BadPathError: it has no address.
        """
        call, vendor = self._call, self._call.vendor
        assert self._admitted is not None
        assert vendor is not None
        place = target(
            vendor,
            call.path,
            call.dialect,
            base_url=key.base_url,
            api_type=key.api_type,
            secret=key.secret,
        )
        query = fields.without_key(call.head.query, self._admitted.given)
        url = f"{place.url}?{query}" if query else place.url
        headers = fields.to_upstream(call.head.headers, self._admitted.given)
        present = {name for name, _ in headers}
        defaults = call.dialect.default_headers if call.dialect is not None else ()
        for name, value in {**dict(defaults), **vendor.required_headers}.items():
            if name.lower().encode() not in present:
                headers.append((name.lower().encode(), value.encode()))
        headers.append((b"accept-encoding", b"identity"))
        if b"traceparent" not in present:
            headers.append((b"x-request-id", call.trace_id.encode()))
        if key.secret:
            headers.append((place.auth.header.lower().encode(), (place.auth.prefix + key.secret).encode()))
        return UpstreamRequest(call.head.method, url, headers, self._body_for(vendor, key))

    def _body_for(self, vendor: Vendor, key: ProviderKey) -> bytes | None:
        call, facts = self._call, self._facts
        self._asks_usage = False
        self._hider = None
        on_request = vendor.stream_usage == "opt-in" or _is_simulated(key)
        chat = call.dialect is not None and call.dialect.id == "openai-chat"
        if not (chat and facts.stream and on_request) or facts.asks_usage or self._no_asking:
            return self._body
        asking = ask_for_usage(self._body) if self._body is not None else None
        self._asks_usage = asking is not None
        return self._body if asking is None else asking

    def _listen(self, headers: Headers) -> None:
        lowered = [(name.lower(), value) for name, value in headers]
        content_type = fields.header(lowered, b"content-type")
        if self._call.dialect is not None:
            encoding = fields.header(lowered, b"content-encoding")
            self._reader = reader_for(self._call.dialect.collector(), content_type, encoding)
        if self._asks_usage and content_type.lower().startswith("text/event-stream"):
            self._hider = UsageChunkHider()

    def _down(self, headers: Headers, *, same_length: bool) -> Headers:
        assert self._key is not None
        down = [
            (name, value)
            for name, value in fields.to_client(headers, self._key.secret)
            if same_length or name != b"content-length"
        ]
        down += [
            (b"x-clawbot-trace-id", self.trace_id.encode()),
            (b"x-clawbot-attempts", str(len(self._attempts)).encode()),
            (b"x-clawbot-key", str(self._key.key_id).encode()),
        ]
        return down

    def _note(self, status: int | None, reason: str | None, wait: float | None) -> None:
        assert self._key is not None
        self._attempts.append(Attempt(self._key.key_id, status, reason))
        self._services.keys.report(self._key.key_id, status=status, reason=reason, retry_after=wait)

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
        answer = refusals.render(refusal, self._call.speaks, self.trace_id)
        answer.headers.append((b"x-clawbot-attempts", str(len(self._attempts)).encode()))
        return answer

    def _endpoint(self) -> str:
        assert self._admitted is not None
        plain = unquote(self._call.path.rest)
        if any(len(given) >= fields.LEAST_TOKEN and given in plain for given in self._admitted.given):
            return "***"
        return self._call.path.rest[:_LONGEST_ENDPOINT]

    def _record(self, bot: BotIdentity, error_code: str | None) -> UsageRecord:
        call, now = self._call, self._services.monotonic()
        reading = self._reader.finish() if self._reader is not None else Reading(usage=Usage())
        first = None if self._first_byte is None else (self._first_byte - self._started) * 1000
        return UsageRecord(
            record_id=uuid7(),
            at=self._at,
            trace_id=self.trace_id,
            owner_id=bot.owner_id,
            bot_id=bot.bot_id,
            hostname=bot.hostname,
            token_id=bot.token_id,
            vendor=call.vendor_name,
            method=call.head.method,
            endpoint=self._endpoint(),
            dialect=call.dialect.id if call.dialect is not None else None,
            key_id=self._key.key_id if self._key is not None else None,
            key_label=self._key.label if self._key is not None else None,
            model_asked=self._facts.model,
            model_answered=reading.model,
            streamed=self._facts.stream,
            status=self._status or _CLIENT_CLOSED,
            error_code=error_code or self._error_code or (reading.error and "error_in_answer"),
            usage=reading.usage,
            duration_ms=(now - self._started) * 1000,
            first_byte_ms=first,
            attempts=self._attempts,
            simulated=_is_simulated(self._key),
        )


def _is_simulated(key: ProviderKey | None) -> bool:
    return key is not None and (key.base_url or "").startswith(SIMULATED_BASE_URL)


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", str(len(body)).encode()
