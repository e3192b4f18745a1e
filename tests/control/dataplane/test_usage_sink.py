"""No record is lost or counted twice while the database is away, slow, or back again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clawbot_manager.control.dataplane.access_log import AccessLog
from clawbot_manager.control.dataplane.batches import unpack
from clawbot_manager.control.dataplane.news import KeyNews, OnUrgent
from clawbot_manager.control.dataplane.spool import Spool
from clawbot_manager.control.dataplane.store import StoreAwayError, StoredBatch, Turned
from clawbot_manager.control.dataplane.unpacker import UsageUnpacker
from clawbot_manager.control.dataplane.usage_rows import Row
from clawbot_manager.control.dataplane.usage_sink import UsageSinkService, UsageState, usage_check
from clawbot_manager.control.dataplane.usage_writer import CHUNK, Outcome, UsageWriter
from clawbot_manager.kit.ids import uuid7
from tests.control.dataplane.records import FakeStore, a_record

NEWS = KeyNews(
    uuid7(), 1, health="failed", state_reason="bad_key", last_used_at=datetime(2026, 1, 1, tzinfo=UTC)
)


@dataclass
class Ring:
    """A source of news."""

    news: list[KeyNews] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.on_urgent: OnUrgent = lambda: None

    def take_news(self) -> list[KeyNews]:
        taken, self.news = self.news, []
        return taken

    def give_back(self, news: list[KeyNews]) -> None:
        self.news += news


@dataclass
class World:
    """A sink over a fake database and a real spool."""

    directory: Path
    store: FakeStore = field(default_factory=FakeStore)
    ring: Ring = field(default_factory=Ring)
    told: list[Turned] = field(default_factory=list)
    opened: list[UsageSinkService] = field(default_factory=list)

    def sink(
        self,
        *,
        flush: float = 0.01,
        queue_size: int = 100_000,
        max_bytes: int = 1 << 30,
        store: Any = None,
        packs: bool = False,
    ) -> UsageSinkService:
        given = store or self.store

        def make_writer(tell: Callable[[Outcome], None]) -> UsageWriter:
            spool = Spool(self.directory, max_bytes=max_bytes, max_held=queue_size // 2)
            return UsageWriter(
                given,
                spool,
                AccessLog("none"),
                tell,
                crowd=queue_size // 2,
                packs=packs,
                first_retry=0.01,
            )

        sink = UsageSinkService(
            given,
            make_writer,
            self.ring,
            flush_seconds=flush,
            patience_seconds=0.1,
            queue_size=queue_size,
            on_turned=self._hear,
        )
        self.opened.append(sink)
        return sink

    async def _hear(self, turned: list[Turned]) -> None:
        self.told += turned

    @property
    def files(self) -> list[Path]:
        return list(self.directory.iterdir()) if self.directory.exists() else []


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "spool")
    yield world
    for sink in world.opened:
        await sink.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def record(sink: UsageSinkService, *traces: str) -> None:
    for trace in traces:
        sink.record(a_record(trace_id=trace))


class TestTheUsualWay:
    async def test_records_are_written_by_themselves_and_in_order(self, world: World) -> None:
        sink = world.sink()
        await sink.start()
        record(sink, *"abc")
        await until(lambda: world.store.traces == ["a", "b", "c"])
        assert sink.state == UsageState(0, 0, 0, 0, database_is_away=False)
        assert world.files == []

    async def test_a_full_batch_does_not_wait_for_the_clock(self, world: World) -> None:
        sink = world.sink(flush=9)
        record(sink, *(str(number) for number in range(CHUNK)))
        await until(lambda: len(world.store.rows) == CHUNK)

    async def test_closing_writes_what_is_left(self, world: World) -> None:
        sink = world.sink(flush=9)
        await sink.start()
        record(sink, *(str(number) for number in range(CHUNK + 10)))
        await sink.close()
        assert world.store.traces == [str(number) for number in range(CHUNK + 10)]

    async def test_one_record_that_is_none_does_not_lose_the_others(self, world: World) -> None:
        sink = world.sink()
        record(sink, "a")
        sink.record(a_record(trace_id="broken", usage=None))
        world.store.refuses = lambda row: row[4] == "refused"
        record(sink, "refused", "b")
        await sink.flush()
        assert world.store.traces == ["a", "b"]
        assert sink.state.refused == 2


class TestNews:
    async def test_they_go_with_the_batch_and_the_owner_hears_after_the_commit(self, world: World) -> None:
        world.store.turned = [Turned("0" * 32, "openai", "main", NEWS)]
        sink = world.sink()
        world.ring.news = [NEWS]
        record(sink, "a")
        await sink.flush()
        assert (world.store.news, world.store.calls) == ([NEWS], 1)
        await until(lambda: world.told == world.store.turned)

    async def test_urgent_ones_do_not_wait_for_the_clock(self, world: World) -> None:
        sink = world.sink(flush=9)
        await sink.start()
        world.ring.news = [NEWS]
        world.ring.on_urgent()
        world.ring.on_urgent()
        await until(lambda: world.store.news == [NEWS])

    async def test_what_could_not_be_written_goes_back_and_is_written_later(self, world: World) -> None:
        sink = world.sink()
        world.store.is_away = True
        world.ring.news = [NEWS]
        await sink.flush()
        await until(lambda: world.ring.news == [NEWS])
        world.store.is_away = False
        await sink.start()
        await until(lambda: world.store.news == [NEWS])
        assert world.ring.news == []


class TestTheDatabaseIsAway:
    async def test_batches_wait_on_disk_and_follow_in_order(self, world: World) -> None:
        sink = world.sink()
        record(sink, "a")
        await sink.flush()
        world.store.is_away = True
        for trace in "bcd":
            record(sink, trace)
            await sink.flush()
        assert sink.state.database_is_away
        assert sink.state.spooled_bytes > 0
        assert usage_check(sink.state)["status"] == "warning"
        assert len(world.files) == 1
        world.store.is_away = False
        record(sink, "e")
        await sink.flush()
        await until(lambda: world.files == [])
        assert world.store.traces == list("abcde")
        assert sink.state == UsageState(0, 0, 0, 0, database_is_away=False)
        record(sink, "f")
        await sink.flush()
        await until(lambda: world.store.traces == list("abcdef"))
        await until(lambda: usage_check(sink.state)["status"] == "ok")

    async def test_what_waits_outlives_the_process(self, world: World) -> None:
        sink = world.sink()
        world.store.is_away = True
        record(sink, *"ab")
        await sink.close()
        assert world.store.rows == {}
        world.store.is_away = False
        heir = world.sink()
        await heir.start()
        record(heir, "c")
        await until(lambda: len(world.store.rows) == 3)
        await until(lambda: world.files == [])
        assert sorted(world.store.traces) == ["a", "b", "c"]

    async def test_a_batch_of_which_only_the_answer_was_lost_counts_once(self, world: World) -> None:
        store = ForgetfulStore()
        sink = world.sink(store=store)
        record(sink, "a")
        await sink.flush()
        await until(lambda: world.files == [] and store.calls > 1)
        assert store.traces == ["a"]

    async def test_without_a_spool_it_waits_in_memory_up_to_the_bound(self, world: World) -> None:
        sink = world.sink(queue_size=10, max_bytes=0)
        world.store.is_away = True
        for trace in "abcdefg":
            record(sink, trace)
            await sink.flush()
        assert sink.state.dropped == 2
        assert "2 records dropped" in usage_check(sink.state)["detail"]
        world.store.is_away = False
        await until(lambda: world.store.traces == list("abcde"))

    async def test_a_full_spool_drops_the_newest_and_says_so(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        sink = world.sink(queue_size=2, max_bytes=2000)
        world.store.is_away = True
        for number in range(20):
            record(sink, f"t{number}")
            await sink.flush()
        dropped = sink.state.dropped
        assert dropped > 10
        assert "usage.dropped" in caplog.messages
        world.store.is_away = False
        await until(lambda: world.files == [] and len(world.store.rows) == 20 - dropped)
        assert world.store.traces == [f"t{number}" for number in range(20 - dropped)]


class TestInBatches:
    async def test_records_go_packed_with_the_news(self, world: World) -> None:
        sink = world.sink(packs=True)
        world.ring.news = [NEWS]
        record(sink, *"abc")
        await sink.flush()
        (batch,) = world.store.batches
        assert [one.trace_id for one in unpack(batch)] == ["a", "b", "c"]
        assert (world.store.rows, world.store.news) == ({}, [NEWS])
        await sink.flush()
        assert world.store.batches == [batch]  # nothing came, nothing goes

    async def test_while_the_database_is_away_rows_wait_on_disk(self, world: World) -> None:
        sink = world.sink(packs=True)
        await sink.start()
        world.store.is_away = True
        record(sink, "a", "b")
        await sink.flush()
        world.store.is_away = False
        await until(lambda: world.store.traces == ["a", "b"])
        record(sink, "c")
        await sink.flush()

        def written() -> list[str]:  # while the spool is being emptied, what comes goes by it as well
            packed = [one.trace_id for batch in world.store.batches for one in unpack(batch)]
            return [*world.store.traces, *packed]

        await until(lambda: written() == ["a", "b", "c"])

    async def test_what_cannot_be_packed_goes_as_rows(self, world: World) -> None:
        sink = world.sink(packs=True)
        record(sink, "a")
        sink.record(a_record(trace_id="half a character: \ud800"))
        await sink.flush()
        assert world.store.batches == []
        assert world.store.traces == ["a", "half a character: "]

    async def test_a_batch_of_which_only_the_answer_was_lost_counts_once(self, world: World) -> None:
        store = ForgetfulStore()
        sink = world.sink(packs=True, store=store)
        await sink.start()
        record(sink, "a", "b")
        await until(lambda: store.traces == ["a", "b"])  # by the spool
        unpacker = UsageUnpacker(store, poll_seconds=1)
        assert unpacker.look() == 2
        assert store.traces == ["a", "b"]
        await unpacker.close()


class ForgetfulStore(FakeStore):
    """Writes, and breaks the connection before it says so: once for rows, always for batches."""

    def write_batch(self, batch: StoredBatch, news: Sequence[KeyNews]) -> list[Turned]:
        super().write_batch(batch, news)
        raise StoreAwayError("the connection broke")

    def write(
        self, rows: Sequence[Row], news: Sequence[KeyNews], *, unpacked: str | None = None
    ) -> list[Turned]:
        turned = super().write(rows, news, unpacked=unpacked)
        if self.calls == 1:
            raise StoreAwayError("the connection broke")
        return turned


class HangingStore(FakeStore):
    """Hangs in a write until it is interrupted or let go."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = True
        self.entered = threading.Event()
        self._go_on = threading.Event()

    def write(
        self, rows: Sequence[Row], news: Sequence[KeyNews], *, unpacked: str | None = None
    ) -> list[Turned]:
        if self.hangs:
            self.entered.set()
            assert self._go_on.wait(60)
            self._go_on.clear()
            if self.hangs:
                raise StoreAwayError("interrupted")
        return super().write(rows, news, unpacked=unpacked)

    def interrupt(self) -> None:
        self.interrupted += 1
        self._go_on.set()

    def let_go(self) -> None:
        self.hangs = False
        self._go_on.set()


