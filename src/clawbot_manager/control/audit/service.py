"""Keeps the audit trail, shows it, and checks that nobody has changed it."""

import csv
import hmac
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from clawbot_manager.control.accounts import repository as accounts
from clawbot_manager.control.audit import chain, repository
from clawbot_manager.control.audit.models import AuditEvent
from clawbot_manager.control.audit.repository import AuditFilter
from clawbot_manager.control.shared.acts import Act, origin_var
from clawbot_manager.control.shared.caller import Caller
from clawbot_manager.infra.crypto.tokens import TokenHasher
from clawbot_manager.infra.db import Database, Transaction
from clawbot_manager.infra.telemetry.logs import trace_id_var
from clawbot_manager.kit.clock import Clock

_EXPORTED_AT_ONCE = 500
_COLUMNS = ["seq", "at", "actor", "via", "action", "kind", "target", "detail"]
_COLUMNS += ["fields", "code", "ip", "user_agent"]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the chain found: `broken_at` is the first row that is not as it was written."""

    rows: int
    broken_at: int | None
    last_mark: str


class AuditTrail:
    """Every act of a transaction becomes a row right before its commit."""

    def __init__(self, hasher: TokenHasher, clock: Clock) -> None:
        self._key = hasher.derive("audit chain").encode()
        self._clock = clock

    async def keep(self, tx: Transaction, acts: Sequence[Act]) -> None:
        """Write them down behind what is there, in the transaction that does them."""
        names = await accounts.emails_of(tx, {act.actor_id for act in acts if act.actor_id is not None})
        last = await repository.last(tx)
        seq, mark = (0, chain.FIRST) if last is None else (last.seq, last.mark)
        now, origin = self._clock.now(), origin_var.get()
        for act in acts:
            seq += 1
            row = AuditEvent(
                seq=seq,
                at=now,
                owner_id=act.owner_id,
                actor_id=act.actor_id,
                actor=names.get(act.actor_id) if act.actor_id is not None else None,
                via=act.via,
                action=act.action,
                kind=act.kind,
                target_id=act.target_id,
                target=act.target[:320],
                detail=act.detail and act.detail[:500],
                fields=list(act.fields),
                code=act.code,
                ip=origin.ip,
                user_agent=origin.user_agent and origin.user_agent.replace("\x00", "")[:300],
                trace_id=trace_id_var.get(),
            )
            mark = row.mark = chain.mark_of(row, mark, self._key)
            tx.add(row)
        await tx.flush()

    async def verify(self, tx: Transaction) -> Verdict:
        """Go through the whole chain."""
        rows, mark, broken_at = 0, chain.FIRST, None
        async for row in repository.whole_chain(tx):
            rows += 1
            wanted = chain.mark_of(row, mark, self._key)
            if broken_at is None and (row.seq != rows or not hmac.compare_digest(wanted, row.mark)):
                broken_at = row.seq
            mark = row.mark
        return Verdict(rows, broken_at, mark.hex())


async def as_csv(database: Database, caller: Caller, wanted: AuditFilter) -> AsyncIterator[bytes]:
    """All that is wanted, newest first, in pieces."""
    yield _lines([_COLUMNS])
    before: int | None = None
    while True:
        async with database.reading() as tx:
            rows = await repository.page(tx, caller, wanted, before, _EXPORTED_AT_ONCE)
        if rows:
            before = rows[-1].seq
            yield _lines([[_cell(row, name) for name in _COLUMNS] for row in rows])
        if len(rows) < _EXPORTED_AT_ONCE:
            return


def _cell(row: AuditEvent, name: str) -> str:
    value = getattr(row, name)
    text = "" if value is None else value if isinstance(value, str) else str(value)
    if name == "at":
        text = row.at.isoformat()
    elif name == "fields":
        text = " ".join(row.fields)
    return f"'{text}" if text.startswith(_FORMULA) else text  # a spreadsheet must not run it


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
