"""The `proportional` rule: the weight of an endpoint falls with the power increase of one more request. Pure.

The rule of the reference (wao-loadbalancer/pkg/proxy/nftables/wao.go), in floats, with ceilings and neutral weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_predict.traffic.limits import Limits, with_floor, within_ceilings
from wao_predict.traffic.pools import Nodes, Pools
from wao_predict.traffic.reasons import CodeArray, Note
from wao_predict.traffic.segments import BoolArray, FloatArray

SMALLEST_INCREASE = 1e-3
"""Increases below this are equal [W]; keeps the ratio finite where a curve is flat."""
FULL = 0.01
"""Weight of an endpoint without capacity for one more request, relative to the smallest other weight."""


@dataclass(frozen=True, slots=True, eq=False)
class ProportionalShares:
    """The result of the rule.

    Attributes
    ----------
    shares
        Share of each endpoint of its pool's traffic, summing to 1 in each pool.
    note
        `Note` of each endpoint.
    unknown
        Pools without any known increase, shape (n_pools,); their shares are equal.
    """

    shares: FloatArray
    note: CodeArray
    unknown: BoolArray


def split_in_proportion(
    pools: Pools, nodes: Nodes, increase: FloatArray, limits: Limits, *, saturated: BoolArray
) -> ProportionalShares:
    """Return shares in proportion to least increase / own increase.

    An unknown node gets an equal share, never the best. A node above its ceiling gets less the higher its load is:
    a power curve is flat there, and the rule alone would prefer it. If the load is known, no endpoint is driven above
    its ceilings: with concave curves the rule alone would load the busiest node more and more.

    Parameters
    ----------
    increase
        Power increase of one more request on each endpoint's node [W], NaN unknown, +inf if it does not fit.
    """
    of, parts = pools.parts.of, pools.parts
    load = pools.at_node(nodes.percent(nodes.usage_cores))
    full, unknown = np.isposinf(increase), np.isnan(increase)
    over = ~unknown & (load > limits.node_ceiling)
    counted = np.where(full | unknown | over, np.nan, np.maximum(increase, SMALLEST_INCREASE))
    raw = parts.least(counted)[of] / counted
    least = np.nan_to_num(parts.least(raw), nan=1.0)[of]
    raw = np.where(over, least * _reduction(load, limits.node_ceiling), raw)
    raw = np.where(full, least * FULL, raw)
    nothing = ~parts.any(np.isfinite(increase))
    raw = np.where(nothing[of], 1.0, np.where(unknown, _mean(pools, raw)[of], raw))
    wanted = with_floor(pools, np.maximum(raw, 1e-12), limits.floor)
    shares = within_ceilings(pools, nodes, wanted, limits, saturated=saturated)
    note = np.where(shares < wanted - 1e-12, Note.CEILING, Note.NONE)
    note = np.where(unknown, Note.NEUTRAL, np.where(full, Note.FULL, np.where(over, Note.OVERLOADED, note)))
    return ProportionalShares(
        shares=with_floor(pools, np.maximum(shares, 1e-12), limits.floor),
        note=np.where(nothing[of], Note.NONE, note).astype(np.int8),
        unknown=nothing,
    )


def _mean(pools: Pools, raw: FloatArray) -> FloatArray:
    """Return the mean of the known values of each pool, 1 if there is none."""
    known = ~np.isnan(raw)
    total, count = pools.parts.sum(np.where(known, raw, 0.0)), pools.parts.sum(known.astype(np.float64))
    return np.where(count > 0, total / np.maximum(count, 1.0), 1.0)


def _reduction(load: FloatArray, ceiling: float) -> FloatArray:
    """Return a factor that falls from 1 at the ceiling to 0 at full load."""
    with np.errstate(invalid="ignore"):
        return np.clip((100.0 - load) / max(100.0 - ceiling, 1e-9), 0.0, 1.0)
