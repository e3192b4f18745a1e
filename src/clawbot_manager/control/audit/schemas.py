"""Shapes of the audit routes."""

from uuid import UUID

from pydantic import Field

from clawbot_manager.control.shared.acts import Action, Kind, Via
from clawbot_manager.control.shared.schemas import Schema, Timestamp


class AuditEventOut(Schema):
    """One act, done or refused."""

    seq: int
    at: Timestamp
    actor_id: UUID | None
    actor: str | None = Field(description="The actor's e-mail address then; null: nobody who is known")
    via: Via
    action: Action
    kind: Kind
    target_id: UUID | None
    target: str = Field(description="What it was done to, by its name then")
    detail: str | None
    fields: list[str] = Field(description="Names of what was changed, never its values")
    code: str | None = Field(description="Why it was refused; null: it was done")
    ip: str | None
    user_agent: str | None
    trace_id: str | None
