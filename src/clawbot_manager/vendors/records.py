"""The typed records of the vendor catalogue: facts only, no behaviour beyond look-ups."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

DialectId = Literal[
    "openai-chat",
    "openai-responses",
    "openai-other",
    "anthropic-messages",
    "google-generatecontent",
    "cohere-v2",
    "ollama",
    "dashscope-native",
    "openai-realtime",
    "google-live",
    "dashscope-tasks",
    "dashscope-realtime",
]
ErrorKind = Literal[
    "bad_key",
    "forbidden",
    "quota_exhausted",
    "rate_limited",
    "overloaded",
    "bad_request",
    "not_found",
    "context_length",
    "content_filter",
    "timeout",
    "server_error",
]
StreamUsage = Literal["opt-in", "always", "dialect", "conflicting", "unknown"]


@dataclass(frozen=True, slots=True)
class AuthPlace:
    """The one header that carries the key, and what stands before the key in it."""

    header: str
    prefix: str


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """Where a vendor serves a dialect: a request goes to `base_url` + `path`.

    An endpoint, like a vendor, is equal to itself only: what is worked out for one can be kept.
    """

    dialect: str
    region: str
    base_url: str
    path: str
    plan: str | None = None
    auth: AuthPlace | None = None
    alias_base_urls: tuple[str, ...] = ()
    alias_paths: tuple[str, ...] = ()
    verified: bool = False


@dataclass(frozen=True, slots=True)
class ModelsList:
    """How the vendor lists its models; `needs_key` False = the list is public and proves no key."""

    url: str
    items_key: str
    id_key: str
    needs_key: bool
    id_prefix_to_strip: str = ""


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """A request that costs nothing and tells a good key from a bad one."""

    method: str
    url: str
    bad_key_status: tuple[int, ...]
    bad_key_body: tuple[str, ...] = ()
    ok_body: str | None = None
    verified: bool = False


@dataclass(frozen=True, slots=True)
class BalanceCheck:
    """A free request that tells whether the account has money: `left_at` is true, or a number above 0."""

    method: str
    url: str
    left_at: str


@dataclass(frozen=True, slots=True)
class LimitHeaders:
    """Two headers of one rate limit: what is left of it, and when it is whole again."""

    remaining: str
    reset: str


@dataclass(frozen=True, slots=True)
class ErrorRule:
    """A condition on an error answer; a field that is None is not looked at."""

    kind: ErrorKind
    status: int | None = None
    type: str | None = None
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorRules:
    """A vendor's ordered rules, and where in its error body type, code and message stand.

    `numeric_code`: the code of its OpenAI-shaped errors is the HTTP status, and its SDK takes nothing else.
    """

    rules: tuple[ErrorRule, ...]
    type_at: tuple[str, ...]
    code_at: tuple[str, ...]
    message_at: tuple[str, ...]
    code_in_message: str | None = None
    numeric_code: bool = False


@dataclass(frozen=True, slots=True)
class ModelIds:
    """Model ids worth showing: the strongest ones and the cheap ones."""

    flagship: tuple[str, ...]
    cheap: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RedactionPattern:
    """The shape of a key, as a regular expression."""

    vendor: str
    pattern: str


@dataclass(frozen=True, slots=True, eq=False)
class Vendor:
    """One AI vendor.

    `own_paths` are paths of OpenAI's form that belong to the vendor's own API; `same_shape` names paths whose
    requests and answers have the shape of another path's. `sockets` are the WebSockets that the vendor
    documents: dialects by path, without base path and version.
    """

    id: str
    name: str
    category: str
    status: str
    auth: AuthPlace
    key_required: bool
    needs_base_url: bool
    endpoints: tuple[Endpoint, ...]
    models: ModelsList
    key_check: KeyCheck
    stream_usage: StreamUsage
    accepts_stream_options: bool
    errors: ErrorRules
    model_ids: ModelIds
    required_headers: Mapping[str, str] = field(default_factory=dict)
    own_sdk_path_prefixes: tuple[str, ...] = ()
    auth_by_key_prefix: tuple[tuple[str, AuthPlace], ...] = ()
    regional_base_urls: Mapping[str, str] = field(default_factory=dict)
    host_suffixes: tuple[str, ...] = ()
    own_paths: frozenset[str] = frozenset()
    same_shape: Mapping[str, str] = field(default_factory=dict)
    sockets: Mapping[str, str] = field(default_factory=dict)
    env_keys: tuple[str, ...] = ()
    key_prefixes: tuple[str, ...] = ()
    key_pattern: str | None = None
    retry_headers: tuple[str, ...] = ()
    limits: tuple[LimitHeaders, ...] = ()
    balance: BalanceCheck | None = None
    request_id_header: str | None = None

    def endpoints_for(self, dialect: str) -> tuple[Endpoint, ...]:
        """The vendor's endpoints of that dialect, the usual one first."""
        return tuple(one for one in self.endpoints if one.dialect == dialect)

    @property
    def main_dialect(self) -> str:
        """The dialect that the vendor is best known for.

        Where a vendor serves both of OpenAI's dialects, chat completions is the one every client speaks.
        """
        first = self.endpoints[0].dialect
        return "openai-chat" if first == "openai-responses" else first

    @property
    def tells_usage_when_asked(self) -> bool:
        """Whether a stream of chat completions tells its usage only to who sets `include_usage`.

        Where the vendor's own dialect tells it in its events, its chat completions are asked if they may be.
        """
        asked = self.stream_usage == "opt-in"
        return asked or (self.stream_usage == "dialect" and self.accepts_stream_options)

    @property
    def dialects(self) -> tuple[str, ...]:
        """The dialects the vendor serves, without repeats."""
        return tuple(dict.fromkeys(one.dialect for one in self.endpoints))


@dataclass(frozen=True, slots=True)
class Catalog:
    """All vendors, and the shapes of keys for redaction."""

    vendors: Mapping[str, Vendor]
    redaction_patterns: tuple[RedactionPattern, ...]
    redaction_headers: tuple[str, ...]
    as_of: str

    def get(self, vendor_id: str) -> Vendor | None:
        """The vendor with this id, or None."""
        return self.vendors.get(vendor_id)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all vendors, in the order of the catalogue."""
        return tuple(self.vendors)
