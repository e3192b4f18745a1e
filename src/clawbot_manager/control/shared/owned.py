"""Ownership: every row of a tenant's has an owner, and every query starts from the caller's own rows."""

from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select, String, select
from sqlalchemy.orm import Mapped, mapped_column

from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.control.shared.schemas import OwnerKind, OwnerOut

Row = TypeVar("Row", bound="Owned")


class Owned:
    """The columns that say whose a row is."""

    owner_kind: Mapped[OwnerKind] = mapped_column(String(8), default="user")
    owner_id: Mapped[UUID] = mapped_column(index=True)

    @property
    def owner(self) -> OwnerOut:
        """The owner, as the API shows it."""
        return OwnerOut(kind=self.owner_kind, id=self.owner_id)


def readable(model: type[Row], caller: Caller) -> Select[Any]:
    """The statement that every query of a tenant's rows starts from: another tenant's row is not there."""
    return select(model).where(model.owner_id.in_(caller.owner_ids))
