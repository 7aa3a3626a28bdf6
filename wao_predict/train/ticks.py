"""Where each feature gets a corner: the knots of a power curve and the steps of the two sensor readings. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wao_predict.errors import FeatureError
from wao_predict.features import FEATURES, FeatureRanges

FloatArray = NDArray[np.float64]

CPU_STEP = 2.5
"""Distance of a curve's knots [% CPU] when the data are not on a grid."""

MOST_ON_GRID = 64
"""A feature with at most so many different values, each met often, is on a grid: each value becomes a tick."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """Ascending values per feature at which the model may bend; between them it is a smooth or straight line."""

    cpu_usage: FloatArray
    inlet_temp: FloatArray
    delta_p: FloatArray

    @property
    def ranges(self) -> FeatureRanges:
        """The box from first to last tick: what the model was trained on."""
        return FeatureRanges(**{name: (float(t[0]), float(t[-1])) for name in FEATURES for t in [getattr(self, name)]})


def choose_ticks(X: FloatArray) -> Ticks:
    """Return ticks for the training rows X, shape (n_samples, 3): the grid's own values where there is a grid.

    Off a grid the curve gets a knot every 2.5 % CPU, the sensor readings get ticks at quantiles, so that each step has
    about the same number of rows, and fewer steps when there are few rows.

    Raises
    ------
    FeatureError
        CPU usage is the same in all rows, so there is no curve to learn.
    """
    if len(X) == 0 or np.ptp(X[:, 0]) == 0:
        raise FeatureError(
            "cpu_usage is the same in all rows, so there is no curve to learn: measure at several loads, also idle"
        )
    return Ticks(_cpu_ticks(X[:, 0]), _reading_ticks(X[:, 1]), _reading_ticks(X[:, 2]))


def on_grid(values: FloatArray) -> bool:
    """Return whether the values are few and each is met often, as in a table made on a grid."""
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
