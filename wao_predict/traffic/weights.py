"""From power curves to weights: two rules over the pools of all Services at once. Pure.

`proportional` is the reference's (wao-loadbalancer/pkg/proxy/nftables/wao.go): the weight falls with the watts that
one more request costs, in floats. `lookahead` lays the present load where it costs least (module `lookahead`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from wao_predict.increase import IncreaseTable
from wao_predict.traffic.ceilings import capped
from wao_predict.traffic.lookahead import Limits, floored, lay_out
from wao_predict.traffic.pools import Nodes, Pools, per_node
from wao_predict.traffic.segments import BoolArray, FloatArray

CodeArray = NDArray[np.int8]

SMALLEST_INCREASE = 1e-3
"""Watts below which two increases are the same: keeps the ratio finite where a curve is flat."""
FULL = 0.01
"""Part of the least weight that an endpoint without room for one more request gets."""

SATURATED = 0.95
"""Part of its CPU limit, or of its node's CPU, from which on an endpoint may be wanted for more than it can do."""
CONSIDERABLE = 0.05
"""Part of a full node's CPU that an endpoint must take for the node to say anything about the endpoint's load."""


class Rule(StrEnum):
    """How weights are made."""

    PROPORTIONAL = "proportional"
    LOOKAHEAD = "lookahead"
    EQUAL = "equal"


RULES = tuple(Rule)
"""A rule's code is its place in here."""
_PROPORTIONAL, _LOOKAHEAD, _EQUAL = (RULES.index(rule) for rule in Rule)


class Reason(IntEnum):
    """Why a pool's weights are not what its rule promises; `REASON_TEXTS` has the words."""

    NONE = 0
    NODE_UNKNOWN = 1
    POD_NOT_MEASURED = 2
    NO_LIMIT = 3
    NODE_NOT_MEASURED = 4
    NO_CURVE = 5
    NO_LOAD = 6
    ALL_FULL = 7
    EVEN = 8
    NOTHING_KNOWN = 9
    SATURATED = 10


REASON_TEXTS = {
    Reason.NONE: "",
    Reason.NODE_UNKNOWN: "the node of an endpoint is unknown",
    Reason.POD_NOT_MEASURED: "the CPU of an endpoint's pod is not measured",
    Reason.NO_LIMIT: "the pod of an endpoint has neither a CPU limit nor a request",
    Reason.NODE_NOT_MEASURED: "the CPU of an endpoint's node is not measured",
    Reason.NO_CURVE: "the node of an endpoint has no power curve",
    Reason.NO_LOAD: "the Service has no load",
    Reason.ALL_FULL: "all endpoints are at their ceiling",
    Reason.EVEN: "equal shares under the ceilings: filling would save less than 1 % at this load",
    Reason.SATURATED: "an endpoint is saturated, so that the load is known from below only: shared by room",
    Reason.NOTHING_KNOWN: "no endpoint's node has a power curve and a CPU sample with room",
}


class Note(IntEnum):
    """Why an endpoint's weight is a default or is held down; `NOTE_TEXTS` has the words."""

    NONE = 0
    NEUTRAL = 1
    OVERLOADED = 2
    FULL = 3
    CEILING = 4


NOTE_TEXTS = {
    Note.NONE: "",
    Note.NEUTRAL: "the node has no power curve or CPU sample: neutral weight",
    Note.OVERLOADED: "the node is over its ceiling",
    Note.FULL: "the node has no room for another request",
    Note.CEILING: "at its ceiling",
}


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What the rules say.

    Attributes
    ----------
    weights
        Share of its pool's traffic of each endpoint [%], summing to 100 in each pool.
    increase
        Watts that one more request costs on each endpoint's node, NaN unknown, +inf where it does not fit.
    note
        `Note` of each endpoint.
    rule, reason
        Place in `RULES` of the rule that was used for each pool, and the `Reason` when it is not the one wanted.
    """

    weights: FloatArray
    increase: FloatArray
    note: CodeArray
    rule: CodeArray
    reason: CodeArray


@dataclass(frozen=True, slots=True, eq=False)
class Before:
    """What was decided the last time, for the nodes' rows of now.

    Attributes
    ----------
    background
        CPU use of each node without the load that is laid out [cores]; None measures it.
    carried
        Load that was laid on each node [cores], or None.
    even
        Pools that got equal shares under the ceilings, shape (n_pools,), or None.
    """

    background: FloatArray | None = None
    carried: FloatArray | None = None
    even: BoolArray | None = None


def weigh(
    pools: Pools, nodes: Nodes, lookahead: BoolArray, limits: Limits | None = None, before: Before | None = None
) -> Weights:
    """Return the weights of all pools.

    Parameters
    ----------
    lookahead
        Which pools want that rule; the others are weighed in proportion. Shape (n_pools,).
    """
    limits = limits or Limits()
    increase = request_increase(pools, nodes)
    reason = np.where(lookahead, missing(pools, nodes), Reason.NONE).astype(np.int8)
    fill = lookahead & (reason == Reason.NONE)
    result = Weights(
        np.empty(len(pools.node)), increase, np.zeros(len(pools.node), np.int8), np.zeros(len(pools), np.int8), reason
    )
    if not fill.all():
        _proportional(pools, nodes, ~fill, limits, result)
    if fill.any():
        _lookahead(pools, nodes, fill, (limits, before or Before()), result)
    return result


def request_increase(pools: Pools, nodes: Nodes) -> FloatArray:
    """Return the watts that one more request costs at each endpoint's node, +inf where it does not fit."""
    load = pools.at_node(nodes.percent(nodes.usage_cores))
    with np.errstate(divide="ignore", invalid="ignore"):
        added = pools.cpu_per_request[pools.parts.of] * pools.at_node(100.0 / nodes.capacity_cores)
    return IncreaseTable(nodes.curves).increase(load, added, rows=pools.node, rule="marginal")


