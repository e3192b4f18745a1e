"""The form of what is known of a vendor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

BEARER, X_API_KEY, API_KEY, GOOGLE = "authorization", "x-api-key", "api-key", "x-goog-api-key"
USAGE: Json = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
}


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Recorded:
    """One vendor: its routes (`METHOD path`, with `{}` for one segment) and the shape that each has.

    `auth` says where the key may be, for all shapes or for one; `telling` where a stream tells its usage;
    `fields` which fields a shape takes, where the vendor refuses others; `comments` come before a stream;
    `public` are shapes that need no key.
    """

    routes: Mapping[str, str]
    auth: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    telling: str = "last"
    usage: Mapping[str, Any] = field(default_factory=lambda: USAGE)
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unauthorized: Mapping[str, Any] = field(
        default_factory=lambda: {
            "error": {"message": "Incorrect API key provided", "type": "invalid_request_error"}
        }
    )
    takes_stream_options: bool = True
    comments: bytes = b""
    keyless: bool = False
    public: frozenset[str] = frozenset()
    whole_tools: bool = False
    queries: Mapping[str, str] = field(default_factory=dict)

    def places(self, shape: str) -> tuple[str, ...]:
        """Where the key may be in a request of the shape."""
        return self.auth.get(shape) or self.auth.get("", (BEARER,))


def openai_routes(base: str = "/v1", *also: str, models: str = "models") -> dict[str, str]:
    """The usual routes under a base; `also` names more of them."""
    routes = {f"POST {base}/chat/completions": "chat", f"GET {base}/models": models}
    more = {
        "responses": {f"POST {base}/responses": "responses"},
        "embeddings": {f"POST {base}/embeddings": "embeddings"},
        "files": {
            f"POST {base}/files": "files",
            f"GET {base}/files": "files",
            f"GET {base}/files/{{}}": "file",
            f"DELETE {base}/files/{{}}": "file",
            f"GET {base}/files/{{}}/content": "content",
        },
    }
    for one in also:
        routes |= more[one]
    return routes


def messages_routes(base: str = "") -> dict[str, str]:
    return {f"POST {base}/v1/messages": "messages"}
