"""Selection of rows to hold out, and errors of a model on these rows. Pure.

Rows of a table are not independent: neighbours on a grid or in a log are similar. If random rows were held out, their
neighbours would nearly determine them, and the measured error would be too small. Instead, these rows are held out:

* planes, if the table is a grid: all rows with every fourth inner value of one feature; one fit per feature;
* blocks, otherwise: the rows in file order are split into 50 blocks, and every fifth block is held out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from wao_predict.arrays import BoolArray, FloatArray
from wao_predict.errors import UsageError
from wao_predict.features import FEATURES
from wao_predict.train.ticks import on_grid

Holdout = Literal["auto", "planes", "blocks", "none"]
HOLDOUTS: tuple[Holdout, ...] = ("auto", "planes", "blocks", "none")

BANDS: Mapping[str, tuple[float, float]] = {"0-30 % CPU": (0.0, 30.0), "30-100 % CPU": (30.0, np.inf)}
"""Bands of CPU usage [%], without the upper bound. The power of most servers rises steeply below 30 %."""

_EVERY_PLANE, _BLOCKS, _EVERY_BLOCK, _LEAST_PLANES = 4, 50, 5, 5


class Regressor(Protocol):
    """A regressor with the methods `fit` and `predict` of scikit-learn."""

    def fit(self, X: FloatArray, y: FloatArray, /) -> object:
        """Fit to X, shape (n_samples, n_features), and watts y, shape (n_samples,)."""
        ...

    def predict(self, X: FloatArray, /) -> FloatArray:
        """Return watts, shape (n_samples,)."""
        ...


@dataclass(frozen=True, slots=True)
class ErrorFigures:
    """Errors over `rows` rows: mean absolute [W], root mean square [W], and mean absolute percentage error [%]."""

    rows: int
    mae: float
    rmse: float
    mape: float

    @classmethod
    def of(cls, watts: FloatArray, truth: FloatArray) -> ErrorFigures:
        """Return the errors of predicted watts against the truth, both of shape (n,) with n >= 1."""
        error = watts - truth
        relative = 100.0 * np.abs(error) / truth
        return cls(len(truth), float(np.abs(error).mean()), float(np.sqrt((error**2).mean())), float(relative.mean()))

    def rounded(self) -> dict[str, float]:
        """Return the errors as a JSON object, rounded to 4 decimals."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Held-out rows with measured (`truth`) and predicted watts; `group` names the selection of each row.

    The first column of X is cpu_usage.
    """

    X: FloatArray
    truth: FloatArray
    watts: FloatArray
    group: NDArray[np.str_]

    def figures(self) -> dict[str, ErrorFigures]:
        """Return the errors of all rows, by CPU band, and by group if there are several; empty parts are omitted."""
        parts = {"all": np.ones(len(self.truth), dtype=bool)}
        for name, (low, high) in BANDS.items():
            parts[name] = (self.X[:, 0] >= low) & (self.X[:, 0] < high)
        groups = list(dict.fromkeys(self.group.tolist()))
        if len(groups) > 1:
            parts |= {name: self.group == name for name in groups}
        return {name: ErrorFigures.of(self.watts[p], self.truth[p]) for name, p in parts.items() if p.any()}


def holdout_masks(X: FloatArray, how: Holdout = "auto", features: Sequence[str] = FEATURES) -> dict[str, BoolArray]:
    """Return masks of the rows of X, shape (n_samples, n_features), to hold out, by name.

    Each name needs a separate fit.

    Raises
    ------
    UsageError
        `how` is unknown, `how` is "planes" and the table is not a grid, or the table is too small.
    """
    if how not in HOLDOUTS:
        raise UsageError(f"holdout {how!r} is unknown: use one of {', '.join(HOLDOUTS)}")
    if how == "none":
        return {}
    planes = _planes(X, features) if how in ("auto", "planes") else {}
    if how == "planes" and not planes:
        raise UsageError("the table is not a grid, so no planes can be held out: use the holdout blocks")
    return planes or {"blocks of rows": _blocks(len(X))}


def evaluate(make: Callable[[str], Regressor], X: FloatArray, y: FloatArray, masks: Mapping[str, BoolArray]) -> HeldOut:
    """Fit `make(name)` to the rows outside each mask, and predict the rows inside it."""
    parts = [HeldOut(X[:0], y[:0], y[:0], np.array([], dtype=np.str_))]
    for name, mask in masks.items():
        model = make(name)
        model.fit(X[~mask], y[~mask])
        parts.append(HeldOut(X[mask], y[mask], model.predict(X[mask]), np.full(int(mask.sum()), name)))
    return HeldOut(*(np.concatenate([getattr(p, field) for p in parts]) for field in ("X", "truth", "watts", "group")))


def _planes(X: FloatArray, features: Sequence[str]) -> dict[str, BoolArray]:
    if not all(on_grid(column) for column in X.T):
        return {}
    masks = {}
    for name, column in zip(features, X.T, strict=True):
        values = np.unique(column)
        if len(values) >= _LEAST_PLANES:
            masks[f"{name} planes"] = np.isin(column, values[2:-1:_EVERY_PLANE])
    return masks


def _blocks(rows: int) -> BoolArray:
    if rows < 2 * _EVERY_BLOCK:
        raise UsageError(f"{rows} rows are too few to hold any out: give at least {2 * _EVERY_BLOCK}, or holdout none")
    block = np.arange(rows) * min(_BLOCKS, rows) // rows
    mask: BoolArray = block % _EVERY_BLOCK == 2
    return mask
