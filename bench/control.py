"""The control plane beside the data plane: what a steady 50 requests a second to the API do to the proxy."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import wrk
from bench.machine import BenchError
from bench.proxy_server import EMAIL, PASSWORD
from bench.target import Target

RATE = 50
_CONNECTIONS = 4
_PATHS = (
    "/api/bot",
    "/api/provider-key",
    "/api/usage/summary",
    "/api/bot/bench",
    "/api/usage",
    "/health/ready",
)


@dataclass(slots=True)
class ControlLoad:
    """How long each request took, how many failed, and for how long it ran; seconds."""

    failed: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0


@contextlib.contextmanager
def control_load(target: Target, token: str) -> Iterator[ControlLoad]:
    """Lists, sums and health, `RATE` a second over a few kept-alive connections, until the context ends."""
    load, stop, begun = ControlLoad(), threading.Event(), time.monotonic()
    threads = [
        threading.Thread(target=_call_steadily, args=(target.port, token, load, stop, number / RATE))
        for number in range(_CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        load.seconds = time.monotonic() - begun


def _call_steadily(port: int, token: str, load: ControlLoad, stop: threading.Event, late: float) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    begun = time.monotonic() + late
    for number, path in enumerate(itertools.cycle(_PATHS)):
        if stop.wait(max(0.0, begun + number * _CONNECTIONS / RATE - time.monotonic())):
            break
        asked = time.monotonic()
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            answer.read()
            load.failed += answer.status != 200
        except (OSError, http.client.HTTPException):
            load.failed += 1
            connection.close()
        load.latencies.append(time.monotonic() - asked)
    connection.close()


def sign_in(target: Target) -> str:
    """An access token of the bench's user.

    Raises:
        BenchError: the API refuses.
    """
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=30)
    body = json.dumps({"email": EMAIL, "password": PASSWORD})
    connection.request("POST", "/api/auth/sign-in", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise BenchError(f"sign-in: {answer.status} {text[:200]!r}")
    token: str = json.loads(text)["access_token"]
    return token


@dataclass(frozen=True, slots=True)
class Beside:
    """Data latency (microseconds, one connection) without and with the control load."""

    alone_p50: float
    beside_p50: float
    alone_p99: float
    beside_p99: float
    control_rate: float
    control_p50_ms: float

    @property
    def p50(self) -> float:
        """By which factor the p50 moved."""
        return self.beside_p50 / self.alone_p50

    @property
    def p99(self) -> float:
        """By which factor the p99 moved."""
        return self.beside_p99 / self.alone_p99


def beside(target: Target, *, rounds: int, seconds: int, work: Path) -> Beside:
    """Measure alone, beside, beside, alone, in each round.

    Raises:
        BenchError: a control request failed, or they came too seldom to tell anything.
    """
    token = sign_in(target)
    alone: list[wrk.Load] = []
    loaded: list[wrk.Load] = []
    rates: list[float] = []
    latencies: list[float] = []

    def data() -> wrk.Load:
        return wrk.run(target, connections=1, seconds=seconds, kind="json", work=work)

    data()
    for _ in range(rounds):
        alone.append(data())
        for _ in range(2):
            with control_load(target, token) as load:
                loaded.append(data())
            if load.failed or load.rate < RATE * 0.8:
                raise BenchError(f"control load: {load.failed} failed, {load.rate:.0f} of {RATE} a second")
            rates.append(load.rate)
            latencies += load.latencies
        alone.append(data())
    return Beside(
        median(one.p50 for one in alone),
        median(one.p50 for one in loaded),
        median(one.p99 for one in alone),
        median(one.p99 for one in loaded),
        median(rates),
        median(latencies) * 1000,
    )
