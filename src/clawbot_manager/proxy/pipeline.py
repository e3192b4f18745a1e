"""The proxy's pipeline: authenticate, admit, route, forward, meter, settle.

It knows no transport: a request's head comes in, and decisions come out that a transport carries out (see
`wire/` and `app.py`). Everything here is synchronous and does no I/O.
"""

import time
from collections.abc import Callable
from urllib.parse import unquote

from clawbot_manager.kit.clock import Clock, SystemClock
from clawbot_manager.proxy import headers as fields
from clawbot_manager.proxy import refusals
from clawbot_manager.proxy.exchange import Exchange
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
from clawbot_manager.proxy.route import Route
from clawbot_manager.proxy.routing import (
    changes_method,
    is_of_the_account,
    split_route,
    starts_a_job,
    unmetered,
)
from clawbot_manager.proxy.services import Services
from clawbot_manager.proxy.uploads import upload_of
from clawbot_manager.proxy.websocket import opening
from clawbot_manager.vendors.addressing import BadPathError, CallPath, readings, take_apart
from clawbot_manager.vendors.dialects import Dialect, dialect_named, recognise
from clawbot_manager.vendors.dialects.realtime import SESSION_DIALECTS
from clawbot_manager.vendors.records import Catalog, Vendor

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Pipeline:
    """Understands request heads (`route`) and opens an `Exchange` for each request (`open`).

    A route may be used for as many requests with the same head as come while the epoch of the tokens stands
    and `Route.is_live`. `monotonic` measures durations and bounds the failover; `clock` dates the records.
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
        self.tokens = tokens
        self._budgets = budgets
        self._catalog = catalog
        self.config = config or ProxyConfig()
        self.clock = clock or SystemClock()
        self.services = Services(
            keys=keys,
            budgets=budgets,
            usage=usage,
            config=self.config,
            inventory=inventory,
            now=self.clock.now,
            monotonic=monotonic,
        )

    def route(self, head: RequestHead) -> Route:
        """Authenticate and understand a request; what stands against it is the route's `refusal`."""
        given = fields.find_tokens(head.headers, head.query)
        name, path_given = split_route(head.path) or ("", "/")
        vendor = self._catalog.get(name)
        problem = None if vendor is not None else refusals.UNKNOWN_VENDOR
        try:
            path = take_apart(vendor, path_given)
            _check_reading(name, head.method, path.shape, readings(vendor, path_given))
            fields.check_query(head.query)
        except BadPathError:
            path, problem = CallPath("", None, "/", "/"), refusals.BAD_PATH
        dialect = recognise(head.method, path.shape)
        bot, token = self._authenticate(given)
        route = Route(
            head=head,
            trace_given=fields.given_trace(head.headers, given),
            vendor=vendor,
            vendor_name=name,
            path=path,
            dialect=dialect,
            speaks=dialect or _spoken(vendor, path),
            bot=bot,
            given=tuple(given),
        )
        if bot is None:
            route.refusal = refusals.TOKEN_INVALID if given else refusals.TOKEN_MISSING
        else:
            route.refusal = problem or self._allowed(route, bot, token)
            route.upload = upload_of(head, path_given, path.rest, token)
        return route

    def socket(self, head: RequestHead) -> Route:
        """The same for a request to switch protocols: to a WebSocket that the catalogue knows, or not."""
        asked = opening(head)
        if asked is None:
            return self.route(head)
        route = self.route(asked.head)
        route.opening = asked
        dialect = route.vendor.sockets.get(route.path.rest) if route.vendor is not None else None
        if dialect is not None:
            route.dialect = route.speaks = SESSION_DIALECTS[dialect]
        elif route.refusal is None:
            route.refusal = refusals.NOT_SERVED
        return route

    def open(self, route: Route, kind: type[Exchange] = Exchange) -> Exchange:
        """Admit one request of the route; a refusal is told by `Exchange.refused`."""
        bot = route.bot
        if route.refusal is not None or bot is None:
            return kind(self.services, route, route.refusal, counted=False)
        limit = self._budgets.admit(bot, route.vendor_name)
        if limit is None:
            return kind(self.services, route, None, counted=True)
        retry_after = limit.retry_after if isinstance(limit, LimitHit) else None
        return kind(self.services, route, refusals.of_limit(str(limit), retry_after), counted=False)

    def _authenticate(self, given: list[str]) -> tuple[BotIdentity | None, str]:
        for token in given:
            if (bot := self.tokens.find(token)) is not None:
                return bot, token
        return None, ""

    def _allowed(self, route: Route, bot: BotIdentity, token: str) -> Refusal | None:
        head = route.head
        if route.vendor is None or route.vendor.id not in bot.vendors:
            return refusals.VENDOR_NOT_CONFIGURED
        if token in unquote(head.path):
            return refusals.BAD_PATH  # it would travel to the provider
        if head.method not in _METHODS or changes_method(head.headers):
            return refusals.METHOD_NOT_SERVED  # TRACE would echo the key, CONNECT is for tunnels
        if is_of_the_account(route.path.rest):
            return refusals.ACCOUNT_NOT_SERVED
        jobs = self.config.allow_unmetered_jobs
        rule = unmetered(head.method, route.path.rest, route.vendor.id)
        if (rule is not None and (rule.always or not jobs)) or (starts_a_job(head.headers) and not jobs):
            return refusals.NOT_SERVED
        return None


def _check_reading(vendor: str, method: str, rest: str, others: list[str]) -> None:
    """Refuse a path that is one thing to us and may be another, metered or refused, to the provider.

    Raises:
        BadPathError: it is.
    """
    harmless = {_meaning(vendor, method, rest), (None, False, False)}
    if any(_meaning(vendor, method, one) not in harmless for one in others):
        raise BadPathError("the path is not in its plain spelling")


def _meaning(vendor: str, method: str, rest: str) -> tuple[Dialect | None, bool, bool]:
    return recognise(method, rest), unmetered("POST", rest, vendor) is not None, is_of_the_account(rest)


def _spoken(vendor: Vendor | None, path: CallPath) -> Dialect:
    """The dialect to word an error in, on a path that is none's own."""
    if vendor is None:
        return dialect_named(None)
    if vendor.id == "ollama" and not path.rest.startswith("/api/"):
        return dialect_named("openai-chat")
    return dialect_named(vendor.main_dialect)
