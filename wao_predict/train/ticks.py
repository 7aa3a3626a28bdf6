"""Selection of ticks: the knots of the power curve, and the values of the two sensor readings at ramps. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.errors import FeatureError
from wao_predict.features import FEATURES, FeatureRanges

CPU_STEP = 2.5
"""Distance between knots of a curve [% CPU] if the data are not on a grid."""

MOST_ON_GRID = 64
"""Maximum number of distinct values of a feature on a grid, where each value becomes a tick."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """Ascending values of each feature; between two ticks, the model is linear or smooth."""

    cpu_usage: FloatArray
    inlet_temp: FloatArray
    delta_p: FloatArray

    @property
    def ranges(self) -> FeatureRanges:
        """The trained range of each feature: from its first to its last tick."""
        return FeatureRanges(**{name: (float(t[0]), float(t[-1])) for name in FEATURES for t in [getattr(self, name)]})


def choose_ticks(X: FloatArray) -> Ticks:
    """Return ticks for the training rows X, shape (n_samples, 3): the values of the grid if there is one.

    Without a grid, the curve has a knot every 2.5 % CPU. The sensor readings have ticks at quantiles, so that each step
    has about the same number of rows, and fewer ticks if there are few rows.

    Raises
    ------
    FeatureError
        CPU usage is the same in all rows, so there is no curve to learn.
    """
    if len(X) == 0 or np.ptp(X[:, 0]) == 0:
        raise FeatureError(
            "cpu_usage is the same in all rows, so there is no curve to learn: measure at several loads, including idle"
        )
    return Ticks(_cpu_ticks(X[:, 0]), _reading_ticks(X[:, 1]), _reading_ticks(X[:, 2]))


def on_grid(values: FloatArray) -> bool:
    """Return whether there are few distinct values and each occurs often, as in a table on a grid."""
    different = len(np.unique(values))
    return different <= MOST_ON_GRID and len(values) >= 8 * different


def _cpu_ticks(values: FloatArray) -> FloatArray:
    low, high = values.min(), values.max()
    if on_grid(values):
        return np.unique(values)
    inner = np.arange(np.floor(low / CPU_STEP) + 1, np.ceil(high / CPU_STEP)) * CPU_STEP
    return np.concatenate([[low], inner, [high]])


def _reading_ticks(values: FloatArray) -> FloatArray:
    if on_grid(values):
        return np.unique(values)
    steps = int(np.clip(np.sqrt(len(values)) / 4, 2, 24))
    return np.unique(np.quantile(values, np.linspace(0.0, 1.0, steps + 1)))
