"""The torch model: monotone by construction, reproducible, and the same in ONNX."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra train")
onnxruntime = pytest.importorskip("onnxruntime")

from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import cross_val_score  # noqa: E402

from wao_predict import (  # noqa: E402
    FeatureError,
    FeatureRanges,
    PowerCurve,
    PowerCurveDisplay,
    UsageError,
    load_predictor,
)
from wao_predict.models import ModelInfo, model_path, read_info  # noqa: E402
from wao_predict.train import PowerCurveRegressor, load_table, to_onnx  # noqa: E402
from wao_predict.train.network import CurveNetwork, Scale  # noqa: E402
from wao_predict.train.shipped import SERVERS, TOLERANCE, train_server  # noqa: E402
from wao_predict.train.ticks import Ticks  # noqa: E402

pytestmark = [pytest.mark.train, pytest.mark.timeout(600)]  # training takes what CPU there is

RANDOM = np.random.default_rng(0)
X = RANDOM.uniform((0, 18, 0), (100, 32, 9), (400, 3))
WATTS = 200 + 150 * (1 - np.exp(-X[:, 0] / 25)) + 1.5 * (X[:, 1] - 25) + RANDOM.normal(0, 2, 400)


@pytest.fixture(scope="module")
def fitted() -> PowerCurveRegressor:
    return PowerCurveRegressor(epochs=60).fit(X, WATTS)


def run(path: Path, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    watts, curve = session.run(["watts", "curve"], {"X": rows.astype(np.float32)})
    return watts, curve


@pytest.fixture
def anywhere() -> np.ndarray:
    """Rows inside and far outside the trained box."""
    return np.random.default_rng(3).uniform((-20, 0, -10), (130, 60, 30), (2000, 3))


def test_it_learns_a_curve_from_noisy_rows(fitted: PowerCurveRegressor) -> None:
    error = np.abs(fitted.predict(X) - WATTS)
    assert error.mean() < 4
    assert fitted.loss_curve_[-1] < fitted.loss_curve_[0]


@pytest.mark.parametrize("seed", range(20))
def test_watts_never_fall_whatever_the_weights(seed: int) -> None:
    """Monotone by construction: random, untrained, large weights."""
    generator = torch.Generator().manual_seed(seed)
    knots = np.array([0.1, 3.0, 10.0, 10.5, 60.0, 100.0])
    ticks = Ticks({"cpu_usage": knots, "inlet_temp": np.array([15.0, 20.0, 40.0]), "gpu_usage": np.array([0.0, 9.0])})
    scale = Scale(200.0, {"cpu_usage": np.array([30.0, 40.0, 0.01, 9.0, 3.0]), "gpu_usage": np.array([80.0])})
    network = CurveNetwork(ticks, scale, hidden=8, directions={"gpu_usage": 1})
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(3 * torch.randn(weight.shape, generator=generator))
    cpu = torch.linspace(-5, 105, 3001)
    with torch.no_grad():
        watts = network(torch.stack([cpu, torch.full_like(cpu, 23.7), torch.full_like(cpu, 4.2)], dim=1))
    assert (torch.diff(watts) >= 0).all()


def test_rows_outside_are_predicted_at_the_nearest_trained_value(
    fitted: PowerCurveRegressor, anywhere: np.ndarray
) -> None:
    np.testing.assert_allclose(fitted.predict(anywhere), fitted.predict(fitted.ranges_.clip(anywhere)), atol=1e-3)


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        to_onnx(PowerCurveRegressor(epochs=3).fit(X, WATTS), tmp_path / name, info=ModelInfo("same"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_training_leaves_torch_as_it_was() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state(), torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    PowerCurveRegressor(epochs=1, seed=5).fit(X, WATTS)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())


def test_the_onnx_file_answers_as_the_torch_module(
    fitted: PowerCurveRegressor, anywhere: np.ndarray, tmp_path: Path
) -> None:
    to_onnx(fitted, tmp_path / "m.onnx")
    watts, curve = run(tmp_path / "m.onnx", anywhere)
    np.testing.assert_allclose(watts, fitted.predict(anywhere), atol=1e-3, rtol=0)
    np.testing.assert_allclose(curve, fitted.curves(anywhere[:, 1], anywhere[:, 2]), atol=1e-3, rtol=0)


def test_the_file_states_what_was_trained(fitted: PowerCurveRegressor, tmp_path: Path) -> None:
    path = tmp_path / "rack7.onnx"
    written = to_onnx(fitted, path, info=ModelInfo("rack 7", source="own", license="CC0-1.0", metrics={"fit": {}}))
    assert read_info(path) == written
    assert (written.name, written.source, written.license) == ("rack 7", "own", "CC0-1.0")
    assert written.ranges == fitted.ranges_
    assert len(written.knots) == run(path, X)[1].shape[1]
    assert to_onnx(fitted, path).name == "rack7"


@pytest.mark.parametrize("constant", [1, 2])
def test_a_sensor_that_never_changes_is_no_obstacle(constant: int, tmp_path: Path) -> None:
    rows = X.copy()
    rows[:, constant] = 21.0
    model = PowerCurveRegressor(epochs=2).fit(rows, WATTS)
    to_onnx(model, tmp_path / "m.onnx")
    far = rows[:5].copy()
    far[:, constant] = 60.0
    np.testing.assert_array_equal(model.predict(far), model.predict(rows[:5]))
    np.testing.assert_allclose(run(tmp_path / "m.onnx", far)[0], model.predict(far), atol=1e-3)


def test_it_is_a_scikit_learn_estimator() -> None:
    model = PowerCurveRegressor(epochs=5, hidden=8)
    assert clone(model).get_params() == model.get_params()
    assert cross_val_score(model, X, WATTS, cv=3).shape == (3,)
    with pytest.raises(NotFittedError):
        PowerCurveRegressor().predict(X)
    with pytest.raises(UsageError, match="not fitted yet"):
        to_onnx(PowerCurveRegressor(), "unused.onnx")


def test_a_few_steps_are_enough_for_the_schedule() -> None:
    for epochs in range(1, 11):  # one step each
        assert len(PowerCurveRegressor(epochs=epochs, hidden=4).fit(X[:50], WATTS[:50]).loss_curve_) == epochs


def test_features_are_those_that_a_table_has() -> None:
    columns = {"amb_temp": X[:, 1], "cpu_usage": X[:, 0], "rack": ["a"] * len(X)}
    model = PowerCurveRegressor(epochs=2).fit(columns, WATTS)
    assert list(model.feature_names_in_) == ["cpu_usage", "inlet_temp"]
    load_only = PowerCurveRegressor(epochs=2).fit(X[:, :1], WATTS)
    assert load_only.features_ == ("cpu_usage",)
    assert not hasattr(load_only, "feature_names_in_")
    assert load_only.curves().shape == (1, len(load_only.ticks_.knots))
    with pytest.raises(FeatureError, match="missing column cpu_usage"):
        PowerCurveRegressor().fit({"load": X[:, 0]}, WATTS)
    with pytest.raises(UsageError, match="name cpu_usage first"):
        PowerCurveRegressor(features=["inlet_temp", "cpu_usage"]).fit(X[:, :2], WATTS)


@pytest.mark.parametrize("columns", [1, 2])
def test_a_model_with_fewer_features_is_exported_with_them(columns: int, tmp_path: Path) -> None:
    model = PowerCurveRegressor(epochs=2).fit(X[:, :columns], WATTS)
    to_onnx(model, tmp_path / "m.onnx")
    predictor = load_predictor(tmp_path / "m.onnx")
    assert predictor.features == ("cpu_usage", "inlet_temp", "delta_p")[:columns]
    np.testing.assert_allclose(predictor.predict(X[:, :columns]), model.predict(X[:, :columns]), rtol=1e-5)


def test_power_never_falls_in_a_feature_with_a_direction(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    load = random.uniform((0, 0, 0), (100, 100, 100), (600, 3))
    watts = 150 + load[:, 0] + 3 * load[:, 1] - 0.3 * load[:, 2] + random.normal(0, 2, 600)
    table = dict(zip(("cpu_usage", "gpu_usage", "duct"), load.T, strict=True))
    directions = {"gpu_usage": 1, "duct": -1}
    model = PowerCurveRegressor(features=list(table), directions=directions, epochs=150).fit(table, watts)
    assert np.mean(np.abs(model.predict(table) - watts) / watts) < 0.02
    to_onnx(model, tmp_path / "gpu.onnx")
    exported = load_predictor(tmp_path / "gpu.onnx")
    np.testing.assert_allclose(exported.predict(table), model.predict(table), rtol=1e-5)
    curves = cast(Any, exported.backend).curves(load[:9, 1], load[:9, 2])
    np.testing.assert_allclose(curves, model.curves(load[:9, 1], load[:9, 2]), rtol=1e-5)
    for column, sign in ((0, 1), (1, 1), (2, -1)):
        rows = np.tile([40.0, 60.0, 20.0], (201, 1))
        rows[:, column] = np.linspace(1, 99, 201)
        assert (sign * np.diff(exported.predict(rows)) >= 0).all()


@pytest.mark.parametrize(
    ("directions", "message"),
    [({"fan": 1}, "the features are cpu_usage"), ({"inlet_temp": 2}, "use 1"), ({"cpu_usage": -1}, "has 1")],
)
def test_a_direction_that_cannot_be_is_refused(directions: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        PowerCurveRegressor(directions=directions).fit(X, WATTS)


def test_curves_and_displays_take_a_fitted_model(fitted: PowerCurveRegressor) -> None:
    curve = PowerCurve.from_predictor(fitted, 25.0, 5.0)
    np.testing.assert_allclose(curve.watts, fitted.curves(25.0, 5.0)[0])
    display = PowerCurveDisplay.from_predictor(fitted)
    low, high = fitted.ranges_["inlet_temp"]
    assert f"{(low + high) / 2:g}" in display.label


def test_device_cuda_is_refused_where_there_is_none() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no CUDA"):
            PowerCurveRegressor(device="cuda").fit(X, WATTS)


def test_tables_with_names_are_read_by_name(fitted: PowerCurveRegressor) -> None:
    columns = {"delta_p": X[:, 2], "note": X[:, 0], "inlet_temp": X[:, 1], "cpu_usage": X[:, 0]}
    np.testing.assert_array_equal(fitted.predict(columns), fitted.predict(X))


@pytest.mark.parametrize(
    ("watts", "message"), [([200.0, 0.0], "row 1"), ([np.nan, 200.0], "y contains NaN"), ([1.0], "inconsistent")]
)
def test_watts_that_cannot_be_are_refused(watts: list[float], message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        PowerCurveRegressor().fit([[0, 20, 1], [50, 20, 1]], watts)


def test_a_file_that_cannot_be_written_is_reported(fitted: PowerCurveRegressor, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        to_onnx(fitted, tmp_path / "absent" / "m.onnx")


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """edge_lenovo, trained again as it was shipped; some 10 s."""
    (server,) = (server for server in SERVERS if server.name == "edge_lenovo")
    folder = tmp_path_factory.mktemp("again")
    train_server(server, folder, held_out=False)
    return folder / "edge_lenovo.onnx"


def test_a_shipped_model_trained_again_answers_the_same(again: Path) -> None:
    table = load_table(Path(__file__).parents[3] / "examples" / "data" / "power" / "edge_lenovo.csv")
    ours, theirs = (run(path, table.X)[0] for path in (again, model_path("edge_lenovo")))
    assert 100 * np.mean(np.abs(ours - theirs) / theirs) < TOLERANCE


def test_a_shipped_model_trained_again_is_the_same_model(again: Path) -> None:
    shipped, info = read_info(model_path("edge_lenovo")), read_info(again)
    assert (info.ranges, info.knots, info.support, info.source) == (
        shipped.ranges,
        shipped.knots,
        shipped.support,
        shipped.source,
    )
    assert isinstance(info.ranges, FeatureRanges)
    assert info.metrics["fit"]["all"]["mape"] == pytest.approx(shipped.metrics["fit"]["all"]["mape"], abs=0.02)
