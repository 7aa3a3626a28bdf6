"""`wao calibrate`."""

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

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
