"""A fleet of nodes: its power now, and what further equal pods would cost at least, and where they would go.

The least total is found exactly, by dynamic programming over nodes (min-plus convolution of their cost curves), within
a stated bound of work. Beyond it, pods are placed one by one by look-ahead, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wao_predict._errors import UsageError
from wao_predict.curves import PowerCurves
from wao_predict.increase import IncreaseTable, Rule

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

EXACT_WORK = 400_000_000
"""Additions that the exact answer may take: some 400 nodes x 1,000 pods, about a second."""


@dataclass(frozen=True, eq=False)
class WhatIf:
    """What n equal pods cost at least.

    Attributes
    ----------
    total_increase
        Least increase of the fleet's power for all pods [W].
    watt_increases
        The least total increase for 1, 2, ..., n pods [W], shape (n,): the field of the reference's estimator.
    per_node
        Pods by node name, of nodes that get any.
    method
        "exact", or "lookahead" where the exact answer would have been too much work.
    """

    total_increase: float
    watt_increases: FloatArray
    per_node: dict[str, int]
    method: Literal["exact", "lookahead"]

    @property
    def placements(self) -> list[str]:
        """The node of each pod, in the order of the fleet."""
        return [name for name, pods in self.per_node.items() for _ in range(pods)]


@dataclass(frozen=True, eq=False)
class Fleet:
    """Nodes with their power curves and present load.

    Parameters
    ----------
    names
        Names of the nodes.
    curves
        Their power curves, none of them unknown.
    capacity_cores, usage_cores
        CPU and present CPU use of each node [cores], shape (n_nodes,).
    """

    names: tuple[str, ...]
    curves: PowerCurves
    capacity_cores: FloatArray
    usage_cores: FloatArray

    def __post_init__(self) -> None:
        count = len(self.names)
        for name, size in (
            ("curves", len(self.curves)),
            ("capacity_cores", len(self.capacity_cores)),
            ("usage_cores", len(self.usage_cores)),
        ):
            if size != count:
                raise UsageError(f"{size} {name} for {count} nodes: give one for each")
        if not self.curves.known.all() or not np.isfinite(self.usage_cores).all():
            raise UsageError("a node has no power curve or no CPU use: leave it out")
        if not (self.capacity_cores > 0).all():
            raise UsageError("a node has no CPU capacity: leave it out")

    @property
    def cpu_usage(self) -> FloatArray:
        """Present load [% of capacity], shape (n_nodes,)."""
        result: FloatArray = 100.0 * self.usage_cores / self.capacity_cores
        return result

    def watts(self) -> FloatArray:
        """Return the predicted power of each node now [W], shape (n_nodes,)."""
        return self.curves.at(self.cpu_usage)

    def with_usage(self, usage_cores: ArrayLike) -> Fleet:
        """Return the same fleet at another load."""
        return Fleet(self.names, self.curves, self.capacity_cores, np.asarray(usage_cores, dtype=np.float64))

    def room(self, cores: float) -> IntArray:
        """Return how many pods of that size fit on each node, shape (n_nodes,)."""
        free = (self.capacity_cores - self.usage_cores) / cores
        return np.maximum(np.floor(free * (1 + 1e-9) + 1e-9), 0).astype(np.int64)

    def costs(self, cores: float, count: int) -> FloatArray:
        """Return the increase of each node for 0..count pods [W], shape (n_nodes, count + 1); +inf beyond its room."""
        pods = np.arange(count + 1)
        load = (self.usage_cores[:, None] + cores * pods) * (100.0 / self.capacity_cores)[:, None]
        rows = np.repeat(np.arange(len(self.names)), count + 1)
        watts = self.curves.at(load.reshape(-1), rows=rows).reshape(load.shape)
        costs = watts - watts[:, :1]
        costs[pods[None, :] > self.room(cores)[:, None]] = np.inf
        return costs

    def what_if(self, cores: float, count: int, *, exact_work: int = EXACT_WORK) -> WhatIf:
        """Return the least increase for `count` equal pods of `cores` each, and where they go.

        Parameters
        ----------
        exact_work
            Additions up to which the answer is exact: n_nodes * count * count of them are needed.

        Raises
        ------
        UsageError
            The size or number is not positive, or the pods do not all fit.
        """
        if not np.isfinite(cores) or cores <= 0 or count < 1:
            raise UsageError(f"{count} pods of {cores} cores: give a positive size and at least one pod")
        fitting = int(np.minimum(self.room(cores), count).sum())
        if fitting < count:
            raise UsageError(f"only {fitting} of {count} pods of {cores:g} cores fit on these {len(self.names)} nodes")
        if len(self.names) * count * count <= exact_work:
            return self._exact(cores, count)
        return self._one_by_one(cores, count)

    def _exact(self, cores: float, count: int) -> WhatIf:
        """Least cost of 0..count pods over the first 1, 2, ... nodes; the choices are kept to walk back."""
        costs = self.costs(cores, count)
        room = np.minimum(self.room(cores), count)
        least = np.full(count + 1, np.inf)
        least[0] = 0.0
        taken = np.zeros((len(self.names), count + 1), dtype=np.int32)
        for node in range(len(self.names)):
            fresh = least.copy()
            for pods in range(1, int(room[node]) + 1):
                candidate = least[: count + 1 - pods] + costs[node, pods]
                better = candidate < fresh[pods:] - 1e-12
                fresh[pods:][better] = candidate[better]
                taken[node, pods:][better] = pods
            least = fresh
        per_node, left = {}, count
        for node in range(len(self.names) - 1, -1, -1):
            pods = int(taken[node, left])
            if pods:
                per_node[self.names[node]] = pods
                left -= pods
        ordered = {name: per_node[name] for name in self.names if name in per_node}
        return WhatIf(float(least[count]), least[1:], ordered, "exact")

    def _one_by_one(self, cores: float, count: int) -> WhatIf:
        placed = place_in_turn(self, cores, count, rule="lookahead")
        increases = placed.totals - placed.totals[0]
        counts = np.bincount(placed.nodes, minlength=len(self.names))
        per_node = {name: int(pods) for name, pods in zip(self.names, counts, strict=True) if pods}
        return WhatIf(float(increases[-1]), increases[1:], per_node, "lookahead")


@dataclass(frozen=True, eq=False)
class Placed:
    """Pods placed one after the other: the node of each (its row), and the fleet's watts after 0, 1, ..., n of them."""

    nodes: IntArray
    totals: FloatArray


