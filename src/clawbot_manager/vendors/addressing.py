"""Where a request goes: joins base URLs and client paths without doubling or losing the version.

Who carries the version differs: OpenAI's SDK has it in the base URL, Anthropic's, Google's and Cohere's in
the path, and some vendors' own SDKs put a prefix of theirs before it. Nothing in a client's path can change
the host: a path is only ever appended to a base URL that ends in an authority and a path.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from clawbot_manager.vendors.dialects import DIALECTS, Dialect
from clawbot_manager.vendors.records import AuthPlace, Endpoint, Vendor

_VERSION = re.compile(r"v\d+(?:(?:alpha|beta)\d*)?")
_LEADING_VERSION = re.compile(r"/(v\d+(?:(?:alpha|beta)\d*)?)(?=/|$)")
_TRAILING_VERSION = re.compile(r"/v\d+(?:(?:alpha|beta)\d*)?$")
# RFC 3986 path characters; anything else has no business in a request target
_PATH_CHARACTERS = re.compile(r"[A-Za-z0-9\-._~%!$&'()*+,;=:@/\[\]|{}]*")

_LONGEST_PATH = 4096

_CUSTOM_AUTH = {
    "anthropic-messages": AuthPlace("x-api-key", ""),
    "google-generatecontent": AuthPlace("x-goog-api-key", ""),
}


class BadPathError(ValueError):
    """The path tries to leave its place, or has characters that no path has."""


class NoBaseUrlError(ValueError):
    """The vendor has no address of its own and the key brings none."""


@dataclass(frozen=True, slots=True)
class CallPath:
    """A client's path, taken apart: `/openai/v1/chat/completions` is prefix, version `v1` and the rest."""

    prefix: str
    version: str | None
    rest: str


@dataclass(frozen=True, slots=True)
class Target:
    """An upstream address without query, and where the key goes."""

    url: str
    auth: AuthPlace


