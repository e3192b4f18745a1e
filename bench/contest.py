"""Every target through every measurement, in turns; only the one that is measured runs."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.asks import BURST_EVENTS
from bench.machine import BenchError
from bench.measure import cost, event_cost, memory
from bench.mock import Mock
from bench.streams import Plan, hold
from bench.target import Target
from bench.wrk import Kind

Found = dict[str, float]
Say = Callable[[str], None]

CONNECTIONS = (1, 32, 64, 256)
_EVENT_MS = 20
_BURST_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Pace:
    """How much of everything."""

    rounds: int
    seconds: int
    connections: tuple[int, ...] = CONNECTIONS
    held_streams: int = 500

    def seconds_for(self, target: Target, connections: int) -> int:
        """A slow target needs time to give each connection some answers."""
        return max(self.seconds, 3 + connections // 40) if target.slow else self.seconds


@dataclass(slots=True)
class Contest:
    """Measures targets in turns and keeps all figures: target -> metric -> values.

    A target whose measurement fails is out of that measurement from then on, and `failures` says why. What
    each has sent to the mock is counted in `requests`.
    """

    upstream: Mock
    work: Path
    pace: Pace
    say: Say
    figures: dict[str, dict[str, list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)

    def memory_of(self, target: Target) -> None:
        """Before any load: a process keeps what it once took."""
        streams = self.pace.held_streams if not target.slow else min(100, self.pace.held_streams)
        plan = Plan("live-500x12", streams=streams, spread_ms=2000, stall_ms=2000, limit_seconds=90)

        def once() -> Found:
            held = memory(target, plan, self.work, at_second=5)
            calm = min(held.seen.finished, held.seen.streams - held.seen.stalled)
            return {
                "start_mib": held.start / 2**20,
                "stream_kib": held.per_stream / 2**10,
                "held": calm,
                "held_of": held.seen.streams,
            }

        self._measure(target, "memory", once)

    def run(self, targets: list[Target], tls: list[Target]) -> None:
        """All rounds of all other measurements; the TLS targets take part in two of them."""
        steps: list[tuple[str, list[Target], Callable[[Target], Found]]] = [
            (f"json at {count} connections", targets, self._json(count)) for count in self.pace.connections
        ]
        steps += [
            ("json at 64 over TLS", tls, self._json(64)),
            ("SDK headers at 64", targets, self._load("sdk", 64, "sdk")),
            (f"bursts of {BURST_EVENTS} events", targets, self._load("burst", _BURST_CONNECTIONS, "burst")),
            ("live events", [*targets, *tls], self._live),
            ("first byte", targets, self._first),
        ]
        for number in range(self.pace.rounds):
            for name, those, step in steps:
                self.say(f"round {number + 1} of {self.pace.rounds}: {name}")
                for target in turns(those):
                    self._measure(target, name, lambda step=step, target=target: step(target))  # type: ignore[misc]

    def _measure(self, target: Target, name: str, once: Callable[[], Found]) -> None:
        if (target.name, name) in self.failures:
            return
        is_mock = target.process is self.upstream.process
        before = self.upstream.stats().requests
        with contextlib.nullcontext() if is_mock else _awake(target):
            try:
                found = once()
            except BenchError as error:
                self.failures[target.name, name] = str(error)
                self.say(f"FAILED: {name} of {target.name}: {error}")
                return
            finally:
                self.requests[target.name] += self.upstream.stats().requests - before
        for metric, value in found.items():
            if is_mock and metric.startswith("cpu"):
                continue
            self.figures[target.name][metric].append(value)

    def _json(self, connections: int) -> Callable[[Target], Found]:
        return self._load("json", connections, str(connections))

    def _load(self, kind: Kind, connections: int, suffix: str) -> Callable[[Target], Found]:
        def step(target: Target) -> Found:
            found = cost(
                target,
                self.upstream,
                connections=connections,
                seconds=self.pace.seconds_for(target, connections),
                kind=kind,
                work=self.work,
            )
            load = found.load
            return {
                f"cpu_{suffix}": found.cpu_us,
                f"rps_{suffix}": load.rate,
                f"p50_{suffix}": load.p50,
                f"p99_{suffix}": load.p99,
            }

        return step

    def _live(self, target: Target) -> Found:
        events = self.pace.seconds * 1000 // _EVENT_MS
        plan = Plan(f"live-{_EVENT_MS}x{events}", streams=10 if target.slow else 100, spread_ms=_EVENT_MS)
        cpu, seen = event_cost(target, plan, self.work)
        return {"cpu_event": cpu, "delay_p50": seen.delay.p50, "delay_p99": seen.delay.p99}

    def _first(self, target: Target) -> Found:
        seen = hold(target, Plan("burst-1", times=30 if target.slow else 300, stall_ms=10_000), self.work)
        if seen.finished != 1:
            raise BenchError(f"{target.name} did not answer all")
        return {"first_p50": seen.first.p50, "first_p99": seen.first.p99}


def turns(targets: list[Target]) -> list[Target]:
    """A B C C B A: what drifts with time hits all alike. Slow ones, which it hardly touches, come once."""
    return [*targets, *(target for target in reversed(targets) if not target.slow)]


@contextlib.contextmanager
def _awake(target: Target) -> Iterator[None]:
    target.process.resume()
    try:
        yield
    finally:
        target.process.pause()
