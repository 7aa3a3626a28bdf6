"""The stock scheduler's placement: of identical pods, and of the present load. Pure."""

from __future__ import annotations

import heapq

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.curves import PowerCurves


def stock_counts(
    capacity_cores: FloatArray, usage_cores: FloatArray, room: IntArray, cores: float, count: int
) -> IntArray:
    """Return the pods per node if each goes to the node with the largest share of free CPU, shape (n_nodes,).

    This is the default strategy of NodeResourcesFit (LeastAllocated) for CPU. The stock scheduler counts the requests
    of pods; here the CPU in use takes their place. Among equal nodes the first one is chosen.

    Parameters
    ----------
    capacity_cores, usage_cores
        CPU and CPU use of each node [cores], shape (n_nodes,).
    room
        Number of pods that fit on each node, shape (n_nodes,).
    cores, count
        CPU of one pod [cores], and the number of pods. They fit.

    Examples
    --------
    >>> stock_counts(np.array([8.0, 4.0]), np.array([4.0, 0.0]), np.array([4, 4]), 1.0, 3).tolist()
    [1, 2]
    """
    counts = np.zeros(len(capacity_cores), dtype=np.int64)
    before, share = (usage_cores / capacity_cores).tolist(), (cores / capacity_cores).tolist()
    allocated = [(part, node) for node, part in enumerate(before) if room[node] > 0]
    heapq.heapify(allocated)
    for _ in range(count):
        node = allocated[0][1]
        counts[node] += 1
        if counts[node] < room[node]:
            heapq.heapreplace(allocated, (before[node] + int(counts[node]) * share[node], node))
        else:
            heapq.heappop(allocated)
    return counts


def spread_watts(curves: PowerCurves, capacity_cores: FloatArray, usage_cores: FloatArray) -> float:
    """Return the power of the nodes if their present load were spread, each with the same share of its CPU in use [W].

    This is where the stock scheduler tends to with many small pods: the baseline of a saving.

    Parameters
    ----------
    curves
        Power of each node, n_nodes known curves.
    capacity_cores, usage_cores
        CPU and CPU use of each node [cores], shape (n_nodes,).

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [50.0, 250.0]]))
    >>> spread_watts(curves, np.array([8.0, 8.0]), np.array([8.0, 0.0]))
    300.0
    """
    total = float(capacity_cores.sum())
    if total <= 0.0:
        return 0.0
    share = 100.0 * float(usage_cores.sum()) / total
    return float(curves.at(np.full(len(curves), share)).sum())
