"""Which paths are the proxy's, and which of them it serves."""

import re

_ROUTE = re.compile(r"/(?:api/)?v1/(?P<vendor>[A-Za-z0-9_-]{1,64})(?P<path>/.*)?", re.DOTALL)

# Work whose cost shows in no answer of the same request, or that changes what others find on the server.
_UNMETERED = re.compile(
    r"/(?:batches|fine_tuning|fine-tuning|realtime|async|threads|assistants|videos|jobs|batch)(?:/.*)?"
    r"|/messages/batches(?:/.*)?"
    r"|/(?:models|tunedModels)/[^/]+:(?:batch|asyncBatch|predictLongRunning|bidi)\w*"
    r"|/api/(?:pull|push|create|delete|copy|blobs)(?:/.*)?"
)
_READING = ("GET", "HEAD", "OPTIONS")


def serves(path: str) -> bool:
    """Whether a path belongs to the proxy: `/api/v1/{vendor}/…` or `/v1/{vendor}/…`."""
    return _ROUTE.fullmatch(path) is not None


def split_route(path: str) -> tuple[str, str] | None:
    """The vendor's name and the path behind it, or None for a path that is not the proxy's."""
    found = _ROUTE.fullmatch(path)
    return None if found is None else (found["vendor"].lower(), found["path"] or "/")


def is_unmetered(method: str, path: str) -> bool:
    """Whether a request starts work that nothing here can count; reading about such work is harmless."""
    return method not in _READING and _UNMETERED.fullmatch(path) is not None
