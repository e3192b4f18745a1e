"""What the usage routes give."""

from typing import Literal
from uuid import UUID

from clawbot_manager.control.shared.schemas import Schema, Timestamp


class AttemptOut(Schema):
    """One try with one key."""

    key_id: UUID | None
    status: int | None
    reason: str | None


class UsageOut(Schema):
    """One request that went through the proxy. A null count was not said by the provider; 0 was."""

    id: UUID
    at: Timestamp
    bot_id: UUID
    hostname: str
    vendor: str
    key_id: UUID | None
    key_label: str | None
    model_asked: str | None
    model_answered: str | None
    method: str
    endpoint: str
    dialect: str | None
    status: int
    error_code: str | None
    streamed: bool
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    usage_source: Literal["provider", "estimated", "none"]
    duration_ms: int
    first_byte_ms: int | None
    attempts: list[AttemptOut]
    trace_id: str
    is_simulated: bool


class UsageTotals(Schema):
    """Sums over what the caller may see."""

    requests: int
    errors: int
    input_tokens: int
    output_tokens: int


class UsageSummary(Schema):
    """Totals and the same by vendor and bot, for the last `days` days."""

    days: int
    totals: UsageTotals
    by_vendor: dict[str, UsageTotals]
    by_bot: dict[str, UsageTotals]
