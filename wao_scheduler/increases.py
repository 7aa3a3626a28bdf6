"""What a pod would cost on each node of one snapshot, remembered: pods of one size often come in a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wao_core.snapshot import ClusterSnapshot
from wao_predict.increase import IncreaseTable, Rule

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

REMEMBERED = 32
"""Sizes of pods, by list of candidates, whose last answer is kept: 80 kB each for 5,000 nodes."""


@dataclass(slots=True)
class _Answer:
    rows: IntArray
    load: FloatArray
    increase: FloatArray


class Increases:
    """The increases of all nodes of a snapshot; a node's changes only with its load.

    Attributes
    ----------
    percent
        Load that one core is on each node [% of capacity], shape (n_nodes,), NaN unknown.
    """

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            self.percent: FloatArray = np.where(snapshot.capacity_cores > 0, 100.0 / snapshot.capacity_cores, np.nan)
            limit = self.percent * snapshot.allocatable_cores
        self._limit: FloatArray = np.where(np.isnan(limit), 100.0, np.minimum(limit, 100.0))
        self._table = IncreaseTable(snapshot.curves)
        self._answers: dict[tuple[Rule, float, int], _Answer] = {}

    def of(self, rows: IntArray, load: FloatArray, cores: float, rule: Rule) -> FloatArray:
        """Return what a pod of `cores` adds on each candidate [W], shape (n,); do not write to it.

        Parameters
        ----------
        rows
            Row of each candidate in the snapshot, -1 for unknown ones. An array that is given again is recognised.
        load
            CPU load without the pod [% of capacity], shape (n,).
        """
        key = (rule, cores, id(rows))
        known = self._answers.get(key)
        if known is None:
            if len(self._answers) >= REMEMBERED:
                self._answers.pop(next(iter(self._answers)))
            # the answer holds `rows`, so that no other array has its id
            known = self._answers[key] = _Answer(rows, load, self.fresh(rows, load, cores, rule))
            return known.increase
        moved = np.flatnonzero((load != known.load) & ~(np.isnan(load) & np.isnan(known.load)))
        if moved.size:
            increase = known.increase.copy()
            increase[moved] = self.fresh(rows[moved], load[moved], cores, rule)
            known.load, known.increase = load, increase
        return known.increase

    def fresh(self, rows: IntArray, load: FloatArray, cores: float, rule: Rule) -> FloatArray:
        """Return the same, computed anew and not remembered."""
        return self._table.increase(load, cores * self.percent[rows], rows=rows, rule=rule, capacity=self._limit[rows])
