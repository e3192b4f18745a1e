"""Tables of the audit domain."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from clawbot_manager.control.shared.acts import Action, Kind, Via
from clawbot_manager.infra.db import Base, Json


class AuditEvent(Base):
    """One act. Names are copied: who and what may be gone later. `mark` seals it to the row before it."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_owner_id_seq", "owner_id", "seq"),
        Index("ix_audit_events_actor_id_seq", "actor_id", "seq"),
    )

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    owner_id: Mapped[UUID | None]
    actor_id: Mapped[UUID | None]
    actor: Mapped[str | None] = mapped_column(String(320))
    via: Mapped[Via] = mapped_column(String(16))
    action: Mapped[Action] = mapped_column(String(16))
    kind: Mapped[Kind] = mapped_column(String(32))
    target_id: Mapped[UUID | None]
    target: Mapped[str] = mapped_column(String(320))
    detail: Mapped[str | None] = mapped_column(String(500))
    fields: Mapped[list[str]] = mapped_column(Json)
    code: Mapped[str | None] = mapped_column(String(64))
    ip: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(300))
    trace_id: Mapped[str | None] = mapped_column(String(64))
    mark: Mapped[bytes] = mapped_column(LargeBinary(32))
