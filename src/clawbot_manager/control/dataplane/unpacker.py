"""Makes rows of the batches of usage that stand-alone proxies have stored (see `batches`)."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from clawbot_manager.control.dataplane.batches import BadBatchError, unpack
from clawbot_manager.control.dataplane.store import Store, StoreAwayError, StoredBatch, write_all
from clawbot_manager.control.dataplane.usage_rows import Row, RowMaker
from clawbot_manager.infra.telemetry.events import get_logger
from clawbot_manager.kit.tasks import TaskOwner

_log = get_logger(__name__)


class UsageUnpacker:
    """Looks for batches every `poll_seconds`. Several may do so at once: a row is stored once.

    A batch that is not understood, as of a newer version, is logged, left alone, and kept for who does.
    """

    def __init__(self, store: Store, *, poll_seconds: float) -> None:
        self._store = store
        self._poll_seconds = poll_seconds
        self._maker = RowMaker()
        self._left_alone: set[str] = set()
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, "usage unpacker")
        self._tasks = TaskOwner(_report_failure)

    def start(self) -> None:
        """Begin to look in the background."""
        self._tasks.start(self._look_forever(), name="usage unpacker")

    async def close(self) -> None:
        """Stop; a batch that is being written stays, and is there for the next one."""
        self._stopping = True
        self._store.interrupt()
        await self._tasks.close()
        await asyncio.to_thread(self._thread.shutdown)
        self._store.close()

    def look(self) -> int:
        """Make rows of all that is there; how many. Blocks.

        Raises:
            StoreAwayError: the database is away.
        """
        count, last = 0, ""
        while not self._stopping and (batch := self._store.next_batch(last)) is not None:
            last = batch.batch_id
            count += self._unpack(batch)
        return count

    def _unpack(self, batch: StoredBatch) -> int:
        if batch.batch_id in self._left_alone:
            return 0
        try:
            records = unpack(batch)
        except BadBatchError as error:
            self._left_alone.add(batch.batch_id)
            _log.error("usage.batch_not_understood", batch_id=batch.batch_id, error=str(error))
            return 0
        rows = self._maker.rows(records, batch.batch_id)
        write_all(self._store, rows, (), _refuse, unpacked=batch.batch_id)
        return len(rows)

    async def _look_forever(self) -> None:
        away = False
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self.look)
                away = False
            except StoreAwayError as error:
                if not away:
                    _log.warning("usage.unpacker_waits", error=str(error))
                away = True
            await asyncio.sleep(self._poll_seconds)


def _refuse(row: Row) -> None:
    _log.error("usage.refused", record_id=row[0], trace_id=row[4])


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("usage.task_failed", task=name, exc_info=error)
