"""`wao cooling`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests.fakes.json_server import JsonServer
from tests.fakes.snapshots import snapshot
from tests.wao_predict.cli.running import wao
from wao_core.cluster.records import Kind, Node
from wao_core.cluster.state import ClusterState
from wao_predict.curves import DEFAULT_KNOTS
from wao_predict.fleet import curves_of_models
from wao_predict.predictor import load_predictor
from wao_scheduler.config import SchedulerSettings
from wao_scheduler.decision_engine import DecisionEngine
from wao_scheduler.measured_fleet import fleet_document, measured_fleet
from wao_scheduler.node_documents import nodes_document

FLEET = """groups:
  - {name: edge, model: edge_lenovo, count: 20, cores: 32, inlet_temp: 25, delta_p: 2.7, usage: 8, room: a}
  - {name: other, model: edge_supermicro, count: 5, cores: 32, inlet_temp: 25, delta_p: 2.7, usage: 8, room: b}
"""
PLANTS = """plants:
  - {group: a, type: published, outdoor: {temp: 25, humidity: 65}}
  - {group: b, type: pue, pue: 1.3}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    for name, text in (("fleet.yaml", FLEET), ("plant.yaml", PLANTS)):
        (tmp_path / name).write_text(text)
    return str(tmp_path / "fleet.yaml"), str(tmp_path / "plant.yaml")


def test_a_recommendation_is_a_document_a_plot_and_metrics(files: tuple[str, str], tmp_path: Path) -> None:
    plot, metrics = tmp_path / "plot.svg", tmp_path / "cooling.prom"
    arguments = ("--ramp", "fan_speed=100", "-o", "json", "--plot", str(plot), "--metrics", str(metrics))
    ran = wao("cooling", "optimize", files[0], "--cooling", files[1], *arguments)
    assert ran.code == 0, ran.err
    document = json.loads(ran.out)
    assert (document["group"], document["nodes"], document["allowed"]) == ("a", 20, True)
    assert document["recommended"]["fan_speed"] >= 1300
    assert document["after"]["hottestInlet"] <= 27.0
    assert "<svg" in plot.read_text()
    assert "wao_cooling_saving_watts" in metrics.read_text()


def test_pods_are_placed_together_with_the_set_points(files: tuple[str, str]) -> None:
    ran = wao("cooling", "optimize", files[0], "--cooling", files[1], "--cpu", "2", "-n", "10", "--load", "0.2")
    assert ran.code == 0, ran.err
    for text in ("chilled_water_temp", "saving", "error of the plant's model", "edge-1"):
        assert text in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--group", "b"), "has no set points"),
        (("--group", "c"), "there are a, b"),
        (("--ramp", "fan"), "write NAME=NUMBER"),
        (("--ramp", "valve=1"), "no set point valve"),
        (("-n", "3"), "--count needs --cpu"),
        (("--plot", "plot.txt"), "ends in .png"),
    ],
)
def test_what_cannot_be_used_is_named(files: tuple[str, str], arguments: tuple[str, ...], words: str) -> None:
    ran = wao("cooling", "optimize", files[0], "--cooling", files[1], *arguments)
    assert ran.code in (1, 2)
    assert words in " ".join(ran.err.replace("\u2502", " ").split())


LABEL, MODEL = "example.com/room", "edge_lenovo"


def extender_of(*, calibrated: float = 1.0) -> JsonServer:
    """Return a server of an extender's documents: 20 nodes in room a, of which one has no temperature, and one in b."""
    names, state = [f"n{row}" for row in range(21)], ClusterState()
    for name in names:
        state.put(Kind.NODE, Node(name=name, labels={LABEL: "b" if name == "n20" else "a"}, capacity_cores=32.0))
    inlet = [25.0] * 19 + [float("nan"), 25.0]
    watts = calibrated * curves_of_models([MODEL] * 21, 25.0, 5.0).watts
    taken = snapshot(names, watts=watts, knots=DEFAULT_KNOTS, capacity=32.0, usage=[8.0] * 21, inlet_temp=inlet)
    engine = DecisionEngine(state, SchedulerSettings())
    engine.update(replace(taken, models=(f"Onnx {MODEL}",) * 21))
    nodes = nodes_document(engine, {f"Onnx {MODEL}": load_predictor(MODEL)})
    fleet = fleet_document(engine, measured_fleet(engine), label=LABEL)
    return JsonServer(
        {"/v1/fleet": fleet, "/v1/nodes": msgspec.to_builtins(nodes)},
    )


@pytest.fixture
def extender() -> Iterator[JsonServer]:
    with extender_of() as server:
        yield server


def test_load_and_inlet_temperatures_come_from_a_cluster(files: tuple[str, str], extender: JsonServer) -> None:
    source = ("--from-cluster", extender.url, "--group-label", LABEL)
    ran = wao("cooling", "optimize", *source, "--cooling", files[1], "-o", "json")
    assert ran.code == 0, ran.err
    assert extender.asked == ["/v1/fleet?groupLabel=example.com%2Froom", "/v1/nodes"]
    document = json.loads(ran.out)
    assert (document["group"], document["nodes"]) == ("a", 20)
    assert document["before"]["hottestInlet"] == 25.0
    expected = 20 * curves_of_models([MODEL], 25.0, 5.0).at([25.0])[0]
    assert document["before"]["serverWatts"] == pytest.approx(expected, rel=1e-3)
    assert "inlet_temp is not measured: the power of n19" in ran.err


def test_a_calibration_that_is_not_counted_is_reported(files: tuple[str, str]) -> None:
    with extender_of(calibrated=1.1) as extender:
        ran = wao(
            *("cooling", "optimize", "--from-cluster", extender.url, "--group-label", LABEL, "--cooling", files[1])
        )
    assert ran.code == 0, ran.err
    assert "corrections by calibration are not counted" in ran.err


def test_a_table_and_a_cluster_exclude_each_other(files: tuple[str, str]) -> None:
    for source in ((), (files[0], "--from-cluster", "http://127.0.0.1:1")):
        ran = wao("cooling", "optimize", *source, "--cooling", files[1])
        assert ran.code == 2
        assert "give either a FLEET table or --from-cluster" in ran.err
