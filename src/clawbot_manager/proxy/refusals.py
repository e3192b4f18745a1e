"""The proxy's own errors: codes, statuses, and words.

The words are chosen for the bots: OpenClaw locks a provider for a minute after 401 and 403 and for ten after
anything that sounds like money, and retries 429 and 5xx for a while. So passing faults are 5xx or 429, a
wrong set-up is 404, and no sentence speaks of credit, billing or payment.
"""

from dataclasses import dataclass, replace

import msgspec

from clawbot_manager.infra.http.egress import ALLOW_SETTING
from clawbot_manager.proxy.messages import Answer, FailureReason
from clawbot_manager.proxy.ports import BotIdentity, KeyInventory
from clawbot_manager.vendors.dialects import Dialect, ErrorFacts


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not served. `body_code` is the body's code, when it is not the header's."""

    status: int
    code: str
    message: str
    retry_after: float | None = None
    body_code: str | None = None


TOKEN_MISSING = Refusal(
    401, "token_missing", "No bot token was sent. Put this bot's proxy token where the API key goes."
)
TOKEN_INVALID = Refusal(
    401, "token_invalid", "The bot token is not valid: it is unknown, was revoked, or has expired."
)
UNKNOWN_VENDOR = Refusal(404, "unknown_vendor", "There is no vendor of this name. See the list of vendors.")
VENDOR_NOT_CONFIGURED = Refusal(
    404, "vendor_not_configured", "This bot is not set up for this vendor. Add the vendor to the bot."
)
METHOD_NOT_SERVED = Refusal(405, "method_not_served", "The proxy does not pass this method on.")
BAD_PATH = Refusal(400, "bad_path", "The path of the request is not valid.")
NOT_SERVED = Refusal(
    404, "path_not_served", "The proxy does not serve this path, because its usage cannot be counted."
)
ACCOUNT_NOT_SERVED = Refusal(
    404,
    "account_not_served",
    "The proxy does not serve paths that manage the account behind the provider key.",
)
NO_KEY = Refusal(
    404, "no_key", "No provider key is stored for this vendor that this bot may use. Add one in the console."
)
NO_KEY_AVAILABLE = Refusal(
    503, "no_key_available", "No provider key is ready for this vendor right now. Try again shortly.", 15.0
)
BODY_TOO_LARGE = Refusal(413, "body_too_large", "The body of the request is larger than the proxy takes.")
HEAD_TOO_LARGE = Refusal(431, "head_too_large", "The head of the request is larger than the proxy takes.")
BAD_REQUEST = Refusal(400, "bad_request", "This is not a valid HTTP request.")
BODY_TIMEOUT = Refusal(408, "body_timeout", "The body of the request did not come in time.")
PACKED = Refusal(
    502,
    "upstream_packed",
    "The provider compressed its answer, unasked, in a way that the proxy cannot look into.",
)
NO_ROOM = Refusal(503, "no_room", "The proxy holds as many request bodies as it can. Try again shortly.", 2.0)

_FAILURES: dict[FailureReason, Refusal] = {
    "connect_error": Refusal(502, "upstream_unreachable", "The provider could not be reached."),
    "connect_timeout": Refusal(504, "upstream_timeout", "The provider did not accept a connection in time."),
    "tls_refused": Refusal(
        502,
        "upstream_untrusted",
        "No TLS connection to trust could be made with the provider. Nothing was sent.",
    ),
    "timeout": Refusal(504, "upstream_timeout", "The provider did not answer in time."),
    "broken": Refusal(502, "upstream_broken", "The provider closed the connection before it answered."),
    "egress_denied": Refusal(
        502,
        "egress_denied",
        f"The address of this provider key is not allowed. An operator can allow it with {ALLOW_SETTING}.",
    ),
    "simulator_disabled": Refusal(
        502, "simulator_disabled", "The simulated provider is switched off on this server."
    ),
}
NO_BASE_URL = Refusal(
    502, "no_base_url", "The provider key names no base URL, and this vendor has no address of its own."
)
NOT_IN_PLAN = Refusal(
    404,
    "not_in_plan",
    "The base URL of the provider key serves other APIs of this vendor, and not this one. Store a key for "
    "this API as well, or call another one.",
)

_DEFAULT_RETRY_AFTER = 30.0


def without_key(inventory: KeyInventory | None, bot: BotIdentity, vendor: str) -> Refusal:
    """The refusal when no key is there to begin with: none was ever stored, or all of them rest.

    Clients wait as long as they are told: until the first key is back, but a minute at most, because somebody
    may put another one right meanwhile.
    """
    if inventory is None:
        return NO_KEY_AVAILABLE
    if not inventory.has_any(bot, vendor):
        return NO_KEY
    ready_in = inventory.ready_in(bot, vendor)
    if ready_in is None:
        return NO_KEY_AVAILABLE
    return replace(NO_KEY_AVAILABLE, retry_after=min(ready_in, 60.0))


def of_failure(reason: FailureReason) -> Refusal:
    """The refusal for an upstream that gave no answer."""
    return _FAILURES[reason]


def of_limit(code: str, retry_after: float | None) -> Refusal:
    """The refusal for a limit. The body says `limit_reached` for each: clients read more into other words."""
    return Refusal(
        429,
        code,
        "A limit set for this bot has been reached. Try again later, or ask the bot's owner to raise it.",
        _DEFAULT_RETRY_AFTER if retry_after is None else retry_after,
        "limit_reached",
    )


def render(refusal: Refusal, dialect: Dialect, trace: str, *, numeric_code: bool = False) -> Answer:
    """The refusal as the dialect's SDK expects an error; `numeric_code` see `ErrorRules`."""
    code = refusal.body_code or refusal.code
    if numeric_code and dialect.id.startswith("openai-"):
        told = {"code": refusal.status, "message": refusal.message, "metadata": {"reason": code}}
        body = msgspec.json.encode({"error": told})
    else:
        body = dialect.error_body(ErrorFacts(refusal.status, code, refusal.message, trace))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-clawbot-error", refusal.code.encode()),
        (b"x-clawbot-trace-id", trace.encode()),
    ]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", str(max(1, round(refusal.retry_after))).encode()))
    return Answer(refusal.status, headers, body)
