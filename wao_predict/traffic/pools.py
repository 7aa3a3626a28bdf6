"""Endpoints of many Services as flat arrays, so that a rule weighs all of them in a few array operations.

A pool is the usable endpoints of one Service port in one address family. The endpoints of a pool stand beside each
other; arrays over endpoints have shape (n_endpoints,), arrays over pools (n_pools,).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wao_predict.curves import PowerCurves
from wao_predict.traffic.segments import BoolArray, FloatArray, IntArray, Segments


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
    def known(self) -> bool:
        """Whether the nodes of all endpoints are known."""
        return bool((self.node >= 0).all())

    def per_node(self, amounts: FloatArray, nodes: int) -> FloatArray:
        """Return the sum of endpoints' amounts by node, shape (nodes,); unknown nodes are left out."""
        if self.known:
            return per_node(self.node, amounts, nodes)
        there = self.node >= 0
        return per_node(self.node[there], amounts[there], nodes)

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
    expected
        CPU of each pool's traffic to plan for [cores], shape (n_pools,); None: what is measured.
    """

    shape: Shape
    cpu_cores: FloatArray
    cpu_limit: FloatArray
    cpu_per_request: FloatArray
    expected: FloatArray | None = None

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
    def measured(self) -> FloatArray:
        """The CPU that each pool's traffic takes now [cores], NaN when a pod is not measured."""
        return self.parts.sum(self.cpu_cores)

    @property
    def load(self) -> FloatArray:
        """The CPU of each pool's traffic to plan for [cores], NaN when a pod is not measured."""
        return self.measured if self.expected is None else self.expected

    def at_node(self, values: FloatArray) -> FloatArray:
        """Return each endpoint's value of its node, NaN for an unknown one."""
        if len(values) == 0:
            return np.full(len(self.node), np.nan)
        found: FloatArray = values[self.node]
        return found if self.shape.known else np.where(self.node >= 0, found, np.nan)

    def take(self, chosen: BoolArray) -> tuple[Pools, BoolArray]:
        """Return some of the pools, and the mask of their endpoints."""
        if chosen.all():
            return self, np.ones(len(self.node), dtype=np.bool_)
        parts, mask = self.parts.take(chosen)
        shape, expected = Shape(parts, self.node[mask]), None if self.expected is None else self.expected[chosen]
        return Pools(shape, self.cpu_cores[mask], self.cpu_limit[mask], self.cpu_per_request[chosen], expected), mask


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
        ordered: FloatArray = values[self.order]
        return ordered if len(self) == len(ordered) else self.endpoints.sum(ordered)

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


def per_node(node: IntArray, amounts: FloatArray, nodes: int) -> FloatArray:
    """Return the sum of amounts by node, shape (nodes,)."""
    return np.bincount(node, amounts, minlength=nodes).astype(np.float64)
