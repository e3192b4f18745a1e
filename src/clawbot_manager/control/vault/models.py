"""Tables of the vault."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from clawbot_manager.control.shared.owned import Owned
from clawbot_manager.control.vault.schemas import KeyHealth, KeyState
from clawbot_manager.infra.db import Base
from clawbot_manager.kit.ids import uuid7


class ProviderKey(Owned, Base):
    """A provider key. A deleted one stays for the usage history, with its secret wiped."""

    __tablename__ = "provider_keys"
    __table_args__ = (
        Index(
            "uq_provider_keys_owner_label",
            "owner_id",
            "label",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    vendor: Mapped[str] = mapped_column(String(40))
    label: Mapped[str] = mapped_column(String(100))
    tag: Mapped[str | None] = mapped_column(String(64))
    base_url: Mapped[str | None] = mapped_column(String(500))
    api_type: Mapped[str | None] = mapped_column(String(40))
    sealed_secret: Mapped[str | None] = mapped_column(Text)
    hint: Mapped[str | None] = mapped_column(String(32))
    fingerprint: Mapped[str | None] = mapped_column(String(32))
    enabled: Mapped[bool]
    notes: Mapped[str] = mapped_column(Text)
    health: Mapped[KeyHealth] = mapped_column(String(16), default="active")
    state_reason: Mapped[str | None] = mapped_column(String(64))
    state_detail: Mapped[str | None] = mapped_column(String(500))
    cooled_until: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    last_checked_at: Mapped[datetime | None]
    next_check_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]

    def __repr__(self) -> str:
        return f"ProviderKey(id={self.id}, vendor={self.vendor!r})"

    @property
    def seal_context(self) -> str:
        """What the sealed secret is bound to: this column of this row of this owner."""
        return f"provider_keys.sealed_secret:{self.id}:{self.owner_kind}:{self.owner_id}"

    def state_at(self, now: datetime) -> KeyState:
        """The state to show: switched off beats failed beats resting. A rest that is over is none."""
        if not self.enabled:
            return "disabled"
        if self.health == "failed":
            return "failed"
        if self.cooled_until is None or self.cooled_until <= now:
            return "active"
        return "parked" if self.health == "parked" else "cooling"
