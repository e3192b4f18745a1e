"""Many event streams at once, by the client in streams.c, from the core of the load."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.asks import chat
from bench.machine import LOAD_CPU, BenchError, compiled, result_in, running
from bench.target import Target


@dataclass(frozen=True, slots=True)
class Spread:
    """Points of a distribution, in microseconds."""

    p50: int
    p90: int
    p99: int
    max: int


@dataclass(frozen=True, slots=True)
class Streams:
    """What the client saw (see streams.c); `delay` since the mock sent, `first` and `head` since asking."""

    delay: Spread
    first: Spread
    head: Spread
    streams: int
    finished: int
    broken: int
    refused: int
    unfinished: int
    events: int
    stalled: int
    longest_gap: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What to hold: `streams` of the mock's kind `how`, each asked `times` times in a row."""

    how: str
    streams: int = 1
    times: int = 1
    spread_ms: int = 0
    stall_ms: int = 2000
    limit_seconds: int = 60
    usage: bool = False


class Holding:
    """Streams under way."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, plan: Plan, who: str) -> None:
        self._process = process
        self._log = log
        self._plan = plan
        self._who = who

    @property
    def is_over(self) -> bool:
        """Whether the client has ended."""
        return self._process.poll() is not None

    def result(self) -> Streams:
        """Wait for the end.

        Raises:
            BenchError: the client failed.
        """
        try:
            self._process.wait(self._plan.limit_seconds + 30)
        except subprocess.TimeoutExpired:
            raise BenchError(f"the client of streams at {self._who} does not end") from None
        return parse(self._log.read_text(), who=self._who)


@contextlib.contextmanager
def holding(target: Target, plan: Plan, work: Path) -> Iterator[Holding]:
    """The streams, begun; they end with the context at the latest."""
    request = work / f"{target.name}.request"
    request.write_bytes(raw_request(target, chat(plan.how, usage=plan.usage)))
    log = work / f"{target.name}.streams"
    log.unlink(missing_ok=True)
    numbers = [plan.streams, plan.times, plan.spread_ms, plan.stall_ms, plan.limit_seconds]
    command = [str(compiled("streams.c")), str(target.port), str(request), *map(str, numbers)]
    with running(f"streams at {target.name}", command, cpu=LOAD_CPU, log=log) as client:
        yield Holding(client.process, log, plan, target.name)


def hold(target: Target, plan: Plan, work: Path) -> Streams:
    """The streams from their begin to their end."""
    with holding(target, plan, work) as held:
        return held.result()


def raw_request(target: Target, body: str) -> bytes:
    """One request as bytes."""
    data = body.encode()
    headers = {"Host": f"127.0.0.1:{target.port}", **target.all_headers(), "Content-Length": str(len(data))}
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + data


def parse(output: str, *, who: str) -> Streams:
    """The result out of what the client printed.

    Raises:
        BenchError: there is none.
    """
    found = result_in(output, who=who)
    delay, first, head = (Spread(**found.pop(name)) for name in ("delay", "first", "head"))
    return Streams(delay, first, head, **found)
