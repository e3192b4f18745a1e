"""Figures into tables: medians, ratios to nginx and to each peer, and whether the targets are met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.contest import CONNECTIONS

Figures = Mapping[str, Mapping[str, Sequence[float]]]
Medians = dict[str, dict[str, float]]

OURS = "ours"
DIRECT = "direct"
FLOOR = "nginx"
FLOOR_AGAIN = "nginx again"
TLS = " tls"


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of a table. `ratio`: nginx's value is 1x."""

    metric: str
    title: str
    digits: int = 1
    ratio: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Metrics that belong together."""

    title: str
    columns: tuple[Column, ...]


TABLES = (
    Table(
        "CPU microseconds per request, by connections (x: of nginx)",
        (
            *(Column(f"cpu_{count}", f"{count}") for count in CONNECTIONS),
            Column("cpu_sdk", "64, SDK headers"),
        ),
    ),
    Table(
        "requests a second, by connections (x: of nginx)",
        tuple(Column(f"rps_{count}", f"{count}", 0) for count in CONNECTIONS),
    ),
    Table(
        "latency in microseconds, over the mock's own (x: of nginx)",
        (
            Column("added_p50", "added p50, 1 conn", 0),
            Column("added_p99", "added p99, 1 conn", 0),
            Column("added_first", "added first byte", 0),
            Column("delay_p50", "event delay p50", 0),
            Column("delay_p99", "event delay p99", 0),
        ),
    ),
    Table(
        "streams",
        (
            Column("cpu_event", "CPU us / live event"),
            Column("cpu_burst", "CPU us / 60-event burst"),
            Column("start_mib", "MiB at start"),
            Column("stream_kib", "KiB / stream"),
            Column("held", "held without a stall", 0, ratio=False),
            Column("held_of", "of", 0, ratio=False),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Criterion:
    """What a metric of ours must be: at most (`<=`) or at least (`>=`) `limit` times that of `against`.

    Without `against` the limit is the figure itself.
    """

    text: str
    metric: str
    sign: str
    limit: float
    against: str | None = FLOOR
    who: str = OURS


CRITERIA = (
    Criterion("CPU per JSON request, 64 connections", "cpu_64", "<=", 1.5),
    Criterion("CPU per JSON request with SDK headers", "cpu_sdk", "<=", 1.15),
    Criterion("CPU per live event", "cpu_event", "<=", 1.5),
    Criterion("CPU per burst of 60 events", "cpu_burst", "<=", 1.1),
    Criterion("CPU per JSON request, TLS upstream", "cpu_64", "<=", 1.5, FLOOR + TLS, OURS + TLS),
    Criterion("requests a second, 64 connections", "rps_64", ">=", 0.7),
    Criterion("requests a second against LiteLLM", "rps_64", ">=", 300, "litellm"),
    Criterion("requests a second against Portkey", "rps_64", ">=", 10, "portkey"),
    Criterion("requests a second against ferrogw", "rps_64", ">=", 1, "ferrogw"),
    Criterion("added p50, 1 connection", "added_p50", "<=", 1.25),
    Criterion("MiB at start", "start_mib", "<=", 45, None),
    Criterion("KiB a stream", "stream_kib", "<=", 16, None),
    Criterion("p50 of data beside 50 control requests a second", "control_p50", "<=", 1.10, None),
)


def medians(figures: Figures) -> Medians:
    """The median of each metric of each target, and what follows: latency over that of the mock itself."""
    found = {
        target: {metric: median(values) for metric, values in metrics.items() if values}
        for target, metrics in figures.items()
    }
    direct = found.get(DIRECT, {})
    for target, metrics in found.items():
        if target == DIRECT:
            continue
        for metric, source in (("added_p50", "p50_1"), ("added_p99", "p99_1"), ("added_first", "first_p50")):
            if source in metrics and source in direct:
                metrics[metric] = metrics[source] - direct[source]
    return found


def reference(found: Medians, metric: str, against: str = FLOOR) -> float | None:
    """The value that is 1x: for nginx the mean of its two entries."""
    names = (FLOOR, FLOOR_AGAIN) if against == FLOOR else (against,)
    values = [found[name][metric] for name in names if metric in found.get(name, {})]
    return sum(values) / len(values) if values else None


def ratio(value: float, base: float | None) -> float | None:
    """`value` in units of `base`; None without a base that one can divide by."""
    return value / base if base is not None and base > 0 else None


def noise(found: Medians, metric: str) -> float | None:
    """By how much of their mean the two nginx entries differ: what a ratio of this run cannot tell."""
    if any(metric not in found.get(name, {}) for name in (FLOOR, FLOOR_AGAIN)):
        return None
    one, other = found[FLOOR][metric], found[FLOOR_AGAIN][metric]
    return ratio(abs(one - other), (one + other) / 2)


def table(shape: Table, found: Medians, notes: Mapping[str, str]) -> list[str]:
    """The table as lines; `notes` are rows of targets that could not take part."""
    rows = [["", *(column.title for column in shape.columns)]]
    for target, metrics in found.items():
        cells = [_cell(metrics.get(one.metric), _base(found, target, one), one) for one in shape.columns]
        if any(cell != "-" for cell in cells):
            rows.append([target, *cells])
    gauge = [noise(found, column.metric) if column.ratio else None for column in shape.columns]
    if any(value is not None for value in gauge):
        rows.append(["noise", *("-" if value is None else f"{value:.0%}" for value in gauge)])
    lines = ["", shape.title, *_aligned(rows)]
    return lines + [f"{peer}  not installable: {why}" for peer, why in notes.items()]


def _base(found: Medians, target: str, column: Column) -> float | None:
    if not column.ratio or target == DIRECT:
        return None
    return reference(found, column.metric, FLOOR + TLS if target.endswith(TLS) else FLOOR)


def _cell(value: float | None, base: float | None, column: Column) -> str:
    if value is None:
        return "-"
    times = ratio(value, base)
    return f"{value:.{column.digits}f}" + (f" ({times:.2f}x)" if times is not None else "")


def against_peers(found: Medians, peers: Iterable[str]) -> list[str]:
    """Ours over each peer, metric by metric."""
    there = [peer for peer in peers if peer in found]
    if not there or OURS not in found:
        return []
    rows = [["", *there]]
    for column in (column for one in TABLES for column in one.columns if column.ratio):
        ours = found[OURS].get(column.metric)
        times = [ratio(ours, found[p].get(column.metric)) if ours is not None else None for p in there]
        if any(value is not None for value in times):
            rows.append([column.metric, *("-" if value is None else _times(value) for value in times)])
    return ["", "ours over each peer", *_aligned(rows)]


def _times(value: float) -> str:
    return f"{value:.2f}x" if value >= 0.1 or value == 0 else f"1/{1 / value:.0f}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A criterion and what was found; `met` is None when it was not measured."""

    criterion: Criterion
    value: float | None
    met: bool | None

    def line(self) -> str:
        """As one line of the report."""
        unit = "x" if self.criterion.against or self.criterion.metric == "control_p50" else ""
        wanted = f"{self.criterion.sign} {self.criterion.limit:g}{unit}"
        word = {True: "yes", False: "NO", None: "not measured"}[self.met]
        shown = "" if self.value is None else f"{self.value:.2f}{unit}"
        return f"{self.criterion.text:52} {wanted:>9} {shown:>10}  {word}"


def judge(found: Medians) -> list[Verdict]:
    """All criteria."""
    verdicts = []
    for criterion in CRITERIA:
        value = found.get(criterion.who, {}).get(criterion.metric)
        if criterion.against is not None and value is not None:
            value = ratio(value, reference(found, criterion.metric, criterion.against))
        met = None
        if value is not None:
            met = value <= criterion.limit if criterion.sign == "<=" else value >= criterion.limit
        verdicts.append(Verdict(criterion, value, met))
    return verdicts


def document(figures: Figures, found: Medians, **more: Any) -> dict[str, Any]:
    """Everything for the JSON file."""
    return {
        **more,
        "targets": {
            target: {
                metric: {"median": value, "values": list(figures[target].get(metric, ()))}
                for metric, value in metrics.items()
            }
            for target, metrics in found.items()
        },
        "criteria": [
            {"text": one.criterion.text, "limit": f"{one.criterion.sign} {one.criterion.limit:g}"}
            | {"value": one.value, "met": one.met}
            for one in judge(found)
        ],
    }


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
