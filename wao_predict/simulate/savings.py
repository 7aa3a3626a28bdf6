"""What another policy would save in a year, by load, with an interval from model errors and from the drawn pods. Pure.

The policies place pods by the curves of the models. The energy is then computed for these curves, and for many others
that differ from them as much as the models are wrong on average, so that a placement that relies on a wrong curve costs
what it would really cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wao_predict.arrays import FloatArray, IntArray, as_number
from wao_predict.errors import UsageError
from wao_predict.fleet import Fleet
from wao_predict.models.stated_errors import ModelError
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.occupancy import seconds_at_knots
from wao_predict.simulate.policies import policy_of
from wao_predict.simulate.sweep import Executor
from wao_predict.simulate.trace import DAY, Trace
from wao_predict.simulate.workloads import PodMix

LEVELS = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))
"""Loads of the picture [fraction of the CPU]."""
CLOSE = 0.02
"""Distance from the load of the fleet within which another load is left out [fraction of the CPU]."""
POLICIES = ("least-allocated", "floor")
"""The stock scheduler, and our rule for pods that come and go."""
HOURS_PER_YEAR = 8766.0
DRAWS = 200
"""Curves with other errors that each day is evaluated with."""
COVERAGE = 0.9
"""Part of the outcomes within an interval."""
_MAPE_TO_SIGMA = 1.544
"""Standard deviation of the error at idle and at full load for a mean absolute error of 1, averaged over the load."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What electricity costs.

    Parameters
    ----------
    price
        Price of 1 kWh, None if unknown.
    currency
        Its currency.
    co2
        Emissions of 1 kWh [g CO2], None if unknown.
    pue
        Power usage effectiveness: energy of the data centre per energy of the servers, at least 1.

    Raises
    ------
    UsageError
        A number is out of its range.
    """

    price: float | None = None
    currency: str = "EUR"
    co2: float | None = None
    pue: float = 1.0

    def __post_init__(self) -> None:
        for name, value, least in (("price", self.price, 0.0), ("co2", self.co2, 0.0), ("pue", self.pue, 1.0)):
            number = None if value is None else as_number(name, value)
            if (number is None and name == "pue") or (number is not None and not least <= number < np.inf):
                raise UsageError(f"{name} of {value!r:.40}: give a number of at least {least:g}")
            object.__setattr__(self, name, number)

    def yearly(self, watts: float) -> Year:
        """Return what servers of a mean power [W] come to in a year."""
        kwh = watts * self.pue * HOURS_PER_YEAR / 1000.0
        money = None if self.price is None else kwh * self.price
        return Year(kwh, money, None if self.co2 is None else kwh * self.co2 / 1000.0)


@dataclass(frozen=True, slots=True)
class Year:
    """Energy [kWh], money and emissions [kg CO2] of a year, with cooling and other losses; None where unknown."""

    kwh: float
    money: float | None
    co2: float | None


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and the bounds between which `COVERAGE` of the outcomes lie."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, mean: float, outcomes: FloatArray) -> Interval:
        """Return the interval of some outcomes around a mean."""
        low, high = np.quantile(outcomes, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]).tolist()
        return cls(mean, low, high)


@dataclass(frozen=True, slots=True, eq=False)
class SavingsTask:
    """One simulation of a day.

    Attributes
    ----------
    fleet
        The nodes.
    pods
        A mix to draw from, or a trace to run as it is.
    load
        Mean load of the fleet with its base load [fraction of its CPU].
    policy, seed
        Name of the policy, and seed of the pods, of random choices, and of the errors.
    model, mape
        Row of each node's model, shape (n_nodes,), and error of each model [%], shape (n_models,).
    floor_window
        See `simulate_trace`.
    """

    fleet: Fleet
    pods: PodMix | Trace
    load: float
    policy: str
    seed: int
    model: IntArray
    mape: FloatArray
    floor_window: float = DAY


@dataclass(frozen=True, slots=True, eq=False)
class SavingsDay:
    """The result of one task.

    Attributes
    ----------
    load, policy, seed
        What was simulated.
    watts
        Mean power by the models [W].
    erred_watts
        Mean power if the models are wrong in some ways [W], shape (DRAWS,). The ways are the same for all policies.
    pods, waited, refused
        Number of pods, of those that found no room at once, and of those that never ran.
    """

    load: float
    policy: str
    seed: int
    watts: float
    erred_watts: FloatArray
    pods: int
    waited: int
    refused: int


def savings_tasks(
    fleet: Fleet,
    mix: PodMix,
    own: float | Trace,
    errors: Sequence[ModelError],
    *,
    policies: Sequence[str] = POLICIES,
    levels: Sequence[float] = LEVELS,
    seeds: int = 5,
    floor_window: float = DAY,
) -> list[SavingsTask]:
    """Return one task for each load, seed and policy.

    Parameters
    ----------
    fleet
        The nodes, with their models.
    mix
        Pods that the days at constant load are drawn from.
    own
        The load that the fleet has [fraction of its CPU], or the pods that run on it.
    errors
        Error of each model of the fleet.
    policies
        Names of at least two policies; savings are relative to the first.
    levels
        Further loads. Those at or below the base load, and those close to the load of the fleet, are left out.
    seeds
        Number of days that are drawn for each load.
    floor_window
        See `simulate_trace`.

    Raises
    ------
    UsageError
        A policy is unknown or occurs twice, there are fewer than two, the load is not above the base load, or the
        models of the fleet are not known.
    """
    for name in policies:
        policy_of(name)
    if len(set(policies)) < max(len(policies), 2):
        raise UsageError(f"policies {', '.join(policies) or 'none'}: give two or more, each once")
    if not fleet.models:
        raise UsageError("the fleet does not name its models: read it with Fleet.from_table, or give Fleet(models=...)")
    base = float(fleet.usage_cores.sum() / fleet.capacity_cores.sum())
    load = own_load(fleet, own)
    if not base < load <= 1.0:
        raise UsageError(
            f"a load of {load:.0%} with a base load of {base:.0%}: give pods that use more than nothing, and at "
            "most the CPU of the fleet"
        )
    row_of = {error.model: row for row, error in enumerate(errors)}
    model = np.array([row_of[name] for name in fleet.models], dtype=np.int64)
    mape = np.array([error.mape for error in errors])
    loads = sorted({load, *(level for level in levels if level > base and abs(level - load) >= CLOSE)})
    return [
        SavingsTask(fleet, pods, level, policy, seed, model, mape, floor_window)
        for level in loads
        for pods in [own if isinstance(own, Trace) and level == load else mix]
        for seed in range(seeds)
        for policy in policies
    ]


def own_load(fleet: Fleet, own: float | Trace) -> float:
    """Return the load of a fleet with its pods [fraction of its CPU]."""
    if not isinstance(own, Trace):
        return own
    return float((own.offered_cores() + fleet.usage_cores.sum()) / fleet.capacity_cores.sum())


def run_savings_task(task: SavingsTask) -> SavingsDay:
    """Return the result of one simulation: of the second of two drawn days, or of the whole trace."""
    fleet, start = task.fleet, 0.0
    if isinstance(task.pods, Trace):
        trace = replace(task.pods, movable=np.zeros(len(task.pods), dtype=np.bool_))
    else:
        start = DAY
        cores = task.load * float(fleet.capacity_cores.sum()) - float(fleet.usage_cores.sum())
        trace = task.pods.trace(cores, seed=task.seed, horizon=2 * DAY)
    run = simulate_trace(fleet, trace, task.policy, seed=task.seed, floor_window=task.floor_window)
    seconds = seconds_at_knots(fleet, trace, run, start=start)
    by_node = seconds * fleet.curves.watts / (trace.horizon - start)
    by_model = np.zeros((len(task.mape), by_node.shape[1]))
    np.add.at(by_model, task.model, by_node)
    errors = drawn_errors(task.mape, fleet.curves.knots, seed=task.seed)
    return SavingsDay(
        load=task.load,
        policy=task.policy,
        seed=task.seed,
        watts=float(by_node.sum()),
        erred_watts=np.einsum("dmk,mk->d", 1.0 + errors, by_model),
        pods=len(trace),
        waited=run.waiting_pods,
        refused=run.refused_pods,
    )


def drawn_errors(mape: FloatArray, knots: FloatArray, *, seed: int) -> FloatArray:
    """Return relative errors of models over load, shape (DRAWS, n_models, n_knots).

    Parameters
    ----------
    mape
        Mean absolute error of each model [%], shape (n_models,).
    knots
        CPU loads [%], shape (n_knots,).
    seed
        Seed of the random numbers.

    Notes
    -----
    The errors of a model at idle and at full load are independent and normally distributed, and linear in between.
    Their mean absolute value over all loads is the error of the model. All nodes with a model have the same errors.

    Examples
    --------
    >>> errors = drawn_errors(np.array([5.0]), np.linspace(0, 100, 41), seed=1)
    >>> bool(abs(100 * np.abs(errors).mean() - 5.0) < 0.5)
    True
    """
    draw = np.random.default_rng([seed, 1])
    ends = draw.standard_normal((DRAWS, len(mape), 2)) * (_MAPE_TO_SIGMA * mape / 100.0)[None, :, None]
    at = knots / 100.0
    errors: FloatArray = ends[:, :, :1] * (1.0 - at) + ends[:, :, 1:] * at
    return np.maximum(errors, -0.9)


@dataclass(frozen=True, slots=True)
class Saving:
    """What one policy saves at one load.

    Attributes
    ----------
    load
        Mean load of the fleet [fraction of its CPU].
    policy
        Name of the policy.
    stock_watts, watts
        Mean power with the first policy and with this one [W].
    percent, saved_watts
        Saving relative to the first policy [%], and in watts.
    from_days, from_models
        Standard deviation of the saving between drawn days, and between errors of the models [percentage points].
    pods, waited, refused
        Mean number of pods, of those that waited, and of those that never ran.
    stock_waited
        Mean number of pods that waited with the first policy.
    """

    load: float
    policy: str
    stock_watts: float
    watts: float
    percent: Interval
    saved_watts: Interval
    from_days: float | None
    from_models: float
    pods: float
    waited: float
    refused: float
    stock_waited: float


@dataclass(frozen=True, eq=False)
class Savings:
    """Results of all tasks.

    Attributes
    ----------
    days
        The results, in any order.
    policies
        Names of the policies; savings are relative to the first.
    own
        The load that the fleet has [fraction of its CPU].
    """

    days: tuple[SavingsDay, ...]
    policies: tuple[str, ...]
    own: float

    @property
    def loads(self) -> list[float]:
        """The loads, ascending."""
        return sorted({day.load for day in self.days})

    def of(self, load: float, policy: str) -> Saving:
        """Return what a policy saves at a load."""
        stock, days = self._of(load, self.policies[0]), self._of(load, policy)
        watts, stock_watts = (np.array([day.watts for day in some]) for some in (days, stock))
        erred, erred_stock = (np.array([day.erred_watts for day in some]) for some in (days, stock))
        percent, erred_percent = 100.0 * (1.0 - watts / stock_watts), 100.0 * (1.0 - erred / erred_stock)
        return Saving(
            load=load,
            policy=policy,
            stock_watts=float(stock_watts.mean()),
            watts=float(watts.mean()),
            percent=Interval.of(float(percent.mean()), erred_percent),
            saved_watts=Interval.of(float((stock_watts - watts).mean()), erred_stock - erred),
            from_days=float(percent.std(ddof=1)) if percent.size > 1 else None,
            from_models=float(erred_percent.std(axis=1).mean()),
            pods=float(np.mean([day.pods for day in days])),
            waited=float(np.mean([day.waited for day in days])),
            refused=float(np.mean([day.refused for day in days])),
            stock_waited=float(np.mean([day.waited for day in stock])),
        )

    def all(self) -> list[Saving]:
        """Return the saving of each policy but the first at each load."""
        return [self.of(load, policy) for load in self.loads for policy in self.policies[1:]]

    def _of(self, load: float, policy: str) -> list[SavingsDay]:
        return sorted((day for day in self.days if (day.load, day.policy) == (load, policy)), key=lambda day: day.seed)


def find_savings(
    tasks: Sequence[SavingsTask], execute: Executor, *, own: float, progress: Callable[[], None] | None = None
) -> Savings:
    """Run tasks and return their results.

    Parameters
    ----------
    tasks
        See `savings_tasks`.
    execute
        Runs tasks, see `wao_predict.simulate.executors`.
    own
        The load that the fleet has [fraction of its CPU].
    progress
        Called after each task.
    """
    days = []
    for day in execute(run_savings_task, tasks):
        days.append(day)
        if progress is not None:
            progress()
    return Savings(tuple(days), tuple(dict.fromkeys(task.policy for task in tasks)), own)


def saving_document(saving: Saving, prices: Prices) -> dict[str, Any]:
    """Return a saving as JSON types, with what it comes to in a year."""
    years = {
        name: prices.yearly(watts)
        for name, watts in (
            ("mean", saving.saved_watts.mean),
            ("low", saving.saved_watts.low),
            ("high", saving.saved_watts.high),
        )
    }
    return {
        "load": saving.load,
        "policy": saving.policy,
        "stock_watts": saving.stock_watts,
        "watts": saving.watts,
        "saved_percent": _bounds(saving.percent),
        "saved_watts": _bounds(saving.saved_watts),
        "saved_kwh_per_year": {name: year.kwh for name, year in years.items()},
        "saved_money_per_year": None if prices.price is None else {name: year.money for name, year in years.items()},
        "saved_co2_kg_per_year": None if prices.co2 is None else {name: year.co2 for name, year in years.items()},
        "spread_of_days": saving.from_days,
        "spread_of_models": saving.from_models,
        "pods": saving.pods,
        "waited": saving.waited,
        "never_ran": saving.refused,
    }


def _bounds(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}
