"""`wao cooling`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.wao_predict.cli.running import wao

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
