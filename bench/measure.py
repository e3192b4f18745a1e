"""One measurement of one target."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bench import wrk
from bench.machine import BenchError
from bench.mock import Mock
from bench.streams import Plan, Streams, hold, holding
from bench.target import Target


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU microseconds of the target per request, and the load that it was measured under."""

    cpu_us: float
    load: wrk.Load


def cost(
    target: Target, upstream: Mock, *, connections: int, seconds: int, kind: wrk.Kind, work: Path
) -> Cost:
    """Load the target; what it does afterwards for this load (records written late) counts.

    The requests are those that reached the mock: also the ones that wrk no longer waited for at its end.
    """
    before, requests = target.process.cpu_seconds(), upstream.stats().requests
    load = wrk.run(target, connections=connections, seconds=seconds, kind=kind, work=work)
    target.process.settle()
    used = target.process.cpu_seconds() - before
    return Cost(used / (upstream.stats().requests - requests) * 1e6, load)


def event_cost(target: Target, plan: Plan, work: Path) -> tuple[float, Streams]:
    """CPU microseconds per event of live streams, and what their client saw.

    Raises:
        BenchError: not every stream came to its end.
    """
    before = target.process.cpu_seconds()
    seen = hold(target, plan, work)
    target.process.settle()
    used = target.process.cpu_seconds() - before
    if seen.finished != seen.streams:
        raise BenchError(
            f"{target.name} finished {seen.finished} of {seen.streams} streams ({seen.broken} broke)"
        )
    return used / seen.events * 1e6, seen


@dataclass(frozen=True, slots=True)
class Held:
    """Memory before and with many streams, in bytes, and how the streams fared."""

    start: int
    with_streams: int
    seen: Streams

    @property
    def per_stream(self) -> float:
        """Bytes for one stream."""
        return (self.with_streams - self.start) / self.seen.streams


def memory(target: Target, plan: Plan, work: Path, *, at_second: float) -> Held:
    """Hold the streams on a target that has not been loaded yet, looking at its memory meanwhile."""
    start = target.process.resident_bytes()
    with holding(target, plan, work) as held:
        time.sleep(at_second)
        full = target.process.resident_bytes()
        return Held(start, full, held.result())
