"""The seal of audit rows: a keyed hash over a row and the mark of the row before it.

Without the installation's secret nobody can make a mark, so a row that was changed, removed or put in is
found by its own mark or by the next one's. Rows that are cut off at the end leave no trace in the chain:
`verify` tells the last number and mark, to be kept elsewhere.
"""

import hmac

import orjson

from clawbot_manager.control.audit.models import AuditEvent

_SEALED = (
    "seq",
    "at",
    "owner_id",
    "actor_id",
    "actor",
    "via",
    "action",
    "kind",
    "target_id",
    "target",
    "detail",
    "fields",
    "code",
    "ip",
    "user_agent",
    "trace_id",
)
FIRST = bytes(32)


def mark_of(row: AuditEvent, before: bytes, key: bytes) -> bytes:
    """The row's mark, 32 bytes; `before` is that of the row before it, `FIRST` for the first."""
    told = orjson.dumps([getattr(row, name) for name in _SEALED], option=orjson.OPT_UTC_Z)
    return hmac.digest(key, before + told, "sha256")
