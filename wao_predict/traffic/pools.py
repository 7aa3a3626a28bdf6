"""Endpoints of many Services as flat arrays, so that a rule weighs all of them in a few array operations. Pure.

A pool is the set of endpoints of one Service port in one address family that receive traffic. The endpoints of a pool
are consecutive. Arrays over endpoints have shape (n_endpoints,), arrays over pools (n_pools,).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError
from wao_predict.traffic.damping import smoothed
from wao_predict.traffic.segments import BoolArray, FloatArray, IntArray, Segments


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """The nodes that endpoints run on. Arrays have shape (n_nodes,).

    Attributes
    ----------
    curves
        Power curve of each node.
    capacity_cores, usage_cores
        CPU of each node and its measured use, endpoints included [cores]; NaN unknown.
    """

    curves: PowerCurves
    capacity_cores: FloatArray
    usage_cores: FloatArray

    def __len__(self) -> int:
        return len(self.capacity_cores)

    def watts(self, cores: FloatArray) -> FloatArray:
        """Return each node's power at a CPU use [W]; NaN if its curve or CPU is unknown.

        Parameters
        ----------
        cores
            CPU use of each node [cores].
        """
        return self.curves.at(self.percent(cores))

    def percent(self, cores: FloatArray) -> FloatArray:
        """Return a CPU use [cores] in percent of each node's CPU."""
        with np.errstate(divide="ignore", invalid="ignore"):
            load: FloatArray = 100.0 * cores / self.capacity_cores
        return load


@dataclass(frozen=True, slots=True, eq=False)
class ServiceTraffic:
    """The endpoints of one Service, and their measurements.

    Parameters
    ----------
    node
        Row of each endpoint's node in `Nodes`, shape (n,); -1 unknown.
    cpu_cores
        Measured CPU use of each endpoint's pod [cores], shape (n,); NaN unknown.
    cpu_limit
        CPU limit of each endpoint's pod, else its CPU request [cores], shape (n,) or one for all; NaN for neither.
    cpu_per_request
        CPU that one request takes [cores].
    """

    node: ArrayLike
    cpu_cores: ArrayLike
    cpu_limit: ArrayLike
    cpu_per_request: float = 0.1


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
class Pools:
    """The endpoints of all pools, and their measurements.

    Attributes
    ----------
    shape
        Pools and nodes of the endpoints.
    cpu_cores
        Measured CPU use of each endpoint's pod for this pool [cores], NaN unknown. Half of a pod in two pools counts
        for each.
    cpu_limit
        CPU limit of the pod, else its request [cores], likewise divided, NaN for neither.
    cpu_per_request
        CPU that one request takes [cores], shape (n_pools,).
    expected
        CPU load of each pool to plan for [cores], shape (n_pools,); the measured load if None.
    """

    shape: PoolShape
    cpu_cores: FloatArray
    cpu_limit: FloatArray
    cpu_per_request: FloatArray
    expected: FloatArray | None = None

    @classmethod
    def of_services(cls, services: Sequence[ServiceTraffic], nodes: Nodes) -> Pools:
        """Return one pool for each Service.

        Raises
        ------
        UsageError
            A Service without endpoints, arrays of different lengths, or a row that no node has.
        """
        rows, cpu, limit = [], [], []
        for number, service in enumerate(services):
            row = np.atleast_1d(np.asarray(service.node, dtype=np.int64))
            if row.size == 0:
                raise UsageError(f"service {number}: no endpoints; leave it out")
            if row.min() < -1 or row.max() >= len(nodes):
                raise UsageError(
                    f"service {number}, node: rows are -1 (unknown) to {len(nodes) - 1}, got {row.tolist()}"
                )
            rows.append(row)
            cpu.append(_for_each("cpu_cores", service.cpu_cores, row, number))
            limit.append(_for_each("cpu_limit", service.cpu_limit, row, number))
        shape = PoolShape(Segments.of_counts([len(row) for row in rows]), _joined(rows, np.int64))
        per_request = np.array([service.cpu_per_request for service in services], dtype=np.float64)
        return cls(shape, _joined(cpu, np.float64), _joined(limit, np.float64), per_request)

    def __len__(self) -> int:
        return len(self.parts)

    def smoothed(self, last: FloatArray, fall_fraction: float) -> Pools:
        """Return the pools with a smoothed load to plan for, see `damping.smoothed`."""
        expected = smoothed(last, self.measured, fall_fraction)
        return Pools(self.shape, self.cpu_cores, self.cpu_limit, self.cpu_per_request, expected)

    @property
    def parts(self) -> Segments:
        """The endpoints of each pool."""
        return self.shape.parts

    @property
    def node(self) -> IntArray:
        """Row of each endpoint's node, -1 unknown."""
        return self.shape.node

    @property
    def places(self) -> Places:
        """The endpoints grouped by pool and node."""
        return self.shape.places

    @cached_property
    def measured(self) -> FloatArray:
        """The measured CPU load of each pool [cores], NaN if a pod is not measured."""
        return self.parts.sum(self.cpu_cores)

    @property
    def load(self) -> FloatArray:
        """The CPU load of each pool to plan for [cores], NaN if a pod is not measured."""
        return self.measured if self.expected is None else self.expected

    def at_node(self, values: FloatArray) -> FloatArray:
        """Return the value of each endpoint's node, NaN for an unknown node."""
        if len(values) == 0:
            return np.full(len(self.node), np.nan)
        found: FloatArray = values[self.node]
        return found if self.shape.known else np.where(self.node >= 0, found, np.nan)

    def take(self, chosen: BoolArray) -> tuple[Pools, BoolArray]:
        """Return some of the pools, and the mask of their endpoints."""
        if chosen.all():
            return self, np.ones(len(self.node), dtype=np.bool_)
        parts, mask = self.parts.take(chosen)
        shape, expected = PoolShape(parts, self.node[mask]), None if self.expected is None else self.expected[chosen]
        return Pools(shape, self.cpu_cores[mask], self.cpu_limit[mask], self.cpu_per_request[chosen], expected), mask


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


def split_watts(pools: Pools, nodes: Nodes, weights: ArrayLike) -> float:
    """Return the power of all nodes if each pool's load is split by these weights [W].

    Parameters
    ----------
    weights
        Share of each endpoint of its pool's load [%], shape (n_endpoints,), such as `Weights.weights`. Every node of an
        endpoint and the load of every pool must be known.
    """
    own = pools.shape.per_node(pools.cpu_cores, len(nodes))
    assigned = pools.shape.per_node(np.asarray(weights) / 100.0 * pools.load[pools.parts.of], len(nodes))
    return float(nodes.watts(nodes.usage_cores - own + assigned).sum())


def _for_each(name: str, values: ArrayLike, node: IntArray, service: int) -> FloatArray:
    found = np.asarray(values, dtype=np.float64)
    if found.size not in (1, len(node)):
        raise UsageError(f"service {service}, {name}: {found.size} values for {len(node)} endpoints; give one for each")
    return np.broadcast_to(found.reshape(-1), len(node))


def _joined(arrays: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=kind)
