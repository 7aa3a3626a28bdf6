"""Selection of ticks: the knots of the power curve, and the values of the other features at ramps. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.errors import FeatureError
from wao_predict.features import FEATURES, FeatureRanges

CPU_STEP = 2.5
"""Distance between knots of a curve [% CPU] if the data are not on a grid."""

MOST_ON_GRID = 64
"""Maximum number of distinct values of a feature on a grid, where each value becomes a tick."""


class Ticks(Mapping[str, FloatArray]):
    """Ascending values of each feature, by name, cpu_usage first; between two ticks, the model is linear or smooth."""

    __slots__ = ("_ticks",)

    def __init__(self, ticks: Mapping[str, FloatArray]) -> None:
        self._ticks = {name: np.asarray(values, dtype=np.float64) for name, values in ticks.items()}

    def __getitem__(self, name: str) -> FloatArray:
        return self._ticks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ticks)

    def __len__(self) -> int:
        return len(self._ticks)

    @property
    def knots(self) -> FloatArray:
        """CPU loads [%] of the knots of the power curve."""
        return self._ticks["cpu_usage"]

    @property
    def ranges(self) -> FeatureRanges:
        """The trained range of each feature: from its first to its last tick."""
        return FeatureRanges(**{name: (float(ticks[0]), float(ticks[-1])) for name, ticks in self.items()})


def choose_ticks(X: FloatArray, features: Sequence[str] = FEATURES, *, weights: FloatArray | None = None) -> Ticks:
    """Return ticks for training rows: the values of the grid if there is one.

    Without a grid, the curve has a knot every 2.5 % CPU. The other features have ticks at quantiles, so that each step
    has about the same number of rows, and fewer ticks if there are few rows.

    Parameters
    ----------
    X
        Training rows, shape (n_samples, n_features).
    features
        Names of the columns, cpu_usage first.
    weights
        Number of times that each row counts, shape (n_samples,); default: once.

    Raises
    ------
    FeatureError
        CPU usage is the same in all rows, so there is no curve to learn.
    """
    counts = np.ones(len(X)) if weights is None else weights
    if len(X) == 0 or np.ptp(X[:, 0]) == 0:
        raise FeatureError(
            "cpu_usage is the same in all rows, so there is no curve to learn: measure at several loads, including idle"
        )
    first, *others = (np.asarray(column) for column in X.T)
    ticks = {features[0]: _cpu_ticks(first, counts)}
    ticks |= {name: _reading_ticks(column, counts) for name, column in zip(features[1:], others, strict=True)}
    return Ticks(ticks)


def on_grid(values: FloatArray, weights: FloatArray | None = None) -> bool:
    """Return whether there are few distinct values and each occurs often, as in a table on a grid."""
    different = len(np.unique(values))
    rows = float(len(values)) if weights is None else float(weights.sum())
    return different <= MOST_ON_GRID and rows >= 8 * different


def _cpu_ticks(values: FloatArray, weights: FloatArray) -> FloatArray:
    low, high = values.min(), values.max()
    if on_grid(values, weights):
        return np.unique(values)
    step = CPU_STEP if high - low >= 2 * CPU_STEP else (high - low) / 4
    inner = np.arange(np.floor(low / step) + 1, np.ceil(high / step)) * step
    return np.unique([low, *inner[(inner > low) & (inner < high)], high])


def _reading_ticks(values: FloatArray, weights: FloatArray) -> FloatArray:
    if on_grid(values, weights):
        return np.unique(values)
    steps = int(np.clip(np.sqrt(weights.sum()) / 4, 2, 24))
    places = np.linspace(0.0, 1.0, steps + 1)
    inner = np.quantile(values, places, method="inverted_cdf", weights=weights)
    return np.unique([values.min(), *inner, values.max()])
