"""Where a request goes: joins base URLs and client paths without doubling or losing the version.

Who carries the version differs: OpenAI's SDK has it in the base URL, Anthropic's, Google's and Cohere's in
the path, and some vendors' own SDKs put a prefix of theirs before it. Nothing in a client's path can change
the host: a path is only ever appended to a base URL that ends in an authority and a path.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from clawbot_manager.vendors.dialects import DIALECTS, Dialect
from clawbot_manager.vendors.records import AuthPlace, Endpoint, Vendor

_VERSION = re.compile(r"v\d+(?:(?:alpha|beta)\d*)?")
_LEADING_VERSION = re.compile(r"/(v\d+(?:(?:alpha|beta)\d*)?)(?=/|$)")
_TRAILING_VERSION = re.compile(r"/v\d+(?:(?:alpha|beta)\d*)?$")
# Google's paths for media have the version behind a first segment: /upload/v1beta/files
_INNER_VERSION = re.compile(r"/(?:upload|download)/v\d+(?:(?:alpha|beta)\d*)?/")
# RFC 3986 path characters; anything else has no business in a request target
_PATH_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~%!$&'()*+,;=:@/\[\]|{}]*")

_LONGEST_PATH = 4096

_CUSTOM_AUTH = {
    "anthropic-messages": AuthPlace("x-api-key", ""),
    "google-generatecontent": AuthPlace("x-goog-api-key", ""),
}


class BadPathError(ValueError):
    """The path tries to leave its place, or has characters that no path has."""


class NoAddressError(ValueError):
    """There is nowhere to send a call with this key."""


class NoBaseUrlError(NoAddressError):
    """The vendor has no address of its own and the key brings none."""


class NotInPlanError(NoAddressError):
    """The key's base URL names a plan, and the plan has no endpoint of this dialect.

    The vendor's other endpoints would take the request, and bill it outside the plan.
    """


class CallPath(NamedTuple):
    """A client's path, taken apart: `/openai/v1/chat/completions` is prefix, version `v1` and the rest.

    `shape` is the path whose dialect the rest speaks: mostly the rest itself.
    """

    prefix: str
    version: str | None
    rest: str
    shape: str


class Target(NamedTuple):
    """An upstream address without query, and where the key goes."""

    url: str
    auth: AuthPlace


@dataclass(frozen=True, slots=True)
class Place:
    """Where an endpoint is for one key. `exact`: the base URL has the path that the catalogue gives it."""

    endpoint: Endpoint
    base_url: str
    exact: bool


def take_apart(vendor: Vendor | None, path: str) -> CallPath:
    """Split a raw (still percent-encoded) path behind `/{vendor}`.

    Raises:
        BadPathError: it has `.` or `..` segments in any encoding, or characters that no path has.
    """
    _refuse_tricks(path)
    return _split(vendor, path)


def readings(vendor: Vendor | None, path: str) -> list[str]:
    """The shapes that the path may have to a provider that decodes it first, or minds neither case nor a
    slash at the end.
    """
    plain = unquote(path).rstrip("/") or "/"
    return [_split(vendor, one).shape for one in (plain, plain.lower()) if one != path]


def _split(vendor: Vendor | None, path: str) -> CallPath:
    path = "/" + path.lstrip("/")
    prefixes = _prefixes(vendor) if vendor is not None else ()
    prefix, version = "", None
    while True:
        if not prefix and path.startswith(prefixes):
            prefix = next(one for one in prefixes if path.startswith(one))[:-1]
            path = path[len(prefix) :]
            continue
        found = _LEADING_VERSION.match(path)
        if found is None:
            rest = path or "/"
            shape = vendor.same_shape.get(rest, rest) if vendor is not None else rest
            return CallPath(prefix, version, rest, shape)
        version = version or found.group(1)
        path = path[found.end() :]


def target(
    vendor: Vendor,
    call: CallPath,
    dialect: Dialect | None,
    *,
    base_url: str | None = None,
    api_type: str | None = None,
    secret: str = "",
) -> Target:
    """The address for a call: `base_url` and `api_type` are the key's own, when it has them.

    Raises:
        NoBaseUrlError: the vendor needs a base URL and the key has none.
        NotInPlanError: the key belongs to a plan that does not serve the dialect.
        BadPathError: the result would leave the host of the base URL (a defence that should never fire).
    """
    place = place_for(vendor, _endpoint(vendor, call, dialect, api_type), base_url)
    endpoint, base = place.endpoint, place.base_url.rstrip("/")
    # openai-other has the base of another dialect, and is no endpoint of the catalogue
    exact = place.exact and dialect is not None and endpoint.dialect == dialect.id
    speaks = DIALECTS[endpoint.dialect] if dialect is None or dialect.id == "openai-other" else dialect
    style = speaks.version
    if dialect is None and style == "none":
        style = "base"  # Ollama's host serves OpenAI's paths too: keep the version the client gave
    alias = _alias(endpoint, call)
    url = base + alias if alias else _join(base, style, call, exact=exact)
    if urlsplit(url)[:2] != urlsplit(base)[:2]:
        raise BadPathError("the path leaves the vendor's host")
    return Target(url, auth_place(vendor, endpoint, api_type, secret))


def auth_place(vendor: Vendor, endpoint: Endpoint, api_type: str | None, secret: str) -> AuthPlace:
    """The one header that the key goes into."""
    for prefix, place in vendor.auth_by_key_prefix:
        if secret.startswith(prefix):
            return place
    if vendor.status == "user-defined":
        kind = api_type or endpoint.dialect
        return _CUSTOM_AUTH.get(kind, vendor.auth)
    return endpoint.auth or vendor.auth


@lru_cache(maxsize=1024)
def place_for(vendor: Vendor, endpoint: Endpoint, base_url: str | None) -> Place:
    """Where an endpoint is for a key with this base URL of its own; without one, beside the main endpoint.

    A key's base URL may be one of the vendor's (then it names a region and a plan, and their endpoint of the
    same dialect is taken), a bare host (then the vendor's paths go behind it), or anything else (taken as it
    is). The client's path never chooses: a key works for one region and one plan.

    Raises:
        NoBaseUrlError: the vendor needs a base URL and the key has none.
        NotInPlanError: the key belongs to a plan that does not serve the dialect.
    """
    given = (base_url or vendor.endpoints_for(vendor.main_dialect)[0].base_url).rstrip("/")
    if "{" in given:
        raise NoBaseUrlError(vendor.id)
    named = tuple(one for one in vendor.endpoints if given == one.base_url or given in one.alias_base_urls)
    if (found := _sibling(vendor, endpoint, given, named)) is not None:
        return found
    if endpoint.base_url == "{base_url}":
        return Place(endpoint, given, exact=False)
    path = urlsplit(given).path
    for known in ("", *_base_paths(vendor)):
        if path == known or (known and path.endswith(known)):
            base = given[: len(given) - len(known)] + _base_path(endpoint)
            if named and any(base == one.base_url for one in vendor.endpoints if one not in named):
                raise NotInPlanError(vendor.id)  # it is another region's or another plan's
            return Place(endpoint, base, exact=True)
    if "{" in endpoint.base_url:  # the address of a gateway in front of a resource: its paths follow
        return Place(endpoint, given + _base_path(endpoint), exact=True)
    return Place(endpoint, given, exact=False)


def other_places(vendor: Vendor, base_url: str | None) -> tuple[str, ...]:
    """Base URLs of the vendor's other regions and plans: where a key may belong that is refused at this one.

    None for a vendor with one place only, and for a base URL that is not the vendor's.
    """
    main = vendor.endpoints_for(vendor.main_dialect)
    given = (base_url or main[0].base_url).rstrip("/")
    seen = {
        (one.region, one.plan)
        for one in vendor.endpoints
        if given == one.base_url or given in one.alias_base_urls
    }
    if not seen or "{" in given:
        return ()
    others = []
    for one in (*main, *vendor.endpoints):
        if (one.region, one.plan) not in seen:
            seen.add((one.region, one.plan))
            others.append(one.base_url)
    return tuple(others)


def _sibling(vendor: Vendor, endpoint: Endpoint, given: str, named: tuple[Endpoint, ...]) -> Place | None:
    """The endpoint of that dialect in the region and plan that the key's base URL names."""
    for one in named:
        if one.dialect == endpoint.dialect:
            return Place(one, given, exact=True)
    regions = {(one.region, one.plan) for one in named}
    same_dialect = vendor.endpoints_for(endpoint.dialect)
    for one in same_dialect:
        if (one.region, one.plan) in regions:
            return Place(one, _on_the_same_host(one, given, named), exact=True)
    parts = urlsplit(given)
    for one in same_dialect:
        if not parts.path and urlsplit(one.base_url).netloc == parts.netloc:
            return Place(one, one.base_url, exact=True)
    if _is_plan(named) and endpoint.dialect == "openai-responses":
        for one in vendor.endpoints_for("openai-chat"):  # OpenAI's SDK has one base URL for both
            if (one.region, one.plan) in regions:
                return Place(endpoint, one.base_url, exact=True)
    return None


