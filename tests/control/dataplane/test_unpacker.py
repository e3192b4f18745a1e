"""Batches that a stand-alone proxy has stored become rows, each exactly once, on both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from clawbot_manager.control.dataplane.batches import BadBatchError, pack, unpack
from clawbot_manager.control.dataplane.store import StoredBatch
from clawbot_manager.control.dataplane.unpacker import UsageUnpacker
from clawbot_manager.control.dataplane.usage_rows import RowMaker
from clawbot_manager.infra.db import Database
from clawbot_manager.infra.events.bus import EventBus
from clawbot_manager.kit.ids import uuid7
from clawbot_manager.proxy.ports import Attempt, Usage, UsageRecord
from clawbot_manager.settings.models import normalise_database_url
from tests.control.dataplane.records import IDS, FakeStore, a_record, open_store, stored
from tests.support.program import wait_for

FIRST, SECOND = "0190" + 28 * "0", "0190" + 28 * "1"

FIELDS: dict[type[msgspec.Struct], str] = {
    UsageRecord: (
        "at trace_id owner_id bot_id hostname token_id vendor method endpoint dialect key_id key_label "
        "model_asked model_answered streamed status error_code usage duration_ms first_byte_ms attempts "
        "simulated"
    ),
    Attempt: "key_id status reason",
    Usage: "input_tokens output_tokens cache_read_tokens cache_write_tokens reasoning_tokens source details",
}


def records(*traces: str) -> list[UsageRecord]:
    return [a_record(trace_id=trace) for trace in traces]


def packed(*traces: str) -> StoredBatch:
    return pack(IDS.first_of(len(traces)), records(*traces))


class TestPacking:
    def test_what_was_packed_comes_out(self) -> None:
        given = [
            a_record(
                usage=Usage(1, 2, 3, 4, 5, "provider", {"service_tier": "flex", "cost_usd": 0.25}),
                first_byte_ms=3.7,
                key_id=uuid7(),
                attempts=[Attempt(uuid7(), 500, "server_error"), Attempt(None, None)],
            ),
            a_record(trace_id="ü", error_code="bad", status=502, streamed=True, simulated=True),
        ]
        batch = pack(FIRST, given)
        assert (batch.batch_id, unpack(batch)) == (FIRST, given)
        assert unpack(pack(FIRST, [])) == []

    def test_rows_are_the_same_whoever_makes_them(self) -> None:
        given = [
            a_record(key_id=(key := uuid7()), attempts=[Attempt(key, status)]) for status in (200, 201, 200)
        ]
        batch = pack(IDS.first_of(3), given)
        here, there = RowMaker().rows(given, batch.batch_id), RowMaker().rows(unpack(batch), batch.batch_id)
        assert repr(here) == repr(there)  # NaN stands for NULL, and is equal to nothing
        assert len({row[0] for row in here}) == 3

    @pytest.mark.parametrize(("kind", "fields"), FIELDS.items())
    def test_the_order_of_fields_stands_for_ever(self, kind: type[msgspec.Struct], fields: str) -> None:
        """Versions that share a database pass them on by position: append, with a default, and here too."""
        assert " ".join(kind.__struct_fields__) == fields

    def test_a_version_with_more_or_fewer_fields_is_understood(self) -> None:
        (record,) = records("a")
        values = list(msgspec.msgpack.decode(pack(FIRST, [record]).body, type=list[list[Any]])[0])
        newer = StoredBatch(FIRST, msgspec.msgpack.encode([[*values, "red"]]))
        older = StoredBatch(FIRST, msgspec.msgpack.encode([values[:-2]]))
        assert unpack(newer) == unpack(older) == [record]

    @pytest.mark.parametrize("body", [b"", b"\x00", b"\xc1", msgspec.msgpack.encode([["only one"]])])
    def test_what_is_no_batch(self, body: bytes) -> None:
        with pytest.raises(BadBatchError):
            unpack(StoredBatch(FIRST, body))


class TestOnADatabase:
    @pytest.fixture
    async def database(self, ready_url: str) -> AsyncIterator[Database]:
        database = Database(normalise_database_url(ready_url), EventBus())
        yield database
        await database.close()

    async def test_what_a_proxy_packs_a_worker_unpacks(self, ready_url: str, database: Database) -> None:
        proxy, worker = open_store(ready_url), open_store(ready_url)
        first, second = packed("a", "b"), packed("c")
        proxy.write_batch(first, ())
        proxy.write_batch(first, ())  # the answer to the first write was lost
        proxy.write_batch(second, ())
        assert await stored(database) == []
        unpacker = UsageUnpacker(worker, poll_seconds=1)
        assert unpacker.look() == 3
        assert unpacker.look() == 0
        assert [row.trace_id for row in await stored(database)] == ["a", "b", "c"]
        proxy.write_batch(first, ())  # and came only now
        assert unpacker.look() == 2
        assert [row.trace_id for row in await stored(database)] == ["a", "b", "c"]
        assert worker.next_batch("") is None
        proxy.close()
        await unpacker.close()

    async def test_two_workers_at_once_store_each_row_once(self, ready_url: str, database: Database) -> None:
        proxy = open_store(ready_url)
        for number in range(20):
            proxy.write_batch(packed(*(f"{number}-{each}" for each in range(50))), ())
        unpackers = [UsageUnpacker(open_store(ready_url), poll_seconds=1) for _ in range(2)]
        await asyncio.gather(*(asyncio.to_thread(one.look) for one in unpackers))
        assert len({row.trace_id for row in await stored(database)}) == len(await stored(database)) == 1000
        assert proxy.next_batch("") is None
        proxy.close()
        for one in unpackers:
            await one.close()

    async def test_a_row_that_the_database_refuses_holds_up_no_other(
        self, ready_url: str, database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        good, broken, other = records("a", "b", "c")
        broken.status = 1 << 63  # more than a column holds
        proxy = open_store(ready_url)
        proxy.write_batch(pack(IDS.first_of(3), [good, broken, other]), ())
        unpacker = UsageUnpacker(open_store(ready_url), poll_seconds=1)
        unpacker.look()
        assert [row.trace_id for row in await stored(database)] == ["a", "c"]
        assert proxy.next_batch("") is None
        assert sum("usage.refused" in line for line in caplog.messages) == 1
        proxy.close()
        await unpacker.close()


class TestInTheBackground:
    async def test_batches_become_rows_by_themselves_until_it_is_closed(self) -> None:
        store = FakeStore(batches=[packed("a"), packed("b", "c")])
        unpacker = UsageUnpacker(store, poll_seconds=0.01)
        unpacker.start()
        await _until(store, ["a", "b", "c"])
        store.batches.append(packed("d"))
        await _until(store, ["a", "b", "c", "d"])
        await unpacker.close()
        store.batches.append(packed("e"))
        assert unpacker.look() == 0
        assert store.interrupted == 1

    async def test_it_outlives_a_database_that_is_away(self, caplog: pytest.LogCaptureFixture) -> None:
        store = FakeStore(batches=[packed("a")], is_away=True)
        unpacker = UsageUnpacker(store, poll_seconds=0.01)
        unpacker.start()
        await asyncio.to_thread(
            wait_for,
            lambda: any("usage.unpacker_waits" in one for one in caplog.messages),
            what="the warning",
        )
        store.is_away = False
        await _until(store, ["a"])
        await unpacker.close()
        assert sum("usage.unpacker_waits" in line for line in caplog.messages) == 1

    async def test_what_it_does_not_understand_is_kept_and_told_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        strange = StoredBatch(FIRST, b"strange")
        store = FakeStore(batches=[strange, pack(SECOND, records("a"))])
        unpacker = UsageUnpacker(store, poll_seconds=0.01)
        assert [unpacker.look(), unpacker.look()] == [1, 0]
        assert store.batches == [strange]
        assert sum("usage.batch_not_understood" in line for line in caplog.messages) == 1
        await unpacker.close()


async def _until(store: FakeStore, traces: list[str]) -> None:
    await asyncio.to_thread(wait_for, lambda: store.traces == traces, what=json.dumps(traces))
