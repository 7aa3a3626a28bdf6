"""Prediction intervals: how far measured power was from predicted power on held-out rows, by band of load. Pure.

The bounds are quantiles of the differences on rows that the model did not see, with the correction for a finite number
of rows of split conformal prediction (Lei et al., "Distribution-Free Predictive Inference for Regression", 2018).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.errors import UsageError

LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Shares of the rows that an interval covers, as stored in a model file; others are interpolated."""

LEAST_ROWS = 40
"""Least held-out rows of a band: the bounds for 95 % need this many."""

_EDGES = np.arange(0.0, 101.0, 10.0)


class PredictionInterval(NamedTuple):
    """Predicted power and its lower and upper bound [W], each of shape (n_samples,)."""

    watts: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class Intervals:
    """Bounds of the difference between measured and predicted power, by band of load.

    Parameters
    ----------
    edges
        Loads [%] between which the bands are, ascending, shape (b + 1,). Loads beyond belong to the nearest band.
    levels
        Shares of the rows, ascending, between 0 and 1, shape (l,).
    low, high
        Bounds of measured minus predicted power [W], shape (b, l).

    Raises
    ------
    UsageError
        The shapes do not fit, or values do not ascend.
    """

    edges: FloatArray
    levels: FloatArray
    low: FloatArray
    high: FloatArray

    def __post_init__(self) -> None:
        shape = (self.edges.size - 1, self.levels.size)
        fits = (
            self.edges.ndim == self.levels.ndim == 1 and min(shape) > 0 and self.low.shape == self.high.shape == shape
        )
        values = (self.edges, self.levels, self.low, self.high)
        if not fits or not all(np.isfinite(array).all() for array in values):
            raise UsageError("intervals need bounds for each band of load and each level, all finite")
        ascending = (np.diff(self.edges) > 0).all() and (np.diff(self.levels) > 0).all()
        if not ascending or not (self.levels[0] > 0 and self.levels[-1] < 1) or (self.low > self.high).any():
            raise UsageError("intervals need ascending edges and levels between 0 and 1, and low below high")

    @classmethod
    def of_residuals(cls, cpu_usage: FloatArray, residual: FloatArray) -> Intervals | None:
        """Return the intervals of held-out rows, or None if there are fewer than `LEAST_ROWS`.

        Parameters
        ----------
        cpu_usage
            Load of each row [%], shape (n,).
        residual
            Measured minus predicted power [W], shape (n,).

        Examples
        --------
        >>> load = np.tile(np.arange(100.0), 10)
        >>> found = Intervals.of_residuals(load, np.where(load < 50, 1.0, 4.0) * np.sin(np.arange(1000.0)))
        >>> low, high = found.at(np.array([10.0, 90.0]), 0.9)
        >>> high.round(1).tolist()
        [1.0, 4.0]
        """
        edges = _bands(cpu_usage)
        if edges is None:
            return None
        band = _band(edges, cpu_usage)
        parts = [np.sort(residual[band == index]) for index in range(edges.size - 1)]
        levels = np.array(LEVELS)
        high = np.array([[_upper(part, level) for level in levels] for part in parts])
        low = np.array([[-_upper(-part[::-1], level) for level in levels] for part in parts])
        return cls(edges, levels, low, high)

    def at(self, cpu_usage: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        """Return the lower and upper bound of measured minus predicted power [W] at loads [%], in their shape.

        Raises
        ------
        UsageError
            The level is outside the stored ones.
        """
        first, last = float(self.levels[0]), float(self.levels[-1])
        if not first <= level <= last:
            raise UsageError(f"interval {level:g}: use a share of the rows from {first:g} to {last:g}")
        band = _band(self.edges, cpu_usage)
        low, high = (np.array([np.interp(level, self.levels, row) for row in rows]) for rows in (self.low, self.high))
        return low[band], high[band]

    def to_json(self) -> str:
        """Return the intervals as text, for the metadata of a model file."""
        lists = {"edges": self.edges, "levels": self.levels, "low": self.low.round(3), "high": self.high.round(3)}
        return json.dumps({name: values.tolist() for name, values in lists.items()})

    @classmethod
    def from_json(cls, text: str | None) -> Intervals | None:
        """Return the intervals in a text; None for an empty one.

        Raises
        ------
        ValueError
            The text does not have valid intervals.
        """
        if not text:
            return None
        try:
            given = json.loads(text)
            names = ("edges", "levels", "low", "high")
            return cls(*(np.asarray(given[name], dtype=np.float64) for name in names))
        except (UsageError, TypeError, LookupError, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from None


def required(intervals: object, model: str) -> Intervals:
    """Return the intervals of a model.

    Raises
    ------
    UsageError
        The model has none.
    """
    if not isinstance(intervals, Intervals):
        raise UsageError(
            f"{model} has no prediction intervals: `wao train` stores them if it holds out at least 40 rows"
        )
    return intervals


def _bands(cpu_usage: FloatArray) -> FloatArray | None:
    """Return edges between bands of 10 % CPU, merged until each band has enough rows."""
    counts = np.histogram(cpu_usage, bins=_EDGES)[0]
    edges, rows = [float(_EDGES[0])], 0
    for count, edge in zip(counts, _EDGES[1:], strict=True):
        rows += int(count)
        if rows >= LEAST_ROWS:
            edges.append(float(edge))
            rows = 0
    if len(edges) == 1:
        return None
    edges[-1] = float(_EDGES[-1])  # the remaining rows belong to the last band
    return np.array(edges)


def _band(edges: FloatArray, cpu_usage: FloatArray) -> IntArray:
    return np.clip(np.searchsorted(edges, cpu_usage, side="right") - 1, 0, edges.size - 2)


def _upper(ascending: FloatArray, level: float) -> float:
    """Return the upper bound of an interval that covers a share of further values."""
    rank = int(np.ceil((len(ascending) + 1) * (1 + level) / 2))
    return float(ascending[min(rank, len(ascending)) - 1])
