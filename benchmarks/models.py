"""The shipped models: what they say of their own error, their size, and the speed of a batch."""

from __future__ import annotations

import numpy as np

from benchmarks.timing import quantiles
from wao_predict import list_models, load_predictor, model_path, power_curves


def main() -> None:
    """Print one line per model."""
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
