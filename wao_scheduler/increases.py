"""What a pod would cost on each node of one snapshot, remembered: pods of one size often come in a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import FloatArray, IntArray
from wao_predict.increase import IncreaseTable, Rule

REMEMBERED = 32
"""Sizes of pods whose last answer is kept: 80 kB each for 5,000 nodes."""
_NEVER = -np.inf
"""Stands for the load of a node that was not looked at yet."""


@dataclass(slots=True)
class _Answer:
    load: FloatArray
    increase: FloatArray


class Increases:
    """The increases of all nodes of a snapshot; a node's changes only with its load.

    kube-scheduler sends the candidates in another order for each pod, so answers are kept by the snapshot's rows.

    Parameters
    ----------
    snapshot
        The nodes.
    before
        Those of the snapshot before: what did not change with a node's curve is taken over.

    Attributes
    ----------
    snapshot
        The nodes.
    percent
        Load that one core is on each node [% of capacity], shape (n_nodes,), NaN unknown.
    """

    def __init__(self, snapshot: ClusterSnapshot, before: Increases | None = None) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            self.percent: FloatArray = np.where(snapshot.capacity_cores > 0, 100.0 / snapshot.capacity_cores, np.nan)
            limit = self.percent * snapshot.allocatable_cores
        self._limit: FloatArray = np.where(np.isnan(limit), 100.0, np.minimum(limit, 100.0))
        self.snapshot = snapshot
        self._table = IncreaseTable(snapshot.curves)
        self._answers: dict[tuple[Rule, float], _Answer] = {}
        if before is not None and before.snapshot.names is snapshot.names:
            self._take_over(before)

    def __len__(self) -> int:
        return len(self._answers)

    def of(self, load: FloatArray, cores: float, rule: Rule, *, rows: IntArray | None = None) -> FloatArray:
        """Return what a pod of `cores` adds on each node [W], shape (n_nodes,); do not write to it.

        Parameters
        ----------
        load
            CPU load without the pod [% of capacity], shape (n_nodes,).
        rows
            The nodes that are asked for, where they are few: of the others what was known before is returned.
        """
        known = self._answer(rule, cores)
        # NaN is looked at again, which is quick
        moved = np.flatnonzero(load != known.load) if rows is None else rows[load[rows] != known.load[rows]]
        if moved.size:
            known.load[moved] = load[moved]
            known.increase[moved] = self.fresh(moved, load[moved], cores, rule)
        return known.increase

    def fresh(self, rows: IntArray, load: FloatArray, cores: float, rule: Rule) -> FloatArray:
        """Return the same, computed anew and not remembered."""
        return self._table.increase(load, cores * self.percent[rows], rows=rows, rule=rule, capacity=self._limit[rows])

    def _answer(self, rule: Rule, cores: float) -> _Answer:
        known = self._answers.get((rule, cores))
        if known is None:
            if len(self._answers) >= REMEMBERED:
                self._answers.pop(next(iter(self._answers)))
            nodes = len(self.snapshot)
            known = self._answers[rule, cores] = _Answer(np.full(nodes, _NEVER), np.full(nodes, np.nan))
        return known

    def _take_over(self, before: Increases) -> None:
        old, new = before.snapshot.curves, self.snapshot.curves
        if not np.array_equal(old.knots, new.knots):
            return
        changed = (
            (old.watts != new.watts).any(axis=1) | (before.percent != self.percent) | (before._limit != self._limit)
        )
        self._answers = before._answers
        for known in self._answers.values():
            known.load[changed] = _NEVER
