"""The whole bench: ours, nginx and the peers through every measurement, as tables and as a JSON file.

python -m bench [--quick] [--only nginx,ours,tls,control,ferrogw,...] [--rounds 3] [--seconds 2]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path

import psutil

from bench import control, report, tls
from bench.contest import Contest, Pace
from bench.database import SqliteFile
from bench.machine import CACHE, LOAD_CPU, BenchError
from bench.mock import mock
from bench.nginx import nginx, tls_terminator
from bench.peers import PEERS, NotInstalledError
from bench.proxy_server import Seeded, ours, seed, unpack_usage
from bench.target import Target

_PARTS = ("nginx", "ours", "tls", "control", *PEERS)


def main() -> int:
    """Measure what was asked for, and say it."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.sched_setaffinity(0, {LOAD_CPU})
    try:
        with ExitStack() as stack:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clawbot-bench-")))
            _bench(stack, work, options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: stopped", file=sys.stderr)
        return 130
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of a second, at 1 and 64 connections")
    parser.add_argument("--only", default=",".join(_PARTS), help=f"of {','.join(_PARTS)}")
    parser.add_argument("--rounds", type=int, help="3 unless quick; each goes there and back")
    parser.add_argument("--seconds", type=int, help="of load for each measurement; 2 unless quick")
    parser.add_argument("--json", type=Path, default=CACHE / "results.json", help="where the figures go")
    options = parser.parse_args()
    options.parts = options.only.split(",")
    if unknown := set(options.parts) - set(_PARTS):
        parser.error(f"--only: {', '.join(sorted(unknown))} is none of {', '.join(_PARTS)}")
    return options


def _bench(stack: ExitStack, work: Path, options: argparse.Namespace) -> None:
    parts: list[str] = options.parts
    pace = Pace(options.rounds or (1 if options.quick else 3), options.seconds or (1 if options.quick else 2))
    if options.quick:
        pace = Pace(pace.rounds, pace.seconds, connections=(1, 64), held_streams=100)
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - begun:5.0f} s] {line}", flush=True)

    say(f"load of the machine before: {', '.join(f'{one:.2f}' for one in psutil.getloadavg())}")
    upstream = stack.enter_context(mock(work))
    contest = Contest(upstream, work, pace, say)
    seeded = seed(work / "data", upstream.base_url) if "ours" in parts else None
    targets, missing = _line_up(stack, contest, parts, seeded)
    over_tls = _line_up_tls(stack, contest) if "tls" in parts else []
    contest.run(targets, over_tls)
    beside = _beside(contest) if "control" in parts else None
    _tell(contest, missing, beside, options.json)
    if seeded is not None:
        mine = next(one for one in targets if one.name == report.OURS)
        mine.process.resume()
        mine.process.settle()
        unpacked = unpack_usage(seeded)
        rows = SqliteFile(seeded.database).ledger().rows
        print(f"Of {contest.requests[report.OURS]} requests of ours {rows} are in its usage log.")
        print(f"Making rows of them costs a worker {unpacked.cpu_us:.1f} us each.")


def _line_up(
    stack: ExitStack, contest: Contest, parts: list[str], seeded: Seeded | None
) -> tuple[list[Target], dict[str, str]]:
    """Start what takes part, each alone until its memory is known; and why peers are missing."""
    upstream, work = contest.upstream, contest.work
    starts: dict[str, AbstractContextManager[Target]] = {}
    if "nginx" in parts:
        starts |= {name: nginx(name, upstream.port, work) for name in (report.FLOOR, report.FLOOR_AGAIN)}
    if seeded is not None:
        starts[report.OURS] = ours(seeded, work)
    starts |= {peer: PEERS[peer](upstream.port, work) for peer in PEERS if peer in parts}
    targets, missing = [Target(report.DIRECT, upstream.port, "/v1/chat/completions", upstream.process)], {}
    for name, start in starts.items():
        contest.say(f"starting {name}")
        try:
            targets.append(stack.enter_context(start))
        except NotInstalledError as error:
            missing[name] = str(error)
            contest.say(f"NOT INSTALLABLE, LEFT OUT: {name}: {error}")
        else:
            contest.memory_of(targets[-1])
    return targets, missing


def _line_up_tls(stack: ExitStack, contest: Contest) -> list[Target]:
    """nginx and ours with an upstream over TLS 1.3, verified by a CA of this run."""
    contest.say("starting nginx and ours in front of TLS")
    work = contest.work / "tls-files"
    work.mkdir()
    files = tls.make(work)
    port = stack.enter_context(tls_terminator(contest.upstream.port, work, files))
    seeded = seed(work / "data", f"https://{files.host}:{port}/v1", ca=files.ca)
    targets = [
        stack.enter_context(nginx(report.FLOOR + report.TLS, port, work, tls=files)),
        stack.enter_context(ours(seeded, work, name=report.OURS + report.TLS)),
    ]
    for target in targets:
        target.process.pause()
    return targets


def _beside(contest: Contest) -> control.Beside | None:
    """The all-in-one process, data alone and with control requests beside; its factors count as ours."""
    contest.say("control requests beside the data load, all in one process")
    work = contest.work / "all-in-one"
    work.mkdir()
    seeded = seed(work / "data", contest.upstream.base_url)
    pace = contest.pace
    try:
        with ours(seeded, work, name="all in one", role="all") as target:
            found = control.beside(target, rounds=pace.rounds, seconds=max(2, pace.seconds), work=work)
    except BenchError as error:
        contest.failures["all in one", "control requests"] = str(error)
        return None
    contest.figures[report.OURS]["control_p50"].append(found.p50)
    contest.figures[report.OURS]["control_p99"].append(found.p99)
    return found


def _tell(contest: Contest, missing: dict[str, str], beside: control.Beside | None, file: Path) -> None:
    found = report.medians(contest.figures)
    lines = [line for shape in report.TABLES for line in report.table(shape, found, missing)]
    lines += report.against_peers(found, PEERS)
    if beside is not None:
        lines += ["", "all in one process, 1 connection of data, us, alone -> beside the control requests"]
        lines += [f"p50 {beside.alone_p50:.0f} -> {beside.beside_p50:.0f} ({beside.p50:.2f}x)"]
        lines += [f"p99 {beside.alone_p99:.0f} -> {beside.beside_p99:.0f} ({beside.p99:.2f}x)"]
        lines += [f"{beside.control_rate:.0f} control requests a second, p50 {beside.control_p50_ms:.1f} ms"]
    lines += ["", "what must hold", *(verdict.line() for verdict in report.judge(found))]
    lines += [f"FAILED: {step} of {target}: {why}" for (target, step), why in contest.failures.items()]
    print("\n".join(lines))
    more = {
        "pace": asdict(contest.pace),
        "missing": missing,
        "failures": [[*key, why] for key, why in contest.failures.items()],
        "beside": asdict(beside) if beside is not None else None,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report.document(contest.figures, found, **more), indent=1) + "\n")
    print(f"\nAll figures: {file}")


if __name__ == "__main__":
    sys.exit(main())
