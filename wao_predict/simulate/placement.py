"""Policies that place equal pods on a fleet, and the watts they end at. Pure.

`spread` is what the stock scheduler's least-allocated scoring does, `reference` the rule of the Go reference
(wao-scheduler/pkg/plugins/minimizepower: whole watts, scores 100..20 in whole numbers), `reference_burst` the same for
pods that come quicker than node metrics,
`marginal` and `lookahead` are the rules of `wao_predict.increase`, `optimum` is the least total there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wao_predict.arrays import IntArray
from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet, place_in_turn


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one policy came to.

    Attributes
    ----------
    policy
        Its name.
    watts
        Power of the whole fleet after all pods [W].
    increase
        The part of it that the pods cost [W].
    per_node
        Pods on each node, shape (n_nodes,).
    """

    policy: str
    watts: float
    increase: float
    per_node: IntArray


def spread(fleet: Fleet, cores: float, count: int) -> IntArray:
    """Return pods per node when each goes to the node with the most free CPU in proportion (least allocated)."""
    allocated = fleet.usage_cores / fleet.capacity_cores
    share = cores / fleet.capacity_cores
    counts, room = np.zeros(len(fleet.names), dtype=np.int64), fleet.room(cores)
    for _ in range(count):
        node = int(np.argmin(np.where(counts < room, allocated + counts * share, np.inf)))
        counts[node] += 1
    return counts


def reference(fleet: Fleet, cores: float, count: int, *, seen: bool = True) -> IntArray:
    """Return pods per node by the reference's rule, with its truncation to whole watts.

    Each node's score falls linearly from 100 at the least whole-watt increase to 20 at the largest, in whole numbers;
    among equal ones the stock scheduler draws lots, here from a fixed seed.

    Parameters
    ----------
    seen
        Whether the load of pods placed before shows. The reference adds the requests of pending pods to a node's
        measured load; one that runs is out of sight until the next sample of metrics-server, 15 to 60 s later.
    """
    draw = np.random.default_rng(0)
    counts, room = np.zeros(len(fleet.names), dtype=np.int64), fleet.room(cores)
    percent = 100.0 / fleet.capacity_cores
    load = fleet.cpu_usage.copy()
    rows = np.arange(len(fleet.names))
    increase = np.trunc(fleet.curves.at(load + cores * percent) - fleet.curves.at(load))
    for _ in range(count):
        fits = counts < room
        least, most = increase[fits].min(), increase[fits].max()
        span = max(most - least, 1.0)
        score = np.where(fits, 100 - (np.maximum(increase, 0.0) - least) * 80 // span, -1.0)
        node = int(draw.choice(np.flatnonzero(score == score.max())))
        counts[node] += 1
        if not seen:
            continue
        load[node] += cores * percent[node]
        row = rows[node : node + 1]
        step = np.array([cores * percent[node]])
        after = fleet.curves.at(load[row] + step, rows=row)
        increase[node] = np.trunc(after - fleet.curves.at(load[row], rows=row))[0]
    return counts


def reference_burst(fleet: Fleet, cores: float, count: int) -> IntArray:
    """Return pods per node by the reference's rule when all come between two samples of the nodes' load."""
    return reference(fleet, cores, count, seen=False)


def marginal(fleet: Fleet, cores: float, count: int) -> IntArray:
    """Return pods per node when each goes where it alone costs least, on floats."""
    return np.bincount(place_in_turn(fleet, cores, count, rule="marginal").nodes, minlength=len(fleet.names))


def lookahead(fleet: Fleet, cores: float, count: int) -> IntArray:
    """Return pods per node when each goes to the best average increase."""
    return np.bincount(place_in_turn(fleet, cores, count, rule="lookahead").nodes, minlength=len(fleet.names))


def optimum(fleet: Fleet, cores: float, count: int) -> IntArray:
    """Return pods per node of the least total increase."""
    best = fleet.what_if(cores, count)
    return np.array([best.per_node.get(name, 0) for name in fleet.names], dtype=np.int64)


Policy = Callable[[Fleet, float, int], IntArray]
POLICIES: dict[str, Policy] = {
    "spread": spread,
    "reference_burst": reference_burst,
    "reference": reference,
    "marginal": marginal,
    "lookahead": lookahead,
    "optimum": optimum,
}


def simulate(fleet: Fleet, cores: float, count: int, policies: Sequence[str] = tuple(POLICIES)) -> list[Outcome]:
    """Return what each policy comes to for `count` pods of `cores` each.

    Raises
    ------
    UsageError
        A policy is not known, or the pods do not fit.
    """
    if int(np.minimum(fleet.room(cores), count).sum()) < count:
        raise UsageError(f"{count} pods of {cores:g} cores do not fit on these {len(fleet.names)} nodes")
    before = float(fleet.watts().sum())
    outcomes = []
    for policy in policies:
        if policy not in POLICIES:
            raise UsageError(f"no policy {policy!r:.40}; there are {', '.join(POLICIES)}")
        counts = POLICIES[policy](fleet, cores, count)
        after = float(fleet.with_usage(fleet.usage_cores + counts * cores).watts().sum())
        outcomes.append(Outcome(policy, after, after - before, counts))
    return outcomes
