"""What the provider key routes take and give. A secret only ever goes in."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SecretStr, StringConstraints

from clawbot_manager.control.shared.schemas import FreeText, Input, Label, OwnerOut, Schema, Tag, Timestamp

KeyState = Literal["active", "cooling", "failed", "disabled"]
ApiType = Literal["openai-chat", "openai-responses", "anthropic-messages"]
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
    state: KeyState
    state_detail: str | None
    is_simulated: bool
    last_used_at: Timestamp | None
    last_checked_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp
    used_by: list[str] = Field(description="Hostnames of the bots that name this key or draw from its vendor")


class KeyCheckOut(Schema):
    """What a free request to the vendor said about a key."""

    result: Literal["ok", "bad_key", "unknown"]
    detail: str
    latency_ms: int | None
    checked_at: Timestamp


class ModelsOut(Schema):
    """The models a key can use, as the vendor lists them."""

    models: list[str]
    source: Literal["vendor", "catalogue"]


class KeyHealthOut(Schema):
    """All keys at a glance."""

    total: int
    active: int
    cooling: int
    failed: int
    disabled: int


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
