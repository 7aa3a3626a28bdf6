"""Steps of the weights of many Services: the rules' weights, damped, within the ceilings on the way too. Pure.

All nodes are weighed on the same CPU samples, which lag behind the traffic; weights that jumped to their target would
make the load oscillate. The load that is planned for also falls slowly, but rises immediately: with the latest
sample alone, a ceiling would be respected on average only, and exceeded half of the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray
from wao_predict.traffic.limits import Limits
from wao_predict.traffic.pools import Pools
from wao_predict.traffic.reasons import LOOKAHEAD, Reason
from wao_predict.traffic.segments import Segments
from wao_predict.traffic.state import PreviousPlan, TrafficState
from wao_predict.traffic.weights import Weights, weigh

FALL_FACTOR = 4.0
"""Time constant for falling load, in settle times. Rising load takes effect immediately."""
SLACK = 1e-3
"""How far damped weights may drive a node or an endpoint above its ceiling [part of its CPU]."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly weights follow their target.

    Parameters
    ----------
    settle
        Time constant [s]: weights cover 63 % of the way in this time and 95 % in three times of it. 0 disables damping.
    interval
        Minimum time between two steps [s].
    trifle
        Relative change below which a pool keeps its weights [part of an equal share].
    """

    settle: float = 15.0
    interval: float = 5.0
    trifle: float = 0.02

    def fraction(self, elapsed: float) -> float:
        """Return the fraction of the way to the target to go when the last step was `elapsed` seconds ago."""
        if self.settle <= 0.0:
            return 1.0
        return 0.0 if elapsed < min(self.interval, self.settle) else 1.0 - float(np.exp(-elapsed / self.settle))

    def fall_fraction(self, elapsed: float) -> float:
        """Return the fraction of a drop in load to accept when the last plan was `elapsed` seconds ago."""
        return 1.0 if self.settle <= 0.0 else 1.0 - float(np.exp(-max(elapsed, 0.0) / (FALL_FACTOR * self.settle)))


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """How to make one step.

    Parameters
    ----------
    fraction
        Fraction of the way to the rules' weights to go, see `Pace.fraction`. 1 goes all of it.
    fall_fraction
        Fraction of a drop in load to accept, see `Pace.fall_fraction`. 1 plans for the measured load.
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


def advance(pools: Pools, state: TrafficState, step: Step) -> TrafficState:
    """Return the next state: weights between the present ones and those of the rules.

    Pools that leave an overloaded endpoint, and pools whose damped weights would drive an endpoint above its ceiling
    although the rules' weights would not, get the rules' weights immediately.

    Parameters
    ----------
    state
        The present state of the same pools.

    Examples
    --------
    >>> import numpy as np
    >>> from wao_predict import PowerCurves
    >>> from wao_predict.traffic import Limits, Nodes, Pools, ServiceTraffic, Step, TrafficState, advance
    >>> curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 300.0]]))
    >>> nodes = Nodes(curves, capacity_cores=np.array([32.0, 32.0]), usage_cores=np.array([3.0, 3.0]))
    >>> web = ServiceTraffic(node=[0, 1], cpu_cores=[2.0, 2.0], cpu_limit=8.0, rule="proportional")
    >>> state = advance(Pools.of_services([web], nodes), TrafficState.empty(2, 1), Step())
    >>> state.weights.round(1).tolist()  # a new Service starts at the rule's weights
    [66.7, 33.3]
    >>> web = ServiceTraffic(node=[0, 1], cpu_cores=[2.0, 2.0], cpu_limit=8.0)  # the other rule: 99 to 1
    >>> advance(Pools.of_services([web], nodes), state, Step(fraction=0.5)).weights.round(1).tolist()
    [82.8, 17.2]
    """
    previous = PreviousPlan(
        background=step.background,
        planned=step.planned,
        weights=state.weights,
        load=state.load,
        even=state.reason == Reason.EVEN,
        fall_fraction=step.fall_fraction,
    )
    target = weigh(pools, step.limits, previous)
    at_once = _relieved(pools, target, state, step) | (state.reason == Reason.NOTHING_KNOWN)
    weights = damped(pools.parts, state.weights, target.weights, step.fraction, at_once=at_once, trifle=step.trifle)
    over = _overdriven(target.pools, weights, target.weights, step.limits)
    return _next_state(state, target, np.where(over[pools.parts.of], target.weights, weights))


