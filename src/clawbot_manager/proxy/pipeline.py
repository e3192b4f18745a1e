"""The proxy's pipeline: authenticate, admit, route, forward, meter, settle.

It knows no transport: a request's head comes in, and decisions come out that a transport carries out (see
`app.py`). Everything here is synchronous and does no I/O.
"""

import time
from collections.abc import Callable
from urllib.parse import unquote

from clawbot_manager.kit.clock import Clock, SystemClock
from clawbot_manager.proxy import headers as fields
from clawbot_manager.proxy import refusals
from clawbot_manager.proxy.exchange import Admitted, Call, Exchange, Services
from clawbot_manager.proxy.messages import ProxyConfig, RequestHead
from clawbot_manager.proxy.ports import (
    BotIdentity,
    Budgets,
    KeyInventory,
    KeyRing,
    LimitHit,
    TokenDirectory,
    UsageSink,
)
from clawbot_manager.proxy.refusals import Refusal
from clawbot_manager.proxy.routing import is_unmetered, split_route
from clawbot_manager.vendors.addressing import BadPathError, CallPath, take_apart
from clawbot_manager.vendors.dialects import Dialect, dialect_named, recognise
from clawbot_manager.vendors.records import Catalog, Vendor


class Pipeline:
    """Builds an `Exchange` for each request.

    `monotonic` measures durations and bounds the failover; `clock` dates the records.
    """

    def __init__(
        self,
        *,
        tokens: TokenDirectory,
        keys: KeyRing,
        budgets: Budgets,
        usage: UsageSink,
        catalog: Catalog,
        config: ProxyConfig | None = None,
        inventory: KeyInventory | None = None,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens
        self._budgets = budgets
        self._catalog = catalog
        self.config = config or ProxyConfig()
        self._services = Services(
            keys=keys,
            budgets=budgets,
            usage=usage,
            config=self.config,
            inventory=inventory,
            clock=clock or SystemClock(),
            monotonic=monotonic,
        )

    def open(self, head: RequestHead) -> Exchange:
        """Authenticate, admit and understand a request; a refusal is told by `Exchange.refused`."""
        call = self._understand(head)
        given = fields.find_tokens(head.headers, head.query)
        bot, token = self._authenticate(given)
        if bot is None:
            refusal = refusals.TOKEN_INVALID if given else refusals.TOKEN_MISSING
            return Exchange(self._services, call, None, refusal)
        refusal_or_none = call.problem or self._allowed(call, bot, token)
        if refusal_or_none is not None:
            return Exchange(self._services, call, Admitted(bot, tuple(given), counted=False), refusal_or_none)
        limit = self._budgets.admit(bot, call.vendor.id if call.vendor else "")
        if limit is not None:
            retry_after = limit.retry_after if isinstance(limit, LimitHit) else None
            refusal = refusals.of_limit(str(limit), retry_after)
            return Exchange(self._services, call, Admitted(bot, tuple(given), counted=False), refusal)
        return Exchange(self._services, call, Admitted(bot, tuple(given), counted=True), None)

    def _authenticate(self, given: list[str]) -> tuple[BotIdentity | None, str]:
        for token in given:
            if (bot := self._tokens.find(token)) is not None:
                return bot, token
        return None, ""

    def _understand(self, head: RequestHead) -> Call:
        """What the request is, whoever sends it; problems are told only to who has a token."""
        name, path_given = split_route(head.path) or ("", "/")
        trace = fields.trace_id(head.headers, fields.find_tokens(head.headers, head.query))
        vendor = self._catalog.get(name)
        problem = None if vendor is not None else refusals.UNKNOWN_VENDOR
        try:
            path = take_apart(vendor, path_given)
        except BadPathError:
            path, problem = CallPath("", None, "/"), refusals.BAD_PATH
        dialect = recognise(head.method, path.rest)
        return Call(
            head=head,
            trace_id=trace,
            vendor=vendor,
            vendor_name=name,
            path=path,
            dialect=dialect,
            speaks=dialect or _spoken(vendor, path),
            problem=problem,
        )

    def _allowed(self, call: Call, bot: BotIdentity, token: str) -> Refusal | None:
        if call.vendor is None or call.vendor.id not in bot.vendors:
            return refusals.VENDOR_NOT_CONFIGURED
        if token in unquote(call.head.path):
            return refusals.BAD_PATH  # it would travel to the provider
        if call.head.method not in _METHODS:
            return refusals.METHOD_NOT_SERVED  # TRACE would echo the key, CONNECT is for tunnels
        spellings = (call.path.rest, unquote(call.path.rest))  # an encoded slash may be one to the provider
        unmetered = any(is_unmetered(call.head.method, path) for path in spellings)
        if unmetered and not self.config.allow_unmetered_jobs:
            return refusals.NOT_SERVED
        return None


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _spoken(vendor: Vendor | None, path: CallPath) -> Dialect:
    """The dialect to word an error in, on a path that is none's own."""
    if vendor is None:
        return dialect_named(None)
    if vendor.id == "ollama" and not path.rest.startswith("/api/"):
        return dialect_named("openai-chat")
    return dialect_named(vendor.main_dialect)
