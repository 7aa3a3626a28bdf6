"""Many simulations: policies, loads and seeds, and what they come to. Pure.

Each simulation is a task that another process or machine can run; `wao_predict.simulate.executors` has the means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

import numpy as np

from wao_predict.cooling.groups import Cooling
from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet
from wao_predict.load_floor import WINDOW
from wao_predict.simulate.bounds import fluid_bound, lower_bound
from wao_predict.simulate.comparison import Comparison, Day
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.moves import Moving
from wao_predict.simulate.run import Conditions
from wao_predict.simulate.standby import Standby
from wao_predict.simulate.trace import DAY, Trace, daily_trace
from wao_predict.simulate.variants import Variant
from wao_predict.standby import curves_when_off

DEFAULT_POLICIES = ("least-allocated", "reference", "peaks", "lookahead", "floor")
LEAST = 1e-3
"""Part of the CPU below which no pods are drawn in addition to those that run already."""
BUCKETS = 96
"""Intervals of a day for which mean power is kept: a quarter of an hour each."""


@dataclass(frozen=True, slots=True)
class DailyPods:
    """The settings of a synthetic trace, see `daily_trace`.

    The base load counts as a part of `load`, and so do `running`: pods that run already at the beginning.
    """

    load: float = 0.6
    pods: int = 2_000
    days: int = 1
    peak: float = 2.0
    movable: float = 1.0
    running: Trace | None = None

    def trace(self, fleet: Fleet, seed: int) -> Trace:
        """Return the pods for a fleet.

        Raises
        ------
        UsageError
            The base load alone is as high as `load`.
        """
        capacity = float(fleet.capacity_cores.sum())
        running = None if self.running is None else replace(self.running, horizon=self.days * DAY)
        there = float(fleet.usage_cores.sum()) + (0.0 if running is None else running.offered_cores())
        load = self.load - there / capacity
        if running is not None and abs(load) < LEAST:
            return running
        if load <= 0:
            what = "base load" if running is None else "base load and running pods"
            raise UsageError(
                f"a load of {self.load:.0%} is not above the {what} of the fleet, {there / capacity:.0%}: give more"
            )
        drawn = daily_trace(
            capacity, load=load, pods=self.pods, days=self.days, peak=self.peak, movable=self.movable, seed=seed
        )
        return drawn if running is None else drawn.after(running)


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
        Name of the policy or of a `Variant` of it, and seed of the trace and of random choices.
    conditions
        Later power curves.
    floor_window
        See `simulate_trace`.
    standby, moving
        How nodes are switched off and pods are moved, for variants with standby and with moves.
    bounded
        Whether the lower bound is computed too.
    cooling
        See `simulate_trace`.
    """

    fleet: Fleet
    pods: Trace | DailyPods
    policy: str
    seed: int = 0
    conditions: tuple[Conditions, ...] = ()
    floor_window: float = WINDOW
    standby: Standby = field(default_factory=Standby)
    moving: Moving = field(default_factory=Moving)
    bounded: bool = False
    cooling: Cooling | None = None


def run_task(task: Task) -> Day:
    """Return the result of one simulation."""
    fleet, variant = task.fleet, Variant.of(task.policy)
    synthetic = isinstance(task.pods, DailyPods)
    trace = task.pods.trace(fleet, task.seed) if isinstance(task.pods, DailyPods) else task.pods
    run = simulate_trace(
        fleet,
        trace,
        variant.policy,
        seed=task.seed,
        floor_window=task.floor_window,
        standby=task.standby if variant.standby else None,
        moving=task.moving if variant.moves else None,
        conditions=task.conditions,
        cooling=task.cooling,
    )
    edges = np.linspace(0.0, trace.horizon, max(BUCKETS, round(BUCKETS * trace.horizon / DAY)) + 1)
    used = (trace.offered_cores() + float(fleet.usage_cores.sum())) / float(fleet.capacity_cores.sum())
    return Day(
        policy=task.policy,
        seed=task.seed,
        load=task.pods.load if synthetic else round(used, 4),  # type: ignore[union-attr]
        nodes=len(fleet),
        horizon=trace.horizon,
        kwh=run.kwh,
        bound=_bound(task, trace, variant) if task.bounded else None,
        pods=len(trace),
        waited=run.waiting_pods,
        refused=run.refused_pods,
        waited_seconds=run.waited[run.waited > 0],
        watts=run.mean_watts(edges),
        busy=run.mean_busy(edges),
        on=run.mean_on(edges),
        starts=run.starts,
        failed_starts=run.failed_starts,
        moves=run.moves,
        cooling_kwh=run.cooling_kwh,
    )


def _bound(task: Task, trace: Trace, variant: Variant) -> float:
    """Return the energy that no placement can go below [kWh], with standby also by switching."""
    if not variant.standby:
        return lower_bound(task.fleet, trace, conditions=task.conditions)[0]
    watts, empty = task.standby.off_watts, task.fleet.usage_cores == 0
    fleet = replace(task.fleet, curves=curves_when_off(task.fleet.curves, empty, watts))
    later = [Conditions(item.at, curves_when_off(item.curves, empty, watts)) for item in task.conditions]
    return fluid_bound(fleet, trace, conditions=later)


def tasks_for(
    fleet: Fleet,
    pods: Trace | Iterable[DailyPods],
    policies: Sequence[str] = DEFAULT_POLICIES,
    *,
    seeds: int = 5,
    conditions: Sequence[Conditions] = (),
    floor_window: float = WINDOW,
    standby: Standby | None = None,
    moving: Moving | None = None,
    cooling: Cooling | None = None,
) -> list[Task]:
    """Return one task for each policy, seed and setting of pods.

    Parameters
    ----------
    pods
        A trace, or settings of synthetic ones. A trace is simulated once per policy, as seeds would change little.
    policies
        Names of policies or of a `Variant` of one, at least one; savings are relative to the first.
    seeds
        Number of days that are drawn for each setting.
    standby, moving
        How nodes are switched off and pods are moved, for variants with standby and with moves.
    cooling
        Plants, whose power counts too. The lower bound is that of servers alone, so it is left out then.

    Raises
    ------
    UsageError
        A policy is unknown or occurs twice, or there is none.
    """
    variants = [Variant.of(name) for name in policies]
    if not policies or len(set(policies)) < len(policies) or seeds < 1:
        raise UsageError(f"policies {', '.join(policies) or 'none'} with {seeds} seeds: give each policy once")
    with_standby = [variant.standby for variant in variants]
    bounded = {with_standby.index(value) for value in set(with_standby)}  # the first policy with each kind of bound
    settings: list[Trace | DailyPods] = [pods] if isinstance(pods, Trace) else list(pods)
    return [
        Task(
            *(fleet, setting, policy, seed, tuple(conditions), floor_window, standby or Standby(), moving or Moving()),
            bounded=number in bounded and cooling is None,
            cooling=cooling,
        )
        for setting in settings
        for seed in range(1 if isinstance(pods, Trace) else seeds)
        for number, policy in enumerate(policies)
    ]


Given = TypeVar("Given")
Found = TypeVar("Found")


class Executor(Protocol):
    """Runs tasks, see `wao_predict.simulate.executors`."""

    def __call__(self, work: Callable[[Given], Found], tasks: Sequence[Given], /) -> Iterator[Found]:
        """Yield the results of tasks in any order."""


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
