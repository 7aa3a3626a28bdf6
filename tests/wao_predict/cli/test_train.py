"""`wao train`."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from wao_predict import FeatureError, MissingExtra, UsageError
from wao_predict.cli.train import Measurements, train


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
        run(tmp_path / "bad.csv", "-s", tmp_path / "m.onnx")
    (tmp_path / "bad.csv").write_text("cpu_usage,watts\n5,100\n5,101\n")
    with pytest.raises(UsageError, match="1 failed check, see above; --force"):
        run(tmp_path / "bad.csv", "-s", tmp_path / "m.onnx")


@pytest.mark.parametrize("option", ["-s", "--report"])
def test_a_target_in_a_missing_folder_is_reported_before_the_work(option: str, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        run(data, "-s", tmp_path / "m.onnx", option, tmp_path / "absent" / "file.onnx")


def test_a_wrong_option_ends_with_code_2(data: Path, tmp_path: Path) -> None:
    for wrong in (["--epochs", "0"], ["--route", "xgboost"], ["--holdout", "random"]):
        assert run(data, "-s", tmp_path / "m.onnx", *wrong).exit_code == 2
    assert run(data).exit_code == 2  # neither --save nor --check
    assert run(data, "-s", tmp_path / "model.txt").exit_code == 2


@pytest.mark.skipif(find_spec("torch") is not None, reason="the extra is installed here")
def test_without_the_extra_the_pip_line_is_reported(data: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingExtra, match=r"pip install 'wao-predict\[train\]'"):
        run(data, "-s", tmp_path / "m.onnx")


@pytest.mark.train
@pytest.mark.parametrize("route", ["torch", "sklearn"])
def test_it_writes_a_model_and_a_report_and_prints_errors_by_band(route: str, data: Path, tmp_path: Path) -> None:
    from wao_predict.models import read_info

    data.write_text(data.read_text() + "50,,1,250\n")
    result = run(
        *(data, "-s", tmp_path / "m.onnx", "--report", tmp_path / "r.html", "--epochs", 3, "--route", route),
        *("--name", "rack7", "--source", "own", "--license", "CC0-1.0"),
    )
    assert result.exit_code == 0
    for expected in ("held out: all", "0-30 % CPU", "30-100 % CPU", "MAE W", "RMSE W", "MAPE %"):
        assert expected in result.stdout
    assert "skipped 1 rows with a missing value (line 202)" in result.stderr
    info = read_info(tmp_path / "m.onnx")
    assert (info.name, info.source, info.license) == ("rack7", "own", "CC0-1.0")
    assert "<svg" in (tmp_path / "r.html").read_text()
    assert "Measured minus predicted power" in result.stdout
    assert info.intervals is not None


def test_check_says_what_to_do_and_trains_nothing(data: Path, tmp_path: Path) -> None:
    fraction = tmp_path / "fraction.csv"
    fraction.write_text("cpu_usage;inlet_temp;watts\n" + "".join(f"0,{n:02};70;{100 + n}\n" for n in range(100)))
    with pytest.raises(UsageError, match="2 failed checks, see above; --force"):
        run(fraction, "-s", tmp_path / "m.onnx")
    result = run(fraction, "--check", "--load-unit", "fraction", "--temp-unit", "fahrenheit")
    assert result.exit_code == 0
    assert "warning: inlet_temp is 21.1111 degC in all rows" in result.stderr
    assert "100 of 100 rows, features cpu_usage, inlet_temp" in result.stderr
    assert "warning: cpu_usage is at most 0.99" not in result.stderr


def test_features_are_named_with_their_directions(tmp_path: Path) -> None:
    path = tmp_path / "gpu.csv"
    path.write_text("cpu_usage,gpu_usage,watts\n" + "".join(f"{n % 50},{n},{100 + n}\n" for n in range(100)))
    result = run(path, "--check", "--features", "cpu_usage, gpu_usage+")
    assert "features cpu_usage, gpu_usage" in result.stderr
    assert Measurements(features="cpu_usage,gpu_usage+,duct-").named() == (
        ["cpu_usage", "gpu_usage", "duct"],
        {"gpu_usage": 1, "duct": -1},
    )
