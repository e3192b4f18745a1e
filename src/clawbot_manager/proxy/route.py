"""A request head, understood once: who sends it, what it is, and what goes to the provider for each key."""

import re
from datetime import datetime
from urllib.parse import unquote, urlsplit
from uuid import UUID

from clawbot_manager.proxy import headers as fields
from clawbot_manager.proxy.masking import Secret
from clawbot_manager.proxy.messages import Headers, Origin, Prepared, RequestHead
from clawbot_manager.proxy.ports import Attempt, BotIdentity, ProviderKey
from clawbot_manager.proxy.refusals import Refusal
from clawbot_manager.proxy.uploads import Upload
from clawbot_manager.proxy.websocket import Opening
from clawbot_manager.vendors.addressing import BadPathError, CallPath, target
from clawbot_manager.vendors.dialects import AnythingCollector, Collector, Dialect
from clawbot_manager.vendors.records import Vendor
from clawbot_manager.vendors.simulator import SIMULATED_BASE_URL

_LONGEST_ENDPOINT = 200
_WRITING = ("POST", "PUT", "PATCH")
_ENDS_A_LINE = re.compile(rb"[\r\n\0]")
Constants = tuple[UUID, UUID, str, UUID, str, str, str, str | None]
_DEFAULT_PORTS = {"http": 80, "https": 443, "simulated": 0}


