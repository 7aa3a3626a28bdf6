"""`wao what-if`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.wao_predict.cli.running import wao

FLEET = "name,model,capacity_cores,usage_cores,inlet_temp,delta_p\n" + "".join(
    f"n{number},{model},32,1.5,{temperature},{pressure}\n"
    for number, (model, temperature, pressure) in enumerate(
        [("edge_lenovo", 28, 3), ("edge_supermicro", 28, 3), ("cloud_dell", 21, 11), ("cloud_lenovo", 21, 11)]
    )
)


def test_what_if_gives_the_estimators_answer() -> None:
    document = json.loads(wao("what-if", "-", "--cpu", "500m", "--count", "5", "-o", "json", stdin=FLEET).out)
    assert document["method"] == "exact"
    assert len(document["wattIncreases"]) == 5
    assert document["wattIncreases"][-1] == pytest.approx(document["totalIncrease"])
    assert sum(document["perNode"].values()) == 5


@pytest.mark.parametrize(("text", "cores"), [("500m", 0.5), ("1500u", 0.0015), ("0.002k", 2.0), ("2", 2.0)])
def test_what_if_takes_the_quantities_of_kubernetes(text: str, cores: float) -> None:
    assert json.loads(wao("what-if", "-", "--cpu", text, "-o", "json", stdin=FLEET).out)["cpuCores"] == cores


def test_what_if_for_people() -> None:
    ran = wao("what-if", "-", "--cpu", "2", "-n", "3", stdin=FLEET)
    assert ran.code == 0, ran.err
    assert "the exact optimum" in ran.out
    assert "W more than the minimum (most free CPU first)" in ran.out


def test_a_fleet_file_of_groups_is_read_as_by_wao_simulate(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text('groups: [{name: a, model: "curve:0=60 100=120", count: 3, cores: 8}]')
    for rule in ((), ("--rule", "floor")):
        ran = wao("what-if", str(file), "--cpu", "2", "-n", "2", "-o", "json", *rule)
        assert json.loads(ran.out)["nodes"] == 3, ran.err


def test_pods_are_placed_by_a_rule_of_the_scheduler() -> None:
    ran = wao("what-if", "-", "--cpu", "2", "-n", "20", "--rule", "floor", "--stays", "0", stdin=FLEET)
    assert ran.code == 0, ran.err
    assert "one by one by the rule floor: at most" in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("what-if",), "give either a FLEET table or --url"),
        (("what-if", "--url", "http://127.0.0.1:9", "--rule", "floor"), "--rule needs a FLEET table"),
        (("what-if", "-", "--cpu", "lots"), "'lots' is not a quantity"),
        (("what-if", "-", "--cpu", "1_0"), "'1_0' is not a quantity"),
        (("what-if", "-", "--cpu", " 2"), "' 2' is not a quantity"),
        (("what-if", "-", "--cpu", "0"), "more than 0 and at most 4096 cores"),
        (("what-if", "-", "--cpu", "5k"), "more than 0 and at most 4096 cores"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exits_with_2(arguments: tuple[str, ...], words: str) -> None:
    ran = wao(*arguments, stdin=FLEET)
    assert ran.code == 2
    assert words in ran.err
    assert ran.err.startswith("error: ")
    assert len(ran.err.splitlines()) == 1


def test_more_pods_than_fit_are_reported() -> None:
    ran = wao("what-if", "-", "--cpu", "2", "-n", "1000", stdin=FLEET)
    assert ran.code == 1
    assert "of 1000 pods of 2 cores fit" in ran.err


def test_nodes_need_the_columns_of_their_models_only(tmp_path: Path) -> None:
    table = tmp_path / "fleet.csv"
    rows = ["a,specpower:intel_xeon_gold_6338n,64,6,", "b,edge_lenovo,32,3,22"]
    table.write_text(
        "\n".join(["name,model,capacity_cores,usage_cores,inlet_temp,delta_p", rows[0] + ",", rows[1] + ",5"])
    )
    assert json.loads(wao("what-if", str(table), "-o", "json").out)["nodes"] == 2
    table.write_text("\n".join(["name,model,capacity_cores,usage_cores,inlet_temp", *rows]))
    ran = wao("what-if", str(table))
    assert ran.code == 1
    assert "model 'edge_lenovo' predicts from delta_p: give it for each node with this model" in ran.err
    table.write_text("name,model,capacity_cores,usage_cores\na,curve:0=60 100=90,64,6\n")
    assert json.loads(wao("what-if", str(table), "-o", "json").out)["nodes"] == 1


def test_conditions_outside_the_trained_range_are_reported() -> None:
    assert "inlet_temp of 60 degC in row 0 is outside" in wao("what-if", "-", stdin=FLEET.replace(",28,3", ",60,3")).err


def test_what_if_counts_cooling_of_each_room(tmp_path: Path) -> None:
    plants = tmp_path / "plant.yaml"
    plants.write_text(
        "plants:\n- {group: warm, type: pue, pue: 1.6}\n"
        "- {group: cold, type: cop, curve: [[20, 5]], outdoor: {temp: 20}}\n"
    )
    fleet = "name,model,capacity_cores,usage_cores,group\n" + "".join(
        f"{name},curve:0=60 100={full},32,4,{group}\n" for name, full, group in (("a", 160, "warm"), ("b", 170, "cold"))
    )
    ran = wao("what-if", "-", "--cpu", "2", "--cooling", str(plants), "-o", "json", stdin=fleet)
    document = json.loads(ran.out)
    assert document["perNode"] == {"b": 1}
    assert document["coolingIncrease"] == pytest.approx(0.2 * document["serverIncrease"])
    shown = wao("what-if", "-", "--cpu", "2", "--cooling", str(plants), stdin=fleet).out
    assert "of which cooling" in shown


def test_weather_without_a_plant_is_refused() -> None:
    ran = wao("what-if", "-", "--outdoor-temp", "20", stdin=FLEET)
    assert ran.code == 2
    assert "need --cooling" in ran.err


def test_a_price_that_cannot_be_measured_is_reported_and_counts_as_the_mean(tmp_path: Path) -> None:
    plants = tmp_path / "plant.yaml"
    plants.write_text(
        "minimize: price\nplants:\n- type: pue\n  pue: 1.5\n  price: {url: 'http://127.0.0.1:9', query: price}\n"
    )
    ran = wao("what-if", "-", "--cpu", "2", "--cooling", str(plants), "-o", "json", stdin=FLEET)
    assert ran.code == 0, ran.err
    assert "warning: price of *:" in ran.err
    assert json.loads(ran.out)["coolingIncrease"] > 0
