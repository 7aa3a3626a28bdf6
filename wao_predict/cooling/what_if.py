"""The minimum increase of servers and cooling together for additional pods. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wao_predict.cooling.groups import Cooling, GroupedCooling, cost_curves
from wao_predict.fleet import Fleet, WhatIf

ROUNDS = 3
"""Placements with factors that are corrected by the slope between before and after."""


@dataclass(frozen=True, eq=False)
class CooledWhatIf:
    """The answer of `what_if_cooled`.

    Attributes
    ----------
    answer
        The placement, with increases in units of cost: watts times (1 + marginal cooling) times the relative price.
    server_increase, cooling_increase
        Increase of the servers and of the plants [W]. `answer.stock_increase` is of both.
    cooling_before
        Power of the plants without the pods [W].
    notes
        What is missing and how it is counted.
    """

    answer: WhatIf
    server_increase: float
    cooling_increase: float
    cooling_before: float
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON types; `watts_before` and `total_increase` are of servers and cooling."""
        document = self.answer.as_dict()
        return document | {
            "watts_before": document["watts_before"] + self.cooling_before,
            "total_increase": self.server_increase + self.cooling_increase,
            "server_increase": self.server_increase,
            "cooling_increase": self.cooling_increase,
            "cooling_before": self.cooling_before,
            "notes": list(self.notes),
        }


def what_if_cooled(fleet: Fleet, cores: float, n: int, cooling: Cooling) -> CooledWhatIf:
    """Return the minimum increase of servers and plants for additional identical pods.

    Parameters
    ----------
    fleet
        The nodes, with their groups.
    cores, n
        CPU of one pod [cores], and the number of pods.
    cooling
        The plants.

    Raises
    ------
    UsageError
        The pods do not all fit, or the power of a plant is unknown.

    Examples
    --------
    >>> from wao_predict.cooling import CoolingFactor, PlantState
    >>> from wao_predict.cooling.groups import Plant
    >>> table = {"name": ["a", "b"], "model": "curve:0=60 100=120", "capacity_cores": 32, "usage_cores": 4}
    >>> fleet = Fleet.from_table(table | {"group": ["warm", "cold"]})
    >>> plants = {"warm": Plant(CoolingFactor(0.5), PlantState()), "cold": Plant(CoolingFactor(0.1), PlantState())}
    >>> what_if_cooled(fleet, 2.0, 3, Cooling(plants)).answer.per_node
    {'b': 3}
    """
    before = fleet.watts()
    grouped = GroupedCooling(cooling, fleet.group_names, fleet.curves.watts[:, -1])
    cooling_before = grouped.total(before)
    factors = grouped.factors(before)
    best: CooledWhatIf | None = None
    best_cost = np.inf
    stock = fleet.with_usage(fleet.usage_cores + cores * fleet.stock_placement(cores, n)).watts()
    stock_increase = float((stock - before).sum()) + grouped.total(stock) - cooling_before
    for _ in range(ROUNDS):
        costs = cost_curves(fleet.curves, factors)
        answer = Fleet(fleet.names, costs, fleet.capacity_cores, fleet.usage_cores).what_if(cores, n)
        pods = np.array([answer.per_node.get(name, 0) for name in fleet.names])
        after = fleet.with_usage(fleet.usage_cores + cores * pods).watts()
        factors = grouped.secant_factors(before, after)
        cost = float(((after - before) * factors).sum())
        if cost < best_cost - 1e-9:
            best_cost = cost
            best = CooledWhatIf(
                _in_watts(answer, float(before.sum()), stock_increase),
                float((after - before).sum()),
                grouped.total(after) - cooling_before,
                cooling_before,
                grouped.notes,
            )
        else:
            break
    assert best is not None
    return best


def _in_watts(answer: WhatIf, servers_before: float, stock_increase: float) -> WhatIf:
    """Return the answer with powers instead of costs before and with the stock scheduler."""
    return replace(answer, watts_before=servers_before, stock_increase=stock_increase)
