"""Which paths are the proxy's, and which of them it serves."""

import re

from clawbot_manager.proxy.messages import Headers
from clawbot_manager.proxy.policy import ACCOUNT, JOB_HEADER, METHOD_HEADERS, UNMETERED, Rule, rule_for

_ROUTE = re.compile(r"/(?:api/)?v1/(?P<vendor>[A-Za-z0-9_-]{1,64})(?P<path>/.*)?", re.DOTALL)

_READING = ("GET", "HEAD", "OPTIONS")


def serves(path: str) -> bool:
    """Whether a path belongs to the proxy: `/api/v1/{vendor}/…` or `/v1/{vendor}/…`."""
    return _ROUTE.fullmatch(path) is not None


def split_route(path: str) -> tuple[str, str] | None:
    """The vendor's name and the path behind it, or None for a path that is not the proxy's."""
    found = _ROUTE.fullmatch(path)
    return None if found is None else (found["vendor"].lower(), found["path"] or "/")


def is_of_the_account(path: str) -> bool:
    """Whether a path manages the account behind a key, or hands out keys: no bot may even read there."""
    return rule_for(ACCOUNT, path, "") is not None


def unmetered(method: str, path: str, vendor: str = "") -> Rule | None:
    """The rule against a request that starts work that nothing here can count; reading about it is
    harmless.
    """
    return None if method in _READING else rule_for(UNMETERED, path, vendor)


def starts_a_job(headers: Headers) -> bool:
    """Whether a header makes a job of the call."""
    return any(name == JOB_HEADER and value.strip().lower() == b"enable" for name, value in headers)


def changes_method(headers: Headers) -> bool:
    """Whether a header asks the provider to take the request for one of another method."""
    return any(name in METHOD_HEADERS for name, _ in headers)