def _next_state(state: TrafficState, target: Weights, weights: FloatArray) -> TrafficState:
    load, of = target.pools.load, target.pools.parts.of
    return TrafficState(
        weights=weights,
        increase=target.increase,
        note=target.note,
        cpu_cores=target.pools.cpu_cores,
        planned=np.where((target.rule == LOOKAHEAD)[of], target.weights / 100.0 * load[of], 0.0),
        rule=target.rule,
        reason=target.reason,
        load=np.where(np.isnan(load), state.load, load),
    )


def _relieved(pools: Pools, target: Weights, state: TrafficState, step: Step) -> BoolArray:
    """Return the pools whose target moves traffic away from an endpoint that is above a ceiling now."""
    limits, parts = step.limits, pools.parts
    with np.errstate(invalid="ignore"):
        over = pools.node_load > limits.node_ceiling
        over |= pools.cpu_cores > limits.pod_cores(pools)
        leaves = state.weights - target.weights > step.trifle * (100.0 / parts.counts)[parts.of]
    relieved: BoolArray = parts.any(over & leaves) & np.isfinite(target.pools.load)
    return relieved


def _overdriven(pools: Pools, weights: FloatArray, target: FloatArray, limits: Limits) -> BoolArray:
    """Return the pools that must take their target weights, so that no weights drive an endpoint above a ceiling.

    First the pools that drive a node or an endpoint further above its ceiling than the targets do, then those that do
    so together with the targets of the former.
    """
    of, node, nodes = pools.parts.of, pools.node, pools.nodes
    known = np.isfinite(pools.load)[of] & (node >= 0)
    load = np.where(known, pools.load[of], 0.0) / 100.0
    driven, aim = weights * load, target * load
    others = nodes.usage_cores - pools.per_node(np.where(known, pools.cpu_cores, 0.0))
    reached = others + pools.per_node(driven)
    more = np.flatnonzero(known & (weights > target + 1e-9))
    chosen = np.zeros(len(pools), dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        wanted = others + pools.per_node(aim)
        most = np.maximum(limits.node_cores(nodes), wanted) + SLACK * nodes.capacity_cores
        free = np.maximum(limits.pod_cores(pools), aim) + SLACK * pools.cpu_limit
        over = (driven > free)[more] | (reached > most)[node[more]]
        while over.any():
            chosen[of[more[over]]] = True
            reached = others + pools.per_node(np.where(chosen[of], aim, driven))
            more = more[~chosen[of[more]]]
            over = (reached > most)[node[more]]
    return chosen


def damped(
    parts: Segments, last: FloatArray, target: FloatArray, fraction: float, *, at_once: BoolArray, trifle: float
) -> FloatArray:
    """Return weights between the last ones and the target [%], summing to 100 in each pool.

    The share of endpoints that no longer exist is redistributed by the target immediately.

    Parameters
    ----------
    last
        Present weights [%], shape (n_endpoints,); NaN for a new endpoint, which starts at its target.
    fraction
        Fraction of the way to the target to go.
    at_once
        Pools that go the whole way, shape (n_pools,).
    trifle
        See `Pace`.
    """
    known = ~np.isnan(last)
    change = np.where(known, np.abs(target - last), np.inf)
    moves = parts.any(change > trifle * (100.0 / parts.counts)[parts.of])
    way = np.where(at_once | ~parts.any(known), 1.0, np.where(moves, fraction, 0.0))[parts.of]
    moved = np.where(known, last + way * (target - last), target)
    moved += np.maximum(0.0, 1.0 - parts.sum(moved) / 100.0)[parts.of] * target
    settled: FloatArray = 100.0 * moved / parts.sum(moved)[parts.of]
    return settled
