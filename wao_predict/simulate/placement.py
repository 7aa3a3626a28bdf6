"""Policies that place identical pods on a fleet, and the resulting power. Pure.

* `spread`: least-allocated scoring of kube-scheduler (NodeResourcesFit).
* `reference`: the rule of the Go reference (wao-scheduler/pkg/plugins/minimizepower), with increases in whole watts and
  whole scores from 100 to 20.
* `reference_burst`: the same for pods that arrive faster than node metrics.
* `marginal`, `lookahead`: the rules of `wao_predict.increase`.
* `optimum`: the minimum total power.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wao_predict.arrays import IntArray, as_count, as_number
from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet, place_in_turn
from wao_predict.frames import Rows


@dataclass(frozen=True, eq=False, repr=False)
class Outcome:
    """The result of one policy.

    Attributes
    ----------
    policy
        Name of the policy.
    watts
        Power of the fleet with all pods [W].
    increase
        Increase of power by the pods [W].
    per_node
        Number of pods on each node, shape (n_nodes,).
    """

    policy: str
    watts: float
    increase: float
    per_node: IntArray

    def __repr__(self) -> str:
        return (
            f"Outcome({self.policy!r}: {self.watts:,.1f} W, {self.increase:+,.1f} W for {self.per_node.sum()} pods on "
            f"{self.nodes_used} nodes)"
        )

    @property
    def nodes_used(self) -> int:
        """Number of nodes with one of the pods."""
        return int(np.count_nonzero(self.per_node))


class Outcomes(Rows[Outcome]):
    """The results of several policies for the same pods, shown as a table in a notebook."""

    what = "policies"

    def columns(self) -> dict[str, list[object]]:
        """Return power [W], increase [W], saving [%] relative to the first policy, and nodes used, by policy."""
        return {
            "policy": [outcome.policy for outcome in self],
            "watts": [outcome.watts for outcome in self],
            "increase": [outcome.increase for outcome in self],
            "saved_percent": [100.0 * (1.0 - outcome.watts / self[0].watts) for outcome in self],
            "nodes_used": [outcome.nodes_used for outcome in self],
        }


def spread(fleet: Fleet, cores: float, count: int) -> IntArray:
    """Return the pods per node if each goes to the node with the largest share of free CPU, shape (n_nodes,)."""
    return fleet.stock_placement(cores, count)


def reference(fleet: Fleet, cores: float, count: int, *, seen: bool = True) -> IntArray:
    """Return the pods per node by the reference's rule, shape (n_nodes,).

    The score of a node falls linearly from 100 at the lowest increase in whole watts to 20 at the highest, in whole
    numbers. kube-scheduler chooses randomly among equal scores; here the seed is fixed.

    Parameters
    ----------
    fleet, cores, count
        The nodes, the CPU of one pod [cores], and the number of pods.
    seen
        Whether the load of earlier pods is visible. The reference adds the requests of pending pods to a node's
        measured load; a running pod is invisible until the next sample of metrics-server, 15 to 60 s later.
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
    """Return the pods per node by the reference's rule if all arrive between two samples, shape (n_nodes,)."""
    return reference(fleet, cores, count, seen=False)


def marginal(fleet: Fleet, cores: float, count: int) -> IntArray:
    """Return the pods per node if each goes where it alone adds the least power, shape (n_nodes,)."""
    return np.bincount(place_in_turn(fleet, cores, count, rule="marginal").nodes, minlength=len(fleet.names))


def lookahead(fleet: Fleet, cores: float, count: int) -> IntArray:
    """Return the pods per node if each goes to the lowest average increase, shape (n_nodes,)."""
    return np.bincount(place_in_turn(fleet, cores, count, rule="lookahead").nodes, minlength=len(fleet.names))


def optimum(fleet: Fleet, cores: float, count: int) -> IntArray:
    """Return the pods per node of the minimum total increase, shape (n_nodes,)."""
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


def simulate(fleet: Fleet, cores: float, count: int, policies: Sequence[str] = tuple(POLICIES)) -> Outcomes:
    """Return the result of each policy for the same pods.

    Parameters
    ----------
    fleet
        The nodes.
    cores
        CPU of one pod [cores].
    count
        Number of pods.
    policies
        Names from `POLICIES`; default: all.

    Raises
    ------
    UsageError
        A policy is unknown, or the pods do not fit.
    """
    cores, count = as_number("cores", cores), as_count("count", count)
    if not 0 < cores < np.inf or count < 1:
        raise UsageError(f"{count} pods of {cores:g} cores: give a positive size and at least one pod")
    if int(np.minimum(fleet.room(cores), count).sum()) < count:
        raise UsageError(f"{count} pods of {cores:g} cores do not fit on these {len(fleet.names)} nodes")
    before = float(fleet.watts().sum())
    outcomes = Outcomes()
    for policy in policies:
        if policy not in POLICIES:
            raise UsageError(f"no policy {policy!r:.40}; there are {', '.join(POLICIES)}")
        counts = POLICIES[policy](fleet, cores, count)
        after = float(fleet.with_usage(fleet.usage_cores + counts * cores).watts().sum())
        outcomes.append(Outcome(policy, after, after - before, counts))
    return outcomes
