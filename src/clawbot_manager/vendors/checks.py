"""Sans-IO: verify a key and list models by requests that cost nothing.

The caller sends a `CheckRequest` through a guarded client (or asks `answer_locally` first) and hands the
answer back to be judged.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from clawbot_manager.vendors import simulator
from clawbot_manager.vendors.addressing import (
    CallPath,
    auth_place,
    place_for,
    take_apart,
    target,
)
from clawbot_manager.vendors.dialects import dialect_named
from clawbot_manager.vendors.errors import classify, decoded, values_at
from clawbot_manager.vendors.records import Endpoint, Vendor

Outcome = Literal["ok", "empty", "bad_key", "unknown"]

# Paths of the model lists by the dialect of a custom endpoint.
_CUSTOM_MODELS = {
    "anthropic-messages": CallPath("", "v1", "/models", "/models"),
    "google-generatecontent": CallPath("", "v1beta", "/models", "/models"),
    "ollama": CallPath("", None, "/api/tags", "/api/tags"),
}


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A request to send. The headers carry the key: `repr` hides them."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer says of the key. `reason` is a stable word: an error kind, or why no answer came.

    "empty": a good key whose account has no money. `has_money` None = the vendor does not tell.
    """

    outcome: Outcome
    reason: str | None = None
    status: int | None = None
    has_money: bool | None = None


def key_check(
    vendor: Vendor, secret: str, *, base_url: str | None = None, api_type: str | None = None
) -> CheckRequest:
    """The request whose answer tells a good key from a bad one.

    Raises:
        NoBaseUrlError: the vendor needs a base URL and none is given.
        NotInPlanError: the key's plan does not serve what would be asked.
    """
    check = vendor.key_check
    return _request(vendor, check.method, check.url, secret, base_url, api_type)


def balance_check(
    vendor: Vendor, secret: str, *, base_url: str | None = None, api_type: str | None = None
) -> CheckRequest | None:
    """The request whose answer tells whether the account has money; None where there is none known."""
    check = vendor.balance
    return None if check is None else _request(vendor, check.method, check.url, secret, base_url, api_type)


def models_list(
    vendor: Vendor, secret: str, *, base_url: str | None = None, api_type: str | None = None
) -> CheckRequest:
    """The request that lists the models of a key.

    Raises:
        NoBaseUrlError: the vendor needs a base URL and none is given.
        NotInPlanError: the key's plan does not serve what would be asked.
    """
    return _request(vendor, "GET", vendor.models.url, secret, base_url, api_type)


def answer_locally(request: CheckRequest) -> tuple[int, bytes] | None:
    """Status and body if the request goes to the simulated provider, which needs no network; else None."""
    if not request.url.startswith(simulator.SIMULATED_BASE_URL):
        return None
    path = request.url.removeprefix(simulator.SIMULATED_BASE_URL)
    answered = simulator.answer(request.method, path, b"")
    return answered.status, b"".join(piece.data for piece in answered.pieces)


def judge(vendor: Vendor, status: int, body: bytes, *, api_type: str | None = None) -> Verdict:
    """What the answer to `key_check` says of the key; only a plain yes or no is taken for one."""
    check = vendor.key_check
    if 200 <= status < 300:
        compact = body.replace(b" ", b"").replace(b"\n", b"")
        if check.ok_body is not None and check.ok_body.encode() not in compact:
            return Verdict("bad_key", "bad_key", status)
        return Verdict("ok", None, status)
    kind = classify(vendor, api_type, status, body)
    if kind == "quota_exhausted":
        return Verdict("empty", kind, status, has_money=False)
    if kind == "bad_key" or (status in check.bad_key_status and _says_bad_key(vendor, status, body, kind)):
        return Verdict("bad_key", "bad_key", status)
    # Even if the vendor knew the key well enough to refuse for another reason: whether it works is not told.
    return Verdict("unknown", kind, status)