def missing(pools: Pools, nodes: Nodes) -> CodeArray:
    """Return the `Reason` why each pool's load cannot be laid out, `Reason.NONE` where it can."""
    parts, found = pools.parts, np.zeros(len(pools), np.int8)
    checks = (
        (Reason.NO_CURVE, parts.any(pools.at_node(nodes.curves.known.astype(np.float64)) == 0.0)),
        (Reason.NODE_NOT_MEASURED, parts.any(~np.isfinite(pools.at_node(nodes.percent(nodes.usage_cores))))),
        (Reason.NO_LIMIT, parts.any(~(pools.cpu_limit > 0.0))),
        (Reason.NO_LOAD, pools.measured <= 1e-6),
        (Reason.POD_NOT_MEASURED, np.isnan(pools.load)),
        (Reason.NODE_UNKNOWN, parts.any(pools.node < 0)),
    )
    for reason, where in checks:  # what is found later says more
        found[where] = reason
    return found


def background(pools: Pools, nodes: Nodes, chosen: BoolArray) -> FloatArray:
    """Return each node's CPU use without the present load of the chosen pools [cores], shape (n_nodes,)."""
    mask = chosen[pools.parts.of]
    own = per_node(pools.node[mask], pools.cpu_cores[mask], len(nodes))
    return np.maximum(nodes.usage_cores - own, 0.0)


def saturated(pools: Pools, nodes: Nodes) -> BoolArray:
    """Return which pools have an endpoint that can do no more, so that what is wanted of it may be more than it does.

    Filling would follow such a load one node at a time, while requests queue.
    """
    with np.errstate(invalid="ignore"):
        pod = pools.cpu_cores >= SATURATED * pools.cpu_limit
        part = pools.cpu_cores >= CONSIDERABLE * pools.at_node(nodes.capacity_cores)
        node = pools.at_node(nodes.percent(nodes.usage_cores)) >= 100.0 * SATURATED
    return pools.parts.any(pod | (node & part))


def _lookahead(pools: Pools, nodes: Nodes, chosen: BoolArray, how: tuple[Limits, Before], result: Weights) -> None:
    limits, before = how
    base = background(pools, nodes, chosen) if before.background is None else before.background
    part, mask = pools.take(chosen)
    more = saturated(part, nodes)
    even = None if before.even is None else before.even[chosen]
    layout = lay_out(part, nodes, base, limits, saturated=more, carried=before.carried, even=even)
    result.weights[mask] = 100.0 * layout.shares
    result.note[mask] = np.where(layout.full, Note.CEILING, Note.NONE)
    result.rule[chosen] = _LOOKAHEAD
    why = np.where(layout.even, Reason.EVEN, Reason.NONE)
    result.reason[chosen] = np.where(more, Reason.SATURATED, np.where(layout.fits, why, Reason.ALL_FULL))


def _proportional(pools: Pools, nodes: Nodes, chosen: BoolArray, limits: Limits, result: Weights) -> None:
    """Weigh by least increase / own increase.

    An unknown node gets an equal share, never the best. A node over its ceiling gets less the more it is over, never
    more: a power curve is flat there and would call it cheap. Where the load is known, no endpoint is driven beyond
    its ceilings: with concave curves the rule would load the busiest node ever more.
    """
    part, mask = pools.take(chosen)
    of, increase = part.parts.of, result.increase[mask]
    load = part.at_node(nodes.percent(nodes.usage_cores))
    full, unknown = np.isposinf(increase), np.isnan(increase)
    over = ~unknown & (load > limits.node_ceiling)
    counted = np.where(full | unknown | over, np.nan, np.maximum(increase, SMALLEST_INCREASE))
    raw = part.parts.least(counted)[of] / counted
    least = np.nan_to_num(part.parts.least(raw), nan=1.0)[of]
    raw = np.where(over, least * _held_down(load, limits.node_ceiling), raw)
    raw = np.where(full, least * FULL, raw)
    nothing = ~part.parts.any(np.isfinite(increase))
    raw = np.where(nothing[of], 1.0, np.where(unknown, _mean(part, raw)[of], raw))
    shares = floored(part, np.maximum(raw, 1e-12), limits.floor)
    kept = capped(part, nodes, shares, saturated(part, nodes), limits)
    result.weights[mask] = 100.0 * floored(part, np.maximum(kept, 1e-12), limits.floor)
    note = np.where(kept < shares - 1e-12, Note.CEILING, Note.NONE)
    note = np.where(unknown, Note.NEUTRAL, np.where(full, Note.FULL, np.where(over, Note.OVERLOADED, note)))
    result.note[mask] = np.where(nothing[of], Note.NONE, note)
    result.rule[chosen] = np.where(nothing, _EQUAL, _PROPORTIONAL)
    result.reason[chosen] = np.where(nothing, Reason.NOTHING_KNOWN, result.reason[chosen])


def _mean(pools: Pools, raw: FloatArray) -> FloatArray:
    """Return the mean of the known values of each pool, 1 where there is none."""
    known = ~np.isnan(raw)
    total, count = pools.parts.sum(np.where(known, raw, 0.0)), pools.parts.sum(known.astype(np.float64))
    return np.where(count > 0, total / np.maximum(count, 1.0), 1.0)


def _held_down(load: FloatArray, ceiling: float) -> FloatArray:
    """Return a factor that falls from 1 at the ceiling to 0 at full load."""
    with np.errstate(invalid="ignore"):
        return np.clip((100.0 - load) / max(100.0 - ceiling, 1e-9), 0.0, 1.0)
