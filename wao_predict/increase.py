"""The scoring arithmetic: what more CPU load costs in watts. Scheduler, load balancer, simulator and CLI all call it.

`marginal` is the reference's rule, P(u + r) - P(u), on floats. Real curves are often concave: the first job on an idle
server is dear, later ones nearly free, and placing each pod where it alone is cheapest ends far from the optimum.
`lookahead` scores a node by the best average increase over any number m of further equal jobs that still fit:
min over m >= 1, u + m r <= capacity, of [P(u + m r) - P(u)] / m.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError

Rule = Literal["lookahead", "marginal"]
RULES: tuple[Rule, ...] = ("lookahead", "marginal")

_Arguments = tuple[IntArray, FloatArray, FloatArray, FloatArray, FloatArray]
"""Row, load [%], load of a job [%], jobs that fit, and present watts of each candidate."""

FIT_TOLERANCE = 1e-9
"""Tolerance of `jobs_that_fit`, relative and absolute: ten jobs of 10 % must fit into 100 % despite rounding."""


def jobs_that_fit(free: FloatArray, size: FloatArray | float) -> FloatArray:
    """Return the whole number of equal jobs that fit, in the shape of `free`; negative where the node is overloaded.

    Parameters
    ----------
    free
        Unused CPU, in the unit of `size`. NaN gives NaN.
    size
        CPU of one job, above 0; one for all or in the shape of `free`.

    Examples
    --------
    >>> jobs_that_fit(np.array([1.0, 0.05]), 0.1).tolist()
    [10.0, 0.0]
    """
    fitting: FloatArray = np.floor(free / size * (1 + FIT_TOLERANCE) + FIT_TOLERANCE)
    return fitting


def watt_increase(
    curves: PowerCurves,
    cpu_usage: ArrayLike,
    added: ArrayLike,
    *,
    rule: Rule = "lookahead",
    capacity: ArrayLike = 100.0,
) -> FloatArray:
    """Return what one more job costs on each node [W], shape (n,).

    Parameters
    ----------
    curves
        One curve per node.
    cpu_usage
        Present load [% of capacity], shape (n,).
    added
        Load of the job on each node [% of its capacity], shape (n,) or one for all, above 0.
    rule
        `lookahead` or `marginal`.
    capacity
        Load that must not be exceeded [%], shape (n,) or one for all.

    Returns
    -------
    NaN where the curve or the load is unknown, +inf where the job does not fit.

    Raises
    ------
    UsageError
        An unknown rule, arrays of other lengths than there are curves, or a job of no load.

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 50.0, 100.0]), np.array([[100.0, 180.0, 200.0]]))
    >>> watt_increase(curves, [0.0], 10.0, rule="marginal").tolist()
    [16.0]
    >>> watt_increase(curves, [0.0], 10.0).tolist()  # ten of them cost 100 W together
    [10.0]
    """
    if rule not in RULES:
        raise UsageError(f"no rule {rule!r:.40}; there are {', '.join(RULES)}")
    for name, values in (("cpu_usage", cpu_usage), ("added", added), ("capacity", capacity)):
        if np.size(values) not in (1, len(curves)):
            raise UsageError(f"{np.size(values)} values of {name} for {len(curves)} curves: give one for each")
    if (np.asarray(added) <= 0).any():
        raise UsageError("added: the load of a job is above 0 % of a node's CPU")
    return IncreaseTable(curves).increase(cpu_usage, added, rule=rule, capacity=capacity)


class IncreaseTable:
    """`watt_increase` for many calls on the same curves."""

    def __init__(self, curves: PowerCurves) -> None:
        self._curves = curves

    def increase(
        self,
        cpu_usage: ArrayLike,
        added: ArrayLike,
        *,
        rows: IntArray | None = None,
        rule: Rule = "lookahead",
        capacity: ArrayLike = 100.0,
    ) -> FloatArray:
        """Return `watt_increase` for some rows of the curves.

        Parameters
        ----------
        rows
            Row of each candidate, shape (m,), -1 for one that has none: NaN. All rows in order without it.
            `cpu_usage`, `added` and `capacity` are of shape (m,) then. A job of no load gives NaN.
        """
        index = np.arange(len(self._curves)) if rows is None else rows
        load, step, limit = (_spread(values, index.shape) for values in (cpu_usage, added, capacity))
        with np.errstate(invalid="ignore", divide="ignore"):
            known = (index >= 0) & self._known[index] & np.isfinite(load) & np.isfinite(limit)
            known &= (step > 0) & np.isfinite(step)
            most = jobs_that_fit(limit - load, step)
        fits = known & (most >= 1)
        result = np.where(known, np.inf, np.nan)
        if fits.any():
            chosen = slice(None) if fits.all() else np.flatnonzero(fits)
            arguments = (index[chosen], load[chosen], step[chosen], most[chosen])
            result[chosen] = self._marginal(*arguments) if rule == "marginal" else self._lookahead(*arguments)
        return result

    @property
    def _known(self) -> BoolArray:
        return self._curves.known if len(self._curves) else np.zeros(1, dtype=np.bool_)

    def _marginal(self, rows: IntArray, load: FloatArray, step: FloatArray, most: FloatArray) -> FloatArray:
        base, one = self._curves.at(np.stack([load, load + step]), rows=rows)
        increase: FloatArray = one - base
        return increase

    def _lookahead(self, rows: IntArray, load: FloatArray, step: FloatArray, most: FloatArray) -> FloatArray:
        """Return the least average over 1..most jobs, exactly.

        P is linear between knots, so [P(u + m r) - P(u)] / m is monotone in m between two knots: its minimum over
        whole numbers m lies at 1, at the most that fit, or beside a knot. The average at the knot itself bounds both
        neighbours from below, so only knots whose bound beats the best found so far are looked at.
        """
        base, one, all_that_fit = self._curves.at(np.stack([load, load + step, load + most * step]), rows=rows)
        best: FloatArray = np.minimum(one - base, (all_that_fit - base) / most)
        bound = self._bounds(rows, load, step, most, base)
        steepest = bound.argmin(axis=1)
        index = np.arange(len(rows))
        better = np.flatnonzero(bound[index, steepest] * step < best)
        best[better] = self._beside(better, steepest[better], best[better], (rows, load, step, most, base))
        bound[index, steepest] = np.inf
        more, knot = np.divmod(np.flatnonzero(bound < (best / step)[:, None]), bound.shape[1])
        if more.size:
            found = self._beside(more, knot, best[more], (rows, load, step, most, base))
            np.minimum.at(best, more, found)
        return best

    def _bounds(
        self, rows: IntArray, load: FloatArray, step: FloatArray, most: FloatArray, base: FloatArray
    ) -> FloatArray:
        """Return the slope from the present load to each knot that 1..most jobs reach beyond [W/%], else +inf.

        Shape (m, k). Times the load of a job it is the average per job. Arrays of this shape are what takes the time,
        so they are few and worked on in place.
        """
        knots = self._curves.knots
        whole = len(rows) == len(self._curves) and bool((rows == np.arange(len(rows))).all())
        watts = self._curves.watts if whole else self._curves.watts[rows]
        ahead = knots[None, :] - load[:, None]
        slope: FloatArray = watts - base[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            slope /= ahead
        outside = ahead <= step[:, None]
        outside |= ahead >= (most * step)[:, None]
        np.putmask(slope, outside, np.inf)
        return slope

    def _beside(
        self,
        which: IntArray,
        knot: IntArray,
        best: FloatArray,
        arguments: _Arguments,
    ) -> FloatArray:
        """Return the better of `best` and the averages at the whole numbers of jobs on both sides of a knot."""
        rows = arguments[0][which]
        load, step, most, base = (values[which] for values in arguments[1:])
        low = np.floor((self._curves.knots[knot] - load) / step)
        jobs = np.minimum(np.maximum(np.stack([low, low + 1.0]), 1.0), most)
        averages = (self._curves.at(load + jobs * step, rows=rows) - base) / jobs
        better: FloatArray = np.minimum(best, averages.min(axis=0))
        return better


def _spread(values: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    """Return the values in this shape; np.broadcast_to alone takes longer than the work on a few rows."""
    array = np.asarray(values, dtype=np.float64)
    return array if array.shape == shape else np.broadcast_to(array, shape)
