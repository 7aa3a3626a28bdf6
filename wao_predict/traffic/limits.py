"""Bounds of an endpoint's share of traffic: a floor, and CPU ceilings of its node and its pod. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray
from wao_predict.traffic.pools import Nodes, Pools


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that every rule respects.

    Parameters
    ----------
    node_ceiling
        Load of a node above which no traffic is planned for it [% of its CPU capacity].
    pod_ceiling
        Load of an endpoint's pod above which no traffic is planned for it [% of its CPU limit, or of its request
        without a limit].
    floor
        Minimum share of every endpoint [% of an equal share], so that all stay warm and none starves.
    """

    node_ceiling: float = 70.0
    pod_ceiling: float = 70.0
    floor: float = 2.0

    def node_cores(self, nodes: Nodes) -> FloatArray:
        """Return the CPU use of each node at its ceiling [cores], NaN if its capacity is unknown."""
        return nodes.capacity_cores * self.node_ceiling / 100.0

    def pod_cores(self, pools: Pools) -> FloatArray:
        """Return the CPU use of each endpoint's pod at its ceiling [cores], NaN for a pod without a limit."""
        return pools.cpu_limit * self.pod_ceiling / 100.0


def with_floor(pools: Pools, amounts: FloatArray, floor: float) -> FloatArray:
    """Return shares in proportion to `amounts`, each at least `floor` % of an equal share; 1 in sum for each pool."""
    parts = pools.parts
    least = (floor / 100.0 / parts.counts)[parts.of]
    shares = amounts / parts.sum(amounts)[parts.of]
    low = np.zeros(len(shares), dtype=np.bool_)
    while True:
        found = ~low & (shares < least - 1e-15)
        if not found.any():
            return shares
        low |= found
        rest = 1.0 - parts.sum(np.where(low, least, 0.0))
        free = parts.sum(np.where(low, 0.0, amounts))
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.where(low, least, amounts * (rest / free)[parts.of])


def within_ceilings(pools: Pools, shares: FloatArray, limits: Limits, *, saturated: BoolArray) -> FloatArray:
    """Return shares that drive no endpoint above its ceilings while another one of its pool has free capacity.

    Parameters
    ----------
    shares
        Shares that sum to 1 in each pool, shape (n_endpoints,). Pools of unknown load keep them.
    saturated
        Pools whose demand may exceed their measured load, shape (n_pools,). If the free capacity of all their
        endpoints is known, they are split by it.
    """
    parts, of = pools.parts, pools.parts.of
    with np.errstate(invalid="ignore", divide="ignore"):
        caps = np.where((pools.load > 0.0)[of], _free_cores(pools, limits) / pools.load[of], np.inf)
    total = parts.sum(caps)
    by_capacity = np.isfinite(total) & (total > 0.0) & (saturated | (total <= 1.0))
    bound = np.isfinite(caps) & (~by_capacity & (total > 1.0))[of]
    result, fixed = shares, np.zeros(len(shares), dtype=np.bool_)
    while (found := bound & ~fixed & (result > caps + 1e-12)).any():
        fixed |= found
        rest = 1.0 - parts.sum(np.where(fixed, caps, 0.0))
        free = parts.sum(np.where(fixed, 0.0, shares))
        with np.errstate(invalid="ignore", divide="ignore"):
            result = np.where(fixed, caps, shares * (rest / free)[of])
    with np.errstate(invalid="ignore", divide="ignore"):
        final: FloatArray = np.where(by_capacity[of], caps / total[of], result)
    return final


def _free_cores(pools: Pools, limits: Limits) -> FloatArray:
    """Return the CPU that each endpoint may use within its ceilings [cores], +inf if unknown.

    Endpoints of one pool on one node share what all other pods leave of the node's ceiling.
    """
    group, count = pools.shape.same_pool_and_node
    own = np.bincount(group, pools.cpu_cores)[group]
    left = pools.node_capacity * (limits.node_ceiling - pools.node_load) / 100.0 + own
    free = np.fmin(limits.pod_cores(pools), np.maximum(left, 0.0) / count)
    return np.where(np.isnan(free), np.inf, free)
