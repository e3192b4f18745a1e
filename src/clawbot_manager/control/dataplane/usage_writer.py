"""The thread that brings usage and news of keys to the database, or to the spool while that is away."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from clawbot_manager.control.dataplane.access_log import AccessLog
from clawbot_manager.control.dataplane.batches import pack
from clawbot_manager.control.dataplane.news import KeyNews
from clawbot_manager.control.dataplane.spool import Spool
from clawbot_manager.control.dataplane.store import Store, StoreAwayError, StoredBatch, Turned, write_all
from clawbot_manager.control.dataplane.usage_rows import IdMaker, Row, RowMaker, ids_from
from clawbot_manager.infra.telemetry.events import get_logger
from clawbot_manager.proxy.ports import UsageRecord

_log = get_logger(__name__)

CHUNK = 250
_FIRST_RETRY, _LAST_RETRY = 0.5, 5.0
_LOUD = frozenset({1, 10, 100})


@dataclass(slots=True)
class Batch:
    """What the event loop hands over. `written` is told when the thread is through with it."""

    records: list[UsageRecord]
    news: list[KeyNews]
    written: "Future[None] | None" = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the news of a batch: `late` could not be written now."""

    turned: list[Turned]
    late: list[KeyNews]


class UsageWriter:
    """Writes batches in the order they come, in a thread of its own.

    When the database does not take a batch (it is away, or took longer than the patience of who watches
    `busy_since`), or more than `crowd` records wait for it, batches go to the spool, and from there to the
    database as soon as it takes them again, the oldest first. What finds no room in the spool is dropped.
    `tell` is called from the thread.
    """

    def __init__(
        self,
        store: Store,
        spool: Spool,
        access_log: AccessLog,
        tell: Callable[[Outcome], None],
        *,
        crowd: int,
        packs: bool = False,
        first_retry: float = _FIRST_RETRY,
    ) -> None:
        self._store = store
        self._spool = spool
        self._access_log = access_log
        self._tell = tell
        self._crowd = crowd
        self._first_retry = first_retry
        self._packs = packs
        self._maker = RowMaker()
        self._ids = IdMaker()
        self._batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._given = 0
        self._taken = 0
        self._spooling = False
        self._away_since: float | None = None
        self._retry_at = 0.0
        self._retry_in = first_retry
        self._thread = threading.Thread(target=self._run, name="usage writer", daemon=True)
        self.busy_since: float | None = None
        self.dropped = 0
        self.refused = 0

    @property
    def waiting(self) -> int:
        """How many records were put and are not written, spooled or dropped."""
        return self._given - self._taken

    @property
    def spooled_bytes(self) -> int:
        """How much waits on the disk."""
        return self._spool.waiting_bytes

    @property
    def is_away(self) -> bool:
        """Whether the database did not take what it was last given."""
        return self._away_since is not None

    def put(self, batch: Batch) -> None:
        """Take a batch; never blocks. From one thread, as `close`."""
        if not self._thread.is_alive():
            self._thread.start()
        self._given += len(batch.records)
        self._batches.put(batch)

    def close(self) -> None:
        """Wait until all that was put is written or spooled, and end the thread. Blocks."""
        if self._thread.is_alive():
            self._batches.put(None)
            self._thread.join()

    def _run(self) -> None:
        self._spool.adopt()
        self._spooling = not self._spool.is_empty
        while True:
            try:
                batch = self._batches.get(timeout=self._pause())
            except queue.Empty:
                self._guarded(self._catch_up)
                continue
            if batch is None:
                break
            self._take(batch)
            if batch.written is not None:
                batch.written.set_result(None)
        if lost := self._spool.close():
            self._drop(lost)
        self._store.close()

    def _guarded(self, work: Callable[..., None], *arguments: object) -> None:
        """The thread must live, for nothing else writes: an error nobody thought of costs one step of it."""
        try:
            work(*arguments)
        except Exception:  # noqa: BLE001 - see above
            _log.exception("usage.writer_failed")
            self._retry_at = time.monotonic() + _LAST_RETRY

    def _pause(self) -> float | None:
        """How long to wait for a batch before the spool is looked at again."""
        return max(0.0, self._retry_at - time.monotonic()) if self._spooling else None

    def _take(self, batch: Batch) -> None:
        left = len(batch.records)
        for records in _chunks(batch.records):
            left -= len(records)
            self._guarded(self._take_chunk, records, [] if left else batch.news)
            self._taken += len(records)
            self._guarded(self._access_log.write, records)

    def _take_chunk(self, records: list[UsageRecord], news: list[KeyNews]) -> None:
        outcome = self._keep(records, news)
        if outcome.turned or outcome.late:
            self._tell(outcome)

    def _packed(self, records: Sequence[UsageRecord], first_id: str) -> StoredBatch | None:
        """As a batch, where such are wanted and every record is what it should be."""
        if not self._packs or not records:
            return None
        try:
            return pack(first_id, records)
        except (TypeError, ValueError, OverflowError):
            return None

    def _rows(self, records: Sequence[UsageRecord], first_id: str) -> list[Row]:
        try:
            return self._maker.rows(records, first_id)
        except Exception:  # noqa: BLE001 - one record that is not what it should be must not lose the others
            if len(records) == 1:
                _log.exception("usage.refused", trace_id=records[0].trace_id)
                self.refused += 1
                return []
            each = zip(records, ids_from(first_id, len(records)), strict=True)
            return [row for record, row_id in each for row in self._rows([record], row_id)]

    def _keep(self, records: list[UsageRecord], news: list[KeyNews]) -> Outcome:
        """Write both to the database, else the records as rows to the spool."""
        first_id = self._ids.first_of(len(records))
        rows: list[Row] = []
        if not self._spooling and self.waiting <= self._crowd:
            batch = self._packed(records, first_id)
            if batch is None:
                rows = self._rows(records, first_id)
            turned = self._write(rows, news, batch)
            if turned is not None:
                return Outcome(turned, [])
        if records:
            self._spooling = True
            rows = rows or self._rows(records, first_id)
            if not self._spool.append(rows):
                self._drop(len(rows))
        due = news and time.monotonic() >= self._retry_at
        turned = self._write((), news) if due else None
        return Outcome([], news) if turned is None else Outcome(turned, [])

    def _write(
        self, rows: Sequence[Row], news: Sequence[KeyNews], batch: StoredBatch | None = None
    ) -> list[Turned] | None:
        """Write the rows, or the batch in their place, to the database; None when it is away."""
        self.busy_since = time.monotonic()
        try:
            if batch is None:
                turned = write_all(self._store, rows, news, self._refuse)
            else:
                turned = self._store.write_batch(batch, news)
        except StoreAwayError as error:
            self._miss(error)
            return None
        finally:
            self.busy_since = None
        self._retry_in = self._first_retry
        if self._away_since is not None:
            _log.info("usage.database_back", away_seconds=round(time.monotonic() - self._away_since, 1))
            self._away_since = None
        return turned

    def _miss(self, error: StoreAwayError) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            _log.warning("usage.database_away", error=str(error))
        self._retry_at = now + self._retry_in
        self._retry_in = min(2 * self._retry_in, _LAST_RETRY)

    def _catch_up(self) -> None:
        """Write the oldest rows of the spool; batches that come meanwhile come first, and go behind them."""
        rows = self._spool.next()
        if not rows:
            self._spooling = False
            _log.info("usage.caught_up")
        elif self._write(rows, ()) is not None:
            self._spool.done()

    def _refuse(self, row: Row) -> None:
        self.refused += 1
        _log.error("usage.refused", record_id=row[0], trace_id=row[4])

    def _drop(self, count: int) -> None:
        before, self.dropped = self.dropped, self.dropped + count
        if before == 0 or before // 1000 != self.dropped // 1000:
            _log.error("usage.dropped", dropped=self.dropped)


def _chunks(records: list[UsageRecord]) -> Iterator[list[UsageRecord]]:
    """The records, `CHUNK` at a time; at least one chunk."""
    for start in range(0, max(1, len(records)), CHUNK):
        yield records[start : start + CHUNK]
