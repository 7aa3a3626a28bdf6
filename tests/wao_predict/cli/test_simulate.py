"""`wao simulate`: tables of nodes and pods in, comparisons of policies out."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.wao_predict.cli.running import wao

FLEET = """groups:
  - {name: edge, model: edge_lenovo, count: 2, cores: 32, inlet_temp: 28, delta_p: 2.7}
  - {name: cloud, model: cloud_dell, count: 2, cores: 32, inlet_temp: 21, delta_p: 11}
"""
NODES = """name,model,capacity_cores,usage_cores,inlet_temp,delta_p
n1,edge_lenovo,32,1,28,2.7
n2,cloud_dell,32,0,21,11
"""
PODS = "start,duration,cpu_request\n0,3600,4\n60,3600,2\n"
QUICK = ("-n", "30", "--seeds", "2", "--jobs", "1")


@pytest.fixture
def fleet(tmp_path: Path) -> str:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return str(path)


def test_policies_are_compared_on_drawn_days(fleet: str) -> None:
    document = json.loads(wao("simulate", fleet, *QUICK, "--load", "0.4", "-o", "json").out)
    assert document["policies"] == ["least-allocated", "reference", "peaks", "lookahead", "floor"]
    assert [row["load"] for row in document["rows"]] == [0.4] * 5
    assert document["rows"][4]["saved"] > 10.0
    assert document["rows"][0]["saved"] == 0.0


def test_a_table_shows_loads_policies_and_savings(fleet: str) -> None:
    text = wao("simulate", fleet, *QUICK, "-p", "least-allocated", "-p", "floor").out
    assert "4 nodes, 30 pods in 24 h" in text
    assert "30%" in text
    assert "60%" in text
    assert "floor" in text


def test_pods_of_a_table_with_other_column_names(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "pods.csv").write_text(PODS)
    run = wao(
        *("simulate", str(tmp_path / "nodes.csv"), "--pods", str(tmp_path / "pods.csv"), "--column", "arrival=start"),
        *("-p", "lookahead", "-p", "floor", "-o", "csv", "--jobs", "1"),
    )
    rows = list(csv.DictReader(io.StringIO(run.out)))
    assert [row["policy"] for row in rows] == ["lookahead", "floor"]
    assert {row["days"] for row in rows} == {"1"}


def test_report_and_series_are_written(fleet: str, tmp_path: Path) -> None:
    report, save = tmp_path / "report.html", tmp_path / "series.csv"
    wao("simulate", fleet, *QUICK, "--load", "0.4", "-p", "floor", "--report", str(report), "--save", str(save))
    assert "Energy of fleet" in report.read_text()
    assert save.read_text().startswith("policy,load,seed,time,watts,busy_nodes\nfloor,0.4,0,0.0,")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-p", "best"), "no policy 'best'; there are least-allocated"),
        (("--report", "report.txt"), "use a file name that ends in .html"),
        (("--save", "series.txt"), "ends in .csv or .parquet"),
        (("--report", "no/such/folder/report.html"), "does not exist"),
        (("--pods", "pods.csv", "--load", "0.5"), "give either --pods or --load"),
        (("--pods", "pods.csv", "--column", "arrival"), "write NAME=COLUMN"),
        (("--pods", "missing.csv"), "missing.csv"),
    ],
)
def test_what_cannot_be_simulated_is_refused_before_it_runs(fleet: str, options: tuple[str, ...], words: str) -> None:
    run = wao("simulate", fleet, *QUICK, *options)
    assert run.code != 0
    assert words in " ".join(run.err.replace("│", " ").split())
