"""Comparisons of policies over loads and seeds, in this process and on others."""

from __future__ import annotations

import numpy as np
import pytest

from tests.fakes.fleets import fleet_of, small_fleet
from wao_predict import Fleet, UsageError
from wao_predict.simulate.comparison import Comparison, Day
from wao_predict.simulate.executors import in_this_process, on_processes
from wao_predict.simulate.sweep import DailyPods, compare, run_task, tasks_for
from wao_predict.simulate.trace import Trace

SETTINGS = (DailyPods(load=0.3, pods=40), DailyPods(load=0.5, pods=40))
POLICIES = ("least-allocated", "floor")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return fleet_of(edge_lenovo=2, cloud_dell=2)


@pytest.fixture(scope="module")
def comparison(fleet: Fleet) -> Comparison:
    return compare(tasks_for(fleet, SETTINGS, POLICIES, seeds=2), in_this_process)


def test_every_policy_runs_on_the_same_days(comparison: Comparison) -> None:
    assert comparison.loads == [0.3, 0.5]
    assert [(row.load, row.policy, row.days) for row in comparison.rows()] == [
        (0.3, "least-allocated", 2),
        (0.3, "floor", 2),
        (0.5, "least-allocated", 2),
        (0.5, "floor", 2),
    ]
    for load in comparison.loads:
        first, second = (comparison.of(load, policy) for policy in POLICIES)
        assert [day.seed for day in first] == [day.seed for day in second] == [0, 1]


def test_savings_are_relative_to_the_first_policy_on_the_same_day(comparison: Comparison) -> None:
    stock, floor = (comparison.of(0.3, policy) for policy in POLICIES)
    expected = [100 * (1 - ours.kwh / theirs.kwh) for theirs, ours in zip(stock, floor, strict=True)]
    row = comparison.rows()[1]
    assert comparison.savings(0.3, "floor").tolist() == pytest.approx(expected)
    assert row.saved == pytest.approx(np.mean(expected))
    assert row.saved_spread == pytest.approx(np.std(expected, ddof=1))
    assert comparison.rows()[0].saved == 0.0


def test_the_bound_is_computed_once_per_day_and_holds_for_every_policy(comparison: Comparison) -> None:
    assert {day.bound is not None for day in comparison.days if day.policy == "least-allocated"} == {True}
    assert {day.bound for day in comparison.days if day.policy == "floor"} == {None}
    assert all(row.above_bound is not None and row.above_bound > 0 for row in comparison.rows())


def test_power_over_time_integrates_to_the_energy(comparison: Comparison) -> None:
    for day in comparison.days:
        assert float(day.watts.mean()) * day.horizon / 3.6e6 == pytest.approx(day.kwh)
        assert 0 <= day.busy.min() <= day.busy.max() <= 4 + 1e-9


def test_a_pool_of_processes_gives_the_same_results(fleet: Fleet, comparison: Comparison) -> None:
    seen: list[None] = []
    tasks = tasks_for(fleet, SETTINGS, POLICIES, seeds=2)
    other = compare(tasks, on_processes(2), progress=lambda: seen.append(None))
    assert [row.as_dict() for row in other.rows()] == [row.as_dict() for row in comparison.rows()]
    assert len(seen) == len(tasks)


def test_an_error_in_another_process_is_the_librarys_error(fleet: Fleet) -> None:
    busy = fleet.with_usage(np.full(4, 20.0))
    with pytest.raises(UsageError, match="a load of 30% is not above the base load of the fleet, 62%"):
        compare(tasks_for(busy, SETTINGS, POLICIES, seeds=1), on_processes(2))


def test_a_trace_is_simulated_once_per_policy_whatever_the_seeds() -> None:
    trace = Trace.of([0.0, 0.0], [3600.0, 3600.0], [1.0, 0.5])
    tasks = tasks_for(small_fleet(1, 3), trace, POLICIES, seeds=5)
    assert [task.policy for task in tasks] == list(POLICIES)
    day: Day = run_task(tasks[0])
    used = (1.5 + small_fleet(1, 3).usage_cores.sum()) / small_fleet(1, 3).capacity_cores.sum()
    assert (day.pods, day.load) == (2, round(float(used), 4))


@pytest.mark.parametrize("policies", [(), ("floor", "floor"), ("floor", "best")])
def test_policies_that_cannot_be_compared_are_refused(fleet: Fleet, policies: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"polic"):
        tasks_for(fleet, SETTINGS, policies)
