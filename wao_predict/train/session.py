"""A complete training: measure errors on held-out rows, fit to all rows, and export the model with its errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from wao_predict.errors import UsageError
from wao_predict.features import FeatureRanges
from wao_predict.intervals import Intervals
from wao_predict.models.metadata import ModelInfo
from wao_predict.train.export import to_onnx
from wao_predict.train.holdout import ErrorFigures, HeldOut, Holdout, evaluate, holdout_masks
from wao_predict.train.table import TrainingTable

if TYPE_CHECKING:
    from wao_predict.train.fitting import OnEpoch
    from wao_predict.train.regressor import PowerCurveRegressor

Route = Literal["torch", "sklearn"]
ROUTES: tuple[Route, ...] = ("torch", "sklearn")
OnProgress = Callable[[str, float], None]
"""Called with a description of the current fit, and the fraction of the work that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Options of a training.

    Attributes
    ----------
    route
        Library that fits the model.
    epochs, hidden, device
        Passes over the data, units of each hidden layer, and device; for torch only.
    seed
        Random seed.
    holdout
        Rows to hold out.
    directions
        1 or -1 for features other than cpu_usage in which power never falls, or never rises.
    """

    route: Route = "torch"
    epochs: int = 200
    seed: int = 0
    holdout: Holdout = "auto"
    hidden: int = 48
    device: str = "auto"
    directions: Mapping[str, int] = field(default_factory=dict)

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
        Name, source, licence and support of the model; features, ranges, knots, metrics and intervals are added.
    """
    with _threads(plan):
        return _trained(table, path, plan, info, on_progress)


def _threads(plan: TrainingPlan) -> AbstractContextManager[object]:
    """Return a context that limits the threads of the route; torch limits its own."""
    if plan.route == "torch":
        return nullcontext()
    from wao_predict.train.sklearn_route import few_threads

    return few_threads()


def _trained(
    table: TrainingTable, path: Path, plan: TrainingPlan, info: ModelInfo, on_progress: OnProgress | None
) -> Trained:
    masks = holdout_masks(table.X, plan.holdout, table.features)
    meter = _Meter(len(masks) + 1, on_progress)
    held_out = evaluate(lambda name: _regressor(plan, table, meter, f"without {name}"), table.X, table.watts, masks)
    model = _regressor(plan, table, meter, "on all rows")
    model.fit(table.X, table.watts)
    fit = ErrorFigures.of(model.predict(table.X), table.watts)
    metrics: dict[str, Any] = {"fit": {"all": fit.rounded()}}
    if masks:
        metrics["held_out"] = {name: figures.rounded() for name, figures in held_out.figures().items()}
    intervals = Intervals.of_residuals(held_out.X[:, 0], held_out.truth - held_out.watts)
    described = replace(info, metrics=metrics, features=table.features, intervals=intervals)
    described = to_onnx(model, path, info=described, ranges=_box(table))
    meter.done()
    return Trained(model, described, held_out if masks else None)


def _box(table: TrainingTable) -> FeatureRanges:
    low, high = table.X.min(axis=0), table.X.max(axis=0)
    return FeatureRanges(**{name: (float(a), float(b)) for name, a, b in zip(table.features, low, high, strict=True)})


def network(plan: TrainingPlan, table: TrainingTable, *, on_epoch: OnEpoch | None = None) -> PowerCurveRegressor:
    """Return the network of a plan, not fitted yet."""
    from wao_predict.train.regressor import PowerCurveRegressor

    return PowerCurveRegressor(
        features=table.features,
        directions=plan.directions,
        hidden=plan.hidden,
        epochs=plan.epochs,
        seed=plan.seed,
        device=plan.device,
        on_epoch=on_epoch,
    )


def _regressor(plan: TrainingPlan, table: TrainingTable, meter: _Meter, what: str) -> Any:
    meter.begin(what)
    if plan.route == "torch":
        return network(plan, table, on_epoch=meter.epoch)
    from wao_predict.train.sklearn_route import default_regressor

    return default_regressor(plan.seed, features=table.features, directions=plan.directions, rows=len(table))


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
