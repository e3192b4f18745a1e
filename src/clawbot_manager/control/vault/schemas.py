"""What the provider key routes take and give. A secret only ever goes in."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SecretStr, StringConstraints

from clawbot_manager.control.shared.schemas import FreeText, Input, Label, OwnerOut, Schema, Tag, Timestamp

KeyState = Literal["active", "cooling", "parked", "failed", "disabled"]
KeyHealth = Literal["active", "parked", "failed"]
ApiType = Literal["openai-chat", "openai-responses", "anthropic-messages"]
_STATES = (
    "cooling: rests after a rate limit. parked: the account's money or quota is used up. "
    "failed: refused by the vendor, not used until a free check finds it good"
)
_REASONS = "A stable code, null for an active key: bad_key, quota_exhausted or rate_limited"
Notes = Annotated[FreeText, StringConstraints(max_length=2000)]
BaseUrl = Annotated[str, StringConstraints(min_length=8, max_length=500)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=4096)]


class ProviderKeyIn(Input):
    """A new provider key. `secret` may be left out only for vendors that need none (ollama, custom)."""

    vendor: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    label: Label
    secret: Secret | None = None
    tag: Tag | None = None
    base_url: BaseUrl | None = None
    api_type: ApiType | None = None
    enabled: bool = True
    notes: Notes = ""


class ProviderKeyPatch(Input):
    """What may change in place; `secret` replaces the stored one."""

    label: Label | None = None
    secret: Secret | None = None
    tag: Tag | None = None
    base_url: BaseUrl | None = None
    api_type: ApiType | None = None
    enabled: bool | None = None
    notes: Notes | None = None


class ProviderKeyOut(Schema):
    """A provider key, without its secret."""

    id: UUID
    owner: OwnerOut
    vendor: str
    label: str
    tag: str | None
    base_url: str | None
    api_type: str | None
    enabled: bool
    notes: str
    hint: str | None = Field(description="Masked, such as sk-…x7Qf; null when the key has no secret")
    fingerprint: str | None = Field(
        description="Equal for equal secrets of this installation; not reversible"
    )
    state: KeyState = Field(description=_STATES)
    state_reason: str | None = Field(description=_REASONS)
    state_detail: str | None
    cooled_until: Timestamp | None = Field(description="When a cooling or parked key is used again")
    next_check_at: Timestamp | None = Field(description="When the vendor is asked again, for free")
    is_simulated: bool
    last_used_at: Timestamp | None
    last_checked_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp
    used_by: list[str] = Field(description="Hostnames of the bots that name this key or draw from its vendor")


class KeyCheckOut(Schema):
    """What a free request to the vendor said about a key."""

    result: Literal["ok", "empty", "bad_key", "unknown"] = Field(
        description="empty: the vendor takes the key, and says that the account's money is used up"
    )
    has_money: bool | None = Field(description="null: the vendor tells nothing of the account's money")
    detail: str
    latency_ms: int | None
    checked_at: Timestamp


class ModelsOut(Schema):
    """The models a key can use, as the vendor lists them."""

    models: list[str]
    source: Literal["vendor", "catalogue"]


class KeyHealthItem(Schema):
    """The state of one key, and what follows from it."""

    id: UUID
    vendor: str
    label: str
    state: KeyState = Field(description=_STATES)
    state_reason: str | None = Field(description=_REASONS)
    state_detail: str | None
    cooled_until: Timestamp | None
    next_check_at: Timestamp | None
    last_checked_at: Timestamp | None
    last_used_at: Timestamp | None


class KeyHealthOut(Schema):
    """All keys at a glance: how many are in which state, and each one's state, the worst first."""

    total: int
    active: int
    cooling: int
    parked: int
    failed: int
    disabled: int
    keys: list[KeyHealthItem]


class EndpointOut(Schema):
    """One base URL that a vendor serves a dialect under."""

    dialect: str
    region: str
    plan: str | None
    base_url: str


class VendorOut(Schema):
    """One vendor of the catalogue."""

    id: str
    name: str
    category: str
    needs_base_url: bool
    key_required: bool
    default_dialect: str
    endpoints: list[EndpointOut]
    key_prefixes: list[str]
    suggested_models: list[str]
