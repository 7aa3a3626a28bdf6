"""`wao simulate` with prices: what would be saved in a year."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.wao_predict.cli.running import wao

FLEET = """name,model,capacity_cores,usage_cores,inlet_temp,delta_p
n1,edge_lenovo,32,0,28,2.7
n2,specpower:amd_epyc_7763-64c,32,0,,
"""
QUICK = ("--seeds", "1", "--jobs", "1")


@pytest.fixture
def fleet(tmp_path: Path) -> str:
    path = tmp_path / "rack.csv"
    path.write_text(FLEET)
    return str(path)


def test_identical_pods_at_their_load_and_at_others_with_a_report(fleet: str, tmp_path: Path) -> None:
    report = tmp_path / "saving.html"
    options = ("--cpu", "4", "-n", "4", "--price", "0.3", "--co2", "380", "--pue", "1.4", "--report", str(report))
    ran = wao("simulate", fleet, *options, *QUICK)
    assert ran.code == 0, ran.err
    assert "Saving on 2 nodes, at their load of 25% and at others" in ran.out
    assert "EUR/year" in ran.out
    page = report.read_text()
    assert "What would be saved on rack" in page
    assert "4 pods of 4 cores" in page
    assert "assumed" in page


def test_pods_of_a_table_as_json(fleet: str, tmp_path: Path) -> None:
    pods = tmp_path / "pods.csv"
    pods.write_text("arrival,duration,cpu_request\n0,3600,8\n60,3540,8\n")
    document = json.loads(wao("simulate", fleet, "--pods", str(pods), "--yearly", "-o", "json", *QUICK).out)
    assert document["ownLoad"] == pytest.approx(0.25, abs=0.01)
    assert document["models"][1] == {"model": "specpower:amd_epyc_7763-64c", "mape": 13.0, "stated": False}
    assert len(document["loads"]) == 10
    assert document["loads"][0]["savedMoneyPerYear"] is None


def test_a_row_per_load_as_csv(fleet: str) -> None:
    rows = list(csv.DictReader(io.StringIO(wao("simulate", fleet, "--co2", "300", *QUICK, "-o", "csv").out)))
    assert [row["load"] for row in rows] == [f"0.{tenth}" for tenth in range(1, 10)]
    assert float(rows[0]["saved_percent_low"]) <= float(rows[0]["saved_percent_high"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--count", "5", "--price", "0.3"), "--count: give --cpu too"),
        (("--cpu", "2", "--count", "5", "--load", "0.5"), "--load: give one load"),
        (("--price", "0.3", "--load", "0.5", "--load", "0.6"), "--load: give one load"),
        (("--cpu", "2", "--pods", "pods.csv"), "give either --pods or --cpu"),
        (("--cpu", "2", "--days", "3"), "--days and --save are for comparisons"),
        (("--cpu", "2", "--count", "900"), "a load of 2812%"),
        (("--cpu", "lots"), "'lots' is not a quantity"),
        (("--pue", "0.5"), "'--pue': Input should be greater than or equal to 1"),
        (("--price", "0.3", "-p", "floor"), "give two or more"),
    ],
)
def test_options_that_do_not_fit_are_refused(fleet: str, options: tuple[str, ...], words: str) -> None:
    ran = wao("simulate", fleet, *options)
    assert ran.code in (1, 2)
    assert words in ran.err
