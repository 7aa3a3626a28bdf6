"""A plan with names: which Pods leave which nodes, what that saves, and why other nodes keep their Pods. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from wao_fleet.drain.pods import FleetPod
from wao_fleet.rebalance.settings import RebalanceSettings
from wao_fleet.rebalance.view import View
from wao_predict.rebalance import Move, plan_moves


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """One Pod that is to leave its node.

    Attributes
    ----------
    pod
        The Pod.
    target
        The node on which the scheduler is predicted to place it.
    saved
        Its share of the power that the drain saves [W]; with plants, of what the power costs.
    """

    pod: FleetPod
    target: str
    saved: float


@dataclass(frozen=True, slots=True)
class PlannedDrain:
    """One node that gives Pods.

    Attributes
    ----------
    node
        Name of the node.
    moves
        Its moves, in order.
    empties
        Whether no other Pods stay, apart from those of DaemonSets.
    """

    node: str
    moves: tuple[PlannedMove, ...]
    empties: bool

    @property
    def saved(self) -> float:
        """Power that the drain saves [W]."""
        return sum(move.saved for move in self.moves)


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """The drains of one plan.

    Attributes
    ----------
    at
        Time of the plan [s since the epoch].
    drains
        The drains, in order.
    watts_before, watts_after
        Power of the measured nodes before and after [W].
    change
        Predicted change of power of each node that gives or receives Pods [W], by its name.
    kept
        Why a node with Pods is not drained, by its name.
    """

    at: float
    drains: tuple[PlannedDrain, ...] = ()
    watts_before: float = 0.0
    watts_after: float = 0.0
    change: Mapping[str, float] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)

    @property
    def moves(self) -> int:
        """Number of Pods that are moved."""
        return sum(len(drain.moves) for drain in self.drains)

    @property
    def saved(self) -> float:
        """Power that all drains save [W]."""
        return sum(drain.saved for drain in self.drains)


def plan_fleet(view: View, settings: RebalanceSettings, *, at: float) -> FleetPlan:
    """Return the plan for a cluster.

    Parameters
    ----------
    at
        The time [s since the epoch].
    """
    plan = plan_moves(view.nodes, view.pods, settings.budgets, rule=settings.rule)
    drains = tuple(_drain(view, source, moves) for source, moves in plan.drains())
    kept = _kept(view, {drain.node for drain in drains}, whole_nodes=settings.budgets.whole_nodes)
    before, change = _watts(view), _change(view, plan.moves)
    return FleetPlan(at, drains, before, before + sum(change.values()), change, kept)


def _drain(view: View, source: int, moves: tuple[Move, ...]) -> PlannedDrain:
    names = view.snapshot.names
    planned = tuple(PlannedMove(view.movers[move.pod], names[move.target], move.saved) for move in moves)
    here = int(np.count_nonzero(view.pods.node == source))
    return PlannedDrain(names[source], planned, here == len(moves))


def _watts(view: View) -> float:
    """Return the power of the nodes whose power is known, without plants [W]."""
    size = view.nodes.capacity if view.nodes.size is None else view.nodes.size
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.nansum(view.snapshot.curves.at(100.0 * view.nodes.used / size)))


def _change(view: View, moves: tuple[Move, ...]) -> dict[str, float]:
    """Return the predicted change of power by node, without plants [W]."""
    nodes, pods, curves = view.nodes, view.pods, view.snapshot.curves
    used = nodes.used.copy()
    for move in moves:
        used[move.source] = max(used[move.source] - pods.use[move.pod], 0.0)
        used[move.target] += pods.use[move.pod]
    rows = np.unique(np.array([(move.source, move.target) for move in moves], dtype=np.int64))
    percent = 100.0 / (nodes.capacity if nodes.size is None else nodes.size)[rows]
    change = curves.at(used[rows] * percent, rows=rows) - curves.at(nodes.used[rows] * percent, rows=rows)
    return {view.snapshot.names[row]: float(watts) for row, watts in zip(rows.tolist(), change.tolist(), strict=True)}


def _kept(view: View, drained: set[str], *, whole_nodes: bool) -> dict[str, str]:
    """Return why each other node with Pods keeps them."""
    stays: dict[int, tuple[int, str]] = {}
    for row, why in view.stays.items():
        node = int(view.pods.node[row])
        stays[node] = (
            stays[node][0] + 1 if node in stays else 1,
            stays.get(node, (0, ""))[1] or _about(view, row, why),
        )
    kept = {}
    for node in np.unique(view.pods.node).tolist():
        name = view.snapshot.names[node]
        if name in drained:
            continue
        count, example = stays.get(node, (0, ""))
        if view.closed[node]:
            kept[name] = view.closed[node]
        elif count and whole_nodes:
            kept[name] = example if count == 1 else f"{example}; {count - 1} more Pods stay"
        else:
            kept[name] = "its Pods cost no less elsewhere, do not fit there, or exceed a budget"
    return kept


def _about(view: View, row: int, why: str) -> str:
    return f"{view.movers[row].key} stays: {why}"
