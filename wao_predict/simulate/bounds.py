"""Energy that no placement can go below. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.curves import PowerCurves
from wao_predict.fleet import EXACT_WORK, Fleet
from wao_predict.hulls import hull_slopes
from wao_predict.simulate.run import KILOWATT_HOUR, Conditions
from wao_predict.simulate.trace import Trace

Method = Literal["exact", "fluid"]
UNIT = 1e-3
"""Finest division of CPU use for the exact bound [cores]."""


def lower_bound(
    fleet: Fleet, trace: Trace, *, conditions: Sequence[Conditions] = (), exact_work: int = EXACT_WORK
) -> tuple[float, Method]:
    """Return the energy that no placement can go below in which no pod waits [kWh], and how it was found.

    Parameters
    ----------
    fleet, trace, conditions
        See `wao_predict.simulate.engine.simulate_trace`.
    exact_work
        Number of additions up to which the bound is exact, see `Fleet.what_if`; beyond it, the fluid bound is returned.

    Notes
    -----
    "exact": pods are divided into units, the greatest common divisor of their CPU use, and all units may move at any
    time without cost. The least power for each number of units is found by dynamic programming. If all pods have one
    size, this is the optimum with free moves. "fluid": see `fluid_bound`, which is never above.

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 50.0, 100.0]), np.array([[100.0, 190.0, 200.0]] * 2))
    >>> fleet = Fleet(("a", "b"), curves, np.array([10.0, 10.0]), np.array([0.0, 0.0]))
    >>> trace = Trace.of(arrival=[0.0], duration=[3600.0], request=[5.0])
    >>> lower_bound(fleet, trace), round(fluid_bound(fleet, trace), 3)
    ((0.29, 'exact'), 0.25)
    """
    unit = _unit(trace.use)
    if unit is not None:
        most = round(float(load_over_time(trace)[1].max()) / unit)
        room = int(np.minimum(fleet.room(unit), most).sum())
        if room >= most > 0 and (room + 4 * len(fleet.names)) * most * (1 + len(conditions)) <= exact_work:

            def least(curves: PowerCurves, cores: FloatArray) -> FloatArray:
                there = Fleet(fleet.names, curves, fleet.capacity_cores, fleet.usage_cores)
                found = there.what_if(unit, most, exact_work=exact_work)
                watts = found.watts_before + np.append(0.0, found.watt_increases)
                return watts[np.rint(cores / unit).astype(np.int64)]

            return _integrated(fleet, trace, conditions, least), "exact"
    return fluid_bound(fleet, trace, conditions=conditions), "fluid"


def _unit(use: FloatArray) -> float | None:
    """Return the greatest common divisor of the pods' CPU use [cores], None if it is not a multiple of `UNIT`."""
    whole = np.rint(use / UNIT).astype(np.int64)
    if not np.allclose(whole * UNIT, use, rtol=0, atol=1e-9):
        return None
    return float(np.gcd.reduce(whole)) * UNIT or None


def fluid_bound(fleet: Fleet, trace: Trace, *, conditions: Sequence[Conditions] = ()) -> float:
    """Return a lower bound of the energy of every placement in which no pod waits [kWh].

    CPU use may be divided and moved between nodes at any time, without cost: each node then uses what its lower convex
    hull from the base load on says, and the flattest parts of all hulls are filled first.

    Parameters
    ----------
    fleet, trace, conditions
        See `wao_predict.simulate.engine.simulate_trace`.

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 150.0]]))
    >>> fleet = Fleet(("a", "b"), curves, np.array([10.0, 10.0]), np.array([0.0, 0.0]))
    >>> fluid_bound(fleet, Trace.of(arrival=[0.0], duration=[3600.0], request=[2.0]))
    0.21
    """
    return _integrated(fleet, trace, conditions, lambda curves, cores: cheapest_watts(fleet, curves, cores))


def _integrated(
    fleet: Fleet,
    trace: Trace,
    conditions: Sequence[Conditions],
    least: Callable[[PowerCurves, FloatArray], FloatArray],
) -> float:
    """Return the energy of the least power for the load of each moment [kWh]."""
    moments, load = load_over_time(trace)
    changes = sorted(conditions, key=lambda item: item.at)
    starts = [0.0, *(item.at for item in changes)]
    ends = [*starts[1:], trace.horizon]
    joules = 0.0
    for start, end, curves in zip(starts, ends, [fleet.curves, *(item.curves for item in changes)], strict=True):
        edges = np.clip(np.append(moments, trace.horizon), start, min(end, trace.horizon))
        joules += float((least(curves, load) * np.diff(edges)).sum())
    return joules / KILOWATT_HOUR


def load_over_time(trace: Trace) -> tuple[FloatArray, FloatArray]:
    """Return the times at which the pods' CPU use changes [s], and the use from each on [cores], if no pod waits."""
    times = np.concatenate([trace.arrival, trace.arrival + trace.duration])
    change = np.concatenate([trace.use, -trace.use])
    inside = times < trace.horizon
    times, change = times[inside], change[inside]
    order = np.argsort(times, kind="stable")
    load = np.maximum(np.append(0.0, np.cumsum(change[order])), 0.0)
    return np.append(0.0, times[order]), load


def cheapest_watts(fleet: Fleet, curves: PowerCurves, cores: FloatArray) -> FloatArray:
    """Return the least power at which nodes carry divisible CPU use on top of their base load [W], in its shape."""
    base, full = fleet.cpu_usage, np.full(len(fleet.names), 100.0)
    slopes = hull_slopes(curves.knots, curves.watts, np.minimum(base, 100.0 - 1e-9), full)
    lengths = np.diff(np.maximum(np.minimum(curves.knots, 100.0)[None, :], base[:, None]), axis=1)
    lengths = lengths * fleet.capacity_cores[:, None] / 100.0
    per_core = slopes * 100.0 / fleet.capacity_cores[:, None]
    used = lengths.ravel() > 0
    slope, length = per_core.ravel()[used], lengths.ravel()[used]
    order = np.argsort(slope)
    at = np.append(0.0, np.cumsum(length[order]))
    watts = float(curves.at(base).sum()) + np.append(0.0, np.cumsum((slope * length)[order]))
    return np.interp(cores, at, watts)
