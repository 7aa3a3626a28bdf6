"""Where the endpoints of pools are: by pool, by node, and by both. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.traffic.segments import Segments


@dataclass(frozen=True, eq=False)
class PoolShape:
    """The endpoints and their nodes: what stays the same until endpoints or nodes are added or removed.

    Attributes
    ----------
    parts
        The endpoints of each pool.
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
        """Return the sum of the endpoints' amounts by node, shape (nodes,); endpoints of unknown nodes are left out."""
        if self.known:
            return per_node(self.node, amounts, nodes)
        there = self.node >= 0
        return per_node(self.node[there], amounts[there], nodes)

    @cached_property
    def same_pool_and_node(self) -> tuple[IntArray, IntArray]:
        """A number for each endpoint's pool and node, and how many endpoints have the same number."""
        key = self.parts.of * (int(self.node.max(initial=0)) + 2) + self.node
        _, place, count = np.unique(key, return_inverse=True, return_counts=True)
        return place, count[place]

    @cached_property
    def places(self) -> Places:
        """The endpoints grouped by pool and node; every node must be known."""
        order = self.parts.sorted_by(self.node)
        pool, node = self.parts.of[order], self.node[order]
        new = np.ones(len(order), dtype=np.bool_)
        new[1:] = (pool[1:] != pool[:-1]) | (node[1:] != node[:-1])
        start = np.flatnonzero(new)
        parts = Segments(np.searchsorted(pool[start], np.arange(len(self.parts))), len(start))
        return Places(order, Segments(start, len(order)), parts, node[start])


@dataclass(frozen=True, eq=False)
class Places:
    """Endpoints grouped by pool and node.

    Attributes
    ----------
    order
        The endpoints in the order of the places.
    endpoints
        The endpoints of each place, in that order.
    parts
        The places of each pool.
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
        """For each pool the first pool that it shares a node with, directly or through other pools."""
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
