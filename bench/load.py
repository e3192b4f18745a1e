"""A mix of requests at a fixed rate, each answered to its end, by the client in load.c."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine import LOAD_CPU, BenchError, compiled, result_in, running
from bench.streams import Spread, raw_request
from bench.target import Target

_LAST_ANSWERS = 60


@dataclass(frozen=True, slots=True)
class Answered:
    """What the client saw (see load.c); latency in microseconds."""

    latency: Spread
    asked: int
    answered: int
    refused: int
    broken: int
    unanswered: int
    opened: int
    seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds


class Loading:
    """A load under way."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, seconds: float, who: str) -> None:
        self._process = process
        self._log = log
        self._limit = seconds + _LAST_ANSWERS + 30
        self._who = who

    @property
    def is_over(self) -> bool:
        """Whether the client has ended."""
        return self._process.poll() is not None

    def result(self) -> Answered:
        """Wait for the end.

        Raises:
            BenchError: the client failed.
        """
        try:
            self._process.wait(self._limit)
        except subprocess.TimeoutExpired:
            raise BenchError(f"the load at {self._who} does not end") from None
        return parse(self._log.read_text(), who=self._who)


@contextlib.contextmanager
def loading(
    target: Target, mix: Sequence[str], work: Path, *, rate: float, connections: int, seconds: float
) -> Iterator[Loading]:
    """The load, begun: the bodies of `mix` in turn, `rate` a second, or without pause when that is 0."""
    files = []
    for number, body in enumerate(mix):
        files.append(work / f"{target.name}.{number}.request")
        files[-1].write_bytes(raw_request(target, body))
    log = work / f"{target.name}.load"
    log.unlink(missing_ok=True)
    numbers = [target.port, rate, connections, seconds]
    command = [str(compiled("load.c")), *map(str, numbers), *map(str, files)]
    with running(f"load at {target.name}", command, cpu=LOAD_CPU, log=log) as client:
        yield Loading(client.process, log, seconds, target.name)


def parse(output: str, *, who: str) -> Answered:
    """The result out of what the client printed.

    Raises:
        BenchError: there is none.
    """
    found = result_in(output, who=who)
    return Answered(Spread(**found.pop("latency")), **found)
