"""Endpoints of many Services as flat arrays, so that a rule weighs all of them in a few array operations.

A pool is the usable endpoints of one Service port in one address family. The endpoints of a pool stand beside each
other; arrays over endpoints have shape (n_endpoints,), arrays over pools (n_pools,).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wao_predict.curves import PowerCurves

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """The nodes that endpoints run on: power curves, CPU and measured CPU use [cores], NaN unknown."""

    curves: PowerCurves
    capacity_cores: FloatArray
    usage_cores: FloatArray

    def __len__(self) -> int:
        return len(self.capacity_cores)

    def watts(self, cores: FloatArray) -> FloatArray:
        """Return each node's power [W] when so many cores are in use; NaN where its curve or CPU is unknown."""
        return self.curves.at(self.percent(cores))

    def percent(self, cores: FloatArray) -> FloatArray:
        """Return cores in percent of each node's CPU."""
        with np.errstate(divide="ignore", invalid="ignore"):
            load: FloatArray = 100.0 * cores / self.capacity_cores
        return load

    @property
    def known(self) -> BoolArray:
        """Which nodes have a curve, a CPU and a measured use of it."""
        with np.errstate(invalid="ignore"):
            counted: BoolArray = np.isfinite(self.usage_cores) & (self.capacity_cores > 0)
        return counted & self.curves.known


@dataclass(frozen=True, eq=False)
class Segments:
    """Consecutive pieces of a flat array; none is empty.

    Parameters
    ----------
    start
        Where each piece begins, ascending from 0.
    size
        Length of the flat array.
    """

    start: IntArray
    size: int

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def counts(self) -> IntArray:
        """Length of each piece."""
        return np.diff(self.start, append=self.size)

    @cached_property
    def of(self) -> IntArray:
        """The piece of each element."""
        return np.repeat(np.arange(len(self.start)), self.counts)

    def sum(self, values: FloatArray) -> FloatArray:
        """Return the sum of each piece."""
        return np.add.reduceat(values, self.start) if self.size else np.zeros(0)

    def any(self, mask: BoolArray) -> BoolArray:
        """Return in which pieces the mask is true anywhere."""
        return np.logical_or.reduceat(mask, self.start) if self.size else np.zeros(0, dtype=np.bool_)

    def least(self, values: FloatArray) -> FloatArray:
        """Return the minimum of each piece, ignoring NaN; NaN for a piece of NaN."""
        return np.fmin.reduceat(values, self.start) if self.size else np.zeros(0)

    def take(self, chosen: BoolArray) -> tuple[Segments, BoolArray]:
        """Return some of the pieces, and the mask of their elements."""
        counts = self.counts[chosen]
        return Segments(np.cumsum(counts) - counts, int(counts.sum())), chosen[self.of]

    def sorted_by(self, rank: IntArray) -> IntArray:
        """Return the elements piece by piece, within a piece by rank; quicker than `np.lexsort`."""
        return np.argsort(self.of * (rank.max(initial=0) + 1) + rank, kind="stable")

    def level(self, caps: FloatArray, total: FloatArray) -> FloatArray:
        """Split each piece's total evenly under the caps (water filling); what does not fit is left out.

        The water level is the largest of (total - the j smallest caps) / (elements left) over j: that sequence rises
        while caps are below the level, and falls afterwards.
        """
        if not self.size:
            return np.zeros(0)
        order = self.sorted_by(ranks(caps))
        rising = caps[order]
        below = np.cumsum(rising) - rising
        below -= below[self.start][self.of]
        left = (self.counts + self.start)[self.of] - np.arange(self.size)
        water = np.maximum.reduceat((total[self.of] - below) / left, self.start)
        filled: FloatArray = np.clip(water[self.of], 0.0, caps)
        return filled


@dataclass(frozen=True, eq=False)
class Shape:
    """Which endpoints there are: what stays the same until endpoints or nodes come or go.

    Attributes
    ----------
    parts
        Where each pool begins.
    node
        Row of each endpoint's node, -1 unknown.
    """

    parts: Segments
    node: IntArray

    @cached_property
    def siblings(self) -> tuple[IntArray, IntArray]:
        """A number for each endpoint's pool and node, and how many endpoints have the same one."""
        key = self.parts.of * (int(self.node.max(initial=0)) + 2) + self.node
        _, place, count = np.unique(key, return_inverse=True, return_counts=True)
        return place, count[place]

    @cached_property
    def places(self) -> Places:
        """The endpoints of one pool on one node, taken together; every node must be known."""
        order = self.parts.sorted_by(self.node)
        pool, node = self.parts.of[order], self.node[order]
        new = np.ones(len(order), dtype=np.bool_)
        new[1:] = (pool[1:] != pool[:-1]) | (node[1:] != node[:-1])
        start = np.flatnonzero(new)
        parts = Segments(np.searchsorted(pool[start], np.arange(len(self.parts))), len(start))
        return Places(order, Segments(start, len(order)), parts, node[start])


