"""`wao curve` and `wao what-if`."""

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


@pytest.mark.parametrize(("suffix", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_a_curve_is_drawn_into_a_file(tmp_path: Path, suffix: str, begin: bytes) -> None:
    file = tmp_path / f"curve.{suffix}"
    ran = wao("curve", "edge_lenovo", "-t", "22", "-t", "30", "--output", str(file))
    assert ran.code == 0, ran.err
    assert file.read_bytes().startswith(begin)


def test_a_curve_is_drawn_in_the_terminal() -> None:
    ran = wao("curve", "cloud_dell")
    assert ran.code == 0, ran.err
    assert "CPU load [%]" in ran.out
    assert "\x1b" not in ran.out


def test_the_numbers_of_a_curve() -> None:
    document = json.loads(wao("curve", "cloud_dell", "-t", "22", "--numbers", "json").out)
    watts = document["curves"][0]["watts"]
    assert len(watts) == len(document["cpu_usage"])
    assert watts == sorted(watts)


def test_what_if_gives_the_estimators_answer() -> None:
    document = json.loads(wao("what-if", "-", "--cpu", "500m", "--count", "5", "-o", "json", stdin=FLEET).out)
    assert document["method"] == "exact"
    assert len(document["watt_increases"]) == 5
    assert document["watt_increases"][-1] == pytest.approx(document["total_increase"])
    assert sum(document["per_node"].values()) == 5


@pytest.mark.parametrize(("text", "cores"), [("500m", 0.5), ("1500u", 0.0015), ("0.002k", 2.0), ("2", 2.0)])
def test_what_if_takes_the_quantities_of_kubernetes(text: str, cores: float) -> None:
    assert json.loads(wao("what-if", "-", "--cpu", text, "-o", "json", stdin=FLEET).out)["cpu_cores"] == cores


def test_what_if_for_people() -> None:
    ran = wao("what-if", "-", "--cpu", "2", "-n", "3", stdin=FLEET)
    assert ran.code == 0, ran.err
    assert "the exact optimum" in ran.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("what-if",), "give either a FLEET table or --url"),
        (("what-if", "-", "--cpu", "lots"), "'lots' is not a quantity"),
        (("what-if", "-", "--cpu", "1_0"), "'1_0' is not a quantity"),
        (("what-if", "-", "--cpu", " 2"), "' 2' is not a quantity"),
        (("what-if", "-", "--cpu", "0"), "more than 0 and at most 4096 cores"),
        (("what-if", "-", "--cpu", "5k"), "more than 0 and at most 4096 cores"),
        (("curve", "cloud_dell", "-o", "x.bmp"), "ends in .png, .svg or .pdf"),
        (("curve", "cloud_dell", "-o", "x.png", "--numbers", "csv"), "cannot be combined"),
        (("curve", "cloud_dell", "-t", "nan"), "finite numbers"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exits_with_2(arguments: tuple[str, ...], words: str) -> None:
    ran = wao(*arguments, stdin=FLEET)
    assert ran.code == 2
    assert words in ran.err
    assert ran.err.startswith("error: ")
    assert len(ran.err.splitlines()) == 1


def test_more_pods_than_fit_are_told() -> None:
    ran = wao("what-if", "-", "--cpu", "2", "-n", "1000", stdin=FLEET)
    assert ran.code == 1
    assert "of 1000 pods of 2 cores fit" in ran.err


def test_a_file_that_cannot_be_written_is_told_in_one_line() -> None:
    ran = wao("curve", "edge_lenovo", "--output", "/no/such/folder/x.png")
    assert (ran.code, ran.err) == (1, "error: /no/such/folder/x.png: No such file or directory\n")


@pytest.mark.parametrize("numbers", ["table", "csv"])
def test_conditions_outside_the_trained_range_are_told(numbers: str) -> None:
    ran = wao("curve", "edge_lenovo", "-t", "60", "-p", "100", "--numbers", numbers)
    assert ran.code == 0
    assert ran.err == (
        "warning: edge_lenovo: inlet_temp 60 outside 15..40; delta_p 100 outside 0..9.5, its trained range: "
        "the nearest trained value is used\n"
    )
    assert "inlet_temp 60 outside" in wao("what-if", "-", stdin=FLEET.replace(",28,3", ",60,3")).err


def test_a_curve_of_load_only_takes_no_conditions() -> None:
    ran = wao("curve", "specpower:intel_xeon_gold_6338n", "--numbers", "csv")
    lines = ran.out.splitlines()
    assert lines[0] == "cpu_usage,watts"
    assert lines[1] == "0.0,126.4"
    assert len(lines) == 12
    drawn = wao("curve", "curve:0=60,100=120")
    assert "load only" in drawn.out


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
