"""From power curves to weights. Pure functions over arrays of one Service's endpoints.

Two rules. `proportional` is the reference's (wao-loadbalancer/pkg/proxy/nftables/wao.go): the weight falls with the
watts that one more request costs, in floats. `lookahead` lays the Service's present load on the endpoints with the
best average increase, each up to a ceiling, so that few servers work at their efficient point instead of all a little.

All arrays have shape (n_endpoints,). Weights are shares of 100 and sum up to it over the usable endpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from wao_predict.curves import PowerCurves
from wao_predict.increase import watt_increase

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

SMALLEST_INCREASE = 1e-3
"""Watts below which two increases are the same: keeps the ratio finite where a curve is flat."""


class Rule(StrEnum):
    """How weights are made."""

    PROPORTIONAL = "proportional"
    LOOKAHEAD = "lookahead"
    EQUAL = "equal"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a rule must respect.

    Parameters
    ----------
    node_ceiling
        Load of a node that traffic is not driven beyond [% of capacity].
    pod_ceiling
        Load of an endpoint's own pod that it is not driven beyond [% of its CPU limit, else of its request].
    floor
        Share that every ready endpoint keeps [% of an equal share], so that all stay warm and none starves.
    """

    node_ceiling: float = 70.0
    pod_ceiling: float = 70.0
    floor: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Endpoints:
    """The usable endpoints of one Service port.

    Attributes
    ----------
    node
        Row in `curves` of the endpoint's node, -1 unknown. Endpoints of one node share it.
    curves, capacity_cores, usage_cores
        The nodes: power curves, CPU [cores] and measured plus assumed CPU use [cores], shape (n_nodes,), NaN unknown.
    pod_cores
        Measured CPU of each endpoint's pod [cores], NaN unknown.
    pod_limit
        CPU limit of the pod, else its request [cores], NaN for none.
    """

    node: IntArray
    curves: PowerCurves
    capacity_cores: FloatArray
    usage_cores: FloatArray
    pod_cores: FloatArray
    pod_limit: FloatArray

    def __len__(self) -> int:
        return len(self.node)

    def at_node(self, values: FloatArray) -> FloatArray:
        """Return each endpoint's value of its node, NaN for an unknown one."""
        if len(values) == 0:
            return np.full(len(self.node), np.nan)
        return np.where(self.node >= 0, values[np.maximum(self.node, 0)], np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """The answer of a rule.

    Attributes
    ----------
    weights
        Share of traffic of each endpoint [%], summing to 100.
    increase
        Watts that one more request costs on each endpoint's node, NaN unknown.
    rule
        The rule that made them, which is `proportional` or `equal` where the one wanted could not be used.
    reason
        Why another rule than the one wanted was used, or "".
    reasons
        Per endpoint: why its weight is a default or is held down, or "".
    """

    weights: FloatArray
    increase: FloatArray
    rule: Rule
    reason: str = ""
    reasons: tuple[str, ...] = ()


def request_increase(endpoints: Endpoints, cpu_per_request: float) -> FloatArray:
    """Return the watts that one more request [cores] costs at each endpoint's node, +inf where it does not fit."""
    load, added = _percent(endpoints, endpoints.usage_cores), cpu_per_request * _per_core(endpoints)
    result = np.full(len(endpoints), np.nan)
    known = (endpoints.node >= 0) & np.isfinite(load)
    if known.any():
        curves = endpoints.curves.take(endpoints.node[known])
        result[known] = watt_increase(curves, load[known], added[known], rule="marginal")
    return result


def equal(endpoints: Endpoints, increase: FloatArray, reason: str = "") -> Weights:
    """Return equal weights."""
    count = len(endpoints)
    return Weights(np.full(count, 100.0 / max(count, 1)), increase, Rule.EQUAL, reason, ("",) * count)


def proportional(endpoints: Endpoints, cpu_per_request: float, limits: Limits | None = None) -> Weights:
    """Weigh by 100 * least increase / own increase.

    An unknown node gets the median of the known weights, never the best. A node over its ceiling gets less the more
    it is over, never more: a power curve is flat there and would call it cheap.
    """
    limits = limits or Limits()
    increase = request_increase(endpoints, cpu_per_request)
    known = np.isfinite(increase)
    if not known.any():
        return equal(endpoints, increase, "no endpoint's node has a power curve and a CPU sample with room")
    load = _percent(endpoints, endpoints.usage_cores)
    over = known & (load > limits.node_ceiling)
    raw = _ratios(increase, known & ~over)
    # a curve is flat near full load and would call an overloaded node cheap: it gets less than every other one
    least = float(np.nanmin(raw)) if (known & ~over).any() else 1.0
    raw = np.where(over, least * _held_down(load, limits.node_ceiling), raw)
    full = np.isposinf(increase)
    raw = np.where(full, least * 0.01, raw)
    raw = np.where(np.isnan(raw), np.nanmedian(raw), raw)
    reasons = tuple(
        "the node has no room for another request"
        if full[i]
        else f"the node is over its ceiling of {limits.node_ceiling:g} %"
        if over[i]
        else ""
        if known[i]
        else "the node has no power curve or CPU sample: neutral weight"
        for i in range(len(endpoints))
    )
    return Weights(_with_floor(raw, limits.floor), increase, Rule.PROPORTIONAL, "", reasons)


def _ratios(increase: FloatArray, which: BoolArray) -> FloatArray:
    """Return least increase / own increase for some endpoints, NaN for the others."""
    floored = np.where(which, np.maximum(increase, SMALLEST_INCREASE), np.nan)
    return np.nanmin(floored) / floored if which.any() else floored


def lookahead(endpoints: Endpoints, cpu_per_request: float, limits: Limits | None = None) -> Weights:
    """Lay the Service's present load on the endpoints with the best average increase, each up to its ceiling.

    Falls back to `proportional`, with a reason, when the load or the limits are unknown. Never dearer than equal
    weights by its own prediction: where it would be, equal weights are returned.
    """
    limits = limits or Limits()
    increase = request_increase(endpoints, cpu_per_request)
    missing = _missing_for_fill(endpoints)
    if missing:
        fallback = proportional(endpoints, cpu_per_request, limits)
        return Weights(fallback.weights, fallback.increase, fallback.rule, missing, fallback.reasons)
    load = float(endpoints.pod_cores.sum())
    filled, room = _fill(endpoints, load, limits)
    if load > room.sum():
        reasons = tuple("at its ceiling" for _ in range(len(endpoints)))
        return Weights(
            _shares(room, limits.floor), increase, Rule.LOOKAHEAD, "all endpoints are at their ceiling", reasons
        )
    weights = _shares(filled, limits.floor)
    if predicted_watts(endpoints, weights, load) > predicted_watts(endpoints, _equal_shares(endpoints), load) + 1e-6:
        return equal(endpoints, increase, "equal weights cost no more at this load")
    reasons = tuple("at its ceiling" if filled[i] >= room[i] > 0 else "" for i in range(len(endpoints)))
    return Weights(weights, increase, Rule.LOOKAHEAD, "", reasons)


RULES: dict[Rule, Callable[[Endpoints, float, Limits | None], Weights]] = {
    Rule.PROPORTIONAL: proportional,
    Rule.LOOKAHEAD: lookahead,
}


def predicted_watts(endpoints: Endpoints, weights: FloatArray, load: float) -> float:
    """Return the watts of all nodes concerned when `load` [cores] is split by `weights`."""
    nodes = np.unique(endpoints.node)
    background = _background(endpoints)
    added = np.zeros(len(endpoints.capacity_cores))
    np.add.at(added, endpoints.node, load * weights / weights.sum())
    percent = 100.0 * (background[nodes] + added[nodes]) / endpoints.capacity_cores[nodes]
    return float(endpoints.curves.take(nodes).at(percent).sum())


def _missing_for_fill(endpoints: Endpoints) -> str:
    """Return why the load cannot be laid out, or ""."""
    if len(endpoints) == 0:
        return "there is no usable endpoint"
    if (endpoints.node < 0).any():
        return "the node of an endpoint is unknown"
    if np.isnan(endpoints.pod_cores).any():
        return "the CPU of an endpoint's pod is not measured"
    nodes = np.unique(endpoints.node)
    if np.isnan(endpoints.usage_cores[nodes]).any() or np.isnan(endpoints.capacity_cores[nodes]).any():
        return "the CPU of an endpoint's node is not measured"
    if np.isnan(endpoints.curves.take(nodes).watts).any():
        return "the node of an endpoint has no power curve"
    if endpoints.pod_cores.sum() <= 0.0:
        return "the Service has no load"
    return ""


def _background(endpoints: Endpoints) -> FloatArray:
    """Return each node's CPU use without the Service's own pods [cores], shape (n_nodes,)."""
    own = np.zeros(len(endpoints.capacity_cores))
    np.add.at(own, endpoints.node, endpoints.pod_cores)
    return np.maximum(endpoints.usage_cores - own, 0.0)


def _fill(endpoints: Endpoints, load: float, limits: Limits) -> tuple[FloatArray, FloatArray]:
    """Return the load laid on each endpoint and the room it has [cores]."""
    background = _background(endpoints)
    pod_room = np.where(np.isnan(endpoints.pod_limit), np.inf, endpoints.pod_limit * limits.pod_ceiling / 100.0)
    nodes = np.unique(endpoints.node)
    room = np.zeros(len(endpoints))
    node_room = {}
    for node in nodes:
        members = np.flatnonzero(endpoints.node == node)
        ceiling = endpoints.capacity_cores[node] * limits.node_ceiling / 100.0
        room[members] = _level(pod_room[members], max(0.0, float(ceiling - background[node])))
        node_room[int(node)] = float(room[members].sum())
    filled = np.zeros(len(endpoints))
    for node in _order(endpoints, background, node_room, load):
        members = np.flatnonzero(endpoints.node == node)
        part = min(load, node_room[node])
        filled[members] = _level(room[members], part)
        load -= part
        if load <= 0.0:
            break
    return filled, room


def _order(endpoints: Endpoints, background: FloatArray, room: dict[int, float], load: float) -> list[int]:
    """Return nodes by the average increase of the load they would take, the best first."""
    nodes = np.array([node for node, cores in room.items() if cores > 0.0], dtype=np.int64)
    if nodes.size == 0:
        return []
    curves = endpoints.curves.take(nodes)
    capacity = endpoints.capacity_cores[nodes]
    share = np.minimum(np.array([room[int(node)] for node in nodes]), load)
    before = 100.0 * background[nodes] / capacity
    after = before + 100.0 * share / capacity
    average = (curves.at(after) - curves.at(before)) / share
    return [int(node) for node in nodes[np.argsort(average, kind="stable")]]


def _level(caps: FloatArray, total: float) -> FloatArray:
    """Split `total` evenly under the caps (water filling), shape of `caps`; what does not fit is left out."""
    order = np.argsort(caps)
    result = np.zeros(len(caps))
    left = total
    for position, index in enumerate(order):
        part = min(float(caps[index]), left / (len(caps) - position))
        result[index] = part
        left -= part
    return result


def _percent(endpoints: Endpoints, cores: FloatArray) -> FloatArray:
    return endpoints.at_node(cores) * _per_core(endpoints)


def _per_core(endpoints: Endpoints) -> FloatArray:
    """Return how many percent of its node one core is, per endpoint."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return 100.0 / endpoints.at_node(endpoints.capacity_cores)


def _held_down(load: FloatArray, ceiling: float) -> FloatArray:
    """Return a factor that falls from 1 at the ceiling to 0 at full load."""
    return np.clip((100.0 - load) / max(100.0 - ceiling, 1e-9), 0.0, 1.0)


def _equal_shares(endpoints: Endpoints) -> FloatArray:
    return np.full(len(endpoints), 100.0 / len(endpoints))


def _shares(amounts: FloatArray, floor: float) -> FloatArray:
    return (
        _with_floor(amounts / amounts.sum(), floor) if amounts.sum() > 0 else _with_floor(np.ones(len(amounts)), floor)
    )


def _with_floor(raw: FloatArray, floor: float) -> FloatArray:
    """Return shares [%] in proportion to `raw`, each at least `floor` % of an equal share."""
    least = floor / 100.0 * 100.0 / len(raw)
    shares = 100.0 * raw / raw.sum() if raw.sum() > 0 else np.full(len(raw), 100.0 / len(raw))
    low = shares < least
    while low.any():
        rest = 100.0 - least * low.sum()
        high = ~low
        scaled = np.where(high, shares * rest / shares[high].sum(), least) if high.any() else np.full(len(raw), least)
        grown = scaled < least - 1e-12
        if not (grown & high).any():
            return scaled
        low |= grown
    return shares
