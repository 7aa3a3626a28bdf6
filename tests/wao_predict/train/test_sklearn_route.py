"""The second route: scikit-learn regressors as ONNX, by skl2onnx."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("skl2onnx", reason="training needs the extra train")
onnxruntime = pytest.importorskip("onnxruntime")

from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestRegressor  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge  # noqa: E402
from sklearn.neural_network import MLPRegressor  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import PolynomialFeatures, StandardScaler  # noqa: E402
from threadpoolctl import threadpool_info  # noqa: E402

from wao_predict import FeatureRanges, UsageError  # noqa: E402
from wao_predict.models import ModelInfo, read_info  # noqa: E402
from wao_predict.train import TrainingPlan, default_regressor, fit_sklearn, to_onnx, train_to_onnx  # noqa: E402
from wao_predict.train.sklearn_route import few_threads  # noqa: E402
from wao_predict.train.table import TrainingTable  # noqa: E402

pytestmark = pytest.mark.train

RANDOM = np.random.default_rng(0)
X = RANDOM.uniform((0, 18, 0), (100, 32, 9), (300, 3)).astype(np.float32)
WATTS = 200 + 1.5 * X[:, 0] + (X[:, 1] - 25) + RANDOM.normal(0, 3, 300)


@pytest.mark.parametrize(
    "regressor",
    [
        default_regressor(),
        HistGradientBoostingRegressor(max_iter=20),
        GradientBoostingRegressor(n_estimators=20),
        RandomForestRegressor(5),
        LinearRegression(),
        make_pipeline(StandardScaler(), PolynomialFeatures(2), Ridge()),
        make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=3000, tol=1e-2)),
    ],
    ids=lambda regressor: "+".join(name for name, _ in getattr(regressor, "steps", [(type(regressor).__name__, None)])),
)
def test_onnxruntime_answers_as_scikit_learn(regressor: Any, tmp_path: Path) -> None:
    model = fit_sklearn(X, WATTS, regressor=regressor)
    path = tmp_path / "m.onnx"
    to_onnx(model, path)
    (watts,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["watts"], {"X": X})
    with few_threads():
        np.testing.assert_allclose(watts.reshape(-1), model.predict(X), atol=1e-2)


def test_training_uses_one_thread() -> None:
    """Threads of OpenMP that wait for each other take most of the time on a busy machine."""

    class Spy(LinearRegression):  # type: ignore[misc]
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            self.threads = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"}
            return super().fit(X, y)

    assert fit_sklearn(X, WATTS, regressor=Spy()).threads == {1}


def test_a_whole_training_uses_one_thread(tmp_path: Path) -> None:
    """Its held-out rows are predicted, too."""
    table = TrainingTable(tmp_path, X.astype(np.float64), WATTS)
    seen: list[set[int]] = []

    def look(what: str, part: float) -> None:
        seen.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"})

    plan = TrainingPlan("sklearn")
    train_to_onnx(table, tmp_path / "m.onnx", plan=plan, info=ModelInfo("m"), on_progress=look)
    assert len(seen) > 1
    assert set.union(*seen) == {1}


def test_trees_behind_a_scaler_are_converted_too(tmp_path: Path) -> None:
    """Scaled in 32 instead of 64 bits, a row that lies on a split may take the other branch; most do not."""
    model = fit_sklearn(X, WATTS, regressor=make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=5)))
    path = tmp_path / "m.onnx"
    to_onnx(model, path)
    (watts,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["watts"], {"X": X})
    with few_threads():
        assert np.mean(np.abs(watts.reshape(-1) - model.predict(X)) < 1e-2) > 0.9


def test_it_works_where_torch_is_not_installed(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "class Refuses:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'torch': raise ModuleNotFoundError(name, name='torch')\n"
        "sys.meta_path.insert(0, Refuses())\n"
        "import numpy as np\n"
        "from pathlib import Path\n"
        "from wao_predict.models import ModelInfo\n"
        "from wao_predict.train import TrainingPlan, TrainingTable, train_to_onnx, write_report\n"
        "X = np.random.default_rng(0).uniform(0, 100, (60, 1))\n"
        "table = TrainingTable(Path('t.csv'), X, 100 + X[:, 0], features=('cpu_usage',))\n"
        "plan = TrainingPlan(route='sklearn')\n"
        f"trained = train_to_onnx(table, Path({str(tmp_path / 'm.onnx')!r}), plan=plan, info=ModelInfo('m'))\n"
        f"write_report(Path({str(tmp_path / 'r.html')!r}), trained, table, plan)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
    assert read_info(tmp_path / "m.onnx").features == ("cpu_usage",)


def test_a_dozen_rows_are_fitted_rather_than_averaged() -> None:
    load = np.linspace(0, 100, 11)
    watts = 100 + 2 * load
    model = fit_sklearn({"cpu_usage": load}, watts, features=["cpu_usage"])
    assert np.mean(np.abs(model.predict(load[:, None]) - watts) / watts) < 0.07


def test_the_default_never_falls_with_cpu_usage() -> None:
    model = fit_sklearn(X, WATTS)
    cpu = np.linspace(0, 100, 1001)
    rows = np.column_stack([cpu, np.full_like(cpu, 25.3), np.full_like(cpu, 4.4)])
    assert (np.diff(model.predict(rows)) >= -1e-9).all()


def test_the_file_states_ranges_source_and_licence(tmp_path: Path) -> None:
    ranges = FeatureRanges(cpu_usage=(0, 100), inlet_temp=(18, 32), delta_p=(0, 9))
    path = tmp_path / "rack.onnx"
    to_onnx(fit_sklearn(X, WATTS), path, ranges=ranges, info=ModelInfo("rack", source="own", license="CC0-1.0"))
    info = read_info(path)
    assert (info.name, info.ranges, info.source, info.license, info.knots) == ("rack", ranges, "own", "CC0-1.0", ())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (LinearRegression(), "not fitted yet"),
        (LinearRegression().fit(X[:, :2], WATTS), "2 features"),
        (LogisticRegression(), "not a scikit-learn regressor"),
        ("a file name", "not a scikit-learn regressor"),
    ],
)
def test_what_is_no_fitted_regressor_of_three_features_is_refused(model: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        to_onnx(model, tmp_path / "m.onnx")


def test_columns_in_another_order_are_refused(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["inlet_temp", "cpu_usage", "delta_p"])
    with pytest.raises(UsageError, match="in this order"):
        to_onnx(LinearRegression().fit(frame, WATTS), tmp_path / "m.onnx")


def test_a_regressor_without_conversion_is_reported(tmp_path: Path) -> None:
    class Own(LinearRegression):  # type: ignore[misc]  # scikit-learn is untyped
        """A class that skl2onnx does not know."""

    with pytest.raises(UsageError, match="Own cannot be converted"):
        to_onnx(Own().fit(X, WATTS), tmp_path / "m.onnx")