def judge_balance(vendor: Vendor, verdict: Verdict, status: int, body: bytes) -> Verdict:
    """The verdict on a good key, together with the answer to `balance_check`; any odd answer adds nothing."""
    check = vendor.balance
    if check is None or verdict.outcome != "ok" or not 200 <= status < 300:
        return verdict
    left = _left(values_at(decoded(body), check.left_at))
    if left is None:
        return verdict
    return replace(verdict, outcome="ok" if left else "empty", has_money=left)


def _left(values: list[Any]) -> bool | None:
    """Whether there is money, said by a boolean, or by an amount as number or text."""
    for value in values:
        if isinstance(value, bool):
            return value
        try:
            return float(value) > 0
        except (TypeError, ValueError):
            continue
    return None


def judge_failure(reason: str) -> Verdict:
    """No answer came: a time-out, no connection, an address that is not allowed."""
    return Verdict("unknown", reason)


def parse_models(vendor: Vendor, body: bytes, *, api_type: str | None = None) -> list[str]:
    """The model ids in the answer to `models_list`, in its order; [] when it is not understood."""
    try:
        content = msgspec.json.decode(body)
    except (ValueError, RecursionError):  # ValueError: also text that is no UTF-8
        return []
    facts = vendor.models
    strip = facts.id_prefix_to_strip
    if vendor.status == "user-defined" and api_type == "google-generatecontent":
        strip = "models/"
    found = []
    for item in _items(content, facts.items_key):
        name = item.get(facts.id_key) or item.get("id") or item.get("name") or item.get("model")
        if isinstance(name, str) and name:
            found.append(name.removeprefix(strip))
    return list(dict.fromkeys(found))


def _items(content: Any, key: str) -> list[dict[str, Any]]:
    if isinstance(content, dict):
        content = content.get(key) or content.get("data") or content.get("models")
    return [item for item in content if isinstance(item, dict)] if isinstance(content, list) else []


def _says_bad_key(vendor: Vendor, status: int, body: bytes, kind: str) -> bool:
    """A status alone convicts only where the catalogue names no words that must stand in the body.

    A 401 that a rule of the vendor's calls "forbidden" is a good key's without the right to look.
    """
    words = vendor.key_check.bad_key_body
    if not words:
        return not (status == 401 and kind == "forbidden")
    return any(word.encode() in body for word in words)


def _request(
    vendor: Vendor, method: str, url: str, secret: str, base_url: str | None, api_type: str | None
) -> CheckRequest:
    endpoint = _endpoint_of(vendor, url)
    if vendor.status == "user-defined" and base_url and api_type in _CUSTOM_MODELS:
        place = target(
            vendor, _CUSTOM_MODELS[api_type], dialect_named(api_type), base_url=base_url, api_type=api_type
        )
        return CheckRequest(method, place.url, _headers(vendor, endpoint, secret, api_type))
    suffix = url.removeprefix(endpoint.base_url)
    base = place_for(vendor, endpoint, base_url).base_url.rstrip("/")
    return CheckRequest(method, _merge(base, suffix), _headers(vendor, endpoint, secret, api_type))


def _merge(base: str, suffix: str) -> str:
    """Join, but not `…/v1` with `/v1/models`."""
    version = take_apart(None, urlsplit(suffix).path).version
    if version is not None and base.endswith("/" + version):
        base = base[: -len(version) - 1]
    return base + suffix


def _endpoint_of(vendor: Vendor, url: str) -> Endpoint:
    """The endpoint whose base URL the catalogue's address starts with; the longest one, the main on a tie."""
    fitting = [one for one in vendor.endpoints if url.startswith(one.base_url)]
    main = vendor.main_dialect
    return max(fitting, key=lambda one: (one.dialect == main, len(one.base_url)), default=vendor.endpoints[0])


def _headers(
    vendor: Vendor, endpoint: Endpoint, secret: str, api_type: str | None
) -> tuple[tuple[str, str], ...]:
    headers = [("accept", "application/json"), *vendor.required_headers.items()]
    kind = api_type if vendor.status == "user-defined" else endpoint.dialect
    if kind == "anthropic-messages" and not vendor.required_headers:
        headers += dialect_named(kind).default_headers
    if secret:
        place = auth_place(vendor, endpoint, api_type, secret)
        headers.append((place.header, place.prefix + secret))
    return tuple(headers)
