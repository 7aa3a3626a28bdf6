"""Placement of identical pods, one after the other, with a rule of the scheduler. Pure."""

from __future__ import annotations

import numpy as np

from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet, WhatIf, place_in_turn
from wao_predict.increase import Rule


def place_by_rule(fleet: Fleet, cores: float, count: int, rule: Rule, *, stays: float = 1.0) -> WhatIf:
    """Return where a rule places identical pods, and how far that is from the minimum.

    Parameters
    ----------
    fleet
        The nodes.
    cores, count
        CPU of one pod [cores], and the number of pods.
    rule
        The increase rule of the scheduler.
    stays
        Part of the present load of each node that stays, from 0 to 1, for the rule "floor".

    Raises
    ------
    UsageError
        A number is out of its range, or the pods do not all fit.

    Examples
    --------
    >>> from wao_predict.curves import PowerCurves
    >>> curves = PowerCurves(np.array([0.0, 10.0, 100.0]), np.array([[100.0, 190.0, 200.0], [100.0, 120.0, 190.0]]))
    >>> fleet = Fleet(("a", "b"), curves, np.array([10.0, 10.0]), np.array([2.0, 0.0]))
    >>> place_by_rule(fleet, 2.0, 3, "floor").per_node  # node a keeps running anyway
    {'a': 3}
    >>> place_by_rule(fleet, 2.0, 3, "floor", stays=0.0).per_node  # node a can become empty again
    {'b': 3}
    """
    if not 0.0 <= stays <= 1.0:
        raise UsageError(f"stays is {stays:g}: give a number from 0 to 1")
    least = fleet.what_if(cores, count)
    placed = place_in_turn(fleet, cores, count, rule=rule, floor=stays * fleet.cpu_usage)
    increases = placed.totals[1:] - placed.totals[0]
    pods = np.bincount(placed.nodes, minlength=len(fleet))
    per_node = {name: number for name, number in zip(fleet.names, pods.tolist(), strict=True) if number}
    above = max(float(increases[-1]) - least.total_increase + least.excess, 0.0)
    return WhatIf(cores, len(fleet), least.watts_before, increases, per_node, rule, above)
