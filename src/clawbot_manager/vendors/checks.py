"""Sans-IO: verify a key and list models by requests that cost nothing.

The caller sends a `CheckRequest` through a guarded client (or asks `answer_locally` first) and hands the
answer back to be judged.
"""

from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from clawbot_manager.vendors import simulator
from clawbot_manager.vendors.addressing import (
    CallPath,
    NoBaseUrlError,
    auth_place,
    base_for,
    take_apart,
    target,
)
from clawbot_manager.vendors.dialects import dialect_named
from clawbot_manager.vendors.errors import classify
from clawbot_manager.vendors.records import Endpoint, Vendor

Outcome = Literal["ok", "bad_key", "unknown"]

# Paths of the model lists by the dialect of a custom endpoint.
_CUSTOM_MODELS = {
    "anthropic-messages": CallPath("", "v1", "/models"),
    "google-generatecontent": CallPath("", "v1beta", "/models"),
    "ollama": CallPath("", None, "/api/tags"),
}


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A request to send. The headers carry the key: `repr` hides them."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer says of the key. `reason` is a stable word: an error kind, or why no answer came."""

    outcome: Outcome
    reason: str | None = None
    status: int | None = None


def key_check(
    vendor: Vendor, secret: str, *, base_url: str | None = None, api_type: str | None = None
) -> CheckRequest:
    """The request whose answer tells a good key from a bad one.

    Raises:
        NoBaseUrlError: the vendor needs a base URL and none is given.
    """
    check = vendor.key_check
    return _request(vendor, check.method, check.url, secret, base_url, api_type)


def models_list(
    vendor: Vendor, secret: str, *, base_url: str | None = None, api_type: str | None = None
) -> CheckRequest:
    """The request that lists the models of a key.

    Raises:
        NoBaseUrlError: the vendor needs a base URL and none is given.
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
    if status in check.bad_key_status and _says_bad_key(vendor, body, kind):
        return Verdict("bad_key", "bad_key", status)
    if kind in ("rate_limited", "quota_exhausted", "forbidden") and status != 401:
        # The vendor knew the key well enough to refuse for another reason; whether it works is not told.
        return Verdict("unknown", kind, status)
    return Verdict("bad_key" if kind == "bad_key" else "unknown", kind, status)


def judge_failure(reason: str) -> Verdict:
    """No answer came: a time-out, no connection, an address that is not allowed."""
    return Verdict("unknown", reason)


def parse_models(vendor: Vendor, body: bytes, *, api_type: str | None = None) -> list[str]:
    """The model ids in the answer to `models_list`, in its order; [] when it is not understood."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
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


def _says_bad_key(vendor: Vendor, body: bytes, kind: str) -> bool:
    """A status alone convicts only where the catalogue names no words that must stand in the body."""
    words = vendor.key_check.bad_key_body
    if kind == "bad_key":
        return True
    if kind == "quota_exhausted":
        return False
    return not words or any(word.encode() in body for word in words)


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
    base, _ = base_for(vendor, endpoint, base_url)
    if "{" in base:
        raise NoBaseUrlError(vendor.id)
    return CheckRequest(
        method, _merge(base.rstrip("/"), suffix), _headers(vendor, endpoint, secret, api_type)
    )


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
