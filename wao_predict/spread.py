"""What the same pods would cost if the stock scheduler had spread them over all nodes: the spread baseline. Pure.

The baseline moves pods, and nothing else changes. It is defined as follows:

* Every node is on. A node that sleeps is idle instead.
* The CPU use of a node belongs to its pods, in proportion to their CPU requests. A pod uses the same in the baseline.
* Pods that can move are placed again in their order of creation, each on the node with the largest share of its
  allocatable CPU free (`wao_predict.stock`). Only nodes that are open to pods of others take them. A pod that fits
  nowhere stays where it is.
* All other pods stay where they are: those of DaemonSets, static pods, and pods on nodes that are not open.
* The power of a node is that of its curve at the present inlet temperature and pressure difference.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import cast

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.curves import PowerCurves
from wao_predict.stock import StockPlacement

BATCH = 500
"""Pods that one step places, in about a millisecond."""


@dataclass(frozen=True, slots=True, eq=False)
class SpreadNodes:
    """The nodes that are compared, all with a known curve; arrays of shape (n_nodes,).

    Attributes
    ----------
    curves
        Power curves.
    capacity_cores, allocatable_cores
        CPU [cores].
    usage_cores
        Present CPU use [cores], 0 for a node that sleeps.
    off_watts
        Power of a node that sleeps [W], NaN for one that is on.
    open
        Whether the node takes pods of other nodes.
    room
        Number of pods that a node may have.
    """

    curves: PowerCurves
    capacity_cores: FloatArray
    allocatable_cores: FloatArray
    usage_cores: FloatArray
    off_watts: FloatArray
    open: BoolArray
    room: IntArray

    def watts(self, usage_cores: FloatArray) -> FloatArray:
        """Return the power of each node at a CPU use [cores] if it is on [W]."""
        return self.curves.at(100.0 * usage_cores / self.capacity_cores)


@dataclass(frozen=True, slots=True, eq=False)
class SpreadPods:
    """The pods on these nodes in their order of creation; arrays of shape (n_pods,).

    Attributes
    ----------
    nodes
        Row of each pod's node.
    cores
        CPU request [cores], above 0.
    movable
        Whether the stock scheduler could have placed the pod elsewhere.
    """

    nodes: IntArray
    cores: FloatArray
    movable: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """The power of each node now and in the spread baseline [W], shape (n_nodes,).

    Examples
    --------
    >>> Baseline(np.array([120.0, 8.0]), np.array([110.0, 110.0]), np.array([True, False])).saved_watts
    92.0
    """

    present: FloatArray
    spread: FloatArray
    on: BoolArray

    @property
    def saved_watts(self) -> float:
        """Power that the present placement saves; below 0 if it uses more."""
        return float((self.spread - self.present).sum())

    def measured_saved_watts(self, measured: FloatArray) -> float:
        """Return what the present placement saves [W], by power meters where there are any.

        The curve of a node that is on is scaled to its measured power, so that the error of its model cancels out. A
        node without a meter counts as predicted: the load that the baseline moves must count on both nodes.

        Parameters
        ----------
        measured
            Measured power now [W], shape (n_nodes,), NaN without a power meter.

        Examples
        --------
        >>> baseline = Baseline(np.array([120.0, 8.0]), np.array([110.0, 110.0]), np.array([True, False]))
        >>> round(baseline.measured_saved_watts(np.array([132.0, 10.0])), 6)  # 121 - 132, and 110 - 10
        89.0
        """
        known = np.isfinite(measured)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = np.where(self.on & (self.present > 0.0), measured / self.present, 1.0)
        return float(np.where(known, self.spread * scale - measured, self.spread - self.present).sum())


def spread_baseline(nodes: SpreadNodes, pods: SpreadPods) -> Baseline:
    """Return the power of each node now and in the spread baseline.

    Examples
    --------
    >>> curves = PowerCurves(np.array([0.0, 50.0, 100.0]), np.array([[100.0, 180.0, 200.0]] * 2))
    >>> ten, both = np.array([10.0, 10.0]), np.array([True, True])
    >>> nodes = SpreadNodes(curves, ten, ten, np.array([8.0, 0.0]), np.array([np.nan, 8.0]), both, np.array([110, 110]))
    >>> pods = SpreadPods(np.array([0, 0]), np.array([2.0, 2.0]), both)  # each uses 4 cores
    >>> baseline = spread_baseline(nodes, pods)
    >>> baseline.present.tolist(), baseline.spread.tolist()
    ([192.0, 8.0], [164.0, 164.0])
    """
    steps = spread_in_steps(nodes, pods)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast(Baseline, end.value)


def spread_in_steps(nodes: SpreadNodes, pods: SpreadPods) -> Generator[None, None, Baseline]:
    """Do the same in steps of about a millisecond; the generator returns the baseline."""
    count = len(nodes.capacity_cores)
    requested = _sums(pods.nodes, pods.cores, count)
    moves = pods.movable & nodes.open[pods.nodes]
    stay = _sums(pods.nodes[~moves], pods.cores[~moves], count)
    room = np.where(nodes.open, nodes.room - np.bincount(pods.nodes[~moves], minlength=count), 0)
    stock = StockPlacement(nodes.allocatable_cores, stay, room)
    places, sizes = pods.nodes.copy(), pods.cores.tolist()
    for number, pod in enumerate(np.flatnonzero(moves).tolist()):
        if number % BATCH == 0:
            yield
        row = stock.place(sizes[pod])
        if row is not None:
            places[pod] = row
    with np.errstate(divide="ignore", invalid="ignore"):
        used = np.where(requested > 0.0, nodes.usage_cores / requested, 0.0)[pods.nodes] * pods.cores
    unowned = np.where(requested > 0.0, 0.0, nodes.usage_cores)
    usage = unowned + _sums(places, used, count)
    asleep = np.isfinite(nodes.off_watts)
    present = np.where(asleep, nodes.off_watts, nodes.watts(nodes.usage_cores))
    return Baseline(present, nodes.watts(usage), ~asleep)


def _sums(rows: IntArray, values: FloatArray, count: int) -> FloatArray:
    return np.bincount(rows, weights=values, minlength=count).astype(np.float64)
