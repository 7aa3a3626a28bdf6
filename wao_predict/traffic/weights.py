"""From power curves to weights: each pool is split by its rule, all pools in a few array operations. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.increase import IncreaseTable
from wao_predict.traffic.estimates import Estimates, estimated
from wao_predict.traffic.limits import Limits, with_floor
from wao_predict.traffic.lookahead import lay_out
from wao_predict.traffic.plans import PreviousPlan
from wao_predict.traffic.pools import Pools
from wao_predict.traffic.proportional import split_in_proportion
from wao_predict.traffic.reasons import EQUAL, LOOKAHEAD, PROPORTIONAL, CodeArray, Note, Reason


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


class _Split(NamedTuple):
    """Weights and notes of endpoints, rules and reasons of pools."""

    weights: FloatArray
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
    known, increase = estimated(pools, previous), _request_increase(pools)
    laid_out = pools.lookahead & (known.reason == Reason.NONE)
    inside = laid_out[pools.parts.of]
    weights, note = np.empty(len(increase)), np.zeros(len(increase), np.int8)
    rule, reason = np.zeros(len(pools), np.int8), np.zeros(len(pools), np.int8)
    if not laid_out.all():
        split = _proportional(known.take(~laid_out), limits, increase[~inside])
        weights[~inside], note[~inside], rule[~laid_out], reason[~laid_out] = split
    if laid_out.any():
        split = _lookahead(known.take(laid_out), limits, previous.of_pools(laid_out))
        weights[inside], note[inside], rule[laid_out], reason[laid_out] = split
    return Weights(known.pools, weights, increase, note, rule, reason)


def _request_increase(pools: Pools) -> FloatArray:
    """Return the power increase of one more request on each endpoint's node [W], +inf if it does not fit."""
    nodes = pools.nodes
    with np.errstate(divide="ignore", invalid="ignore"):
        added = pools.cpu_per_request[pools.parts.of] * pools.at_node(100.0 / nodes.capacity_cores)
    return IncreaseTable(nodes.curves).increase(pools.at_node(nodes.load), added, rows=pools.node, rule="marginal")


def _proportional(known: Estimates, limits: Limits, increase: FloatArray) -> _Split:
    made = split_in_proportion(known, increase, limits)
    return _Split(
        weights=100.0 * made.shares,
        note=made.note,
        rule=np.where(made.unknown, EQUAL, PROPORTIONAL).astype(np.int8),
        reason=np.where(made.unknown, Reason.NOTHING_KNOWN, np.where(known.pools.lookahead, known.reason, 0)).astype(
            np.int8
        ),
    )


def _lookahead(known: Estimates, limits: Limits, previous: PreviousPlan) -> _Split:
    """Consolidate each pool's load on the endpoints that can be weighed, but for the fixed shares of the others."""
    pools, parts, fixed = known.pools, known.pools.parts, known.fixed_shares(limits)
    free, weighed = 1.0 - parts.sum(fixed), ~known.neutral & ~known.at_limit
    laid_out = replace(known.bounded(limits), expected=free * pools.load).only(weighed)
    made = lay_out(laid_out, limits, known.saturated, previous)
    shares, note = fixed, known.note.copy()
    shares[weighed] = made.shares * free[parts.of][weighed]
    note[weighed] = np.where(made.full & ~known.guessed[weighed], Note.CEILING, note[weighed])
    reason = np.where(made.fits, np.where(made.even, Reason.EVEN, Reason.NONE), Reason.ALL_FULL)
    return _Split(
        weights=100.0 * with_floor(pools, shares, limits.floor),
        note=note,
        rule=np.full(len(pools), LOOKAHEAD, np.int8),
        reason=np.where(known.saturated, Reason.SATURATED, reason).astype(np.int8),
    )
