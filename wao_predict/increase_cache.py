"""Cache of the power increase on each node. Pure.

Consecutive pods often have the same size, and most nodes do not change between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.curves import PowerCurves
from wao_predict.increase import IncreaseTable, Rule

REMEMBERED = 32
"""Number of pod sizes whose increases are cached, with 120 kB each for 5,000 nodes."""
_NEVER = -np.inf
"""Load of a node whose increase is not computed yet."""


@dataclass(slots=True)
class _Answer:
    load: FloatArray
    floor: FloatArray
    increase: FloatArray


class IncreaseCache:
    """The increases of all nodes. A node's increase changes only with its load, its floor and its curve.

    kube-scheduler sends the candidates of each pod in another order, so the cache is by row of the fleet.

    Parameters
    ----------
    curves
        Power curves of the nodes.
    percent
        Load of one core on each node [% of capacity], shape (n_nodes,), NaN unknown.
    limit
        Load that must not be exceeded [% of capacity], shape (n_nodes,); default: 100 %.
    before
        Cache of the same nodes before their curves, sizes or limits changed; increases of nodes for which nothing
        changed are reused.
    """

    def __init__(
        self,
        curves: PowerCurves,
        percent: FloatArray,
        limit: FloatArray | None = None,
        *,
        before: IncreaseCache | None = None,
    ) -> None:
        self.percent = percent
        self._limit: FloatArray = np.full(len(curves), 100.0) if limit is None else limit
        self._curves = curves
        self._table: IncreaseTable = IncreaseTable(curves, before=None if before is None else before._table)
        self._answers: dict[tuple[Rule, float], _Answer] = {}
        if before is not None:
            self._reuse(before)

    def __len__(self) -> int:
        return len(self._answers)

    def of(
        self,
        load: FloatArray,
        cores: float,
        rule: Rule,
        *,
        floor: FloatArray | None = None,
        rows: IntArray | None = None,
    ) -> FloatArray:
        """Return the power that a pod of `cores` adds on each node [W], shape (n_nodes,). Do not write to it.

        Parameters
        ----------
        load
            CPU load without the pod [% of capacity], shape (n_nodes,).
        floor
            See `IncreaseTable.increase`, shape (n_nodes,).
        rows
            Nodes to bring up to date, shape (m,), if only few are needed; the values of others may be outdated.
        """
        known = self._answer(rule, cores)
        # NaN differs from itself: such nodes are computed again, which is quick
        if rows is None:
            differ = load != known.load
            if floor is not None:
                differ |= floor != known.floor
            moved = np.flatnonzero(differ)
        else:
            differ = load[rows] != known.load[rows]
            if floor is not None:
                differ |= floor[rows] != known.floor[rows]
            moved = rows[differ]
        if moved.size:
            known.load[moved] = load[moved]
            low = None
            if floor is not None:
                low = known.floor[moved] = floor[moved]
            known.increase[moved] = self.fresh(moved, load[moved], cores, rule, floor=low)
        return known.increase

    def fresh(
        self, rows: IntArray, load: FloatArray, cores: float, rule: Rule, *, floor: FloatArray | None = None
    ) -> FloatArray:
        """Return the power that a pod adds on some nodes [W], shape (m,), without the cache."""
        added, limit = cores * self.percent[rows], self._limit[rows]
        return self._table.increase(load, added, rows=rows, rule=rule, capacity=limit, floor=floor)

    def _answer(self, rule: Rule, cores: float) -> _Answer:
        known = self._answers.get((rule, cores))
        if known is None:
            if len(self._answers) >= REMEMBERED:
                self._answers.pop(next(iter(self._answers)))
            nodes = len(self.percent)
            never = np.full(nodes, _NEVER)
            known = self._answers[rule, cores] = _Answer(never, never.copy(), np.full(nodes, np.nan))
        return known

    def _reuse(self, before: IncreaseCache) -> None:
        old, new = before._curves, self._curves
        if not np.array_equal(old.knots, new.knots):
            return
        changed = (
            (old.watts != new.watts).any(axis=1) | (before.percent != self.percent) | (before._limit != self._limit)
        )
        self._answers = before._answers
        for known in self._answers.values():
            known.load[changed] = _NEVER
