"""The report and the files of a comparison."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet
import pytest

from tests.fakes.fleets import fleet_of
from wao_predict import UsageError
from wao_predict.simulate.comparison import Comparison
from wao_predict.simulate.executors import in_this_process
from wao_predict.simulate.report import write_simulation_report
from wao_predict.simulate.result_files import series, write_columns
from wao_predict.simulate.sweep import DailyPods, compare, tasks_for


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    fleet = fleet_of(edge_lenovo=2, cloud_dell=2)
    tasks = tasks_for(fleet, [DailyPods(0.3, 30), DailyPods(0.5, 30)], ("least-allocated", "floor"), seeds=2)
    return compare(tasks, in_this_process)


def test_a_report_is_self_contained_and_has_a_plot_per_load(comparison: Comparison, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_simulation_report(path, comparison, title="Rack <1>", facts={"Nodes": "4 & more"})
    page = path.read_text()
    assert page.count("<svg") == 3
    assert "Rack &lt;1&gt;" in page
    assert "4 &amp; more" in page
    assert "<script" not in page
    assert "src=" not in page
    assert "Over time at 30% load" in page
    assert f"{comparison.rows()[1].saved:.2f}" in page


def test_a_single_policy_has_a_report_without_savings(comparison: Comparison, tmp_path: Path) -> None:
    alone = Comparison(tuple(day for day in comparison.days if day.policy == "floor"), ("floor",))
    write_simulation_report(tmp_path / "report.html", alone, title="t", facts={})
    assert (tmp_path / "report.html").read_text().count("<svg") == 2


def test_a_report_that_cannot_be_written_is_refused(comparison: Comparison, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        write_simulation_report(tmp_path / "none" / "report.html", comparison, title="t", facts={})


def test_csv_and_parquet_have_a_row_for_every_interval(comparison: Comparison, tmp_path: Path) -> None:
    columns = series(comparison)
    assert len(columns["watts"]) == 8 * 96
    for name in ("a.csv", "a.parquet"):
        write_columns(tmp_path / name, columns)
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[96]["time"] == "0.0"
    assert [float(row["watts"]) for row in rows] == columns["watts"]
    assert pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pydict() == columns


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in .csv or .parquet"):
        write_columns(tmp_path / "a.xlsx", {"a": [1]})
