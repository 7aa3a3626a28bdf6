"""A complete training: measure errors on held-out rows, fit to all rows, and export the model with its errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from wao_predict.errors import UsageError
from wao_predict.features import FEATURES, FeatureRanges
from wao_predict.models.metadata import ModelInfo
from wao_predict.train.export import to_onnx
from wao_predict.train.holdout import ErrorFigures, HeldOut, Holdout, evaluate, holdout_masks
from wao_predict.train.regressor import PowerCurveRegressor
from wao_predict.train.table import TrainingTable

Route = Literal["torch", "sklearn"]
ROUTES: tuple[Route, ...] = ("torch", "sklearn")
OnProgress = Callable[[str, float], None]
"""Called with a description of the current fit, and the fraction of the work that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Options of a training: route, passes over the data (torch only), seed, and rows to hold out."""

    route: Route = "torch"
    epochs: int = 200
    seed: int = 0
    holdout: Holdout = "auto"

    def __post_init__(self) -> None:
        if self.route not in ROUTES:
            raise UsageError(f"route {self.route!r} is unknown: use {' or '.join(ROUTES)}")
        if not 1 <= self.epochs <= 100_000:
            raise UsageError(f"{self.epochs} epochs: use 1 to 100,000")


@dataclass(frozen=True, slots=True)
class Trained:
    """Result of a training: the model fitted to all rows, the description in its file, and the held-out rows."""

    model: Any
    info: ModelInfo
    held_out: HeldOut | None


def train_to_onnx(
    table: TrainingTable,
    path: Path,
    *,
    plan: TrainingPlan,
    info: ModelInfo,
    on_progress: OnProgress | None = None,
) -> Trained:
    """Train a model on a table, write it to `path`, and return it with its errors.

    Parameters
    ----------
    info
        Name, source, licence and support of the model; ranges, knots and metrics are added.
    """
    masks = holdout_masks(table.X, plan.holdout)
    meter = _Meter(len(masks) + 1, on_progress)
    held_out = evaluate(lambda name: _regressor(plan, meter, f"without {name}"), table.X, table.watts, masks)
    model = _regressor(plan, meter, "on all rows")
    model.fit(table.X, table.watts)
    fit = ErrorFigures.of(model.predict(table.X), table.watts)
    metrics: dict[str, Any] = {"fit": {"all": fit.rounded()}}
    if masks:
        metrics["held_out"] = {name: figures.rounded() for name, figures in held_out.figures().items()}
    described = to_onnx(model, path, info=replace(info, metrics=metrics), ranges=_box(table))
    meter.done()
    return Trained(model, described, held_out if masks else None)


def _box(table: TrainingTable) -> FeatureRanges:
    low, high = table.X.min(axis=0), table.X.max(axis=0)
    return FeatureRanges(**{name: (float(a), float(b)) for name, a, b in zip(FEATURES, low, high, strict=True)})


def _regressor(plan: TrainingPlan, meter: _Meter, what: str) -> Any:
    meter.begin(what)
    if plan.route == "torch":
        return PowerCurveRegressor(epochs=plan.epochs, seed=plan.seed, on_epoch=meter.epoch)
    from wao_predict.train.sklearn_route import default_regressor

    return default_regressor(plan.seed)


class _Meter:
    """Counts fits and epochs, and reports the fraction of the work that is done."""

    def __init__(self, fits: int, on_progress: OnProgress | None) -> None:
        self._fits = fits
        self._begun = 0
        self._what = ""
        self._report: OnProgress = on_progress or (lambda what, part: None)

    def begin(self, what: str) -> None:
        self._report(what, self._begun / self._fits)
        self._begun, self._what = self._begun + 1, what

    def epoch(self, number: int, epochs: int, loss: float) -> None:
        self._report(f"{self._what}, error {loss:.2f} %", (self._begun - 1 + number / epochs) / self._fits)

    def done(self) -> None:
        self._report("done", 1.0)
