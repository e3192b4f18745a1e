"""The arithmetic of the bench's report."""

from __future__ import annotations

import pytest

from bench import report
from bench.report import CRITERIA, FLOOR, FLOOR_AGAIN, OURS, TABLES, TLS, Column, Table

FIGURES = {
    "direct": {"p50_1": [10.0], "p99_1": [20.0], "first_p50": [15.0]},
    FLOOR: {"cpu_64": [18.0, 20.0, 99.0], "p50_1": [110.0], "start_mib": [12.0]},
    FLOOR_AGAIN: {"cpu_64": [24.0], "p50_1": [150.0]},
    OURS: {
        "cpu_64": [33.0],
        "p50_1": [130.0],
        "start_mib": [40.0],
        "rps_64": [31_000.0],
        "control_p50": [1.2],
    },
    "litellm": {"cpu_64": [9900.0], "rps_64": [100.0]},
    FLOOR + TLS: {"cpu_64": [40.0]},
    OURS + TLS: {"cpu_64": [50.0]},
}


def test_medians_withstand_an_outlier_and_latency_is_over_that_of_the_mock() -> None:
    found = report.medians(FIGURES)
    assert found[FLOOR]["cpu_64"] == 20.0
    assert found[OURS]["added_p50"] == 120.0
    assert "added_p50" not in found["direct"]
    assert "added_p99" not in found[OURS]  # it has no p99


def test_nginx_is_the_mean_of_its_two_entries() -> None:
    found = report.medians(FIGURES)
    assert report.reference(found, "cpu_64") == 22.0
    assert report.reference(found, "start_mib") == 12.0
    assert report.reference(found, "nothing") is None
    assert report.noise(found, "cpu_64") == pytest.approx(4 / 22)
    assert report.noise(found, "start_mib") is None


@pytest.mark.parametrize("base", [None, 0.0, -3.0])
def test_without_a_base_there_is_no_ratio(base: float | None) -> None:
    assert report.ratio(5.0, base) is None


def test_a_table_has_ratios_to_nginx_and_tls_has_its_own() -> None:
    shape = Table("CPU", (Column("cpu_64", "64"), Column("held", "held", 0, ratio=False)))
    lines = report.table(shape, report.medians(FIGURES), {"ferrogw": "no such package"})
    rows = {line[:12].strip(): line[12:].split() for line in lines[3:-1]}
    assert rows[OURS] == ["33.0", "(1.50x)", "-"]
    assert rows[OURS + TLS] == ["50.0", "(1.25x)", "-"]
    assert rows["noise"] == ["18%", "-"]
    assert "direct" not in rows  # it has nothing to show here
    assert lines[-1] == "ferrogw  not installable: no such package"


def test_ours_over_each_peer() -> None:
    lines = report.against_peers(report.medians(FIGURES), ["litellm", "portkey"])
    rows = [line.split() for line in lines[2:]]
    assert rows == [["litellm"], ["cpu_64", "1/300"], ["rps_64", "310.00x"]]


def test_no_peer_no_table() -> None:
    assert report.against_peers(report.medians(FIGURES), ["portkey"]) == []


def test_verdicts() -> None:
    verdicts = {one.criterion.text: one for one in report.judge(report.medians(FIGURES))}
    assert verdicts["CPU per JSON request, 64 connections"].met is True  # just
    assert verdicts["CPU per JSON request, TLS upstream"].value == 1.25
    assert verdicts["requests a second against LiteLLM"].met is True
    assert verdicts["requests a second against Portkey"].met is None
    beside = verdicts["p50 of data beside 50 control requests a second"]
    assert beside.met is False
    assert beside.line().split()[-4:] == ["<=", "1.1x", "1.20x", "NO"]
    assert verdicts["MiB at start"].line().split()[-4:] == ["<=", "45", "40.00", "yes"]


def test_every_criterion_is_about_a_figure_of_the_tables() -> None:
    columns = {column.metric for shape in TABLES for column in shape.columns}
    assert {one.metric for one in CRITERIA} - columns == {"control_p50"}


def test_the_document_has_values_and_medians() -> None:
    found = report.medians(FIGURES)
    whole = report.document(FIGURES, found, missing={})
    assert whole["targets"][FLOOR]["cpu_64"] == {"median": 20.0, "values": [18.0, 20.0, 99.0]}
    assert whole["targets"][OURS]["added_p50"]["values"] == []
    assert len(whole["criteria"]) == len(CRITERIA)