def _is_plan(named: tuple[Endpoint, ...]) -> bool:
    return bool(named) and all(one.plan for one in named)


def _on_the_same_host(one: Endpoint, given: str, named: tuple[Endpoint, ...]) -> str:
    """The endpoint's base URL; under the other name of the host, if that is how the key's owner calls it."""
    if any(given == other.base_url for other in named):
        return one.base_url
    parts = urlsplit(given)
    return f"{parts.scheme}://{parts.netloc}{_base_path(one)}"


def _endpoint(vendor: Vendor, call: CallPath, dialect: Dialect | None, api_type: str | None) -> Endpoint:
    """The endpoint for a call; a path of no dialect: where its prefix points, or the main one."""
    wanted: str | None = dialect.id if dialect is not None else None
    if wanted == "openai-other":
        is_own = call.rest in vendor.own_paths and not call.prefix
        wanted = vendor.main_dialect if is_own else "openai-chat"
    return _endpoint_for(vendor, wanted, call.prefix, call.rest.startswith("/deployments/"), api_type)


@lru_cache(maxsize=1024)
def _endpoint_for(
    vendor: Vendor, wanted: str | None, prefix: str, by_deployment: bool, api_type: str | None
) -> Endpoint:
    if wanted is None or wanted.startswith("openai-"):
        for one in vendor.endpoints:
            is_dated = one.path.startswith("/deployments/")
            if is_dated and (by_deployment or prefix == _base_path(one)):
                return one
    if wanted and vendor.endpoints_for(wanted):
        return vendor.endpoints_for(wanted)[0]
    if prefix:
        for one in vendor.endpoints:
            if _base_path(one) == prefix:
                return one
    main = api_type if vendor.endpoints_for(api_type or "") else vendor.main_dialect
    return vendor.endpoints_for(main or vendor.main_dialect)[0]


