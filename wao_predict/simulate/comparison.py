"""Results of many simulations, and what they come to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.simulate.trace import DAY
from wao_predict.simulate.variants import Variant


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """The result of one task.

    Attributes
    ----------
    policy, seed, load
        What was simulated: the name of a `Variant`, the seed, and the load of the settings, or else the trace's mean
        fraction of the fleet's CPU.
    nodes
        Number of nodes.
    horizon
        Simulated time [s].
    kwh
        Energy [kWh].
    bound
        Energy that no placement can go below [kWh], None if it was not computed.
    pods, waited, refused
        Number of pods, of those that found no room at once, and of those that never ran.
    waited_seconds
        Time of each pod that waited [s], shape (waited,).
    watts, busy, on
        Mean power [W], mean number of nodes with pods, and mean number of nodes on which pods can run in each interval,
        shape (n_intervals,).
    starts, failed_starts, moves
        Number of starts of nodes, of those that failed, and of moves of pods.
    cooling_kwh
        Energy of the plants, part of `kwh` [kWh].
    """

    policy: str
    seed: int
    load: float
    nodes: int
    horizon: float
    kwh: float
    bound: float | None
    pods: int
    waited: int
    refused: int
    waited_seconds: FloatArray
    watts: FloatArray
    busy: FloatArray
    on: FloatArray
    starts: int
    failed_starts: int
    moves: int
    cooling_kwh: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """What one policy comes to at one load: means over seeds, and standard deviations between seeds.

    Attributes
    ----------
    load
        Mean load of the fleet [fraction of its CPU].
    policy
        Name of the policy.
    kwh
        Energy [kWh].
    saved, saved_spread
        Energy saved against the first policy on the same day [%], and its standard deviation (None for one day).
    above_bound
        Energy above what no placement can go below [%].
    busy, on
        Number of nodes with pods, and of nodes on which pods can run.
    waited, refused
        Pods that found no room at once, and pods that never ran.
    mean_wait, longest_wait
        Mean and longest time of those that waited [s], None if none did.
    starts_per_node
        Starts per node and day.
    failed_starts
        Starts that failed.
    moves
        Moves of pods per day.
    days
        Number of days.
    cooling_kwh
        Energy of the plants, part of `kwh` [kWh].
    """

    load: float
    policy: str
    kwh: float
    saved: float
    saved_spread: float | None
    above_bound: float | None
    busy: float
    on: float
    waited: float
    refused: float
    mean_wait: float | None
    longest_wait: float | None
    starts_per_node: float
    failed_starts: float
    moves: float
    days: int
    cooling_kwh: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return the row as JSON types."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Results of all tasks.

    Parameters
    ----------
    days
        The results, in any order.
    policies
        Names of the policies; savings are relative to the first.
    """

    days: tuple[Day, ...]
    policies: tuple[str, ...]

    @property
    def loads(self) -> list[float]:
        """The loads that were simulated, ascending."""
        return sorted({day.load for day in self.days})

    def of(self, load: float, policy: str) -> list[Day]:
        """Return the days of one policy at one load, by seed."""
        return sorted((day for day in self.days if (day.load, day.policy) == (load, policy)), key=lambda day: day.seed)

    def rows(self) -> list[Row]:
        """Return one row per load and policy."""
        return [self._row(load, policy) for load in self.loads for policy in self.policies]

    def savings(self, load: float, policy: str) -> FloatArray:
        """Return the energy saved against the first policy on each day [%], shape (n_seeds,)."""
        base, days = self.of(load, self.policies[0]), self.of(load, policy)
        return np.array([100.0 * (1.0 - day.kwh / same.kwh) for same, day in zip(base, days, strict=True)])

    def _row(self, load: float, policy: str) -> Row:
        days, saved = self.of(load, policy), self.savings(load, policy)
        bounds = self._bounds(load, Variant.of(policy).standby)
        above = [100.0 * (day.kwh / bound - 1.0) for day, bound in zip(days, bounds, strict=True) if bound]
        waits = np.concatenate([day.waited_seconds for day in days])
        return Row(
            load=load,
            policy=policy,
            kwh=float(np.mean([day.kwh for day in days])),
            saved=float(saved.mean()),
            saved_spread=float(saved.std(ddof=1)) if saved.size > 1 else None,
            above_bound=float(np.mean(above)) if above else None,
            busy=float(np.mean([day.busy.mean() for day in days])),
            on=float(np.mean([day.on.mean() for day in days])),
            waited=float(np.mean([day.waited for day in days])),
            refused=float(np.mean([day.refused for day in days])),
            mean_wait=float(waits.mean()) if waits.size else None,
            longest_wait=float(waits.max()) if waits.size else None,
            starts_per_node=float(np.mean([DAY * day.starts / (day.nodes * day.horizon) for day in days])),
            failed_starts=float(np.mean([day.failed_starts for day in days])),
            moves=float(np.mean([DAY * day.moves / day.horizon for day in days])),
            days=len(days),
            cooling_kwh=float(np.mean([day.cooling_kwh for day in days])),
        )

    def _bounds(self, load: float, standby: bool) -> list[float | None]:
        """Return the bound of each day by seed, with or without switching of nodes."""
        for policy in self.policies:
            if Variant.of(policy).standby == standby and (days := self.of(load, policy)) and days[0].bound is not None:
                return [day.bound for day in days]
        return [None for _ in self.of(load, self.policies[0])]
