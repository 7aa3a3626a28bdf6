"""The nodes of a running simulation: load, power and floor of each, changed by one pod at a time. Pure."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from wao_predict.arrays import BoolArray, FloatArray
from wao_predict.cooling.groups import Cooling, cost_curves
from wao_predict.curves import PowerCurves
from wao_predict.fleet import Fleet
from wao_predict.increase import FIT_TOLERANCE
from wao_predict.load_floor import LoadFloor
from wao_predict.simulate.cooling import SimulatedCooling
from wao_predict.standby import curves_when_off


class SimulatedNodes:
    """What policies read, and what the simulation changes.

    Parameters
    ----------
    fleet
        The nodes; their present CPU use is a base load that stays.
    floor_window
        Time over which the floor is the lowest load [s].
    cooling
        The plants that cool the nodes; default: none, and only the power of the nodes counts.

    Attributes
    ----------
    now
        Simulated time [s].
    capacity, percent
        CPU of each node [cores], and load of one core [% of capacity], shape (n_nodes,).
    requested, used
        CPU requests and CPU use of each node, with the base load [cores], shape (n_nodes,).
    curves, rule_curves
        Present power curves, and those by which our rules decide: a node that may be off has its power when it is off
        at load 0. With plants, they are costs: power times what a watt costs on the node.
    watts
        Present power of each node [W], shape (n_nodes,).
    """

    def __init__(self, fleet: Fleet, *, floor_window: float, cooling: Cooling | None = None) -> None:
        self.now = 0.0
        self._cooling = None if cooling is None else SimulatedCooling(cooling, fleet.group_names)
        self.capacity: FloatArray = fleet.capacity_cores.astype(np.float64)
        self.percent: FloatArray = 100.0 / self.capacity
        self.requested: FloatArray = fleet.usage_cores.astype(np.float64)
        self.used: FloatArray = self.requested.copy()
        self._room = self.capacity * (1 + FIT_TOLERANCE) + FIT_TOLERANCE
        self._most = self._room.copy()
        self._off: BoolArray = np.zeros(len(self.capacity), dtype=np.bool_)
        self._may_be_off: BoolArray | None = None
        self._off_watts = 0.0
        self._floor = LoadFloor(self.used, at=0.0, window=floor_window)
        self.set_curves(fleet.curves)

    def __len__(self) -> int:
        return len(self.capacity)

    @property
    def load(self) -> FloatArray:
        """CPU use [% of capacity], shape (n_nodes,)."""
        result: FloatArray = self.used * self.percent
        return result

    @property
    def floor(self) -> FloatArray:
        """Lowest load of each node within the window [% of capacity], shape (n_nodes,)."""
        result: FloatArray = self._floor.cores * self.percent
        return result

    @property
    def total_watts(self) -> float:
        """Present power of all nodes and plants [W]."""
        return self._total + self.cooling_watts

    @property
    def cooling_watts(self) -> float:
        """Present power of the plants [W]."""
        return 0.0 if self._cooling is None else self._cooling.watts

    @property
    def cost_factors(self) -> FloatArray | float:
        """What a watt costs on each node with cooling, shape (n_nodes,); 1 without plants."""
        return 1.0 if self._cooling is None else self._cooling.factors

    def fits(self, request: float) -> BoolArray:
        """Return where a pod's CPU request fits, shape (n_nodes,)."""
        result: BoolArray = self.requested + request <= self._room
        return result

    def has_room(self, node: int, request: float) -> bool:
        """Return whether a pod's CPU request fits on one node."""
        return bool(self.requested[node] + request <= self._room[node])

    def set_curves(self, curves: PowerCurves, cooling: Cooling | None = None) -> None:
        """Change the power curves, for example with the temperature, and the plants if they are given."""
        self.curves = curves
        self.watts = np.where(self._off, self._off_watts, curves.at(self.load))
        self._total = float(self.watts.sum())
        self._knots: list[float] = curves.knots.tolist()
        self._rows: list[list[float]] = curves.watts.tolist()
        if self._cooling is not None:
            self._cooling.reset(curves.watts[:, -1], self.watts, cooling)
        self._set_rule_curves()

    def _set_rule_curves(self) -> None:
        self.rule_curves = self.curves
        if self._may_be_off is not None:
            self.rule_curves = curves_when_off(self.curves, self._may_be_off, self._off_watts)
        if self._cooling is not None:
            self.rule_curves = cost_curves(self.rule_curves, self._cooling.factors)

    def may_be_off(self, which: BoolArray, watts: float) -> None:
        """State which nodes may be off, and their power when they are [W]."""
        self._may_be_off, self._off_watts = which, watts
        self.set_curves(self.curves)

    def switch(self, node: int, *, usable: bool, off: bool) -> None:
        """Change whether pods can use an empty node, and whether it is off."""
        self._room[node] = self._most[node] if usable else -1.0
        self._off[node] = off
        self._set_watts(node, self._off_watts if off else self._watts(node, self.used[node] * self.percent[node]))

    def advance(self, now: float) -> None:
        """Set the time."""
        self.now = now
        self._floor.advance(now, self.used)
        if self._cooling is not None and self._cooling.look(now, self.watts):
            self._set_rule_curves()

    def add(self, node: int, request: float, use: float) -> None:
        """Add the CPU of a pod to a node; negative values remove it."""
        self.requested[node] += request
        used = max(float(self.used[node]) + use, 0.0)
        self.used[node] = used
        self._floor.lower(node, used)
        self._set_watts(node, self._watts(node, used * float(self.percent[node])))

    def _set_watts(self, node: int, watts: float) -> None:
        change = watts - float(self.watts[node])
        self._total += change
        self.watts[node] = watts
        if self._cooling is not None:
            self._cooling.add(node, change)

    def _watts(self, node: int, load: float) -> float:
        """Return the power of one node [W]; in plain floats ten times as quick as an array of one."""
        knots, row = self._knots, self._rows[node]
        if load <= knots[0]:
            return row[0]
        if load >= knots[-1]:
            return row[-1]
        left = bisect_right(knots, load) - 1
        fraction = (load - knots[left]) / (knots[left + 1] - knots[left])
        return row[left] + fraction * (row[left + 1] - row[left])
