"""Cursor paging: the cursor is the last row's sort key, opaque to the client."""

import base64
import re
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from clawbot_manager.kit.errors import InvalidInputError

Item = TypeVar("Item")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

_CURSOR = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")  # 16 bytes, spelled in the one canonical way


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list, newest first; `next_cursor` is None on the last one."""

    items: list[Item]
    next_cursor: str | None


def encode_cursor(last_id: UUID) -> str:
    """The cursor that continues after the row with this id (UUIDv7 ids sort by time)."""
    return base64.urlsafe_b64encode(last_id.bytes).rstrip(b"=").decode()


def decode_cursor(cursor: str) -> UUID:
    """The id in a cursor.

    Raises:
        InvalidInputError: the text is not a cursor of ours.
    """
    if not _CURSOR.fullmatch(cursor):
        raise InvalidInputError("Use the next_cursor of the page before.", field="cursor")
    return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
