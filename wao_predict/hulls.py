"""Slopes of the lower convex hull of a power curve from any load on. Pure."""

from __future__ import annotations

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.curves import PowerCurves


def hull_slopes(knots: FloatArray, watts: FloatArray, start: FloatArray, limit: FloatArray) -> FloatArray:
    """Return the slope of the lower convex hull of each curve on [start, limit] between two knots [W/%].

    Parameters
    ----------
    knots
        CPU loads [%], ascending, shape (k,).
    watts
        Power at the knots [W], shape (m, k).
    start, limit
        Ends of the hull [%], shape (m,), with `start` below `limit`.

    Returns
    -------
    Slopes of shape (m, k - 1), ascending along each row. Between two knots below `start` the slope is that at `start`;
    above `limit` it is infinite.

    Notes
    -----
    The hull's slope at x is the maximum over y <= x of the minimum over z >= x of [P(z) - P(y)] / (z - y): the max-min
    formula of isotonic regression (Barlow et al., 1972), applied to the increments of the curve.

    Examples
    --------
    >>> knots, watts = np.array([0.0, 10.0, 50.0, 100.0]), np.array([[100.0, 180.0, 190.0, 198.0]])
    >>> hull_slopes(knots, watts, np.array([0.0]), np.array([100.0])).tolist()
    [[0.98, 0.98, 0.98]]
    >>> hull_slopes(knots, watts, np.array([10.0]), np.array([100.0])).tolist()  # above 10 % load is nearly free
    [[0.2, 0.2, 0.2]]
    """
    cells = knots.size - 1
    x = np.minimum(np.maximum(knots[:, None], start), limit)  # (k, m): each step below works on contiguous rows
    y = _interpolated(knots, watts, x)
    slopes = np.full((cells, len(start)), -np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        for left in range(cells):
            ahead = x[left + 1 :] - x[left]
            means = (y[left + 1 :] - y[left]) / ahead
            means[ahead <= 0.0] = np.inf
            lowest = np.minimum.accumulate(means[::-1], axis=0)[::-1]
            np.maximum(slopes[left:], lowest, out=slopes[left:])
    return np.ascontiguousarray(slopes.T)


def _interpolated(knots: FloatArray, watts: FloatArray, x: FloatArray) -> FloatArray:
    """Return the power at loads of shape (k, m) [W], in their shape."""
    left = np.clip(np.searchsorted(knots, x, side="right"), 1, knots.size - 1) - 1
    row = np.arange(x.shape[1])
    low, high = watts[row, left], watts[row, left + 1]
    fraction = np.clip((x - knots[left]) / (knots[left + 1] - knots[left]), 0.0, 1.0)
    result: FloatArray = low + fraction * (high - low)
    return result


class HullSlopes:
    """Hulls of many curves; each is computed when its ends are first used or change.

    Parameters
    ----------
    curves
        The curves.
    before
        Hulls of the same number of curves; those of rows that did not change are reused.
    """

    def __init__(self, curves: PowerCurves, *, before: HullSlopes | None = None) -> None:
        self._curves = curves
        self._start: FloatArray = np.full(len(curves), np.nan)
        self._limit: FloatArray = self._start.copy()
        self._slopes: FloatArray = np.empty((len(curves), curves.knots.size - 1))
        if before is not None and before._curves.watts.shape == curves.watts.shape:
            self._reuse(before)

    def _reuse(self, before: HullSlopes) -> None:
        old, new = before._curves, self._curves
        if np.array_equal(old.knots, new.knots):
            self._start = np.where((old.watts == new.watts).all(axis=1), before._start, np.nan)
            self._limit, self._slopes = before._limit.copy(), before._slopes.copy()

    def at(self, load: FloatArray, start: FloatArray, limit: FloatArray, rows: IntArray) -> FloatArray:
        """Return the slope of each hull at a load [W/%], shape (m,).

        Parameters
        ----------
        load, start, limit
            A load in [start, limit], and the ends of the hull [%], shape (m,).
        rows
            Curve of each, shape (m,).
        """
        cell = self._curves.cell(load)
        slope: FloatArray = self._slopes[rows, cell]
        changed = np.flatnonzero((self._start[rows] != start) | (self._limit[rows] != limit))
        if changed.size:
            row, begin, end = rows[changed], start[changed], limit[changed]
            hulls = hull_slopes(self._curves.knots, self._curves.watts[row], begin, end)
            slope[changed] = hulls[np.arange(changed.size), cell[changed]]  # a row may occur twice, with two starts
            self._start[row], self._limit[row], self._slopes[row] = begin, end, hulls
        return slope
