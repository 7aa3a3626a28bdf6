"""From power curves to weights: each pool is split by its rule, all pools in a few array operations. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.increase import IncreaseTable
from wao_predict.traffic.estimates import estimated
from wao_predict.traffic.limits import Limits, with_floor
from wao_predict.traffic.lookahead import consolidate
from wao_predict.traffic.pools import Pools
from wao_predict.traffic.proportional import split_in_proportion
from wao_predict.traffic.reasons import CodeArray, Reason
from wao_predict.traffic.state import PreviousPlan


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights that the rules give.

    Attributes
    ----------
    pools
        The pools with what was estimated, and the load that was planned for.
    weights
        Share of each endpoint of its pool's traffic [%], summing to 100 in each pool, shape (n_endpoints,).
    increase
        Power increase of one more request on each endpoint's node [W], NaN unknown, +inf if it does not fit.
    note
        `Note` of each endpoint.
    rule, reason
        Index in `RULES` of the rule used for each pool, and the `Reason` if it differs from the rule wanted or is
        restricted, shape (n_pools,).
    """

    pools: Pools
    weights: FloatArray
    increase: FloatArray
    note: CodeArray
    rule: CodeArray
    reason: CodeArray


def weigh(pools: Pools, limits: Limits | None = None, previous: PreviousPlan | None = None) -> Weights:
    """Return the weights of all pools.

    A pool whose data do not suffice for the rule `lookahead` is split in proportion, with a `Reason`.

    Parameters
    ----------
    limits
        Floor and ceilings; the defaults of `Limits` without it.
    previous
        The last plan, so that near-equal nodes do not swap on noise.

    Examples
    --------
    Two servers, the second with twice the power increase per core, and a Service with an endpoint on each:

    >>> import numpy as np
    >>> from wao_predict import PowerCurves
    >>> from wao_predict.traffic import Limits, Nodes, Pools, ServiceTraffic, weigh
    >>> curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 300.0]]))
    >>> nodes = Nodes(curves, capacity_cores=np.array([32.0, 32.0]), usage_cores=np.array([3.0, 3.0]))
    >>> web = ServiceTraffic(node=[0, 1], cpu_cores=[2.0, 2.0], cpu_limit=[8.0, 8.0])
    >>> weigh(Pools.of_services([web], nodes), Limits(floor=0.0)).weights.tolist()
    [100.0, 0.0]
    >>> web = ServiceTraffic(node=[0, 1], cpu_cores=[2.0, 2.0], cpu_limit=[8.0, 8.0], rule="proportional")
    >>> weigh(Pools.of_services([web], nodes)).weights.round(1).tolist()
    [66.7, 33.3]
    """
    limits, previous = limits or Limits(), previous or PreviousPlan()
    increase, known = _request_increase(pools), estimated(pools, previous)
    laid_out = pools.lookahead & (known.reason == Reason.NONE)
    inside = laid_out[pools.parts.of]
    shares, note = np.empty(len(increase)), np.zeros(len(increase), np.int8)
    rule, reason = np.zeros(len(pools), np.int8), np.zeros(len(pools), np.int8)
    if not laid_out.all():
        split = split_in_proportion(known.take(~laid_out), increase[~inside], limits)
        shares[~inside], note[~inside], rule[~laid_out], reason[~laid_out] = split
    if laid_out.any():
        even = None if previous.even is None else previous.even[laid_out]
        split = consolidate(known.take(laid_out), limits, replace(previous, even=even))
        shares[inside], note[inside], rule[laid_out], reason[laid_out] = split
    return Weights(known.pools, 100.0 * with_floor(pools, shares, limits.floor), increase, note, rule, reason)


def _request_increase(pools: Pools) -> FloatArray:
    """Return the power increase of one more request on each endpoint's node [W], +inf if it does not fit."""
    with np.errstate(divide="ignore", invalid="ignore"):
        added = 100.0 * pools.cpu_per_request[pools.parts.of] / pools.node_capacity
    return IncreaseTable(pools.nodes.curves).increase(pools.node_load, added, rows=pools.node, rule="marginal")
