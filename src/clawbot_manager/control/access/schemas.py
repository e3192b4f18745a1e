"""What the API token routes take and give."""

from uuid import UUID

from pydantic import Field

from clawbot_manager.control.shared.schemas import Input, Label, Schema, Timestamp


class ApiTokenIn(Input):
    """A token for scripts and the CLI; it may do what its maker may."""

    name: Label
    expires_in_days: int | None = Field(default=None, ge=1, le=3650)


class ApiTokenOut(Schema):
    """An API token, without the token."""

    id: UUID
    name: str
    hint: str = Field(description="The last characters, to recognise it by")
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Timestamp | None


class ApiTokenCreated(ApiTokenOut):
    """The answer to making one: the only time the token is shown."""

    token: str = Field(repr=False)