def place_in_turn(fleet: Fleet, cores: float | FloatArray, count: int, *, rule: Rule = "lookahead") -> Placed:
    """Place pods one by one on the node with the least increase by a rule; ties go to the fuller node.

    Parameters
    ----------
    cores
        Size of the pods [cores], one for all or shape (count,).

    Raises
    ------
    UsageError
        A pod does not fit anywhere.
    """
    sizes = np.broadcast_to(np.asarray(cores, dtype=np.float64), (count,))
    table = IncreaseTable(fleet.curves)
    percent = 100.0 / fleet.capacity_cores
    load = fleet.cpu_usage.copy()
    watts = fleet.watts()
    nodes, totals = np.empty(count, dtype=np.int64), np.empty(count + 1)
    totals[0] = watts.sum()
    increase, size = np.empty(0), None
    for pod in range(count):
        if sizes[pod] != size:
            size = sizes[pod]
            increase = table.increase(load, size * percent, rule=rule)
        node = least(increase, load)
        if node is None:
            raise UsageError(f"pod {pod + 1} of {size:g} cores fits on no node")
        load[node] += size * percent[node]
        row = np.array([node])
        watts[node] = fleet.curves.at(load[row], rows=row)[0]
        increase[row] = table.increase(load[row], size * percent[row], rows=row, rule=rule)
        nodes[pod], totals[pod + 1] = node, watts.sum()
    return Placed(nodes, totals)


def least(increase: FloatArray, load: FloatArray) -> int | None:
    """Return the row with the least finite increase, among equal ones the fullest; None when nothing fits."""
    finite = np.isfinite(increase)
    if not finite.any():
        return None
    ties = np.flatnonzero(increase == increase[finite].min())
    return int(ties[np.argmax(load[ties])])


def what_if(
    curves: PowerCurves,
    capacity_cores: ArrayLike,
    usage_cores: ArrayLike,
    *,
    cores: float,
    n: int,
    names: Sequence[str] | None = None,
) -> WhatIf:
    """Return the least total increase for `n` equal pods of `cores` each on these nodes; see `Fleet.what_if`."""
    chosen = tuple(names) if names is not None else tuple(f"node-{index}" for index in range(len(curves)))
    fleet = Fleet(
        chosen, curves, np.asarray(capacity_cores, dtype=np.float64), np.asarray(usage_cores, dtype=np.float64)
    )
    return fleet.what_if(cores, n)
