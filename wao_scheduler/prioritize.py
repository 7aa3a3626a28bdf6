"""MinimizePower: from increases in watts to extender scores. Pure functions over arrays."""

from __future__ import annotations

from typing import Literal

import numpy as np

from wao_predict.arrays import FloatArray, IntArray

ScoreMode = Literal["ordinal", "proportional"]

UNKNOWN = 0
"""Class of a node without curve or CPU sample: below every measured node."""
OVERCOMMITTED = 1
"""Class of a measured node that the pod would overload, while others have room."""
LOWEST = 2
"""Class of a measured node with room. A node's class is its least score."""
HIGHEST = 10
"""MaxExtenderPriority of k8s.io/kube-scheduler/extender/v1."""
PROPORTIONAL_TOP = 100_000
"""Score of the best node in proportional mode; the scheduler neither checks nor clamps an extender's range."""


def ranking(increase: FloatArray, load: FloatArray) -> IntArray:
    """Return the rows of measured nodes, the best first.

    Parameters
    ----------
    increase
        Watts that the pod adds, shape (n,): NaN unknown, +inf where it does not fit.
    load
        CPU load without the pod [% of capacity], shape (n,). Breaks ties: the fuller node is taken, which keeps idle
        ones idle; among nodes that would be overloaded the least loaded comes first.

    Notes
    -----
    The order is total and deterministic (equal nodes stay in the order given), so the node that we count on is the
    one that the scheduler takes.
    """
    known = np.flatnonzero(~np.isnan(increase))
    fits = np.isfinite(increase[known])
    by_load = np.where(fits, -load[known], load[known])
    order = np.lexsort((by_load, increase[known]))
    ranked: IntArray = known[order]
    return ranked


def best(increase: FloatArray, load: FloatArray) -> int | None:
    """Return the first row of `ranking` without sorting, or None when no node is known."""
    if increase.size == 0 or np.isnan(increase).all():
        return None
    lowest = np.nanmin(increase)
    ties = np.flatnonzero(increase == lowest)
    if ties.size == 1:
        return int(ties[0])
    return int(ties[np.argmax(load[ties]) if np.isfinite(lowest) else np.argmin(load[ties])])


def ordinal(increase: FloatArray, load: FloatArray) -> IntArray:
    """Return scores 0..10, shape (n,): 10 for the best node alone, 9, 8, ... for the next, and 0 for the last class.

    The others keep the distance of their class from the last one there is. Mostly all nodes are measured and have room,
    so that nearly all scores are 0, and need not be sent. With an extender weight of 121 or more the best node wins
    against every sum of the default scorers.
    """
    room = np.isfinite(increase)
    if room.all():
        scores, pool, key = np.zeros(increase.shape, dtype=np.int64), np.arange(increase.size), increase
    else:
        scores = np.select([room, np.isposinf(increase)], [LOWEST, OVERCOMMITTED], UNKNOWN)
        scores -= scores.min()
        known = ~np.isnan(increase)
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
    """Return scores that fall with every watt above the best node, so that other plugins can weigh in.

    With weight 1 a score point counts 10 in the scheduler's sum, where the default scorers reach 1,200 together: at
    100 points a watt, 1.2 W outweigh all of them. Absolute, not relative to the range: one dear node does not blur
    the differences between the others.
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
