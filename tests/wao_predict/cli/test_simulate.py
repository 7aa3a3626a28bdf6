"""`wao simulate`: tables of nodes and pods in, comparisons of policies out."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.fleets import fleet_of
from tests.fakes.json_server import JsonServer
from tests.wao_predict.cli.running import wao
from wao_predict.cli.simulate_options import Moves, SwitchOff
from wao_predict.simulate.fleet_documents import PresentPods, document_of
from wao_predict.simulate.moves import Moving
from wao_predict.simulate.standby import Standby

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
    assert save.read_text().startswith("policy,load,seed,time,watts,busy_nodes,on_nodes\nfloor,0.4,0,0.0,")


def test_every_policy_is_simulated_with_standby_too(fleet: str, tmp_path: Path) -> None:
    policies, report = ("-p", "least-allocated", "-p", "floor"), tmp_path / "report.html"
    options = (
        "--seeds",
        "1",
        "--load",
        "0.2",
        "--standby",
        "--start-time",
        "60",
        "--spare-cores",
        "4",
        "--report",
        str(report),
    )
    rows = json.loads(wao("simulate", fleet, *QUICK, *policies, *options, "-o", "json").out)["rows"]
    assert [row["policy"] for row in rows] == ["least-allocated", "floor", "least-allocated+standby", "floor+standby"]
    assert [row["on"] for row in rows[:2]] == [4.0, 4.0]
    assert rows[3]["on"] < 3.0
    assert rows[3]["saved"] > rows[1]["saved"] + 10.0
    assert "starts per day" in report.read_text()


def test_every_policy_is_simulated_with_moves_too(fleet: str) -> None:
    options = ("--load", "0.3", "--rebalance", "--move-period", "3600", "--moves", "3", "--movable", "0.9")
    rows = json.loads(wao("simulate", fleet, *QUICK, "-p", "lookahead", *options, "-o", "json").out)["rows"]
    assert [row["policy"] for row in rows] == ["lookahead", "lookahead+moves"]
    assert rows[0]["moves"] == 0.0
    assert 0 < rows[1]["moves"] <= 3 * 24


def test_pods_can_leave_nodes_on_which_others_stay(fleet: str) -> None:
    options = ("--load", "0.5", "-p", "lookahead+moves", "--movable", "0.3", "--minimum-saving", "0", "-o", "json")
    whole, partial = (
        json.loads(wao("simulate", fleet, *QUICK, *options, *more).out)["rows"][0]["moves"]
        for more in ((), ("--partial",))
    )
    assert whole < partial


def pods_on(*nodes: int, cores: float = 1.0, age: float = 3600.0) -> PresentPods:
    """Return a movable pod on each of some nodes."""
    same = np.full(len(nodes), cores)
    return PresentPods(np.array(nodes, dtype=np.int64), same, same, np.full(len(nodes), age), same > 0)


def test_the_nodes_of_a_cluster_come_from_its_extender() -> None:
    fleet = fleet_of(edge_lenovo=1, cloud_dell=1)
    with JsonServer({"/v1/fleet": document_of(fleet, [1.0, None], pods_on())}) as extender:
        run = wao("simulate", "--from-cluster", extender.url, *QUICK, "--load", "0.4", "-p", "floor", "-o", "json")
        assert extender.asked[-1] == "/v1/fleet?pods=true"
    assert json.loads(run.out)["rows"][0]["on"] == 2.0
    with JsonServer({"/v1/fleet": {"error": "none"}}) as other:
        refused = wao("simulate", "--from-cluster", other.url, *QUICK)
    assert refused.code == 1
    assert "no fleet of GET /v1/fleet" in refused.err


def test_the_pods_of_a_cluster_run_on_and_may_be_moved() -> None:
    fleet = replace(fleet_of(edge_lenovo=2), usage_cores=np.array([5.0, 4.0]), groups=("room-a", "room-b"))
    pods = pods_on(0, 1, cores=4.0, age=9e5)
    with JsonServer({"/v1/fleet": document_of(fleet, [1.0, None], pods)}) as extender:
        source = ("--from-cluster", extender.url, "--group-label", "example.com/room")
        asked = ("simulate", *source, "-p", "floor", "--jobs", "1")
        run = wao(*asked)
        assert run.err == ""
        text = " ".join(run.out.split())
        assert extender.asked[-1] == "/v1/fleet?pods=true&groupLabel=example.com%2Froom"
        rows = json.loads(wao(*asked, "--rebalance", "-o", "json").out)["rows"]
        short = wao(*asked, "--remaining", "0.5", "--load", "0.2", "-n", "50").out
    assert "2 running pods, 2 of them movable: each runs on as long as it has run so far" in text
    assert "each runs on for 0.5 h" in " ".join(short.split())
    assert [row["moves"] for row in rows] == [0.0, 1.0]
    assert rows[0]["load"] == pytest.approx(9.0 / 64.0, abs=1e-3)
    assert rows[1]["kwh"] < rows[0]["kwh"]


def test_a_base_load_on_every_node_is_reported_when_servers_should_be_switched_off(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").write_text(NODES.replace(",32,0,", ",32,1,"))
    run = wao("simulate", str(tmp_path / "nodes.csv"), *QUICK, "--load", "0.3", "-p", "floor", "--standby")
    assert "every node has a base load that stays, so no server is switched off" in run.err


def test_a_table_of_standby_has_starts_and_waiting_times(fleet: str) -> None:
    text = wao("simulate", fleet, "-n", "30", "--seeds", "1", "--load", "0.3", "-p", "floor+standby").out
    assert "floor+standby" in text
    assert "starts a day" in text


def test_defaults_of_standby_are_those_of_the_decision() -> None:
    options, defaults = SwitchOff(), Standby()
    assert (options.spare_percent, options.spare_cores) == (
        defaults.settings.spare_percent,
        defaults.settings.spare_cores,
    )
    assert options.empty_seconds == defaults.settings.empty_seconds
    assert (options.start_time, options.off_watts) == (defaults.start_seconds, defaults.off_watts)


def test_defaults_of_moves_are_those_of_the_plan() -> None:
    options, defaults = Moves(), Moving()
    assert (options.moves, options.minimum_saving) == (defaults.budgets.moves, defaults.budgets.minimum_saving)
    assert (options.move_period, options.partial) == (defaults.period, not defaults.budgets.whole_nodes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-p", "best"), "no policy 'best'; there are least-allocated"),
        (("-p", "floor+sleep"), "can be added, each once"),
        (("--from-cluster", "http://127.0.0.1:1"), "give either a FLEET table or --from-cluster"),
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


def test_plants_count_too(tmp_path: Path) -> None:
    fleet, plants = tmp_path / "fleet.yaml", tmp_path / "plant.yaml"
    fleet.write_text("groups: [{model: 'curve:0=60 100=120', name: n, count: 4, cores: 8}]\n")
    plants.write_text("plants: [{type: pue, pue: 1.5}]\n")
    arguments = ("--load", "0.3", "-n", "50", "--seeds", "1", "-j", "1", "--cooling", str(plants), "-o", "json")
    rows = json.loads(wao("simulate", str(fleet), *arguments).out)["rows"]
    assert all(row["coolingKwh"] == pytest.approx(row["kwh"] / 3) and row["aboveBound"] is None for row in rows)