class TestTheDatabaseHangs:
    async def test_a_call_that_takes_too_long_is_ended_and_its_batch_spooled(self, world: World) -> None:
        store = HangingStore()
        sink = world.sink(store=store)
        await sink.start()
        record(sink, *"ab")
        await until(lambda: sink.state.spooled_bytes > 0)
        assert store.interrupted
        record(sink, "c")
        store.let_go()
        await until(lambda: store.traces == ["a", "b", "c"] and world.files == [])

    async def test_a_crowd_goes_to_the_spool_instead(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        store = HangingStore()
        sink = world.sink(store=store, flush=9, queue_size=10)
        record(sink, "a")
        first = asyncio.ensure_future(sink.flush())
        await until(store.entered.is_set)
        rest = []
        for trace in "bcdefgh":
            record(sink, trace)
            rest.append(asyncio.ensure_future(sink.flush()))
            await asyncio.sleep(0)
        store.let_go()
        await asyncio.gather(first, *rest)
        await until(lambda: "usage.caught_up" in caplog.messages)
        assert store.traces == list("abcdefgh")
        assert "usage.database_away" not in caplog.messages
        assert (sink.state.dropped, world.files) == (0, [])

    async def test_more_than_the_queue_holds_is_dropped_and_counted(self, world: World) -> None:
        store = HangingStore()
        sink = world.sink(store=store, flush=9, queue_size=3)
        record(sink, "a")
        first = asyncio.ensure_future(sink.flush())
        await until(store.entered.is_set)
        record(sink, *"bcde")
        second = asyncio.ensure_future(sink.flush())
        await asyncio.sleep(0)
        assert sink.state.dropped == 4
        store.let_go()
        await asyncio.gather(first, second)
        assert store.traces == ["a"]

    async def test_closing_does_not_wait_for_it_for_ever(self, world: World) -> None:
        store = HangingStore()
        sink = world.sink(store=store)
        await sink.start()
        record(sink, "a")
        await sink.close()
        assert store.interrupted
        assert len(world.files) == 1
