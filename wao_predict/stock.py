"""The stock scheduler's placement of pods, and of the present load. Pure."""

from __future__ import annotations

import heapq

import numpy as np

from wao_predict.arrays import FloatArray, IntArray

TRIES = 32
"""Nodes that are tried for a pod that does not fit on the first one, so that full nodes do not take long."""
_ROUNDING = 1e-9


class StockPlacement:
    """Places pods one after the other, each on the node with the largest share of free CPU.

    This is the default strategy of NodeResourcesFit (LeastAllocated) for CPU. Among equal nodes the first is chosen.

    Parameters
    ----------
    capacity_cores, allocated_cores
        CPU of each node, and the part that is allocated [cores], shape (n_nodes,).
    room
        Number of pods that fit on each node, shape (n_nodes,).
    bounded
        Whether a node takes no more than its CPU.

    Examples
    --------
    >>> stock = StockPlacement(np.array([8.0, 4.0]), np.array([4.0, 0.0]), np.array([4, 4]))
    >>> [stock.place(cores) for cores in (1.0, 2.0, 4.0, 4.0)]
    [1, 1, 0, None]
    """

    def __init__(
        self, capacity_cores: FloatArray, allocated_cores: FloatArray, room: IntArray, *, bounded: bool = True
    ) -> None:
        self._capacity: list[float] = capacity_cores.tolist()
        self._room: list[int] = room.tolist()
        self._limit = 1.0 + _ROUNDING if bounded else np.inf
        allocated = (allocated_cores / capacity_cores).tolist()
        self._allocated = [(part, node) for node, part in enumerate(allocated) if self._room[node] > 0]
        heapq.heapify(self._allocated)

    def place(self, cores: float) -> int | None:
        """Return the row of the node for a pod of this CPU [cores]; None if none of `TRIES` nodes has room."""
        heap = self._allocated
        full: list[tuple[float, int]] = []
        found = None
        while heap and len(full) < TRIES:
            part, node = heap[0]
            after = part + cores / self._capacity[node]
            if after <= self._limit:
                found = node
                self._room[node] -= 1
                if self._room[node] > 0:
                    heapq.heapreplace(heap, (after, node))
                else:
                    heapq.heappop(heap)
                break
            full.append(heapq.heappop(heap))
        for item in full:
            heapq.heappush(heap, item)
        return found


def stock_counts(
    capacity_cores: FloatArray, usage_cores: FloatArray, room: IntArray, cores: float, count: int
) -> IntArray:
    """Return the pods per node if the stock scheduler places identical pods, shape (n_nodes,); see `StockPlacement`.

    The stock scheduler counts the requests of pods; here the CPU in use takes their place.

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
    stock = StockPlacement(capacity_cores, usage_cores, room, bounded=False)
    rows = [row for _ in range(count) if (row := stock.place(cores)) is not None]
    return np.bincount(np.array(rows, dtype=np.int64), minlength=len(capacity_cores))
