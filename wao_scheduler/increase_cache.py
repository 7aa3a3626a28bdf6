"""Cache of the power increases on each node of a snapshot: consecutive pods often have the same size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_core.prediction.snapshot import ClusterSnapshot
from wao_predict.arrays import FloatArray, IntArray
from wao_predict.increase import IncreaseTable, Rule

REMEMBERED = 32
"""Number of pod sizes whose increases are cached, with 80 kB each for 5,000 nodes."""
_NEVER = -np.inf
"""Load of a node whose increase is not computed yet."""


@dataclass(slots=True)
class _Answer:
    load: FloatArray
    increase: FloatArray


class IncreaseCache:
    """The increases of all nodes of a snapshot. A node's increase changes only with its load.

    kube-scheduler sends the candidates of each pod in another order, so the cache is by row of the snapshot.

    Parameters
    ----------
    snapshot
        The nodes.
    before
        Cache of the previous snapshot; increases of nodes whose curve did not change are reused.

    Attributes
    ----------
    snapshot
        The nodes.
    percent
        Load of one core on each node [% of capacity], shape (n_nodes,), NaN unknown.
    """

    def __init__(self, snapshot: ClusterSnapshot, before: IncreaseCache | None = None) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            self.percent: FloatArray = np.where(snapshot.capacity_cores > 0, 100.0 / snapshot.capacity_cores, np.nan)
            limit = self.percent * snapshot.allocatable_cores
        self._limit: FloatArray = np.where(np.isnan(limit), 100.0, np.minimum(limit, 100.0))
        self.snapshot = snapshot
        self._table = IncreaseTable(snapshot.curves)
        self._answers: dict[tuple[Rule, float], _Answer] = {}
        if before is not None and before.snapshot.names is snapshot.names:
            self._reuse(before)

    def __len__(self) -> int:
        return len(self._answers)

    def of(self, load: FloatArray, cores: float, rule: Rule, *, rows: IntArray | None = None) -> FloatArray:
        """Return the power that a pod of `cores` adds on each node [W], shape (n_nodes,). Do not write to it.

        Parameters
        ----------
        load
            CPU load without the pod [% of capacity], shape (n_nodes,).
        rows
            Nodes to bring up to date, shape (m,), if only few are needed; the values of others may be outdated.
        """
        known = self._answer(rule, cores)
        # NaN differs from itself: such nodes are computed again, which is quick
        moved = np.flatnonzero(load != known.load) if rows is None else rows[load[rows] != known.load[rows]]
        if moved.size:
            known.load[moved] = load[moved]
            known.increase[moved] = self.fresh(moved, load[moved], cores, rule)
        return known.increase

    def fresh(self, rows: IntArray, load: FloatArray, cores: float, rule: Rule) -> FloatArray:
        """Return the power that a pod adds on some nodes [W], shape (m,), without the cache."""
        return self._table.increase(load, cores * self.percent[rows], rows=rows, rule=rule, capacity=self._limit[rows])

    def _answer(self, rule: Rule, cores: float) -> _Answer:
        known = self._answers.get((rule, cores))
        if known is None:
            if len(self._answers) >= REMEMBERED:
                self._answers.pop(next(iter(self._answers)))
            nodes = len(self.snapshot)
            known = self._answers[rule, cores] = _Answer(np.full(nodes, _NEVER), np.full(nodes, np.nan))
        return known

    def _reuse(self, before: IncreaseCache) -> None:
        old, new = before.snapshot.curves, self.snapshot.curves
        if not np.array_equal(old.knots, new.knots):
            return
        changed = (
            (old.watts != new.watts).any(axis=1) | (before.percent != self.percent) | (before._limit != self._limit)
        )
        self._answers = before._answers
        for known in self._answers.values():
            known.load[changed] = _NEVER
