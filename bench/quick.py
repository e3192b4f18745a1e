"""CPU per request of the proxy against nginx, in half a minute.

python -m bench.quick [--seconds 2] [--rounds 2] [--connections 64] [--kind json --kind sdk --kind burst]
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.contest import turns
from bench.machine import BenchError
from bench.measure import Cost, cost
from bench.mock import mock
from bench.nginx import nginx
from bench.proxy_server import ours, seed, unpack_usage
from bench.target import Target
from bench.wrk import Kind


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=2, help="of load for each measurement")
    parser.add_argument("--rounds", type=int, default=2, help="a round goes there and back")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument(
        "--kind", action="append", choices=["json", "sdk", "burst"], help="json and sdk if not given"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the proxy"
    )
    options = parser.parse_args()
    try:
        with contextlib.ExitStack() as stack:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clawbot-bench-")))
            _measure(stack, work, options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _measure(stack: contextlib.ExitStack, work: Path, options: argparse.Namespace) -> None:
    upstream = stack.enter_context(mock(work))
    seeded = seed(work / "data", upstream.base_url)
    seeded.environment.update(one.split("=", 1) for one in options.set)
    targets = [
        stack.enter_context(nginx("nginx", upstream.port, work)),
        stack.enter_context(ours(seeded, work)),
    ]
    answered = 0
    print(f"{'kind':6} {'target':8} {'CPU us/request':>15} {'requests/s':>11} {'p50 us':>8} {'p99 us':>8}")
    kinds: list[Kind] = options.kind or ["json", "sdk"]
    for kind in kinds:
        found: dict[str, list[Cost]] = {target.name: [] for target in targets}

        def once(target: Target, seconds: int, kind: Kind = kind) -> Cost:
            return cost(
                target, upstream, connections=options.connections, seconds=seconds, kind=kind, work=work
            )

        warm = {target.name: once(target, 1) for target in targets}
        answered += warm["ours"].load.answers
        for _ in range(options.rounds):
            for target in turns(targets):
                found[target.name].append(once(target, options.seconds))
        answered += sum(one.load.answers for one in found["ours"])
        for name, costs in found.items():
            cpu, rate = median(c.cpu_us for c in costs), median(c.load.rate for c in costs)
            p50, p99 = median(c.load.p50 for c in costs), median(c.load.p99 for c in costs)
            print(f"{kind:6} {name:8} {cpu:15.1f} {rate:11.0f} {p50:8.0f} {p99:8.0f}")
        ratio = median(c.cpu_us for c in found["ours"]) / median(c.cpu_us for c in found["nginx"])
        speed = median(c.load.rate for c in found["ours"]) / median(c.load.rate for c in found["nginx"])
        print(f"{kind:6} ratio: CPU {ratio:.2f}x nginx, requests/s {speed:.2f}x nginx", flush=True)
    unpacked = unpack_usage(seeded)
    print(f"usage records written: {unpacked.records}; the load counted {answered} answers, and a few more")
    print(f"making rows of them costs a worker {unpacked.cpu_us:.1f} us each")


if __name__ == "__main__":
    sys.exit(main())
