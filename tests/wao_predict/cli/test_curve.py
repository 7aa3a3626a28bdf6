"""`wao curve`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.wao_predict.cli.running import wao


@pytest.mark.parametrize(("suffix", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_a_curve_is_drawn_into_a_file(tmp_path: Path, suffix: str, begin: bytes) -> None:
    file = tmp_path / f"curve.{suffix}"
    ran = wao("curve", "edge_lenovo", "-t", "22", "-t", "30", "--image", str(file))
    assert ran.code == 0, ran.err
    assert file.read_bytes().startswith(begin)


def test_a_curve_is_drawn_in_the_terminal() -> None:
    ran = wao("curve", "cloud_dell")
    assert ran.code == 0, ran.err
    assert "CPU load [%]" in ran.out
    assert "\x1b" not in ran.out


def test_the_numbers_of_a_curve() -> None:
    document = json.loads(wao("curve", "cloud_dell", "-t", "22", "-o", "json").out)
    watts = document["curves"][0]["watts"]
    assert len(watts) == len(document["cpuUsage"])
    assert watts == sorted(watts)


def test_a_file_that_cannot_be_written_is_reported_in_one_line() -> None:
    ran = wao("curve", "edge_lenovo", "--image", "/no/such/folder/x.png")
    assert (ran.code, ran.err) == (1, "error: /no/such/folder/x.png: No such file or directory\n")


@pytest.mark.parametrize("output", [(), ("-o", "csv")])
def test_conditions_outside_the_trained_range_are_a_warning(output: tuple[str, ...]) -> None:
    ran = wao("curve", "edge_lenovo", "-t", "60", "-p", "100", *output)
    assert ran.code == 0
    assert ran.err == (
        "warning: edge_lenovo: inlet_temp of 60 degC in row 0 is outside 15 to 40 degC (degrees Fahrenheit? 60 is 15.6 "
        "degC); delta_p of 100 Pa in row 0 is outside 0 to 9.5 Pa, its trained range: the nearest trained "
        "value is used\n"
    )


def test_a_curve_of_load_only_takes_no_conditions() -> None:
    ran = wao("curve", "specpower:intel_xeon_gold_6338n", "-o", "csv")
    lines = ran.out.splitlines()
    assert lines[0] == "cpu_usage,watts"
    assert lines[1] == "0.0,126.4"
    assert len(lines) == 12
    drawn = wao("curve", "curve:0=60,100=120")
    assert "load only" in drawn.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("cloud_dell", "-i", "x.bmp"), "ends in .png, .svg or .pdf"),
        (("cloud_dell", "-i", "x.png", "-o", "csv"), "cannot be combined"),
        (("cloud_dell", "-t", "nan"), "finite numbers"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exits_with_2(arguments: tuple[str, ...], words: str) -> None:
    ran = wao("curve", *arguments)
    assert ran.code == 2
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1
