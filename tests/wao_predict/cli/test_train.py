"""`wao train`."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from wao_predict import FeatureError, MissingExtra, UsageError
from wao_predict.cli.train import train


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(train)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    X = random.uniform((0, 18, 0), (100, 32, 9), (200, 3))
    rows = np.column_stack([X, 200 + X[:, 0] + random.normal(0, 2, 200)])
    path = tmp_path / "data.csv"
    np.savetxt(path, rows, delimiter=",", header="cpu_usage,inlet_temp,delta_p,watts", comments="", fmt="%.3f")
    return path


def test_a_bad_table_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("cpu_usage,inlet_temp,delta_p,watts\n1,20,1,none at all\n")
    with pytest.raises(FeatureError, match="line 2, column watts"):
        run(tmp_path / "bad.csv", "-o", tmp_path / "m.onnx")


@pytest.mark.parametrize("option", ["-o", "--report"])
def test_a_target_in_a_missing_folder_is_reported_before_the_work(option: str, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        run(data, "-o", tmp_path / "m.onnx", option, tmp_path / "absent" / "file.onnx")


def test_a_wrong_option_ends_with_code_2(data: Path, tmp_path: Path) -> None:
    for wrong in (["--epochs", "0"], ["--route", "xgboost"], ["--holdout", "random"]):
        assert run(data, "-o", tmp_path / "m.onnx", *wrong).exit_code == 2
    assert run(data).exit_code == 2
    assert run(data, "-o", tmp_path / "model.txt").exit_code == 2


@pytest.mark.skipif(find_spec("torch") is not None, reason="the extra is installed here")
def test_without_the_extra_the_pip_line_is_reported(data: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'wao-predict\[train\]'"):
        run(data, "-o", tmp_path / "m.onnx")


@pytest.mark.train
@pytest.mark.parametrize("route", ["torch", "sklearn"])
def test_it_writes_a_model_and_a_report_and_prints_errors_by_band(route: str, data: Path, tmp_path: Path) -> None:
    from wao_predict.models import read_info

    data.write_text(data.read_text() + "50,,1,250\n")
    result = run(
        *(data, "-o", tmp_path / "m.onnx", "--report", tmp_path / "r.html", "--epochs", 3, "--route", route),
        *("--name", "rack7", "--source", "own", "--license", "CC0-1.0"),
    )
    assert result.exit_code == 0
    for expected in ("held out: all", "0-30 % CPU", "30-100 % CPU", "MAE W", "RMSE W", "MAPE %"):
        assert expected in result.stdout
    assert "skipped 1 rows with a missing value (line 202)" in result.stderr
    info = read_info(tmp_path / "m.onnx")
    assert (info.name, info.source, info.license) == ("rack7", "own", "CC0-1.0")
    assert "<svg" in (tmp_path / "r.html").read_text()
