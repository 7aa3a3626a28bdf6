"""How long each node has which load in a simulation. Pure.

Power curves are linear between knots. The energy of a node is therefore the sum over the knots of the power there,
times the time that the node's load counts for the knot. These times do not depend on the power, so that one simulation
is evaluated with any number of other curves, such as those that a model may have been wrong about.
"""

from __future__ import annotations

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.fleet import Fleet
from wao_predict.simulate.run import Run
from wao_predict.simulate.trace import Trace


def seconds_at_knots(fleet: Fleet, trace: Trace, run: Run, *, start: float = 0.0) -> FloatArray:
    """Return the time for which each node's load counts for each knot of its curve [s], shape (n_nodes, n_knots).

    A moment at a load between two knots counts for both, in proportion to the distance.

    Parameters
    ----------
    fleet, trace, run
        A simulation in which pods stay on their first node.
    start
        Beginning of the time that is evaluated [s]; it ends with the simulation.

    Examples
    --------
    >>> from wao_predict import PowerCurves
    >>> from wao_predict.simulate.engine import simulate_trace
    >>> curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0]]))
    >>> fleet = Fleet(("a",), curves, np.array([10.0]), np.array([0.0]))
    >>> trace = Trace.of([0.0], [1800.0], [5.0], horizon=3600.0)
    >>> seconds_at_knots(fleet, trace, simulate_trace(fleet, trace, "lookahead")).tolist()
    [[2700.0, 900.0]]
    """
    count = len(fleet.names)
    begin = np.maximum(trace.arrival + run.waited, start)
    end = np.minimum(trace.arrival + run.waited + trace.duration, run.horizon)
    ran = (run.node >= 0) & (end > begin)
    node, use = run.node[ran], trace.use[ran]
    rows = np.concatenate([np.arange(count), node, node])  # the base load of each node comes first
    times = np.concatenate([np.full(count, start), begin[ran], end[ran]])
    change = np.concatenate([fleet.usage_cores, use, -use])
    order = np.lexsort((times, rows))
    rows, times = rows[order], times[order]
    total = np.cumsum(change[order])
    first = np.searchsorted(rows, np.arange(count))
    before = np.append(0.0, total)[first]
    used = np.maximum(total - before[rows], 0.0)
    last = np.append(rows[1:] != rows[:-1], True)
    seconds = np.where(last, run.horizon, np.append(times[1:], run.horizon)) - times
    return _spread(fleet, rows, 100.0 * used / fleet.capacity_cores[rows], seconds)


def _spread(fleet: Fleet, rows: IntArray, load: FloatArray, seconds: FloatArray) -> FloatArray:
    """Return the sums of times per node and knot, each split between the two knots around its load."""
    knots = fleet.curves.knots
    size = len(knots)
    load = np.clip(load, knots[0], knots[-1])
    left = np.clip(np.searchsorted(knots, load, side="right") - 1, 0, size - 2)
    right_part = (load - knots[left]) / (knots[left + 1] - knots[left])
    at = rows * size + left
    cells = len(fleet.names) * size
    result: FloatArray = np.zeros(cells)
    result += np.bincount(at, weights=seconds * (1.0 - right_part), minlength=cells)
    result += np.bincount(at + 1, weights=seconds * right_part, minlength=cells)
    return result.reshape(-1, size)
