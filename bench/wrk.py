"""Closed-loop load by wrk, from the core of the load."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.asks import BURST_EVENTS, chat
from bench.machine import LOAD_CPU, BenchError, clean_environment, result_in, tool
from bench.target import Target

Kind = Literal["json", "sdk", "burst"]

_DONE = """
done = function(summary, latency)
    local errors = summary.errors
    print(string.format(
        'RESULT {"answers":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw; latencies in microseconds."""

    answers: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


def run(target: Target, *, connections: int, seconds: float, kind: Kind, work: Path) -> Load:
    """Load the target.

    Raises:
        BenchError: wrk failed, or an answer was not a success.
    """
    script = work / f"{target.name}-{kind}.lua"
    lines = ['wrk.method = "POST"', f"wrk.body = {_lua(_body(kind))}"]
    lines += [
        f"wrk.headers[ {_lua(name)} ] = {_lua(value)}"
        for name, value in target.all_headers(sdk=kind == "sdk").items()
    ]
    script.write_text("\n".join([*lines, _DONE]))
    command = ["taskset", "-c", str(LOAD_CPU), tool("wrk"), "-t1", f"-c{connections}"]
    command += [f"-d{max(1, round(seconds))}s", "--timeout", "60s", "-s", str(script), target.url]
    done = subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, check=False, timeout=seconds + 120
    )
    return parse(done.stdout, who=target.name, errors=done.stderr)


def parse(output: str, *, who: str, errors: str = "") -> Load:
    """The load out of what wrk printed with our script.

    Raises:
        BenchError: there is no result in it, or not every answer was a success.
    """
    found = result_in(output, who=who, errors=errors)
    if found["refused"] or found["broken"] or not found["answers"]:
        raise BenchError(
            f"{who}: of {found['answers']} answers {found['refused']} refused, {found['broken']} broken"
        )
    return Load(found["answers"], found["microseconds"] / 1e6, found["p50"], found["p99"])


def _body(kind: Kind) -> str:
    return chat(f"burst-{BURST_EVENTS}") if kind == "burst" else chat()


def _lua(text: str) -> str:
    assert "]==]" not in text
    return f"[==[{text}]==]"
