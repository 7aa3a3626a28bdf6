"""From power curves to weights: each pool is split by its rule, all pools in a few array operations. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wao_predict.increase import IncreaseTable
from wao_predict.traffic.limits import Limits
from wao_predict.traffic.lookahead import PreviousPlan, lay_out
from wao_predict.traffic.pools import Nodes, Pools
from wao_predict.traffic.proportional import split_in_proportion
from wao_predict.traffic.reasons import EQUAL, LOOKAHEAD, PROPORTIONAL, CodeArray, Note, Reason
from wao_predict.traffic.segments import BoolArray, FloatArray

SATURATED = 0.95
"""Load of an endpoint's pod or node from which its demand may exceed its measured load [part of its CPU]."""
CONSIDERABLE = 0.05
"""Part of a full node's CPU that an endpoint must use for the node to say anything about the endpoint's load."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The weights that the rules give.

    Attributes
    ----------
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

    weights: FloatArray
    increase: FloatArray
    note: CodeArray
    rule: CodeArray
    reason: CodeArray

    @classmethod
    def empty(cls, increase: FloatArray, reason: CodeArray) -> Weights:
        """Return weights to `put` the parts of into."""
        endpoints, pools = len(increase), len(reason)
        return cls(np.empty(endpoints), increase, np.zeros(endpoints, np.int8), np.zeros(pools, np.int8), reason)

    def put(self, part: Weights, pools: BoolArray, endpoints: BoolArray) -> None:
        """Write the weights of some pools, chosen by masks of pools and endpoints."""
        self.weights[endpoints], self.note[endpoints] = part.weights, part.note
        self.rule[pools], self.reason[pools] = part.rule, part.reason


def weigh(
    pools: Pools,
    nodes: Nodes,
    lookahead: BoolArray | bool = True,
    limits: Limits | None = None,
    previous: PreviousPlan | None = None,
) -> Weights:
    """Return the weights of all pools.

    Parameters
    ----------
    lookahead
        Which pools want the rule `lookahead`, shape (n_pools,) or one value for all; the others are split in
        proportion. A pool whose data do not suffice for `lookahead` is split in proportion, with a `Reason`.
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
    >>> pools = Pools.of_services([web], nodes)
    >>> weigh(pools, nodes, limits=Limits(floor=0.0)).weights.tolist()
    [100.0, 0.0]
    >>> weigh(pools, nodes, lookahead=False).weights.round(1).tolist()
    [66.7, 33.3]
    """
    limits, previous = limits or Limits(), previous or PreviousPlan()
    increase = request_increase(pools, nodes)
    reason = np.where(lookahead, missing_data(pools, nodes), Reason.NONE).astype(np.int8)
    laid_out = lookahead & (reason == Reason.NONE)
    result = Weights.empty(increase, reason)
    if not laid_out.all():
        part, mask = pools.take(~laid_out)
        result.put(_proportional(part, nodes, limits, increase[mask], reason[~laid_out]), ~laid_out, mask)
    if laid_out.any():
        part, mask = pools.take(laid_out)
        result.put(_lookahead(part, nodes, limits, increase[mask], previous.of_pools(laid_out)), laid_out, mask)
    return result


def request_increase(pools: Pools, nodes: Nodes) -> FloatArray:
    """Return the power increase of one more request on each endpoint's node [W], +inf if it does not fit."""
    load = pools.at_node(nodes.percent(nodes.usage_cores))
    with np.errstate(divide="ignore", invalid="ignore"):
        added = pools.cpu_per_request[pools.parts.of] * pools.at_node(100.0 / nodes.capacity_cores)
    return IncreaseTable(nodes.curves).increase(load, added, rows=pools.node, rule="marginal")


def missing_data(pools: Pools, nodes: Nodes) -> CodeArray:
    """Return the `Reason` why the rule `lookahead` cannot be used, `Reason.NONE` if it can, shape (n_pools,)."""
    parts, found = pools.parts, np.zeros(len(pools), np.int8)
    checks = (
        (Reason.NO_CURVE, parts.any(pools.at_node(nodes.curves.known.astype(np.float64)) == 0.0)),
        (Reason.NODE_NOT_MEASURED, parts.any(~np.isfinite(pools.at_node(nodes.percent(nodes.usage_cores))))),
        (Reason.NO_LIMIT, parts.any(~(pools.cpu_limit > 0.0))),
        (Reason.NO_LOAD, pools.measured <= 1e-6),
        (Reason.POD_NOT_MEASURED, np.isnan(pools.load)),
        (Reason.NODE_UNKNOWN, parts.any(pools.node < 0)),
    )
    for reason, where in checks:  # later checks are more specific
        found[where] = reason
    return found


def saturated(pools: Pools, nodes: Nodes) -> BoolArray:
    """Return which pools have an endpoint at the limit of its CPU, so that their demand may exceed their load.

    Shape (n_pools,). Consolidation would follow such a load one node at a time, while requests queue.
    """
    with np.errstate(invalid="ignore"):
        pod = pools.cpu_cores >= SATURATED * pools.cpu_limit
        part = pools.cpu_cores >= CONSIDERABLE * pools.at_node(nodes.capacity_cores)
        node = pools.at_node(nodes.percent(nodes.usage_cores)) >= 100.0 * SATURATED
    return pools.parts.any(pod | (node & part))


def _proportional(pools: Pools, nodes: Nodes, limits: Limits, increase: FloatArray, reason: CodeArray) -> Weights:
    made = split_in_proportion(pools, nodes, increase, limits, saturated=saturated(pools, nodes))
    return Weights(
        weights=100.0 * made.shares,
        increase=increase,
        note=made.note,
        rule=np.where(made.unknown, EQUAL, PROPORTIONAL).astype(np.int8),
        reason=np.where(made.unknown, Reason.NOTHING_KNOWN, reason).astype(np.int8),
    )


def _lookahead(pools: Pools, nodes: Nodes, limits: Limits, increase: FloatArray, previous: PreviousPlan) -> Weights:
    unknown_demand = saturated(pools, nodes)
    made = lay_out(pools, nodes, limits, unknown_demand, previous)
    reason = np.where(made.fits, np.where(made.even, Reason.EVEN, Reason.NONE), Reason.ALL_FULL)
    return Weights(
        weights=100.0 * made.shares,
        increase=increase,
        note=np.where(made.full, Note.CEILING, Note.NONE).astype(np.int8),
        rule=np.full(len(pools), LOOKAHEAD, np.int8),
        reason=np.where(unknown_demand, Reason.SATURATED, reason).astype(np.int8),
    )
