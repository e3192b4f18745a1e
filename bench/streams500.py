"""Many slow streams for minutes: none stalls, each is in the usage log once, also when the database goes.

    python -m bench.streams500 [--streams 500] [--minutes 5] [--db-stop 30] [--database sqlite|postgresql]

Each connection asks for one stream of a minute (an event a second) after the other, and they begin spread
over the first minute: from then on all are open and one ends every 120 ms, also while the database is away.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time

from bench.database import Ledger, UsageDatabase, differences
from bench.machine import BenchError, wait_until
from bench.mock import Mock
from bench.proxy_server import ours
from bench.scene import Scene, parser, play
from bench.streams import Holding, Plan, Streams, holding
from bench.target import Target

_STREAM_SECONDS = 60
_CATCH_UP_SECONDS = 120.0


def main() -> int:
    """Hold the streams and say how they fared; 1 when one stalled, broke or is not in the log once."""
    options = parser("streams500", __doc__)
    options.add_argument("--streams", type=int, default=500)
    options.add_argument("--minutes", type=int, default=5, help="that all streams are open, about")
    options.add_argument(
        "--db-stop", type=float, default=0.0, metavar="SECONDS", help="database away, mid-way"
    )
    return play(options.parse_args(), _hold, "no stream stalled, each is in the log once")


def _hold(scene: Scene, options: argparse.Namespace) -> list[str]:
    plan = Plan(
        f"live-1000x{_STREAM_SECONDS}",
        streams=options.streams,
        times=max(2, options.minutes),
        spread_ms=_STREAM_SECONDS * 1000,
        stall_ms=3000,
        limit_seconds=_STREAM_SECONDS * (max(2, options.minutes) + 2),
    )
    with ours(scene.seeded, scene.work) as target:
        start = target.process.resident_bytes()
        with holding(target, plan, scene.work) as held:
            full = _watch(target, held, plan, scene.database, options.db_stop)
            seen = held.result()
        _print(seen, plan, start, full)
        ledger = _caught_up(scene.database, scene.upstream)
    stats = scene.upstream.stats()
    print(f"in the log: {ledger.rows} requests; answered by the mock: {stats.answered}")
    return problems(seen, plan, differences(ledger, stats), mock_requests=stats.requests)


def _watch(
    target: Target, held: Holding, plan: Plan, database: UsageDatabase, outage_seconds: float
) -> list[int]:
    """Memory with all streams open: early, and every 10 s; the outage in the middle of the time.

    Raises:
        BenchError: the outage did not take place.
    """
    whole = _STREAM_SECONDS * (plan.times + 1)
    samples: list[int] = []
    was_away = threading.Event()

    def go_away() -> None:
        database.outage(outage_seconds)
        was_away.set()

    away = threading.Timer(max(0.0, whole / 2 - outage_seconds / 2), go_away)
    if outage_seconds > 0:
        away.start()
    deadline = time.monotonic() + _STREAM_SECONDS * plan.times
    try:
        time.sleep(_STREAM_SECONDS + 5)
        while time.monotonic() < deadline - 5 and not held.is_over:
            samples.append(target.process.resident_bytes())
            print(f"{samples[-1] / 2**20:.1f} MiB, {target.process.connections()} connections", flush=True)
            time.sleep(10)
    finally:
        away.cancel()
        if away.is_alive():
            away.join()
    if outage_seconds > 0 and not was_away.is_set():
        raise BenchError("the database did not go away and come back")
    return samples


def _caught_up(database: UsageDatabase, upstream: Mock) -> Ledger:
    """The log once it has as many rows as the mock answered, or after a while."""
    try:
        wait_until(
            lambda: database.ledger().rows >= upstream.stats().answered,
            seconds=_CATCH_UP_SECONDS,
            what="the log catches up",
        )
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
    return database.ledger()


def _print(seen: Streams, plan: Plan, start: int, full: list[int]) -> None:
    first, last = (full[0], full[-1]) if full else (start, start)
    per_stream = (max(full, default=start) - start) / plan.streams / 1024
    print(f"{seen.finished} of {seen.streams} connections came to their end, {seen.events} events")
    print(f"stalled {seen.stalled}, broken {seen.broken}, refused {seen.refused}")
    print(
        f"longest gap {seen.longest_gap / 1000:.0f} ms, delay us p50 {seen.delay.p50}, p99 {seen.delay.p99}"
    )
    print(f"MiB at start {start / 2**20:.1f}, with all streams {first / 2**20:.1f} -> {last / 2**20:.1f}")
    print(f"KiB a stream {per_stream:.1f}")


def problems(seen: Streams, plan: Plan, unlike: list[str], *, mock_requests: int) -> list[str]:
    """What is wrong with a run, in words; `unlike` is in what log and mock differ."""
    found = []
    if seen.finished != plan.streams:
        found.append(f"{plan.streams - seen.finished} connections did not come to their end")
    if seen.stalled:
        found.append(f"{seen.stalled} stalled for more than {plan.stall_ms} ms")
    if mock_requests != plan.streams * plan.times:
        found.append(f"{mock_requests} requests reached the mock, not {plan.streams * plan.times}")
    return found + unlike


if __name__ == "__main__":
    sys.exit(main())
