"""Finished requests on their way to the database: queued on the event loop, written by a thread."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from clawbot_manager.control.dataplane.news import NewsSource
from clawbot_manager.control.dataplane.store import Store, Turned
from clawbot_manager.control.dataplane.usage_writer import CHUNK, Batch, Outcome, UsageWriter
from clawbot_manager.infra.telemetry.events import get_logger
from clawbot_manager.kit.tasks import TaskOwner
from clawbot_manager.proxy.ports import UsageRecord

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UsageState:
    """How usage gets along. Counts are of records since the start, `refused` by the database."""

    waiting: int
    spooled_bytes: int
    dropped: int
    refused: int
    database_is_away: bool


class UsageCheck(TypedDict):
    """A check of `/health/ready`."""

    status: Literal["ok", "warning"]
    detail: str
    hint: str | None


def usage_check(state: UsageState) -> UsageCheck:
    """How usage gets along, as a check: lost records and a spool in use are worth a warning."""
    lost = state.dropped + state.refused
    if lost:
        detail = f"{state.dropped} records dropped and {state.refused} refused since the start"
        hint = "Look for usage.dropped and usage.refused in the log."
        return UsageCheck(status="warning", detail=detail, hint=hint)
    if state.database_is_away or state.spooled_bytes:
        detail = f"{state.spooled_bytes} bytes wait in the spool, {state.waiting} records in memory"
        return UsageCheck(
            status="warning", detail=detail, hint="They are written once the database takes them."
        )
    return UsageCheck(status="ok", detail=f"{state.waiting} records wait to be written", hint=None)


class UsageSinkService:
    """The proxy's `UsageSink`, and what brings the key ring's news to the database.

    `record` is one append: a request costs the event loop nothing else. The thread gets what is queued within
    `flush_seconds`, or `CHUNK` records sooner; so `kill -9` loses at most that much while the database
    answers, and what came during `patience_seconds` more when it hangs (see `UsageWriter` for what happens
    then).
    When `queue_size` records wait for the thread, the newest are dropped, counted and logged.
    `on_turned` is called on the loop, after the commit, with keys that were retired or parked.
    """

    def __init__(
        self,
        store: Store,
        make_writer: Callable[[Callable[[Outcome], None]], UsageWriter],
        news: NewsSource,
        *,
        flush_seconds: float,
        patience_seconds: float,
        queue_size: int,
        on_turned: Callable[[list[Turned]], Coroutine[Any, Any, None]],
    ) -> None:
        self._store = store
        self._writer = make_writer(self._from_thread)
        self._news = news
        self._flush_seconds = flush_seconds
        self._patience_seconds = patience_seconds
        self._queue_size = queue_size
        self._on_turned = on_turned
        self._queue: list[UsageRecord] = []
        self._tasks = TaskOwner(_report_failure)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._flushed_at = 0.0
        self._hurries = False
        self._is_closed = False
        self._dropped = 0
        news.on_urgent = self._hurry

    @property
    def state(self) -> UsageState:
        """How it gets along."""
        writer = self._writer
        return UsageState(
            waiting=len(self._queue) + writer.waiting,
            spooled_bytes=writer.spooled_bytes,
            dropped=self._dropped + writer.dropped,
            refused=writer.refused,
            database_is_away=writer.is_away,
        )

    def record(self, record: UsageRecord) -> None:
        """See `proxy.ports.UsageSink`."""
        queue = self._queue
        queue.append(record)
        if len(queue) >= CHUNK:
            self._hand_over()
        elif self._flush is None:
            self._flush_later()

    async def start(self) -> None:
        """Begin to write in the background."""
        self._loop = asyncio.get_running_loop()
        self._hand_over(Future())  # the thread looks for what an earlier process left
        self._tasks.start(self._watch(), name="usage watch")

    async def close(self) -> None:
        """Write what is left, to the spool when the database does not take it, and end the thread."""
        if self._is_closed:
            return
        self._is_closed = True
        self._loop = asyncio.get_running_loop()
        self._hand_over()
        if self._flush is not None:
            self._flush.cancel()
        await asyncio.to_thread(self._writer.close)
        await self._tasks.close()

    async def flush(self) -> None:
        """Return when all that was recorded is written, spooled or dropped."""
        self._loop = asyncio.get_running_loop()
        written: Future[None] = Future()
        self._hand_over(written)
        await asyncio.wrap_future(written)

    def _hand_over(self, written: "Future[None] | None" = None) -> None:
        self._hurries = False
        records, self._queue = self._queue, []
        if self._writer.waiting + len(records) > self._queue_size:
            self._drop(records)
            records = []
        news = self._news.take_news()
        if records or news or written is not None:
            self._writer.put(Batch(records, news, written))

    def _flush_later(self) -> None:
        """At once after a pause, else when it is time again; and nothing wakes up while nothing happens."""
        loop = self._loop
        if loop is not None and not self._is_closed:
            self._flush = loop.call_at(self._flushed_at + self._flush_seconds, self._flush_now)

    def _flush_now(self) -> None:
        self._flush = None
        if self._loop is not None:
            self._flushed_at = self._loop.time()
        self._hand_over()

    def _hurry(self) -> None:
        """A key was retired or must rest: the other processes should know soon."""
        if self._loop is not None and not self._hurries:
            self._hurries = True
            self._loop.call_soon(self._hand_over)

    def _drop(self, records: list[UsageRecord]) -> None:
        self._dropped += len(records)
        _log.error("usage.dropped", dropped=self._dropped, waiting=self._writer.waiting)

    async def _watch(self) -> None:
        """End what takes the database longer than the patience: the batch goes to the spool then."""
        while True:
            await asyncio.sleep(self._patience_seconds / 4)
            busy_since = self._writer.busy_since
            if busy_since is not None and time.monotonic() - busy_since > self._patience_seconds:
                self._store.interrupt()

    def _from_thread(self, outcome: Outcome) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._take_outcome, outcome)

    def _take_outcome(self, outcome: Outcome) -> None:
        if outcome.late:
            self._news.give_back(outcome.late)
            if self._flush is None:
                self._flush_later()
        if outcome.turned:
            self._tasks.start(self._on_turned(outcome.turned), name="tell owners")


def _report_failure(name: str, error: BaseException) -> None:
    _log.error("usage.task_failed", task=name, exc_info=error)