def take_apart(vendor: Vendor | None, path: str) -> CallPath:
    """Split a raw (still percent-encoded) path behind `/{vendor}`.

    Raises:
        BadPathError: it has `.` or `..` segments in any encoding, or characters that no path has.
    """
    _refuse_tricks(path)
    path = "/" + path.lstrip("/")
    prefixes = _prefixes(vendor) if vendor is not None else ()
    prefix, version = "", None
    while True:
        if not prefix:
            prefix = next((one for one in prefixes if path.startswith(one + "/")), "")
            if prefix:
                path = path[len(prefix) :]
                continue
        found = _LEADING_VERSION.match(path)
        if found is None:
            return CallPath(prefix, version, path or "/")
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
        BadPathError: the result would leave the host of the base URL (a defence that should never fire).
    """
    endpoint = _endpoint(vendor, call, dialect, api_type)
    base, exact = base_for(vendor, endpoint, base_url)
    if "{" in base:
        raise NoBaseUrlError(vendor.id)
    # openai-other shares the base of chat completions but is no endpoint of the catalogue
    exact = exact and dialect is not None and endpoint.dialect == dialect.id
    style = (dialect or DIALECTS[endpoint.dialect]).version
    if dialect is None and style == "none":
        style = "base"  # Ollama's host serves OpenAI's paths too: keep the version the client gave
    url = _join(base.rstrip("/"), style, call, exact=exact)
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


def base_for(vendor: Vendor, endpoint: Endpoint, base_url: str | None) -> tuple[str, bool]:
    """The base URL for an endpoint under the key's own `base_url`, and whether it is exactly the endpoint's.

    A key's base URL may be one of the vendor's (then it names a region or a plan, and the sibling for the
    dialect is taken), a bare host (then the vendor's paths go behind it), or anything else (taken as it is).
    """
    if not base_url:
        return endpoint.base_url, True
    given = base_url.rstrip("/")
    sibling = _sibling(vendor, endpoint.dialect, given)
    if sibling is not None:
        return sibling, True
    if endpoint.base_url == "{base_url}":
        return given, False
    path = urlsplit(given).path
    own_path = _base_path(endpoint)
    for known in ("", *_base_paths(vendor)):
        if path == known or (known and path.endswith(known)):
            return given[: len(given) - len(known)] + own_path, True
    return given, False


def _sibling(vendor: Vendor, dialect: str, given: str) -> str | None:
    same = [one for one in vendor.endpoints if given == one.base_url or given in one.alias_base_urls]
    if any(one.dialect == dialect for one in same):
        return given
    host = urlsplit(given).netloc
    bare = not urlsplit(given).path
    places = {(one.region, one.plan) for one in same}
    for one in vendor.endpoints_for(dialect):
        if (one.region, one.plan) in places or (bare and urlsplit(one.base_url).netloc == host):
            return one.base_url
    return None


def _endpoint(vendor: Vendor, call: CallPath, dialect: Dialect | None, api_type: str | None) -> Endpoint:
    """The endpoint for a call; a path of no dialect: where its prefix points, or the main one."""
    wanted = "openai-chat" if dialect is not None and dialect.id == "openai-other" else dialect and dialect.id
    by_deployment = call.rest.startswith("/deployments/")
    for one in vendor.endpoints_for(wanted) if wanted else ():
        if one.path.startswith("/deployments/") == by_deployment:
            return one
    if call.prefix:
        for one in vendor.endpoints:
            if _base_path(one) == call.prefix:
                return one
    main = api_type if vendor.endpoints_for(api_type or "") else vendor.main_dialect
    return vendor.endpoints_for(main or vendor.main_dialect)[0]


def _join(base: str, version_style: str, call: CallPath, *, exact: bool) -> str:
    if version_style == "none":
        return _TRAILING_VERSION.sub("", base) + call.rest
    if version_style != "base":
        return f"{_TRAILING_VERSION.sub('', base)}/{call.version or version_style}{call.rest}"
    has_version = any(_VERSION.fullmatch(segment) for segment in urlsplit(base).path.split("/"))
    if call.version and not has_version and not exact:
        return f"{base}/{call.version}{call.rest}"
    return base + call.rest


@lru_cache(maxsize=64)
def _base_paths_of(endpoints: tuple[Endpoint, ...]) -> tuple[str, ...]:
    paths = {_base_path(one) for one in endpoints} - {""}
    return tuple(sorted(paths, key=len, reverse=True))


def _base_paths(vendor: Vendor) -> tuple[str, ...]:
    return _base_paths_of(vendor.endpoints)


def _prefixes(vendor: Vendor) -> tuple[str, ...]:
    """What a client may repeat before the path; a bare version is told apart by its own rule."""
    known = dict.fromkeys((*_base_paths(vendor), *vendor.own_sdk_path_prefixes))
    prefixes = (one for one in known if not _VERSION.fullmatch(one.lstrip("/")))
    return tuple(sorted(prefixes, key=len, reverse=True))


def _base_path(endpoint: Endpoint) -> str:
    return "" if endpoint.base_url == "{base_url}" else urlsplit(endpoint.base_url).path.rstrip("/")


# RFC 3986 section 2.3: unreserved characters are never encoded; and `:` and `;` need not be in a path
_NEEDLESS_CODE = re.compile(r"%(?:[46][1-9a-f]|[57][0-9a]|3[0-9ab]|2[de]|5f|7e)", re.IGNORECASE)


def _refuse_tricks(path: str) -> None:
    if len(path) > _LONGEST_PATH:
        raise BadPathError("the path is too long")
    if _PATH_CHARACTERS.fullmatch(path) is None:
        raise BadPathError("the path has characters that no path has")
    if "//" in path or _NEEDLESS_CODE.search(path) is not None:
        # Two spellings of one path: what we take for harmless might be something else to the provider.
        raise BadPathError("the path is not in its plain spelling")
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
