"""The floor of each node's load by name, kept from snapshot to snapshot: nodes come and go."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.load_floor import WINDOW, LoadFloor
from wao_predict.recording.aligning import Series


class NodeFloors:
    """The lowest CPU use of each node within a window.

    Parameters
    ----------
    window
        Length of the window [s].

    Attributes
    ----------
    since
        Time since which the load of each node is known, at most one window ago [s since the epoch]; NaN for a node
        without a sample.
    """

    def __init__(self, window: float = WINDOW) -> None:
        self.window = window
        self.since: FloatArray = np.empty(0)
        self._names: tuple[str, ...] = ()
        self._rows: dict[str, int] = {}
        self._floor: LoadFloor | None = None
        self._history: dict[str, Series] = {}

    def update(self, now: float, names: tuple[str, ...], usage: FloatArray) -> FloatArray:
        """Note the CPU use of all nodes, and return their floors [cores], shape (n_nodes,), NaN without a sample.

        Parameters
        ----------
        now
            Time [s since the epoch].
        names
            Names of the nodes; the same tuple while they do not change.
        usage
            CPU use [cores], shape (n_nodes,); NaN unknown.
        """
        if self._floor is None:
            self._floor = LoadFloor(np.empty(0), at=now, window=self.window)
        if names is not self._names:
            self._select(names)
        self._floor.advance(now, usage)
        self._floor.observe(usage)
        self.since = np.maximum(np.where(np.isnan(usage), self.since, np.fmin(self.since, now)), now - self.window)
        return self._floor.cores.copy()

    def restore(self, history: Mapping[str, Series]) -> None:
        """Take over the lowest CPU use of parts of the window, before this process began [cores by name].

        Nodes that are not known yet get theirs when they first occur.
        """
        self._history = dict(history)
        for name in self._history.keys() & self._rows.keys():
            self._remember(self._rows[name], name)

    def _select(self, names: tuple[str, ...]) -> None:
        assert self._floor is not None
        rows = np.fromiter((self._rows.get(name, -1) for name in names), dtype=np.int64, count=len(names))
        known = np.append(self.since, np.nan)
        self._floor, self.since = self._floor.take(rows), known[rows]
        self._names, self._rows = names, {name: row for row, name in enumerate(names)}
        for row in np.flatnonzero(rows < 0).tolist():
            if names[row] in self._history:
                self._remember(row, names[row])

    def _remember(self, row: int, name: str) -> None:
        assert self._floor is not None
        series = self._history[name]
        self.since[row] = np.fmin(self.since[row], self._floor.recall(row, series.time, series.value))
