"""What the account routes take and give."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import EmailStr, Field, SecretStr, StringConstraints

from clawbot_manager.control.shared.schemas import FreeText, Input, Schema, Timestamp

Role = Literal["admin", "user"]
Locale = Literal["en", "zh-CN"]

Nickname = Annotated[FreeText, StringConstraints(min_length=1, max_length=64)]
NewPassword = Annotated[SecretStr, Field(min_length=10, max_length=256)]
AnyPassword = Annotated[SecretStr, Field(min_length=1, max_length=256)]


class SignUpIn(Input):
    """A new account. `setup_token` comes with the one-time link and is asked for the first account only."""

    email: EmailStr
    password: NewPassword
    nickname: Nickname | None = None
    locale: Locale = "en"
    setup_token: str | None = Field(default=None, max_length=200, repr=False)


class SignInIn(Input):
    """E-mail and password."""

    email: EmailStr
    password: AnyPassword


class UserOut(Schema):
    """A user, as seen by that user or an admin."""

    id: UUID
    email: str
    nickname: str
    role: Role
    locale: Locale
    created_at: Timestamp


class UserPatch(Input):
    """What users may change about themselves."""

    nickname: Nickname | None = None
    locale: Locale | None = None


class SessionOut(Schema):
    """A signed-in session. The refresh token travels in an HttpOnly cookie, never in a body."""

    access_token: str = Field(repr=False)
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int = Field(description="Seconds until the access token ends")
    user: UserOut


class UserSessionOut(Schema):
    """Where a user is signed in."""

    id: UUID
    created_at: Timestamp
    used_at: Timestamp = Field(description="When it was last continued; every few minutes while it is used")
    expires_at: Timestamp
    ip: str | None = Field(description="Where it was signed in from")
    user_agent: str | None
    is_current: bool


class EndedOut(Schema):
    """How many sessions ended."""

    ended: int


class PasswordIn(Input):
    """Another password."""

    current_password: AnyPassword
    new_password: NewPassword
