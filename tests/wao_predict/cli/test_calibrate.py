"""`wao calibrate`."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from tests.wao_predict.cli.running import wao
from wao_predict.calibration.corrected import read_corrections
from wao_predict.cli.calibrate import calibrate


def test_corrections_are_shown_and_saved(tmp_path: Path) -> None:
    loads = [7 * number % 101 for number in range(600)]
    text = "".join(f"{load},{1.1 * (100 + load)}\n" for load in loads)
    (tmp_path / "log.csv").write_text("cpu_usage,watts\n" + text)
    app = typer.Typer()
    app.command()(calibrate)
    command = ["curve:0=100,100=200", str(tmp_path / "log.csv"), "--learn", "100", "--save", str(tmp_path / "c.json")]
    shown = CliRunner().invoke(app, command, catch_exceptions=False)
    assert "server" in shown.stdout
    assert "1.10" in shown.stdout
    assert "used" in shown.stdout
    assert abs(read_corrections(tmp_path / "c.json")["server"].scale - 1.1) < 1e-6
    (document,) = json.loads(CliRunner().invoke(app, [*command, "-o", "json"], catch_exceptions=False).stdout)
    assert [event["change"] for event in document["events"]] == ["drift", "shadow", "used"]
    assert document["errorWattsWithCorrection"] < document["errorWatts"]


def test_loads_in_another_unit_are_refused_or_converted(tmp_path: Path) -> None:
    text = "".join(f"{number / 100},{100 + number}\n" for number in range(100))
    (tmp_path / "log.csv").write_text("cpu_usage,watts\n" + text)
    command = ["calibrate", "curve:0=100,100=200", str(tmp_path / "log.csv"), "-o", "json"]
    refused = wao(*command)
    assert refused.code == 1
    assert (
        "cpu_usage is at most 0.99: if it is from 0 to 1 instead of percent, give --load-unit fraction" in refused.err
    )
    (document,) = json.loads(wao(*command, "--load-unit", "fraction").out)
    assert document["errorWatts"] == 0.0
    assert "fewer than 240 rows" in wao(*command[:-2], "--load-unit", "fraction").out