@dataclass(frozen=True, eq=False)
class Pools:
    """The endpoints of all pools, and what is measured of them.

    Attributes
    ----------
    shape
        Pools and nodes of the endpoints.
    cpu_cores
        Measured CPU of each endpoint's pod that counts for this pool [cores], NaN unknown. A pod in two pools counts
        half in each.
    cpu_limit
        CPU limit of the pod, else its request [cores], likewise divided, NaN for none.
    cpu_per_request
        CPU of one request [cores], shape (n_pools,).
    """

    shape: Shape
    cpu_cores: FloatArray
    cpu_limit: FloatArray
    cpu_per_request: FloatArray

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def parts(self) -> Segments:
        """Where each pool begins."""
        return self.shape.parts

    @property
    def node(self) -> IntArray:
        """Row of each endpoint's node, -1 unknown."""
        return self.shape.node

    @property
    def places(self) -> Places:
        """See `Shape.places`."""
        return self.shape.places

    @cached_property
    def load(self) -> FloatArray:
        """The CPU that each pool's traffic takes now [cores], NaN when a pod is not measured."""
        return self.parts.sum(self.cpu_cores)

    def at_node(self, values: FloatArray) -> FloatArray:
        """Return each endpoint's value of its node, NaN for an unknown one."""
        if len(values) == 0:
            return np.full(len(self.node), np.nan)
        return np.where(self.node >= 0, values[self.node], np.nan)

    def take(self, chosen: BoolArray) -> tuple[Pools, BoolArray]:
        """Return some of the pools, and the mask of their endpoints."""
        if chosen.all():
            return self, np.ones(len(self.node), dtype=np.bool_)
        parts, mask = self.parts.take(chosen)
        shape = Shape(parts, self.node[mask])
        return Pools(shape, self.cpu_cores[mask], self.cpu_limit[mask], self.cpu_per_request[chosen]), mask


@dataclass(frozen=True, eq=False)
class Places:
    """Endpoints grouped by pool and node.

    Attributes
    ----------
    order
        The endpoints in the order of the places.
    endpoints
        Where each place begins in that order.
    parts
        Where each pool begins among the places.
    node
        Node of each place.
    """

    order: IntArray
    endpoints: Segments
    parts: Segments
    node: IntArray

    def __len__(self) -> int:
        return len(self.node)

    @cached_property
    def groups(self) -> IntArray:
        """For each pool the first of those that it meets on a node, directly or through others."""
        label = np.arange(len(self.parts))
        while True:
            least = np.full(int(self.node.max(initial=0)) + 1, len(label))
            np.minimum.at(least, self.node, label[self.parts.of])
            found = np.minimum.reduceat(least[self.node], self.parts.start)
            if np.array_equal(found, label):
                return label
            label = found

    def sum(self, values: FloatArray) -> FloatArray:
        """Return the sum over the endpoints of each place."""
        return self.endpoints.sum(values[self.order])

    def spread(self, caps: FloatArray, amounts: FloatArray) -> FloatArray:
        """Split each place's amount evenly over its endpoints under their caps; in the order of the pools."""
        result = np.empty(len(self.order))
        if len(self) == len(self.order):  # one endpoint each
            result[self.order] = amounts
            return np.minimum(caps, result)
        result[self.order] = self.endpoints.level(caps[self.order], amounts)
        return result

    def per_node(self, amounts: FloatArray, nodes: int) -> FloatArray:
        """Return the sum of amounts of places by node, shape (nodes,)."""
        return per_node(self.node, amounts, nodes)


def ranks(values: FloatArray) -> IntArray:
    """Return the place of each value in ascending order."""
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(values, kind="stable")] = np.arange(len(values))
    return rank


def per_node(node: IntArray, amounts: FloatArray, nodes: int) -> FloatArray:
    """Return the sum of amounts by node, shape (nodes,)."""
    return np.bincount(node, amounts, minlength=nodes).astype(np.float64)
