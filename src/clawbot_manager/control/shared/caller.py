"""Who is asking."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in user, by session or by API token. `owner_ids` are the owners whose things they may use."""

    user_id: UUID
    role: Literal["admin", "user"]
    session_id: UUID | None = None
    api_token_id: UUID | None = None

    @property
    def owner_ids(self) -> frozenset[UUID]:
        """The user; teams join here once there are any."""
        return frozenset({self.user_id})

    @property
    def is_admin(self) -> bool:
        """Whether this is an administrator of the installation."""
        return self.role == "admin"
