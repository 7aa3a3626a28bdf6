"""The increase of power that more CPU load causes. Scheduler, load balancer, simulator and CLI all use it.

With the power curve P, the present load u and the load r of a job there are three rules:

* `marginal` is P(u + r) - P(u), the rule of the Go reference without its rounding to whole watts.
* `lookahead` is the lowest average increase over any number m of further equal jobs that fit: the minimum of
  [P(u + m r) - P(u)] / m over m >= 1 with u + m r <= capacity.
* `floor` is r times a slope at u + r / 2: 80 % of it is that of the lower convex hull of P from the node's floor to its
  capacity, and 20 % the mean slope of P within 25 % of the load. The floor is the part of the load that stays: a node
  that could become idle again has the cost of its whole curve. The near part fills the node in progress first. A full
  node costs 10 % less than that and others less in proportion to u, so that the fuller one of similar nodes wins.

Real curves are often concave: the first job on an idle server is expensive, and later ones cost almost nothing. If each
job goes where it alone is cheapest, the result can be far from the optimum; look-ahead comes close to it for jobs that
stay. If jobs end and others follow, look-ahead keeps expensive servers running because they already run; `floor` lets
them drain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import BoolArray, FloatArray, IntArray, as_floats
from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError
from wao_predict.hulls import HullSlopes

Rule = Literal["lookahead", "marginal", "floor"]
RULES: tuple[Rule, ...] = ("lookahead", "marginal", "floor")

NEAR = 25.0
"""Distance from the load within which the floor rule takes the mean slope [% of capacity]."""
NEAR_SHARE = 0.2
"""Share of this mean slope in the cost by the floor rule."""
FULLER = 0.1
"""Part by which the floor rule lowers the cost on a full node; in proportion to the load on others."""
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
    with np.errstate(over="ignore"):  # infinitely many of a job that is small enough
        fitting: FloatArray = np.floor(free / size * (1 + FIT_TOLERANCE) + FIT_TOLERANCE)
    return fitting


def watt_increase(
    curves: PowerCurves,
    cpu_usage: ArrayLike,
    added: ArrayLike,
    *,
    rule: Rule = "lookahead",
    capacity: ArrayLike = 100.0,
    floor: ArrayLike | None = None,
) -> FloatArray:
    """Return the power that one more job adds on each node [W], shape (n,).

    Parameters
    ----------
    curves
        The curve of each node.
    cpu_usage
        Present load [% of capacity], shape (n,) or a scalar.
    added
        Load of the job on each node [% of capacity], above 0, shape (n,) or a scalar.
    rule
        "lookahead", "marginal" or "floor".
    capacity
        Load that must not be exceeded [% of capacity], shape (n,) or a scalar.
    floor
        Part of the present load that stays [% of capacity], shape (n,) or a scalar, for the rule "floor"; NaN or
        default: all of it.

    Returns
    -------
    NaN where the curve or the load is unknown, +inf where the job does not fit.

    Raises
    ------
    UsageError
        The rule is unknown, an array has another length than `curves`, or `added` is not above 0.

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 50.0, 100.0]), np.array([[100.0, 180.0, 200.0]]))
    >>> watt_increase(curves, [0.0], 10.0, rule="marginal").tolist()
    [16.0]
    >>> watt_increase(curves, [0.0], 10.0).tolist()  # ten of them add 100 W together
    [10.0]
    >>> watt_increase(curves, [50.0], 10.0).tolist()  # the next five add 20 W
    [4.0]
    >>> watt_increase(curves, [50.0], 10.0, rule="floor", floor=0.0).round(2).tolist()  # an idle node would save 100 W
    [9.27]
    """
    if rule not in RULES:
        raise UsageError(f"no rule {rule!r:.40}; there are {', '.join(RULES)}")
    given = {
        name: as_floats(name, values)
        for name, values in (
            ("cpu_usage", cpu_usage),
            ("added", added),
            ("capacity", capacity),
            ("floor", np.nan if floor is None else floor),
        )
    }
    for name, array in given.items():
        if array.size not in (1, len(curves)) or array.ndim > 1:
            raise UsageError(f"{array.size} values of {name} for {len(curves)} curves: give one for each")
    if (given["added"] <= 0).any():
        raise UsageError("added: the load of a job must be above 0 % of a node's CPU")
    return IncreaseTable(curves).increase(
        given["cpu_usage"],
        given["added"],
        rule=rule,
        capacity=given["capacity"],
        floor=None if floor is None else given["floor"],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Jobs:
    """Candidates on which a job fits, shape (m,): curve, load [%], load of the job [%], and the most jobs that fit."""

    rows: IntArray
    load: FloatArray
    step: FloatArray
    most: FloatArray

    def take(self, which: IntArray) -> _Jobs:
        """Return some of the candidates."""
        return _Jobs(self.rows[which], self.load[which], self.step[which], self.most[which])


def least(increase: FloatArray, load: FloatArray) -> int | None:
    """Return the row with the lowest finite increase, the fullest among equal ones; None if no node has room.

    Parameters
    ----------
    increase
        Power that a job adds [W], shape (n,); NaN unknown, +inf where it does not fit.
    load
        CPU load without the job, shape (n,).

    Examples
    --------
    >>> least(np.array([2.0, 1.0, 1.0, np.nan]), np.array([0.0, 3.0, 4.0, 5.0]))
    2
    """
    lowest = np.fmin.reduce(increase, initial=np.inf)
    if not np.isfinite(lowest):
        return None
    ties = np.flatnonzero(increase == lowest)
    return int(ties[0]) if ties.size == 1 else int(ties[np.argmax(load[ties])])


class IncreaseTable:
    """Increases on the same curves for many calls, without the checks of `watt_increase`.

    Parameters
    ----------
    curves
        The curve of each node.
    before
        Table of the same nodes with other curves; hulls of curves that did not change are reused.
    """

    def __init__(self, curves: PowerCurves, *, before: IncreaseTable | None = None) -> None:
        self._curves = curves
        self._hulls: HullSlopes = HullSlopes(curves, before=None if before is None else before._hulls)

    def increase(
        self,
        cpu_usage: ArrayLike,
        added: ArrayLike,
        *,
        rows: IntArray | None = None,
        rule: Rule = "lookahead",
        capacity: ArrayLike = 100.0,
        floor: ArrayLike | None = None,
    ) -> FloatArray:
        """Return the power that one more job adds on each candidate [W], shape (m,).

        Parameters
        ----------
        cpu_usage, added, rule, capacity, floor
            See `watt_increase`, with shape (m,) instead of (n,). A job without load gives NaN.
        rows
            Curve of each candidate, shape (m,), -1 for a candidate without one, which gives NaN; default: all curves
            in order.
        """
        index = np.arange(len(self._curves)) if rows is None else rows
        load, step, limit = (
            _spread(name, values, index.shape)
            for name, values in (("cpu_usage", cpu_usage), ("added", added), ("capacity", capacity))
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            known = (index >= 0) & self._known[index] & np.isfinite(load) & np.isfinite(limit)
            known &= (step > 0) & np.isfinite(step)
            most = jobs_that_fit(limit - load, step)
        fits = known & (most >= 1)
        result = np.where(known, np.inf, np.nan)
        if fits.any():
            chosen = slice(None) if fits.all() else np.flatnonzero(fits)
            jobs = _Jobs(index[chosen], load[chosen], step[chosen], most[chosen])
            if rule == "floor":
                low = _spread("floor", np.nan if floor is None else floor, index.shape)[chosen]
                result[chosen] = self._floor(jobs, limit[chosen], low)
            else:
                result[chosen] = self._marginal(jobs) if rule == "marginal" else self._lookahead(jobs)
        return result

    @property
    def _known(self) -> BoolArray:
        return self._curves.known if len(self._curves) else np.zeros(1, dtype=np.bool_)

    def _marginal(self, jobs: _Jobs) -> FloatArray:
        base, one = self._curves.at(np.array([jobs.load, jobs.load + jobs.step]), rows=jobs.rows)
        increase: FloatArray = one - base
        return increase

    def _floor(self, jobs: _Jobs, limit: FloatArray, floor: FloatArray) -> FloatArray:
        """Return the cost by the floor rule [W], shape (m,); its numbers are from docs/decisions/0008."""
        start, end, middle = np.fmin(floor, jobs.load), jobs.load + jobs.step, jobs.load + 0.5 * jobs.step
        low = np.minimum(np.maximum(middle - NEAR, start), jobs.load)
        high = np.maximum(np.minimum(middle + NEAR, limit), end)
        below, above = self._curves.at(np.array([low, high]), rows=jobs.rows)
        near = (above - below) / (high - low)
        hull = self._hulls.at(middle, start, limit, jobs.rows)
        slope = (1.0 - NEAR_SHARE) * hull + NEAR_SHARE * near
        cost: FloatArray = slope * (1.0 - FULLER / 100.0 * jobs.load) * jobs.step
        return cost

    def _lookahead(self, jobs: _Jobs) -> FloatArray:
        """Return the exact lowest average over 1..most jobs [W], shape (m,).

        P is linear between knots, so [P(u + m r) - P(u)] / m is monotone in m between two knots. Its minimum over whole
        numbers m is at 1, at the most jobs that fit, or next to a knot. The average at the knot itself is a lower bound
        for both neighbours, so only knots with a bound below the best average so far are evaluated.
        """
        loads = np.array([jobs.load, jobs.load + jobs.step, jobs.load + jobs.most * jobs.step])
        base, one, all_that_fit = self._curves.at(loads, rows=jobs.rows)
        best: FloatArray = np.minimum(one - base, (all_that_fit - base) / jobs.most)
        bound = self._bounds(jobs, base)
        lowest = bound.argmin(axis=1)
        index = np.arange(len(jobs.rows))
        better = np.flatnonzero(bound[index, lowest] * jobs.step < best)
        best[better] = np.minimum(best[better], self._next_to(lowest[better], jobs.take(better), base[better]))
        bound[index, lowest] = np.inf
        more, knot = np.divmod(np.flatnonzero(bound < (best / jobs.step)[:, None]), bound.shape[1])
        if more.size:
            np.minimum.at(best, more, self._next_to(knot, jobs.take(more), base[more]))
        return best

    def _bounds(self, jobs: _Jobs, base: FloatArray) -> FloatArray:
        """Return the slope from the present load to each knot between 1 and `most` jobs [W/%], shape (m, k), else +inf.

        Multiplied with the load of a job it is the average per job. Arrays of this shape take most of the time, so they
        are few and changed in place.
        """
        knots = self._curves.knots
        count = len(jobs.rows)
        whole = count == len(self._curves) and bool((jobs.rows == np.arange(count)).all())
        watts = self._curves.watts if whole else self._curves.watts[jobs.rows]
        ahead = knots[None, :] - jobs.load[:, None]
        slope: FloatArray = watts - base[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            slope /= ahead
        outside = ahead <= jobs.step[:, None]
        outside |= ahead >= (jobs.most * jobs.step)[:, None]
        np.putmask(slope, outside, np.inf)
        return slope

    def _next_to(self, knot: IntArray, jobs: _Jobs, base: FloatArray) -> FloatArray:
        """Return the lower average at the whole numbers of jobs on both sides of one knot per candidate [W]."""
        below = np.floor((self._curves.knots[knot] - jobs.load) / jobs.step)
        counts = np.minimum(np.maximum(np.array([below, below + 1.0]), 1.0), jobs.most)
        averages = (self._curves.at(jobs.load + counts * jobs.step, rows=jobs.rows) - base) / counts
        lower: FloatArray = averages.min(axis=0)
        return lower


def _spread(name: str, values: ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    """Return the values in this shape. For a few rows np.broadcast_to alone takes longer than all other work."""
    array = as_floats(name, values)
    if array.shape == shape:
        return array
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise UsageError(f"{name} has shape {array.shape}: give {shape[0]} values or a single one") from None
