"""Scores of MinimizePower: from power increases to the scores of an extender. Pure."""

from __future__ import annotations

import numpy as np

from wao_predict.arrays import FloatArray, IntArray

UNKNOWN = 0
"""Score class of a node without a curve or CPU sample: below every measured node."""
OVERCOMMITTED = 1
"""Score class of a measured node that the pod would overload."""
LOWEST = 2
"""Score class of a measured node with room. The class is the lowest score of its nodes."""
HIGHEST = 10
"""MaxExtenderPriority of k8s.io/kube-scheduler/extender/v1."""
PROPORTIONAL_TOP = 100_000
"""Score of the best node in proportional mode. kube-scheduler neither checks nor clamps an extender's scores."""


def ranking(increase: FloatArray, load: FloatArray) -> IntArray:
    """Return the rows of the measured nodes, best first.

    Parameters
    ----------
    increase
        Power that the pod adds [W], shape (n,): NaN unknown, +inf where the pod does not fit.
    load
        CPU load without the pod [% of capacity], shape (n,). It breaks ties: among nodes with room the fuller one comes
        first, which keeps idle nodes idle; among nodes that would be overloaded the least loaded one.

    Notes
    -----
    The order is total and deterministic (equal nodes stay in the given order), so the scheduler takes the node that we
    assume the pod on.
    """
    known = np.flatnonzero(~np.isnan(increase))
    fits = np.isfinite(increase[known])
    by_load = np.where(fits, -load[known], load[known])
    order = np.lexsort((by_load, increase[known]))
    ranked: IntArray = known[order]
    return ranked


def best(increase: FloatArray, load: FloatArray) -> int | None:
    """Return the first row of `ranking` without sorting, or None if no node is known."""
    lowest = np.fmin.reduce(increase, initial=np.nan)  # ignores NaN
    if np.isnan(lowest):
        return None
    ties = np.flatnonzero(increase == lowest)
    if ties.size == 1:
        return int(ties[0])
    return int(ties[np.argmax(load[ties]) if np.isfinite(lowest) else np.argmin(load[ties])])


def ordinal(increase: FloatArray, load: FloatArray) -> IntArray:
    """Return scores by rank from 0 to 10, shape (n,): 10 for the best node, then 9, 8, ...; 0 for the lowest class.

    Nodes of higher classes without a rank get the distance of their class from the lowest class present. Usually all
    nodes are measured and have room, so nearly all scores are 0 and need not be sent. With an extender weight of 121 or
    more the best node wins against any sum of the default scorers.
    """
    room = np.isfinite(increase)
    if room.all():
        scores, pool, key = np.zeros(increase.shape, dtype=np.int64), np.arange(increase.size), increase
    else:
        known = ~np.isnan(increase)
        scores = np.full(increase.shape, UNKNOWN, dtype=np.int64)
        scores[known] = OVERCOMMITTED
        scores[room] = LOWEST
        scores -= scores.min()
        pool, key = np.flatnonzero(room if room.any() else known), increase if room.any() else load
    if pool.size == 0:
        return scores
    steps = HIGHEST - int(scores[pool[0]])
    if pool.size > steps:  # sort only those that can get a step
        pool = pool[key[pool] <= np.partition(key[pool], steps - 1)[steps - 1]]
    ranked = pool[ranking(increase[pool], load[pool])][:steps]
    scores[ranked] = HIGHEST - np.arange(ranked.size)
    return scores


def proportional(increase: FloatArray, load: FloatArray, *, points_per_watt: float = 100.0) -> IntArray:
    """Return scores that fall with every watt above the best node, shape (n,), so that other plugins have influence.

    With weight 1 a score point counts 10 in the scheduler's sum, where the default scorers reach 1,200 together: at
    100 points per watt, 1.2 W outweigh all of them. Scores do not depend on the range of the increases, so one
    expensive node does not blur the differences between the others.
    """
    scores = np.full(increase.shape, UNKNOWN, dtype=np.int64)
    first = best(increase, load)
    if first is None:
        return scores
    room = np.isfinite(increase)
    scores[np.isposinf(increase)] = OVERCOMMITTED
    if room.any():
        lost = np.minimum(points_per_watt * (increase[room] - increase[first]), PROPORTIONAL_TOP - LOWEST)
        scores[room] = PROPORTIONAL_TOP - np.rint(lost).astype(np.int64)
    return scores
