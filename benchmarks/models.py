"""How accurate and how quick models are: those that are included, and those that are trained on a recording."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.timing import quantiles
from tests.fakes.simulated_server import SimulatedServer
from wao_predict import list_models, load_predictor, model_path, power_curves
from wao_predict.models import ModelInfo, specpower
from wao_predict.train.preparing import Preparation, prepared
from wao_predict.train.table import load_table


def main() -> None:
    """Print errors and speed of the included models, and errors of SPECpower curves and of models of a recording."""
    _included()
    _specpower()
    with tempfile.TemporaryDirectory() as folder:
        _recorded(Path(folder))


def _included() -> None:
    """Print one line per included model."""
    print(f"{'model':18}{'held-out MAPE':>15}{'bytes':>9}{'5,000 rows p50':>16}{'5,000 curves p50':>18}")
    for model in list_models():
        predictor = load_predictor(model.name)
        assert predictor.ranges is not None
        low, high = predictor.ranges.bounds()
        X = np.random.default_rng(0).uniform(low, high, (5000, 3))
        rows, _ = quantiles(lambda predictor=predictor, X=X: predictor.predict(X), repeats=20)  # type: ignore[misc]
        curves, _ = quantiles(
            lambda predictor=predictor, X=X: power_curves(predictor, X[:, 1], X[:, 2]),  # type: ignore[misc]
            repeats=20,
        )
        mape = model.metrics["held_out"]["all"]["mape"]
        size = model_path(model.name).stat().st_size
        print(f"{model.name:18}{mape:>13.2f} %{size:>9,}{rows:>13.2f} ms{curves:>15.2f} ms")


def _specpower() -> None:
    """Print how well the curves reproduce their eleven points, and the errors that their fits state."""
    servers = specpower.server_types()
    worst = 0.0
    for server in servers:
        model = load_predictor(f"specpower:{server.name}")
        predicted = model.predict({"cpu_usage": list(specpower.LOADS)})
        worst = max(worst, float(np.max(np.abs(predicted - np.array(server.watts)))))
    stated = [server.mape for server in servers if server.mape is not None]
    print(f"SPECpower: {len(servers)} curves of {len(specpower.LOADS)} points, at most {worst:.3f} W off their points")
    print(
        f"  stated errors of the fits: median {np.median(stated):.1f} %, "
        f"90 % of them below {np.quantile(stated, 0.9):.1f} %"
    )


def _recorded(folder: Path) -> None:
    """Print the error of models of 1 to 4 simulated hours with noise, lag and rounded watts."""
    routes = [name for name, needs in (("sklearn", "skl2onnx"), ("torch", "torch")) if find_spec(needs)]
    if not routes:
        print("recorded: needs the extra train or train-sklearn")
        return
    from wao_predict.train import TrainingPlan, train_to_onnx

    print("recorded: 15 s, 1 % noise, lag of 2 rows, steps of 2 W and 1 degC; MAPE against the true power")
    for truth in ("edge_lenovo", "cloud_dell"):
        for hours in (1.0, 2.0, 4.0):
            server = SimulatedServer(truth, hours=hours)
            path = folder / f"{truth}-{hours:g}.csv"
            rows = server.record(path)
            ready = prepared(load_table(path), Preparation())
            errors = []
            for route in routes:
                file = folder / f"{truth}-{hours:g}-{route}.onnx"
                plan = TrainingPlan(route=route)  # type: ignore[arg-type]
                train_to_onnx(ready, file, plan=plan, info=ModelInfo(truth))
                errors.append(f"{route} {server.error(load_predictor(file)):.2f} %")
            print(f"  {truth:12} {hours:g} h, {rows} rows: {', '.join(errors)}")
