"""The result of one simulation, and conditions that change during it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wao_predict.arrays import FloatArray, IntArray
from wao_predict.cooling.groups import Cooling
from wao_predict.curves import PowerCurves

KILOWATT_HOUR = 3.6e6
"""Joules."""


@dataclass(frozen=True, eq=False)
class Run:
    """The result of one simulation.

    Attributes
    ----------
    policy
        Name of the policy.
    seed
        Seed of its random choices.
    horizon
        Simulated time [s].
    times, watts
        Time of each event [s], and the power of the fleet with its plants from it to the next [W], shape (n_events,).
    busy, on
        Number of nodes with at least one pod, and of nodes on which pods can run, from each event to the next, shape
        (n_events,).
    node
        Row of each pod's last node, -1 for a pod that never ran, shape (n_pods,).
    waited
        Time that each pod waited for room [s], shape (n_pods,); until the horizon for a pod that never ran.
    starts, failed_starts
        Number of starts of nodes, and of those that failed.
    moves
        Number of pods that were moved.
    cooling
        Power of the plants from each event to the next, part of `watts` [W], shape (n_events,); empty: none.
    """

    policy: str
    seed: int
    horizon: float
    times: FloatArray = field(repr=False)
    watts: FloatArray = field(repr=False)
    busy: IntArray = field(repr=False)
    on: IntArray = field(repr=False)
    node: IntArray = field(repr=False)
    waited: FloatArray = field(repr=False)
    starts: int = 0
    failed_starts: int = 0
    moves: int = 0
    cooling: FloatArray = field(default_factory=lambda: np.empty(0), repr=False)

    @property
    def kwh(self) -> float:
        """Energy over the horizon [kWh]."""
        return float((self.watts * np.diff(np.append(self.times, self.horizon))).sum()) / KILOWATT_HOUR

    @property
    def cooling_kwh(self) -> float:
        """Energy of the plants, part of `kwh` [kWh]."""
        if not self.cooling.size:
            return 0.0
        return float((self.cooling * np.diff(np.append(self.times, self.horizon))).sum()) / KILOWATT_HOUR

    @property
    def waiting_pods(self) -> int:
        """Number of pods that found no room when they arrived."""
        return int(np.count_nonzero(self.waited > 0))

    @property
    def refused_pods(self) -> int:
        """Number of pods that never ran."""
        return int(np.count_nonzero(self.node < 0))

    def mean_watts(self, edges: FloatArray) -> FloatArray:
        """Return the mean power between successive times [W], shape (n_edges - 1,).

        Parameters
        ----------
        edges
            Times [s], ascending, from 0 to the horizon, shape (n_edges,).
        """
        return self._means(self.watts, edges)

    def mean_busy(self, edges: FloatArray) -> FloatArray:
        """Return the mean number of nodes with pods between successive times, shape (n_edges - 1,)."""
        return self._means(self.busy, edges)

    def mean_on(self, edges: FloatArray) -> FloatArray:
        """Return the mean number of nodes on which pods can run between successive times, shape (n_edges - 1,)."""
        return self._means(self.on, edges)

    def _means(self, values: FloatArray | IntArray, edges: FloatArray) -> FloatArray:
        ends = np.append(self.times, self.horizon)
        integral = np.append(0.0, np.cumsum(values * np.diff(ends)))
        means: FloatArray = np.diff(np.interp(edges, ends, integral)) / np.diff(edges)
        return means


@dataclass(frozen=True, eq=False)
class Conditions:
    """Power curves from a time on, for inlet temperature, pressure, weather and set points that change over the day.

    Parameters
    ----------
    at
        Time [s].
    curves
        The curves of all nodes from then on.
    cooling
        The plants from then on; None: as before.
    """

    at: float
    curves: PowerCurves
    cooling: Cooling | None = None
