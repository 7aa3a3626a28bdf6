"""Ceilings for shares that do not know them: what an endpoint has no room for goes to the others. Pure."""

from __future__ import annotations

import numpy as np

from wao_predict.traffic.lookahead import Limits
from wao_predict.traffic.pools import Nodes, Pools
from wao_predict.traffic.segments import BoolArray, FloatArray


def capped(pools: Pools, nodes: Nodes, shares: FloatArray, saturated: BoolArray, limits: Limits) -> FloatArray:
    """Return shares of which none drives an endpoint beyond its ceilings while another of its pool has room.

    Parameters
    ----------
    shares
        Summing to 1 in each pool. Those of a pool whose load is unknown stay as they are.
    saturated
        Pools whose load is known from below only: where all rooms are known, they are shared by room.
    """
    parts, of = pools.parts, pools.parts.of
    with np.errstate(invalid="ignore", divide="ignore"):
        caps = np.where((pools.load > 0.0)[of], _rooms(pools, nodes, limits) / pools.load[of], np.inf)
    total = parts.sum(caps)
    by_room = np.isfinite(total) & (total > 0.0) & (saturated | (total <= 1.0))
    bound = np.isfinite(caps) & (~by_room & (total > 1.0))[of]
    result, fixed = shares, np.zeros(len(shares), dtype=np.bool_)
    while (found := bound & ~fixed & (result > caps + 1e-12)).any():
        fixed |= found
        rest = 1.0 - parts.sum(np.where(fixed, caps, 0.0))
        free = parts.sum(np.where(fixed, 0.0, shares))
        with np.errstate(invalid="ignore", divide="ignore"):
            result = np.where(fixed, caps, shares * (rest / free)[of])
    with np.errstate(invalid="ignore", divide="ignore"):
        final: FloatArray = np.where(by_room[of], caps / total[of], result)
    return final


def _rooms(pools: Pools, nodes: Nodes, limits: Limits) -> FloatArray:
    """Return the CPU that each endpoint may use [cores]: its pod's, or its part of what others leave of the node.

    +inf where it is unknown.
    """
    place, count = pools.shape.siblings
    own = np.bincount(place, pools.cpu_cores)[place]
    left = pools.at_node(limits.node_cores(nodes) - nodes.usage_cores) + own
    rooms = np.fmin(limits.pod_cores(pools), np.maximum(left, 0.0) / count)
    return np.where(np.isnan(rooms), np.inf, rooms)
