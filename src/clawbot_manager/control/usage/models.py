"""Tables of the usage domain."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from clawbot_manager.control.shared.owned import Owned
from clawbot_manager.infra.db import Base, Json


class UsageRow(Owned, Base):
    """One request through the proxy. Names and labels are copied: bots and keys may be gone later."""

    __tablename__ = "usage_records"
    __table_args__ = (
        Index("ix_usage_records_owner_at", "owner_id", "at"),
        Index("ix_usage_records_trace_id", "trace_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column()  # no index of its own: the one by owner and time begins with it
    at: Mapped[datetime]
    trace_id: Mapped[str] = mapped_column(String(64))
    bot_id: Mapped[UUID]
    hostname: Mapped[str] = mapped_column(String(64))
    token_id: Mapped[UUID]
    vendor: Mapped[str] = mapped_column(String(40))
    method: Mapped[str] = mapped_column(String(16))
    endpoint: Mapped[str] = mapped_column(String(300))
    dialect: Mapped[str | None] = mapped_column(String(40))
    key_id: Mapped[UUID | None]
    key_label: Mapped[str | None] = mapped_column(String(100))
    model_asked: Mapped[str | None] = mapped_column(String(200))
    model_answered: Mapped[str | None] = mapped_column(String(200))
    streamed: Mapped[bool]
    status: Mapped[int]
    error_code: Mapped[str | None] = mapped_column(String(64))
    input_tokens: Mapped[int | None] = mapped_column(BigInteger)
    output_tokens: Mapped[int | None] = mapped_column(BigInteger)
    cache_read_tokens: Mapped[int | None] = mapped_column(BigInteger)
    cache_write_tokens: Mapped[int | None] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int | None] = mapped_column(BigInteger)
    usage_source: Mapped[str] = mapped_column(String(16))
    duration_ms: Mapped[int]
    first_byte_ms: Mapped[int | None]
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    is_simulated: Mapped[bool]
    details: Mapped[dict[str, Any] | None] = mapped_column(Json)


class UsageBatch(Base):
    """Rows of `usage_records` on their way, as a proxy that runs alone has packed them.

    Nobody's own: a worker makes rows of it within a second. `body`: see `dataplane.batches`.
    """

    __tablename__ = "usage_batches"

    id: Mapped[UUID] = mapped_column(primary_key=True)  # that of its first row
    body: Mapped[bytes] = mapped_column(LargeBinary)