class Route:
    """What a request's head says. `speaks` is the dialect that an error is worded in; `streams` = the head
    alone asks for a stream.

    `given` stood in the places of a credential. `trace_given` is the client's own trace id, "" for none.
    `opening` is there when it opens a WebSocket.
    """

    __slots__ = (
        "_constants",
        "_prepared",
        "bot",
        "buffers_body",
        "dialect",
        "endpoint",
        "given",
        "has_traceparent",
        "head",
        "opening",
        "path",
        "refusal",
        "speaks",
        "streams",
        "trace_given",
        "upload",
        "vendor",
        "vendor_name",
    )

    def __init__(
        self,
        *,
        head: RequestHead,
        trace_given: str,
        vendor: Vendor | None,
        vendor_name: str,
        path: CallPath,
        dialect: Dialect | None,
        speaks: Dialect,
        bot: BotIdentity | None,
        given: tuple[str, ...],
    ) -> None:
        self.head = head
        self.trace_given = trace_given
        self.vendor = vendor
        self.vendor_name = vendor_name
        self.path = path
        self.dialect = dialect
        self.speaks = speaks
        self.bot = bot
        self.given = given
        self.refusal: Refusal | None = None
        self.opening: Opening | None = None
        self.upload: Upload | None = None
        # DashScope's own API is asked for a stream by this header, and not in the body
        self.streams = fields.header(head.headers, b"x-dashscope-sse").lower() == "enable"
        self.has_traceparent = any(name == b"traceparent" for name, _ in head.headers)
        self.endpoint = self._endpoint()
        kind = fields.header(head.headers, b"content-type").partition(";")[0].strip().lower()
        # Only bodies that the proxy reads are held: they can be sent again with another key.
        form = kind.startswith("multipart/") and dialect is not None and dialect.takes_forms(path.shape)
        self.buffers_body = dialect is not None and not form
        self._prepared: dict[int, Prepared] = {}
        self._constants: Constants | None = None

    def collector(self) -> Collector | None:
        """For one answer; None where nothing is used: what is only read has been paid for when it was
        made.
        """
        if self.dialect is not None:
            return self.dialect.collector(self.path.shape)
        return AnythingCollector() if self.head.method in _WRITING else None

    def is_live(self, now: datetime) -> bool:
        """Whether the token it was found by has not expired since."""
        expires_at = None if self.bot is None else self.bot.expires_at
        return expires_at is None or expires_at > now

    def constants(self) -> Constants:
        """What is the same in the records of all its requests, in the order of `ports.UsageRecord`."""
        known = self._constants
        if known is None:
            bot, dialect = self.bot, self.dialect
            assert bot is not None, "a request of nobody is not recorded"
            ids = (bot.owner_id, bot.bot_id, bot.hostname, bot.token_id)
            spoken = None if dialect is None else dialect.id
            known = self._constants = (*ids, self.vendor_name, self.head.method, self.endpoint, spoken)
        return known

    @property
    def is_usual(self) -> bool:
        """Whether its requests may go by `wire.express`: nothing against them, a body that is read."""
        known = self.bot is not None and self.vendor is not None and self.dialect is not None
        return known and self.buffers_body and (self.refusal, self.opening, self.upload) == (None, None, None)

    def known(self, key: ProviderKey) -> Prepared | None:
        """What `prepared` has given for the key before."""
        return self._prepared.get(id(key))

    def prepared(self, key: ProviderKey) -> Prepared:
        """The request with this key in exactly one place.

        Raises:
            NoAddressError, BadPathError: it has no address.
        """
        known = self._prepared.get(id(key))
        if known is None:
            # holds the key, so that its id is not another's
            known = self._prepared[id(key)] = self._prepare(key)
        return known

    def _prepare(self, key: ProviderKey) -> Prepared:
        vendor = self.vendor
        assert vendor is not None
        place = target(
            vendor, self.path, self.dialect, base_url=key.base_url, api_type=key.api_type, secret=key.secret
        )
        parts = urlsplit(place.url)
        query = fields.without_key(self.head.query, self.given)
        path = f"{parts.path or '/'}?{query}" if query else parts.path or "/"
        origin = Origin(parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme])
        headers = fields.to_upstream(self.head.headers, self.given)
        present = {name for name, _ in headers}
        defaults = self.dialect.default_headers if self.dialect is not None else ()
        for name, value in {**dict(defaults), **vendor.required_headers}.items():
            if name.lower().encode() not in present:
                headers.append((name.lower().encode(), value.encode()))
        headers.append((b"accept-encoding", b"identity"))
        if key.secret:
            headers.append((place.auth.header.lower().encode(), (place.auth.prefix + key.secret).encode()))
        block = _block(self.head.method, path, parts.netloc, headers)
        key_line = f"x-clawbot-key: {key.key_id}\r\n".encode("ascii")
        secret = Secret(key.secret)
        return Prepared(
            self.head.method,
            origin,
            parts.netloc,
            path,
            headers,
            block,
            secret,
            key_line,
            key,
            is_simulated(key),
            self._asks(vendor, key),
            [Attempt(key.key_id, 200)],
        )

    def _asks(self, vendor: Vendor, key: ProviderKey) -> bool:
        """Whether only `stream_options.include_usage` makes a stream tell its usage."""
        asked = vendor.tells_usage_when_asked or vendor.status == "user-defined" or is_simulated(key)
        return asked and self.dialect is not None and self.dialect.asks_usage(self.path.shape)

    def _endpoint(self) -> str:
        """The path as it is recorded."""
        plain = unquote(self.path.rest)
        if any(len(given) >= fields.LEAST_TOKEN and given in plain for given in self.given):
            return "***"
        return self.path.rest[:_LONGEST_ENDPOINT]


def is_simulated(key: ProviderKey | None) -> bool:
    """Whether the key's provider is the simulated one."""
    return key is not None and key.base_url is not None and key.base_url.startswith(SIMULATED_BASE_URL)


def _block(method: str, path: str, netloc: str, headers: Headers) -> bytes:
    if any(_ENDS_A_LINE.search(value) for _, value in headers):
        raise BadPathError("a value would end its header")  # a stored secret can be anything
    lines = [f"{method} {path} HTTP/1.1\r\nhost: {netloc}\r\n".encode("ascii")]
    lines += [b"%b: %b\r\n" % field for field in headers]
    return b"".join(lines)
