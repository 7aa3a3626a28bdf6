"""The included models: what they say about themselves, and that they hold what they say."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from wao_predict import UsageError
from wao_predict.features import FEATURES, FeatureRanges
from wao_predict.models import FOLDER, list_models, model_path, read_info
from wao_predict.train.table import load_table

NAMES = ["cloud_dell", "cloud_lenovo", "edge_lenovo", "edge_supermicro"]
DATA = Path(__file__).parents[2] / "examples" / "data" / "power"


def session(name: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model_path(name), providers=["CPUExecutionProvider"])


def test_four_models_are_shipped_and_small() -> None:
    assert [info.name for info in list_models()] == NAMES
    assert all(model_path(name).stat().st_size < 100_000 for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_states_ranges_knots_errors_source_and_licence(name: str) -> None:
    info = read_info(model_path(name))
    table = load_table(DATA / f"{name}.csv")
    box = FeatureRanges(**dict(zip(FEATURES, zip(table.X.min(0), table.X.max(0), strict=True), strict=True)))
    assert info.ranges == box
    assert info.knots == tuple(np.unique(table.X[:, 0]))
    assert info.license == "Apache-2.0"
    assert "waok8s/optimization" in info.source
    assert info.metrics["held_out"]["all"]["mape"] > info.metrics["fit"]["all"]["mape"] > 0
    assert info.support is not None


def test_the_summary_of_error_figures_is_the_models_own() -> None:
    assert json.loads((FOLDER / "figures.json").read_text()) == {m.name: dict(m.metrics) for m in list_models()}


def test_listing_loads_no_model_runtime() -> None:
    code = "import sys; from wao_predict.models import list_models; list_models(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"onnxruntime", "onnx", "torch", "sklearn", "pandas"} & set(loaded)


@pytest.mark.parametrize("name", NAMES)
def test_watts_on_the_grid_are_within_a_quarter_percent(name: str) -> None:
    table = load_table(DATA / f"{name}.csv")
    (watts,) = session(name).run(["watts"], {"X": table.X.astype(np.float32)})
    assert np.mean(np.abs(watts - table.watts) / table.watts) < 0.0025


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [1, 7, 64, 500])
def test_watts_never_fall_along_cpu_not_even_in_the_last_digit(name: str, batch: int) -> None:
    random, running = np.random.default_rng(batch), session(name)
    for temp, pressure in random.uniform((10, -2), (45, 25), (8, 2)):
        cpu = np.sort(random.uniform(-5, 105, 500))
        X = np.column_stack([cpu, np.full(500, temp), np.full(500, pressure)]).astype(np.float32)
        parts = [running.run(["watts"], {"X": X[at : at + batch]})[0] for at in range(0, 500, batch)]
        assert (np.diff(np.concatenate(parts)) >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_curve_output_says_the_same_as_watts(name: str) -> None:
    knots = np.array(read_info(model_path(name)).knots)
    cpu = np.random.default_rng(0).uniform(knots[0], knots[-1], 300)
    X = np.column_stack([cpu, np.linspace(15, 35, 300), np.linspace(4, 9, 300)]).astype(np.float32)
    watts, curves = session(name).run(["watts", "curve"], {"X": X})
    read = [np.interp(row[0], knots, curve) for row, curve in zip(X, curves, strict=True)]
    np.testing.assert_allclose(read, watts, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_outside_the_trained_box_the_nearest_value_inside_is_used(name: str) -> None:
    ranges = read_info(model_path(name)).ranges
    assert ranges is not None
    X = np.random.default_rng(1).uniform((-50, -20, -50), (200, 80, 60), (200, 3))
    running = session(name)
    (outside,) = running.run(["watts"], {"X": X.astype(np.float32)})
    (inside,) = running.run(["watts"], {"X": ranges.clip(X).astype(np.float32)})
    np.testing.assert_allclose(outside, inside, atol=1e-3)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="edge_lenovo, edge_supermicro"):
        model_path("edge_dell")
