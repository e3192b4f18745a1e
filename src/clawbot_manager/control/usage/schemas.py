"""What the usage routes give."""

from typing import Literal
from uuid import UUID

from clawbot_manager.control.shared.schemas import Schema, Timestamp


class AttemptOut(Schema):
    """One try with one key: the provider's status, or the reason why there was none.

    `key_label` is the key's present label.
    """

    key_id: UUID | None
    key_label: str | None = None
    status: int | None
    reason: str | None


class UsageOut(Schema):
    """One request that went through the proxy. A null count is not known; 0 is known to be none.

    `usage_source`: "provider" = the counts are the provider's own; "estimated" = at least one was worked out
    from the sizes of request and answer; "none" = nothing was used, or nothing can be said. `details` holds
    what only some answers tell and prices may need, such as `audio_input_tokens` or `service_tier`.
    `first_byte_ms` is null when the provider gave no answer.
    """

    id: UUID
    at: Timestamp
    bot_id: UUID
    hostname: str
    token_id: UUID
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
    details: dict[str, int | float | str] | None
    duration_ms: int
    first_byte_ms: int | None
    attempts: list[AttemptOut]
    trace_id: str
    is_simulated: bool


class UsageTotals(Schema):
    """Sums over what the caller may see. `errors` leaves out requests whose client left by itself."""

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
