"""Many simulations: policies, loads and seeds, and what they come to. Pure.

Each simulation is a task that another process or machine can run; `wao_predict.simulate.executors` has the means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wao_predict.arrays import FloatArray
from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet
from wao_predict.load_floor import WINDOW
from wao_predict.simulate.bounds import lower_bound
from wao_predict.simulate.engine import Conditions, simulate_trace
from wao_predict.simulate.policies import policy_of
from wao_predict.simulate.trace import DAY, Trace, daily_trace

DEFAULT_POLICIES = ("least-allocated", "reference", "peaks", "lookahead", "floor")
BUCKETS = 96
"""Intervals of a day for which mean power is kept: a quarter of an hour each."""


@dataclass(frozen=True, slots=True)
class DailyPods:
    """The settings of a synthetic trace, see `daily_trace`. The base load counts as a part of `load`."""

    load: float = 0.6
    pods: int = 2_000
    days: int = 1
    peak: float = 2.0
    movable: float = 1.0

    def trace(self, fleet: Fleet, seed: int) -> Trace:
        """Return the pods for a fleet.

        Raises
        ------
        UsageError
            The base load alone is as high as `load`.
        """
        capacity = float(fleet.capacity_cores.sum())
        load = self.load - float(fleet.usage_cores.sum()) / capacity
        if load <= 0:
            raise UsageError(
                f"a load of {self.load:.0%} is not above the base load of the fleet, {self.load - load:.0%}: give more"
            )
        return daily_trace(
            capacity, load=load, pods=self.pods, days=self.days, peak=self.peak, movable=self.movable, seed=seed
        )


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One simulation.

    Attributes
    ----------
    fleet
        The nodes.
    pods
        The trace, or the settings of a synthetic one.
    policy, seed
        Name of the policy, and seed of the trace and of random choices.
    conditions
        Later power curves.
    floor_window
        See `simulate_trace`.
    bounded
        Whether the lower bound is computed too.
    """

    fleet: Fleet
    pods: Trace | DailyPods
    policy: str
    seed: int = 0
    conditions: tuple[Conditions, ...] = ()
    floor_window: float = WINDOW
    bounded: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """The result of one task.

    Attributes
    ----------
    policy, seed, load
        What was simulated; `load` is that of the settings, or the trace's mean fraction of the fleet's CPU.
    horizon
        Simulated time [s].
    kwh
        Energy [kWh].
    bound
        Energy that no placement can go below [kWh], None if it was not computed.
    pods, waited, refused
        Number of pods, of those that found no room at once, and of those that never ran.
    longest_wait
        Longest time that a pod waited [s].
    watts, busy
        Mean power [W] and mean number of nodes with pods in each interval, shape (n_intervals,).
    """

    policy: str
    seed: int
    load: float
    horizon: float
    kwh: float
    bound: float | None
    pods: int
    waited: int
    refused: int
    longest_wait: float
    watts: FloatArray
    busy: FloatArray


def run_task(task: Task) -> Day:
    """Return the result of one simulation."""
    fleet = task.fleet
    synthetic = isinstance(task.pods, DailyPods)
    trace = task.pods.trace(fleet, task.seed) if isinstance(task.pods, DailyPods) else task.pods
    run = simulate_trace(
        fleet, trace, task.policy, seed=task.seed, floor_window=task.floor_window, conditions=task.conditions
    )
    edges = np.linspace(0.0, trace.horizon, max(BUCKETS, round(BUCKETS * trace.horizon / DAY)) + 1)
    used = (trace.offered_cores() + float(fleet.usage_cores.sum())) / float(fleet.capacity_cores.sum())
    return Day(
        policy=task.policy,
        seed=task.seed,
        load=task.pods.load if synthetic else round(used, 4),  # type: ignore[union-attr]
        horizon=trace.horizon,
        kwh=run.kwh,
        bound=lower_bound(fleet, trace, conditions=task.conditions)[0] if task.bounded else None,
        pods=len(trace),
        waited=run.waiting_pods,
        refused=run.refused_pods,
        longest_wait=float(run.waited.max(initial=0.0)),
        watts=run.mean_watts(edges),
        busy=run.mean_busy(edges),
    )


def tasks_for(
    fleet: Fleet,
    pods: Trace | Iterable[DailyPods],
    policies: Sequence[str] = DEFAULT_POLICIES,
    *,
    seeds: int = 5,
    conditions: Sequence[Conditions] = (),
    floor_window: float = WINDOW,
) -> list[Task]:
    """Return one task for each policy, seed and setting of pods.

    Parameters
    ----------
    pods
        A trace, or settings of synthetic ones. A trace is simulated once per policy, as seeds would change little.
    policies
        Names of policies, at least one; savings are relative to the first.
    seeds
        Number of days that are drawn for each setting.

    Raises
    ------
    UsageError
        A policy is unknown or occurs twice, or there is none.
    """
    for name in policies:
        policy_of(name)
    if not policies or len(set(policies)) < len(policies) or seeds < 1:
        raise UsageError(f"policies {', '.join(policies) or 'none'} with {seeds} seeds: give each policy once")
    settings: list[Trace | DailyPods] = [pods] if isinstance(pods, Trace) else list(pods)
    return [
        Task(fleet, setting, policy, seed, tuple(conditions), floor_window, bounded=policy == policies[0])
        for setting in settings
        for seed in range(1 if isinstance(pods, Trace) else seeds)
        for policy in policies
    ]


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
    busy
        Number of nodes with pods.
    waited, refused
        Pods that found no room at once, and pods that never ran.
    days
        Number of days.
    """

    load: float
    policy: str
    kwh: float
    saved: float
    saved_spread: float | None
    above_bound: float | None
    busy: float
    waited: float
    refused: float
    days: int

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
        bounds = [day.bound for day in self.of(load, self.policies[0])]
        above = [100.0 * (day.kwh / bound - 1.0) for day, bound in zip(days, bounds, strict=True) if bound]
        return Row(
            load=load,
            policy=policy,
            kwh=float(np.mean([day.kwh for day in days])),
            saved=float(saved.mean()),
            saved_spread=float(saved.std(ddof=1)) if saved.size > 1 else None,
            above_bound=float(np.mean(above)) if above else None,
            busy=float(np.mean([day.busy.mean() for day in days])),
            waited=float(np.mean([day.waited for day in days])),
            refused=float(np.mean([day.refused for day in days])),
            days=len(days),
        )


Executor = Callable[[Callable[[Task], Day], Sequence[Task]], Iterator[Day]]
"""Yields the results of tasks in any order."""


def compare(tasks: Sequence[Task], execute: Executor, *, progress: Callable[[], None] | None = None) -> Comparison:
    """Run tasks and return their results.

    Parameters
    ----------
    tasks
        See `tasks_for`.
    execute
        Runs tasks, see `wao_predict.simulate.executors`.
    progress
        Called after each task.
    """
    days = []
    for day in execute(run_task, tasks):
        days.append(day)
        if progress is not None:
            progress()
    return Comparison(tuple(days), tuple(dict.fromkeys(task.policy for task in tasks)))
