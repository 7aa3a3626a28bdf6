"""The floor of a node's load: the lowest CPU use within a window of time. Pure.

It estimates the part of the load that stays. The window is divided into slots, of which the lowest load is kept, so the
memory does not depend on the number of samples; a low load is forgotten between one window and one slot more after it.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import ArrayLike

from wao_predict.arrays import FloatArray, IntArray

WINDOW = 86_400.0
"""Default window [s]: a day, so that the floor is the load of the quietest hour."""
SLOTS = 24


class LoadFloor:
    """The lowest load of many nodes within a window.

    Parameters
    ----------
    cores
        Load at the beginning [cores], shape (n,); NaN unknown.
    at
        Time of the beginning [s].
    window
        Length of the window [s].

    Attributes
    ----------
    cores
        The floor of each node [cores], shape (n,); NaN unknown.
    window
        Length of the window [s].

    Examples
    --------
    >>> floor = LoadFloor([4.0], at=0.0, window=3600.0)
    >>> floor.lower(0, 1.0)
    >>> floor.advance(60.0, np.array([3.0]))
    >>> floor.cores.tolist()
    [1.0]
    >>> floor.advance(7200.0, np.array([3.0]))
    >>> floor.cores.tolist()
    [3.0]
    """

    def __init__(self, cores: ArrayLike, *, at: float, window: float = WINDOW) -> None:
        first = np.asarray(cores, dtype=np.float64)
        self.window = window
        self._slot = window / SLOTS
        self._lowest = np.full((SLOTS + 1, first.size), np.nan)
        self._number = int(at // self._slot)
        self._lowest[self._number % (SLOTS + 1)] = first
        self.cores: FloatArray = first.copy()

    def take(self, rows: IntArray) -> LoadFloor:
        """Return the floors of some nodes, shape (m,); a row of -1 is a new node whose load is unknown."""
        taken = copy(self)
        taken._lowest = np.column_stack([self._lowest, np.full(SLOTS + 1, np.nan)])[:, rows]
        taken.cores = np.append(self.cores, np.nan)[rows]
        return taken

    def lower(self, node: int, cores: float) -> None:
        """Note the present load of one node."""
        if not self.cores[node] <= cores:
            self.cores[node] = cores
        slot = self._lowest[self._number % (SLOTS + 1)]
        if not slot[node] <= cores:
            slot[node] = cores

    def recall(self, node: int, times: FloatArray, cores: FloatArray) -> float:
        """Note earlier loads of one node; loads outside of the window, below 0 or unknown are ignored.

        Parameters
        ----------
        times, cores
            Times [s] and loads [cores], shape (m,).

        Returns
        -------
        The earliest time that was noted [s], NaN if there is none.
        """
        numbers = (times // self._slot).astype(np.int64)
        kept = (numbers > self._number - SLOTS) & (numbers <= self._number) & (cores >= 0.0)
        column = self._lowest[:, node]
        np.fmin.at(column, numbers[kept] % (SLOTS + 1), cores[kept])
        self.cores[node] = np.fmin.reduce(column)
        return float(times[kept].min()) if kept.any() else np.nan

    def observe(self, cores: FloatArray) -> None:
        """Note the present load of all nodes, shape (n,); NaN where it is unknown."""
        slot = self._lowest[self._number % (SLOTS + 1)]
        np.fmin(slot, cores, out=slot)
        np.fmin(self.cores, cores, out=self.cores)

    def advance(self, now: float, cores: FloatArray) -> None:
        """Advance to a time, for which the given loads apply; minima that are older than the window are forgotten."""
        number = int(now // self._slot)
        if number <= self._number:
            return
        for passed in range(max(self._number + 1, number - SLOTS), number + 1):
            self._lowest[passed % (SLOTS + 1)] = cores
        self._number = number
        self.cores = np.fmin.reduce(self._lowest, axis=0)
