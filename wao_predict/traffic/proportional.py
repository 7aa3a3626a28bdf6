"""The `proportional` rule: the weight of an endpoint falls with the power increase of one more request. Pure.

The rule of the reference (wao-loadbalancer/pkg/proxy/nftables/wao.go), in floats, with ceilings and neutral weights. It
also splits the pools for which the rule `lookahead` lacks data. For these the increase is the average up to the node's
ceiling: the slope of a curve at the present load may be many times lower on one node than on the next, and would send
it nearly all traffic, whatever the traffic is.
"""

from __future__ import annotations

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.traffic.estimates import Estimates
from wao_predict.traffic.limits import Limits, within_ceilings
from wao_predict.traffic.pools import Pools
from wao_predict.traffic.reasons import EQUAL, PROPORTIONAL, Note, Reason
from wao_predict.traffic.state import Split

SMALLEST_INCREASE = 1e-3
"""Increases below this are equal [W]; keeps the ratio finite where a curve is flat."""
FULL = 0.01
"""Weight of an endpoint without capacity for one more request, relative to the smallest other weight."""
NEAR_EQUAL = 0.5
"""Smallest weight relative to the largest one for a pool of unknown load that wants `lookahead`: no ceiling applies."""

TINY = 1e-12


def split_in_proportion(estimates: Estimates, increase: FloatArray, limits: Limits) -> Split:
    """Return shares in proportion to least increase / own increase.

    An unknown node gets an equal share, never the best. A node above its ceiling gets less the higher its load is:
    a power curve is flat there, and the rule alone would prefer it. If the load is known, no endpoint is driven above
    its ceilings: with concave curves the rule alone would load the busiest node more and more.

    Parameters
    ----------
    increase
        Power increase of one more request on each endpoint's node [W], NaN unknown, +inf if it does not fit.
    """
    pools = estimates.pools
    of, parts = pools.parts.of, pools.parts
    load = pools.node_load
    full, unknown = np.isposinf(increase) | estimates.at_limit, np.isnan(increase)
    over = ~unknown & (load > limits.node_ceiling)
    cost = np.where(pools.lookahead[of], _average_increase(pools, limits), increase)
    counted = np.where(full | unknown | over, np.nan, np.maximum(cost, SMALLEST_INCREASE))
    raw = parts.least(counted)[of] / counted
    raw = np.where((pools.lookahead & np.isnan(pools.load))[of], np.maximum(raw, NEAR_EQUAL), raw)
    least = np.nan_to_num(parts.least(raw), nan=1.0)[of]
    raw = np.where(over, least * _reduction(load, limits.node_ceiling), raw)
    raw = np.where(full, least * FULL, raw)
    nothing = ~parts.any(np.isfinite(increase))
    raw = np.where(nothing[of], 1.0, np.where(unknown, np.nan_to_num(parts.mean(raw), nan=1.0)[of], raw))
    raw = np.maximum(raw, TINY)
    wanted = raw / parts.sum(raw)[of]
    shares = within_ceilings(pools, wanted, limits, saturated=estimates.saturated)
    note = np.where(shares < wanted - TINY, Note.CEILING, estimates.note)
    note = np.where(full, Note.FULL, np.where(over, Note.OVERLOADED, note))
    note = np.where(unknown, Note.NEUTRAL, np.where(estimates.at_limit, Note.AT_LIMIT, note))
    reason = np.where(pools.lookahead, estimates.reason, Reason.NONE)
    return Split(
        shares=np.maximum(shares, TINY),
        note=np.where(nothing[of], Note.NONE, note).astype(np.int8),
        rule=np.where(nothing, EQUAL, PROPORTIONAL).astype(np.int8),
        reason=np.where(nothing, Reason.NOTHING_KNOWN, reason).astype(np.int8),
    )


def _average_increase(pools: Pools, limits: Limits) -> FloatArray:
    """Return the watts per core between the present load of each endpoint's node and its ceiling; NaN above it."""
    nodes = pools.nodes
    ceiling = limits.node_cores(nodes)
    with np.errstate(invalid="ignore", divide="ignore"):
        average = (nodes.watts(ceiling) - nodes.watts(nodes.usage_cores)) / (ceiling - nodes.usage_cores)
        return pools.at_node(np.where(ceiling > nodes.usage_cores, average, np.nan))


def _reduction(load: FloatArray, ceiling: float) -> FloatArray:
    """Return a factor that falls from 1 at the ceiling to 0 at full load."""
    with np.errstate(invalid="ignore"):
        return np.clip((100.0 - load) / max(100.0 - ceiling, 1e-9), 0.0, 1.0)
