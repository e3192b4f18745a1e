"""What waits on disk comes back whole, in order, and once; whatever happened to the process before."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from clawbot_manager.control.dataplane.spool import Spool
from clawbot_manager.control.dataplane.usage_rows import COLUMNS, Row
from tests.control.dataplane.records import a_record, rows_of

LARGE = 1 << 30


def rows(*traces: str) -> list[Row]:
    return rows_of([a_record(trace_id=trace) for trace in traces])


LINE = len(orjson.dumps(rows("a")[0])) + 1


def a_spool(directory: Path, **change: Any) -> Spool:
    return Spool(directory, **{"max_bytes": LARGE, "max_held": 0, **change})


def drained(spool: Spool) -> list[Any]:
    """The trace ids of all that waits; it does not wait any more."""
    traces = []
    while found := spool.next():
        traces += [row[4] for row in found]
        spool.done()
    return traces


def plain(found: Sequence[Row]) -> Any:
    """Comparable: NULL, which is a NaN, becomes None."""
    return orjson.loads(orjson.dumps(found))


def test_rows_come_back_as_they_were_and_in_order(tmp_path: Path) -> None:
    spool = a_spool(tmp_path / "spool")
    assert spool.next() == []
    first, second = rows("a", "b"), rows("c")
    assert spool.append(first)
    assert spool.append(second)
    assert plain(spool.next()) == plain([*first, *second])
    assert plain(spool.next()) == plain([*first, *second])  # they wait until they are done
    spool.done()
    assert spool.next() == []
    assert spool.is_empty
    assert list((tmp_path / "spool").iterdir()) == []
    assert spool.append(rows("d"))
    assert drained(spool) == ["d"]


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    spool = a_spool(tmp_path / "spool")
    before = os.umask(0)
    try:
        spool.append(rows("a"))
    finally:
        os.umask(before)
    (path,) = (tmp_path / "spool").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    spool.close()


def test_what_waits_is_bounded_and_taken_all_or_not_at_all(tmp_path: Path) -> None:
    spool = a_spool(tmp_path, max_bytes=4 * LINE)
    batches = [rows("a"), rows("b"), rows(*"cdefgh"), rows("i")]
    assert [spool.append(batch) for batch in batches] == [True, True, False, True]
    assert spool.waiting_bytes == 3 * LINE
    assert drained(spool) == ["a", "b", "i"]
    assert spool.waiting_bytes == 0
    assert spool.append(rows("again"))
    spool.close()


def test_what_finds_no_place_on_disk_waits_in_memory_behind_it(tmp_path: Path) -> None:
    spool = a_spool(tmp_path, max_bytes=LINE, max_held=2)
    assert [spool.append(rows(trace)) for trace in "abcd"] == [True, True, True, False]
    assert drained(spool) == ["a", "b", "c"]
    assert spool.is_empty
    assert [spool.append(rows(trace)) for trace in "efg"] == [True, True, True]
    assert spool.close() == 2


def test_a_place_that_cannot_be_written_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the directory should be")
    spool = a_spool(tmp_path / "spool", max_held=1)
    spool.adopt()
    assert spool.append(rows("a"))
    assert not spool.append(rows("b"))
    assert drained(spool) == ["a"]


def test_a_full_disk_leaves_no_half_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = a_spool(tmp_path)
    spool.append(rows("a"))
    write = os.write

    def full(descriptor: int, data: Any) -> int:
        monkeypatch.setattr(os, "write", _no_space)
        return write(descriptor, bytes(data)[:100])

    monkeypatch.setattr(os, "write", full)
    assert not spool.append(rows("b", "c"))
    monkeypatch.undo()
    assert spool.append(rows("d"))
    assert drained(spool) == ["a", "d"]


def _no_space(*_: Any) -> int:
    raise OSError(28, "No space left on device")


def test_large_files_are_given_back_piece_by_piece(tmp_path: Path) -> None:
    header = len(orjson.dumps({"columns": list(COLUMNS)})) + 1
    spool = a_spool(tmp_path, segment_bytes=header + 2 * LINE)
    for trace in "abcde":
        spool.append(rows(trace))
    assert len(list(tmp_path.iterdir())) == 3
    assert [row[4] for row in spool.next()] == ["a", "b"]
    spool.done()
    assert len(list(tmp_path.iterdir())) == 2
    assert drained(spool) == ["c", "d", "e"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [1, 50, 300])
def test_a_torn_last_line_does_not_count_and_all_before_it_does(tmp_path: Path, cut: int) -> None:
    spool = a_spool(tmp_path)
    spool.append(rows("a", "b", "torn"))
    spool.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-cut])
    after = a_spool(tmp_path)
    after.adopt()
    assert drained(after) == ["a", "b"]
    assert after.unreadable == 1
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_is_no_row_does_not_hide_the_others(tmp_path: Path) -> None:
    spool = a_spool(tmp_path)
    spool.append(rows("a"))
    spool.append(rows("b"))
    spool.close()
    (path,) = tmp_path.iterdir()
    header, one, other = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([header, b"\xff\xfe{", one, b"[1,2]", b'{"id":1}', other, b""]))
    after = a_spool(tmp_path)
    after.adopt()
    assert drained(after) == ["a", "b"]
    assert after.unreadable == 3


def test_rows_of_a_version_with_other_columns_are_read_by_name(tmp_path: Path) -> None:
    (row,) = rows("a")
    names = [*reversed(list(COLUMNS)), "of_the_future"]
    lacking = names.index("details")
    del names[lacking]
    values = [*reversed(plain([row])[0]), "x"]
    del values[lacking]
    lines = [orjson.dumps({"columns": names}), orjson.dumps(values)]
    (tmp_path / "usage-1-1-0.jsonl").write_bytes(b"\n".join([*lines, b""]))
    spool = a_spool(tmp_path)
    spool.adopt()
    assert plain(spool.next()) == plain([row])


def test_files_of_those_who_ended_are_taken_over_oldest_first(tmp_path: Path) -> None:
    one, other = a_spool(tmp_path), a_spool(tmp_path)
    one.append(rows("a"))
    other.append(rows("b"))
    alive = a_spool(tmp_path)
    alive.append(rows("mine"))
    one.close()
    other.close()
    heir = a_spool(tmp_path)
    heir.adopt()
    heir.append(rows("c"))
    assert drained(heir) == ["a", "b", "c"]
    assert drained(alive) == ["mine"]


def test_a_killed_process_leaves_all_that_append_returned_for(tmp_path: Path) -> None:
    script = (
        "import sys, os, signal; from pathlib import Path\n"
        "from tests.control.dataplane.test_spool import a_spool, rows\n"
        "spool = a_spool(Path(sys.argv[1])); spool.append(rows('a', 'b'))\n"
        "Path(sys.argv[1], '.draft-usage-1.jsonl').touch()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    spool = a_spool(tmp_path)
    spool.adopt()
    assert drained(spool) == ["a", "b"]
    assert list(tmp_path.iterdir()) == []