def _alias(endpoint: Endpoint, call: CallPath) -> str:
    """The other path of the endpoint, if it is what the client asks for, with its version or without."""
    return next((one for one in endpoint.alias_paths if _LEADING_VERSION.sub("", one) == call.rest), "")


def _join(base: str, version_style: str, call: CallPath, *, exact: bool) -> str:
    if version_style == "host":
        return "{0.scheme}://{0.netloc}{1.rest}".format(urlsplit(base), call)
    if version_style == "none":
        base = _TRAILING_VERSION.sub("", base)
        return base.removesuffix("/api") + call.rest if call.rest.startswith("/api/") else base + call.rest
    if version_style != "base":
        base = _TRAILING_VERSION.sub("", base)
        if _INNER_VERSION.match(call.rest) is not None:
            return base + call.rest
        return f"{base}/{call.version or version_style}{call.rest}"
    if not call.version or exact or _has_version(base):
        return base + call.rest
    return f"{base}/{call.version}{call.rest}"


def _has_version(base: str) -> bool:
    return any(_VERSION.fullmatch(segment) for segment in urlsplit(base).path.split("/"))


@lru_cache(maxsize=64)
def _base_paths(vendor: Vendor) -> tuple[str, ...]:
    paths = {_base_path(one) for one in vendor.endpoints} - {""}
    return tuple(sorted(paths, key=len, reverse=True))


@lru_cache(maxsize=64)
def _prefixes(vendor: Vendor) -> tuple[str, ...]:
    """What a client may repeat before the path, each with a slash at its end; a bare version is told apart by
    its own rule.
    """
    known = dict.fromkeys((*_base_paths(vendor), *vendor.own_sdk_path_prefixes))
    prefixes = (f"{one}/" for one in known if not _VERSION.fullmatch(one.lstrip("/")))
    return tuple(sorted(prefixes, key=len, reverse=True))


def _base_path(endpoint: Endpoint) -> str:
    return "" if endpoint.base_url == "{base_url}" else urlsplit(endpoint.base_url).path.rstrip("/")


# RFC 3986 section 2.3: unreserved characters are never encoded
_NEEDLESS_CODE = re.compile(r"%(?:[46][1-9a-f]|[57][0-9a]|3[0-9]|2[de]|5f|7e)", re.IGNORECASE)


def _refuse_tricks(path: str) -> None:
    if len(path) > _LONGEST_PATH:
        raise BadPathError("the path is too long")
    if _PATH_CHARACTERS.fullmatch(path) is None:
        raise BadPathError("the path has characters that no path has")
    if "//" in path or _NEEDLESS_CODE.search(path) is not None:
        # Two spellings of one path: what we take for harmless might be something else to the provider.
        raise BadPathError("the path is not in its plain spelling")
    if "%" not in path and "/." not in path and not path.startswith("."):
        return
    decoded = path
    for _ in range(3):  # encoded twice is still a trick
        segments = re.split(r"[/\\]", decoded)
        if "." in segments or ".." in segments:
            raise BadPathError("the path has dot segments")
        if any(ord(character) < 0x20 or character == "\x7f" for character in decoded):
            raise BadPathError("the path has control characters")
        once = unquote(decoded)
        if once == decoded:
            return
        decoded = once
