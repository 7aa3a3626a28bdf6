"""One step of the weights of many Services: the rules' weights, damped, within the ceilings on the way too. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from wao_predict.traffic.damping import damped
from wao_predict.traffic.limits import Limits
from wao_predict.traffic.lookahead import PreviousPlan
from wao_predict.traffic.pools import Nodes, Pools
from wao_predict.traffic.reasons import LOOKAHEAD, CodeArray, Reason
from wao_predict.traffic.segments import BoolArray, FloatArray
from wao_predict.traffic.weights import Weights, weigh

SLACK = 1e-3
"""How far damped weights may drive a node or an endpoint above its ceiling [part of its CPU]."""


@dataclass(frozen=True, slots=True, eq=False)
class TrafficState:
    """Weights and plan of all pools after a step.

    Attributes
    ----------
    weights
        Damped share of each endpoint of its pool's traffic [%], summing to 100 in each pool; NaN for an endpoint that
        is not weighed yet.
    increase, note
        Of each endpoint, as in `Weights`.
    planned
        CPU load that the rule assigns to each endpoint [cores], 0 for rules without a plan.
    rule, reason
        Of each pool, as in `Weights`.
    load
        CPU load of each pool that was planned for [cores], NaN unknown; the last known one if it is unknown now.
    """

    weights: FloatArray
    increase: FloatArray
    note: CodeArray
    planned: FloatArray
    rule: CodeArray
    reason: CodeArray
    load: FloatArray

    @classmethod
    def empty(cls, endpoints: int, pools: int) -> TrafficState:
        """Return the state before the first step."""
        return cls(
            weights=np.full(endpoints, np.nan),
            increase=np.full(endpoints, np.nan),
            note=np.zeros(endpoints, np.int8),
            planned=np.zeros(endpoints),
            rule=np.zeros(pools, np.int8),
            reason=np.zeros(pools, np.int8),
            load=np.full(pools, np.nan),
        )

    @classmethod
    def joined(cls, states: Sequence[TrafficState]) -> TrafficState:
        """Return the states of several groups of pools as one."""
        return cls(*(np.concatenate([getattr(state, item.name) for state in states]) for item in fields(cls)))

    def assign(self, other: TrafficState) -> None:
        """Overwrite this state with another one of the same shape."""
        for item in fields(self):
            getattr(self, item.name)[:] = getattr(other, item.name)

    def part(self, endpoints: slice, pools: slice) -> TrafficState:
        """Return the state of consecutive pools, as views."""
        return TrafficState(
            weights=self.weights[endpoints],
            increase=self.increase[endpoints],
            note=self.note[endpoints],
            planned=self.planned[endpoints],
            rule=self.rule[pools],
            reason=self.reason[pools],
            load=self.load[pools],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """How to make one step.

    Parameters
    ----------
    fraction
        Fraction of the way to the rules' weights to go, see `Pace.fraction`. 1 goes all of it.
    fall_fraction
        Fraction of a fall of load to accept, see `Pace.fall_fraction`. 1 plans for the measured load.
    limits
        Floor and ceilings.
    trifle
        See `Pace`.
    background, planned
        As in `PreviousPlan`.
    """

    fraction: float = 1.0
    fall_fraction: float = 1.0
    limits: Limits = field(default_factory=Limits)
    trifle: float = 0.02
    background: FloatArray | None = None
    planned: FloatArray | None = None


def advance(pools: Pools, nodes: Nodes, lookahead: BoolArray | bool, state: TrafficState, step: Step) -> TrafficState:
    """Return the next state: weights between the present ones and those of the rules.

    Pools that leave an overloaded endpoint, and pools whose damped weights would drive an endpoint above its ceiling
    although the rules' weights would not, get the rules' weights immediately.

    Parameters
    ----------
    lookahead
        As in `weigh`.
    state
        The present state of the same pools.

    Examples
    --------
    >>> import numpy as np
    >>> from wao_predict import PowerCurves
    >>> from wao_predict.traffic import Limits, Nodes, Pools, ServiceTraffic, Step, TrafficState, advance
    >>> curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 300.0]]))
    >>> nodes = Nodes(curves, capacity_cores=np.array([32.0, 32.0]), usage_cores=np.array([3.0, 3.0]))
    >>> pools = Pools.of_services([ServiceTraffic(node=[0, 1], cpu_cores=[2.0, 2.0], cpu_limit=8.0)], nodes)
    >>> state = advance(pools, nodes, False, TrafficState.empty(2, 1), Step())
    >>> state.weights.round(1).tolist()  # a new Service starts at the rule's weights
    [66.7, 33.3]
    >>> advance(pools, nodes, True, state, Step(fraction=0.5)).weights.round(1).tolist()  # the rule: 99 to 1
    [82.8, 17.2]
    """
    pools = pools.smoothed(state.load, step.fall_fraction)
    previous = PreviousPlan(step.background, step.planned, even=state.reason == Reason.EVEN)
    target = weigh(pools, nodes, lookahead, step.limits, previous)
    at_once = _relieved(pools, nodes, target.weights, state, step) | (state.reason == Reason.NOTHING_KNOWN)
    weights = damped(pools.parts, state.weights, target.weights, step.fraction, at_once=at_once, trifle=step.trifle)
    over = _overdriven(pools, nodes, weights, target.weights, step.limits)
    return _next_state(pools, state, target, np.where(over[pools.parts.of], target.weights, weights))


def _next_state(pools: Pools, state: TrafficState, target: Weights, weights: FloatArray) -> TrafficState:
    of = pools.parts.of
    return TrafficState(
        weights=weights,
        increase=target.increase,
        note=target.note,
        planned=np.where((target.rule == LOOKAHEAD)[of], target.weights / 100.0 * pools.load[of], 0.0),
        rule=target.rule,
        reason=target.reason,
        load=np.where(np.isnan(pools.load), state.load, pools.load),
    )


def _relieved(pools: Pools, nodes: Nodes, target: FloatArray, state: TrafficState, step: Step) -> BoolArray:
    """Return the pools whose target moves traffic away from an endpoint that is above a ceiling now."""
    limits, parts = step.limits, pools.parts
    with np.errstate(invalid="ignore"):
        over = pools.at_node(nodes.percent(nodes.usage_cores)) > limits.node_ceiling
        over |= pools.cpu_cores > limits.pod_cores(pools)
        leaves = state.weights - target > step.trifle * (100.0 / parts.counts)[parts.of]
    relieved: BoolArray = parts.any(over & leaves) & np.isfinite(pools.load)
    return relieved


def _overdriven(pools: Pools, nodes: Nodes, weights: FloatArray, target: FloatArray, limits: Limits) -> BoolArray:
    """Return the pools that must take their target weights, so that no weights drive an endpoint above a ceiling.

    First the pools that drive a node or an endpoint further above its ceiling than the targets do, then those that do
    so together with the targets of the former.
    """
    of, node, count = pools.parts.of, pools.node, len(nodes)
    known = np.isfinite(pools.load)[of] & (node >= 0)
    load = np.where(known, pools.load[of], 0.0) / 100.0
    driven, aim = weights * load, target * load
    others = nodes.usage_cores - pools.shape.per_node(np.where(known, pools.cpu_cores, 0.0), count)
    reached = others + pools.shape.per_node(driven, count)
    more = np.flatnonzero(known & (weights > target + 1e-9))
    chosen = np.zeros(len(pools), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        wanted = others + pools.shape.per_node(aim, count)
        most = np.maximum(limits.node_cores(nodes), wanted) + SLACK * nodes.capacity_cores
        free = np.maximum(limits.pod_cores(pools), aim) + SLACK * pools.cpu_limit
        over = (driven > free)[more] | (reached > most)[node[more]]
        while over.any():
            chosen[of[more[over]]] = True
            reached = others + pools.shape.per_node(np.where(chosen[of], aim, driven), count)
            more = more[~chosen[of[more]]]
            over = (reached > most)[node[more]]
    return chosen
