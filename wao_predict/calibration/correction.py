"""The correction of a model for one server: measured = scale * predicted + offset, within bounds. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.errors import UsageError

LEAST_SPREAD = 0.1
"""Relative range of predicted power below which a scale cannot be distinguished from an offset."""

_ROUNDS, _FAR = 8, 1.345
"""Rounds of the reweighting, and Huber's constant for 95 % efficiency."""


@dataclass(frozen=True, slots=True)
class Correction:
    """An affine correction: `scale` without unit, `offset` in W.

    Examples
    --------
    >>> Correction(1.1, -5.0).apply(np.array([100.0])).round(6).tolist()
    [105.0]
    """

    scale: float = 1.0
    offset: float = 0.0

    def apply(self, watts: FloatArray) -> FloatArray:
        """Return corrected power [W], never below 0, in the shape of `watts`."""
        return np.maximum(self.scale * watts + self.offset, 0.0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a correction: the range of the scale, and the largest offset relative to the mean predicted power.

    Two servers of one type differ by a few percent. A larger difference is a wrong model or a wrong meter, which a
    correction would hide.
    """

    scale: tuple[float, float] = (0.8, 1.25)
    offset: float = 0.2

    def __post_init__(self) -> None:
        low, high = self.scale
        if not 0 < low <= 1 <= high or not 0 <= self.offset <= 1:
            raise UsageError("bounds of a correction: the scale from below 1 to above 1, the offset from 0 to 1")


def fit_correction(predicted: FloatArray, measured: FloatArray, bounds: Bounds | None = None) -> Correction:
    """Return the correction that fits best, robust against outliers (Huber's loss), and within bounds.

    Parameters
    ----------
    predicted, measured
        Power [W], shape (n,), n >= 1.
    bounds
        Limits; where the scale reaches one, the offset is fitted again.

    Examples
    --------
    >>> predicted = np.linspace(100.0, 300.0, 50)
    >>> fit_correction(predicted, 1.05 * predicted + 4.0)
    Correction(scale=1.05, offset=4.0)
    """
    limits = bounds or Bounds()
    middle = float(predicted.mean())
    scale = 1.0
    if np.ptp(predicted) >= LEAST_SPREAD * middle:
        scale = float(np.clip(_slope(predicted, measured), *limits.scale))
    offset = float(np.median(measured - scale * predicted))
    most = limits.offset * middle
    return Correction(round(scale, 6), round(float(np.clip(offset, -most, most)), 4))


def _slope(x: FloatArray, y: FloatArray) -> float:
    """Return the slope of a line by iteratively reweighted least squares."""
    weights = np.ones_like(x)
    slope = 1.0
    for _ in range(_ROUNDS):
        total = weights.sum()
        mean_x, mean_y = (weights @ x) / total, (weights @ y) / total
        spread = weights @ (x - mean_x) ** 2
        if spread <= 0:
            return slope
        slope = float((weights * (x - mean_x)) @ (y - mean_y) / spread)
        residual = y - mean_y - slope * (x - mean_x)
        limit = max(_FAR * 1.4826 * float(np.median(np.abs(residual))), 1e-9)
        weights = np.minimum(1.0, limit / np.maximum(np.abs(residual), 1e-12))
    return slope
