"""Half of what the proxy can do, for long: memory and connections stay, every request is logged once.

    python -m bench.soak --minutes 20 [--connections 64] [--rate 5000] [--database sqlite|postgresql]

A mix of whole answers and of streams that come at once, at a fixed rate, beside live streams of 5 s. The rate
is half of what a short run of the same mix without pause gives. At the end the proxy is stopped, its log is
read, and the sums of tokens are compared with what the mock sent.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.asks import BURST_EVENTS, chat
from bench.database import differences
from bench.load import Answered, Loading, loading
from bench.machine import BenchError, wait_until
from bench.mock import MockStats
from bench.proxy_server import ours
from bench.scene import Scene, parser, play
from bench.streams import Plan, Streams, holding
from bench.target import Target

_CALIBRATION_SECONDS = 6
_SAMPLE_SECONDS = 5.0
_CATCH_UP_SECONDS = 900.0
_LIVE = 50
_LIVE_SECONDS = 5
_MAX_GROWTH = 0.03
_FREE_GROWTH_BYTES = 3 * 2**20

# of ten requests eight are plain, one a stream that asks for its usage, one a stream that does not
_BURST = f"burst-{BURST_EVENTS}"
_MIX = [chat()] * 4 + [chat(_BURST, usage=True)] + [chat()] * 4 + [chat(_BURST)]


@dataclass(frozen=True, slots=True)
class Sample:
    """What the proxy holds at a moment."""

    at: float
    resident: int
    connections: int


def main() -> int:
    """Soak and say what was found; 1 when anything leaked, failed or is not in the log once."""
    options = parser("soak", __doc__)
    options.add_argument("--minutes", type=float, default=20.0)
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--rate", type=float, help="requests a second; half of the maximum if not given")
    return play(options.parse_args(), _soak, "memory flat, no leak, every request in the log once")


def _soak(scene: Scene, options: argparse.Namespace) -> list[str]:
    database, upstream = scene.database, scene.upstream
    with ours(scene.seeded, scene.work) as target:
        rate = options.rate or _most(target, options.connections, scene.work) / 2
        print(f"{rate:.0f} requests a second for {options.minutes:g} minutes", flush=True)
        load, live, samples = _run(target, scene.work, rate, options)
        target.process.settle()
        left = target.process.connections()
        opened = upstream.stats().connections
    # stopped: what was queued is written now, or lost
    wait_until(
        lambda: database.batches() == 0, seconds=_CATCH_UP_SECONDS, what="the worker has made its rows"
    )
    ledger, sent = database.ledger(), upstream.stats()
    spread = load.latency
    print(f"answered {load.answered} at {load.rate:.0f} a second, us p50 {spread.p50}, p99 {spread.p99}")
    print(f"live streams: {live.events} events, us p50 {live.delay.p50}, p99 {live.delay.p99}")
    first, last = samples[0], samples[-1]
    print(f"MiB {first.resident / 2**20:.1f} -> {last.resident / 2**20:.1f}", end=", ")
    print(f"connections {first.connections} -> {last.connections}, afterwards {left}")
    print(f"CPU of the worker: {scene.worker.cpu_seconds() * 1e6 / max(1, ledger.rows):.0f} us a row")
    print(f"connections opened to the mock: {opened}; in the log: {ledger.rows} of {sent.answered} requests")
    return [*_load_problems(load, live, sent), *leaks(samples, opened), *differences(ledger, sent)]


def _most(target: Target, connections: int, work: Path) -> float:
    """Answers a second without pause."""
    with loading(target, _MIX, work, rate=0, connections=connections, seconds=_CALIBRATION_SECONDS) as load:
        found = load.result()
    target.process.settle()
    print(f"without pause: {found.rate:.0f} requests a second", flush=True)
    return found.rate


def _run(
    target: Target, work: Path, rate: float, options: argparse.Namespace
) -> tuple[Answered, Streams, list[Sample]]:
    seconds = options.minutes * 60
    times = max(1, math.floor(seconds / _LIVE_SECONDS) - 1)
    events = _LIVE_SECONDS * 1000 // 100
    plan = Plan(
        f"live-100x{events}",
        streams=_LIVE,
        times=times,
        spread_ms=_LIVE_SECONDS * 1000,
        stall_ms=3000,
        limit_seconds=round(seconds) + 120,
        usage=True,
    )
    with (
        holding(target, plan, work) as live,
        loading(target, _MIX, work, rate=rate, connections=options.connections, seconds=seconds) as load,
    ):
        samples = _sample(target, load, seconds)
        return load.result(), live.result(), samples


def _sample(target: Target, load: Loading, seconds: float) -> list[Sample]:
    """Memory and connections as long as the load lasts; the first sample once all is warm."""
    begun = time.monotonic()
    samples: list[Sample] = []
    while not load.is_over and time.monotonic() - begun < seconds - _SAMPLE_SECONDS / 2:
        time.sleep(_SAMPLE_SECONDS)
        at = time.monotonic() - begun
        samples.append(Sample(at, target.process.resident_bytes(), target.process.connections()))
        if len(samples) % 12 == 1:
            last = samples[-1]
            print(f"{at:6.0f} s {last.resident / 2**20:7.1f} MiB {last.connections} connections", flush=True)
    if not samples:
        raise BenchError("too short to tell anything")
    return samples


def leaks(samples: Sequence[Sample], upstream_connections: int) -> list[str]:
    """What grew: the last third of the samples against the middle one."""
    third = max(1, len(samples) // 3)
    before, after = samples[-2 * third : -third] or samples[:1], samples[-third:]
    found = []
    was, is_now = median(one.resident for one in before), median(one.resident for one in after)
    if is_now > was * (1 + _MAX_GROWTH) + _FREE_GROWTH_BYTES:
        found.append(f"memory grew from {was / 2**20:.1f} to {is_now / 2**20:.1f} MiB")
    were, are_now = max(one.connections for one in before), min(one.connections for one in after)
    if are_now > were:
        found.append(f"open connections grew from {were} to {are_now}")
    most = max(one.connections for one in samples)
    if upstream_connections > 2 * most:
        found.append(f"{upstream_connections} connections were opened to the mock, {most} are held at most")
    return found


def _load_problems(load: Answered, live: Streams, sent: MockStats) -> list[str]:
    found = []
    if load.answered != load.asked:
        found.append(f"{load.refused} refused, {load.broken} broken, {load.unanswered} unanswered")
    if live.finished != live.streams or live.stalled:
        found.append(f"live streams: {live.finished} of {live.streams} ended well, {live.stalled} stalled")
    if sent.requests != sent.answered:
        found.append(f"the mock answered {sent.answered} of {sent.requests}")
    return found


if __name__ == "__main__":
    sys.exit(main())
