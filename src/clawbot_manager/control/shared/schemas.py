"""The base of every schema of the API, and the shapes that all domains share."""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

OwnerKind = Literal["user", "team"]


class Schema(BaseModel):
    """What goes out: built from rows or dataclasses."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")


class Input(BaseModel):
    """What comes in: unknown fields are refused, so that nobody sets what is not offered."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _without_nul(value: str) -> str:
    if "\x00" in value:  # PostgreSQL stores no text that has one
        raise ValueError("a NUL character is not allowed")
    return value


Timestamp = Annotated[datetime, AfterValidator(_utc)]
FreeText = Annotated[str, AfterValidator(_without_nul)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")]

Item = TypeVar("Item")


class PageOut(Schema, Generic[Item]):
    """One page of a list; pass `next_cursor` as `cursor` for the next, null on the last."""

    items: list[Item]
    next_cursor: str | None = None


class OwnerOut(Schema):
    """Whose a thing is."""

    kind: OwnerKind
    id: UUID


class Problem(Schema):
    """An RFC 9457 problem document. `code` is stable; the console translates by it."""

    type: str = Field(description="A URI reference for the code, `about:blank#<code>`")
    title: str
    status: int
    code: str
    detail: str = Field(description="What is wrong and what to do, in English")
    trace_id: str
    params: dict[str, Any] = Field(default_factory=dict)
    errors: list["FieldProblem"] = Field(default_factory=list)


class FieldProblem(Schema):
    """One wrong field of the input."""

    field: str = Field(description="Dotted path in the body, or the parameter's name")
    code: str
    detail: str
