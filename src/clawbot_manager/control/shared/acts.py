"""What people do: written down in the transaction that does it, and with it or not at all.

Services call `acted`; the audit trail, which `infra.db` is given when the program is composed, stores it.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.infra.db import Transaction

Action = Literal["CREATE", "UPDATE", "DELETE", "LOGIN", "LOGOUT", "START", "STOP", "EXPORT", "IMPORT"]
Kind = Literal["user", "session", "api_token", "provider_key", "bot", "bot_token", "backup", "orphan"]
Via = Literal["session", "api_token", "sign_in", "system"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from."""

    ip: str | None = None
    user_agent: str | None = None


_NOWHERE = Origin()
origin_var: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


@dataclass(frozen=True, slots=True)
class Act:
    """Something done, or refused with a `code`. `fields` are names of what was changed, never values."""

    action: Action
    kind: Kind
    target_id: UUID | None
    target: str
    owner_id: UUID | None
    actor_id: UUID | None
    via: Via
    detail: str | None = None
    fields: tuple[str, ...] = ()
    code: str | None = None


def acted(
    tx: Transaction,
    caller: Caller,
    action: Action,
    kind: Kind,
    target_id: UUID | None,
    target: str,
    *,
    owner_id: UUID | None = None,
    fields: Iterable[str] = (),
    detail: str | None = None,
) -> None:
    """Write down that the caller did this; `owner_id` is the caller's own unless it is another's."""
    via: Via = "session" if caller.api_token_id is None else "api_token"
    owner = owner_id or caller.user_id
    tx.record(Act(action, kind, target_id, target, owner, caller.user_id, via, detail, tuple(sorted(fields))))
