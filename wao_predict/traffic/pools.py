"""Endpoints of many Services as one batch of arrays, so that a rule weighs all of them in a few array operations. Pure.

A pool is the set of endpoints of one Service port in one address family that receive traffic. The endpoints of a pool
are consecutive. Arrays over endpoints have shape (n_endpoints,), arrays over pools (n_pools,).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.curves import PowerCurves
from wao_predict.errors import UsageError
from wao_predict.traffic.places import Places, PoolShape
from wao_predict.traffic.reasons import Rule
from wao_predict.traffic.segments import Segments


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

    @property
    def load(self) -> FloatArray:
        """Measured CPU use of each node [% of its CPU]; NaN unknown."""
        return self.percent(self.usage_cores)

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
    rule
        `Rule.LOOKAHEAD` or `Rule.PROPORTIONAL`.
    """

    node: ArrayLike
    cpu_cores: ArrayLike
    cpu_limit: ArrayLike
    cpu_per_request: float = 0.1
    rule: Rule | str = Rule.LOOKAHEAD


@dataclass(frozen=True, eq=False)
class Pools:
    """The endpoints of all pools, their nodes, and the measurements of both.

    Attributes
    ----------
    shape
        Pools and nodes of the endpoints.
    nodes
        The nodes.
    cpu_cores
        Measured CPU use of each endpoint's pod for this pool [cores], NaN unknown. Half of a pod in two pools counts
        for each.
    cpu_limit
        CPU limit of the pod, else its request [cores], likewise divided, NaN for neither.
    cpu_per_request
        CPU that one request takes [cores], shape (n_pools,).
    lookahead
        Pools that are to be split by the rule `lookahead`, shape (n_pools,); the others are split in proportion.
    expected
        CPU load of each pool to plan for [cores], shape (n_pools,); the measured load if None.
    """

    shape: PoolShape
    nodes: Nodes
    cpu_cores: FloatArray
    cpu_limit: FloatArray
    cpu_per_request: FloatArray
    lookahead: BoolArray
    expected: FloatArray | None = None

    @classmethod
    def of_services(cls, services: Sequence[ServiceTraffic], nodes: Nodes) -> Pools:
        """Return one pool for each Service.

        Raises
        ------
        UsageError
            A Service without endpoints, arrays of different lengths, a row that no node has, or an unknown rule.
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
            if service.rule not in (Rule.LOOKAHEAD, Rule.PROPORTIONAL):
                raise UsageError(f"service {number}, rule: write lookahead or proportional, got {service.rule!r:.40}")
            rows.append(row)
            cpu.append(_for_each("cpu_cores", service.cpu_cores, row, number))
            limit.append(_for_each("cpu_limit", service.cpu_limit, row, number))
        return cls(
            shape=PoolShape(Segments.of_counts([len(row) for row in rows]), _joined(rows, np.int64)),
            nodes=nodes,
            cpu_cores=_joined(cpu, np.float64),
            cpu_limit=_joined(limit, np.float64),
            cpu_per_request=np.array([service.cpu_per_request for service in services], dtype=np.float64),
            lookahead=np.array([service.rule == Rule.LOOKAHEAD for service in services], dtype=np.bool_),
        )

    def __len__(self) -> int:
        return len(self.parts)

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

    @property
    def load(self) -> FloatArray:
        """The CPU load of each pool to plan for [cores], NaN unknown."""
        return self.parts.sum(self.cpu_cores) if self.expected is None else self.expected

    @cached_property
    def node_load(self) -> FloatArray:
        """Load of each endpoint's node [% of its CPU], NaN unknown."""
        return self.at_node(self.nodes.load)

    @cached_property
    def node_capacity(self) -> FloatArray:
        """CPU of each endpoint's node [cores], NaN unknown."""
        return self.at_node(self.nodes.capacity_cores)

    @cached_property
    def has_curve(self) -> BoolArray:
        """Which endpoints are on a node with a power curve."""
        return np.equal(self.at_node(self.nodes.curves.known.astype(np.float64)), 1.0)

    def at_node(self, values: FloatArray) -> FloatArray:
        """Return the value of each endpoint's node, NaN for an unknown node."""
        if len(values) == 0:
            return np.full(len(self.node), np.nan)
        return values[self.node] if self.shape.known else np.where(self.node >= 0, values[self.node], np.nan)

    def per_node(self, amounts: FloatArray) -> FloatArray:
        """Return the sum of the endpoints' amounts by node, shape (n_nodes,)."""
        return self.shape.per_node(amounts, len(self.nodes))

    def background(self) -> FloatArray:
        """Return each node's CPU use without the pods of these pools [cores], shape (n_nodes,)."""
        return np.maximum(self.nodes.usage_cores - self.per_node(np.nan_to_num(self.cpu_cores)), 0.0)

    def take(self, chosen: BoolArray) -> tuple[Pools, BoolArray]:
        """Return some of the pools, and the mask of their endpoints."""
        mask = chosen[self.parts.of]
        return self.only(mask), mask

    def only(self, endpoints: BoolArray) -> Pools:
        """Return the pools with some of their endpoints; pools without any are left out."""
        if endpoints.all():
            return self
        counts = np.bincount(self.parts.of[endpoints], minlength=len(self))
        chosen = counts > 0
        return replace(
            self,
            shape=PoolShape(Segments.of_counts(counts[chosen]), self.node[endpoints]),
            cpu_cores=self.cpu_cores[endpoints],
            cpu_limit=self.cpu_limit[endpoints],
            cpu_per_request=self.cpu_per_request[chosen],
            lookahead=self.lookahead[chosen],
            expected=None if self.expected is None else self.expected[chosen],
        )


def split_watts(pools: Pools, weights: ArrayLike) -> float:
    """Return the power of all nodes if each pool's load is split by these weights [W].

    Parameters
    ----------
    weights
        Share of each endpoint of its pool's load [%], shape (n_endpoints,), such as `Weights.weights`. Every node of an
        endpoint and the load of every pool must be known.
    """
    assigned = pools.per_node(np.asarray(weights) / 100.0 * pools.load[pools.parts.of])
    return float(pools.nodes.watts(pools.nodes.usage_cores - pools.per_node(pools.cpu_cores) + assigned).sum())


def _for_each(name: str, values: ArrayLike, node: IntArray, service: int) -> FloatArray:
    found = np.asarray(values, dtype=np.float64)
    if found.size not in (1, len(node)):
        raise UsageError(f"service {service}, {name}: {found.size} values for {len(node)} endpoints; give one for each")
    return np.broadcast_to(found.reshape(-1), len(node))


def _joined(arrays: Sequence[NDArray[Any]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=kind)
