"""Pods that are moved during a simulation, by the plan of `wao_predict.rebalance`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray, IntArray
from wao_predict.errors import UsageError
from wao_predict.increase import Rule
from wao_predict.rebalance import Budgets, RebalanceNodes, RebalancePlan, RebalancePods, plan_moves
from wao_predict.simulate.nodes import SimulatedNodes
from wao_predict.simulate.trace import Trace


@dataclass(frozen=True, slots=True)
class Moving:
    """How pods are moved in a simulation.

    Attributes
    ----------
    budgets
        Limits of each plan.
    period
        Time between two plans [s].

    Raises
    ------
    UsageError
        The period is not above 0.
    """

    budgets: Budgets = field(default_factory=Budgets)
    period: float = 600.0

    def __post_init__(self) -> None:
        if not 1 <= self.period < np.inf:
            raise UsageError(f"period is {self.period:g}: give at least 1 s")


class SimulatedMoves:
    """The plans of one simulation.

    Parameters
    ----------
    nodes, trace
        The nodes and all pods.
    options
        See there.
    rule
        The rule by which the plan expects pods to be placed.

    Attributes
    ----------
    next_at
        Time of the next plan [s].
    moved
        Number of moves so far.
    """

    def __init__(self, nodes: SimulatedNodes, trace: Trace, options: Moving, rule: Rule) -> None:
        self._nodes, self._trace, self._options, self._rule = nodes, trace, options, rule
        self.next_at = options.period
        self.moved = 0

    def plan(self, running: IntArray, node: IntArray, since: FloatArray) -> RebalancePlan:
        """Return the moves to make now.

        Parameters
        ----------
        running
            The pods that run, shape (n,).
        node, since
            Row of the node of each of them, and the time of its last placement [s], shape (n,).
        """
        nodes, trace = self._nodes, self._trace
        self.next_at = nodes.now + self._options.period
        usable: BoolArray = nodes.fits(0.0)
        fleet = RebalanceNodes(
            curves=nodes.rule_curves,
            capacity=nodes.capacity,
            requested=nodes.requested,
            used=nodes.used,
            floor=nodes.floor / nodes.percent,
            receives=usable,
            gives=usable,
        )
        pods = RebalancePods(
            node=node,
            request=trace.request[running],
            use=trace.use[running],
            movable=trace.movable[running],
            age=nodes.now - since,
            workload=np.full(len(running), -1, dtype=np.int64),
        )
        return plan_moves(fleet, pods, self._options.budgets, rule=self._rule)
