"""Servers that are switched off during a simulation: energy, starts, and pods that wait for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.fleets import fleet_of
from wao_predict import Fleet, PowerCurves, UsageError
from wao_predict.cooling.groups import Cooling, Plant
from wao_predict.cooling.models import CoolingFactor
from wao_predict.cooling.plant import PlantState
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.policies import POLICIES
from wao_predict.simulate.run import Run
from wao_predict.simulate.standby import REACTION, Standby
from wao_predict.simulate.sweep import DailyPods, run_task, tasks_for
from wao_predict.simulate.trace import Trace, daily_trace
from wao_predict.standby import StandbySettings

HOUR, MINUTE = 3600.0, 60.0
SETTINGS = StandbySettings(
    spare_percent=0.0, spare_cores=0.0, hysteresis_percent=0.0, empty_seconds=600.0, on_seconds=0.0, off_seconds=0.0
)
SWITCHED = Standby(SETTINGS, start_seconds=300.0, stop_seconds=60.0, off_watts=8.0, pods_window=0.0, look_back=0.0)


def two_nodes(base: float = 0.0) -> Fleet:
    """Two nodes of 10 cores; the first has fewer watts per core."""
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [110.0, 210.0]]))
    return Fleet(("a", "b"), curves, np.full(2, 10.0), np.array([base, 0.0]))


def mean_watts(run: Run, *edges: float) -> list[float]:
    return [round(float(watts), 6) for watts in run.mean_watts(np.array(edges))]


def test_an_empty_node_is_off_after_its_time_empty_and_its_stop() -> None:
    run = simulate_trace(two_nodes(), Trace.of([0.0], [HOUR], [1.0]), standby=SWITCHED)
    assert mean_watts(run, 0, 600, 660, HOUR) == [220.0, 220.0, 118.0]
    assert run.mean_on(np.array([0.0, 600.0, HOUR])).tolist() == [2.0, 1.0]


def test_the_node_that_is_expensive_to_cool_is_switched_off() -> None:
    """Without plants it is the one with the fewest watts per core that stays."""
    fleet = replace(two_nodes(), groups=("warm", "cold"))
    plants = {name: Plant(CoolingFactor(factor), PlantState()) for name, factor in (("warm", 0.5), ("cold", 0.1))}
    trace = Trace.of([HOUR], [HOUR], [1.0], horizon=2 * HOUR)
    assert simulate_trace(fleet, trace, standby=SWITCHED).node.tolist() == [0]
    assert simulate_trace(fleet, trace, standby=SWITCHED, cooling=Cooling(plants)).node.tolist() == [1]


def test_a_pod_without_room_waits_for_the_start_of_a_node() -> None:
    trace = Trace.of([0.0, HOUR], [3 * HOUR, HOUR], [10.0, 4.0], horizon=3 * HOUR)
    run = simulate_trace(two_nodes(), trace, standby=SWITCHED)
    assert run.waited.tolist() == [0.0, REACTION + 300.0]
    assert (run.starts, run.node.tolist(), run.waiting_pods) == (1, [0, 1], 1)
    start = HOUR + REACTION
    assert mean_watts(run, 660, HOUR, start, start + 300, start + 360) == [208.0, 208.0, 310.0, 350.0]


def test_missing_capacity_undoes_a_stop_that_has_just_begun() -> None:
    """Later the node has to be started again."""
    for arrival, waits in ((602.0, REACTION), (606.0, REACTION + SWITCHED.period + 300.0)):
        trace = Trace.of([0.0, arrival], [HOUR, HOUR], [1.0, 10.0], horizon=HOUR)
        run = simulate_trace(two_nodes(), trace, standby=SWITCHED)
        assert run.waited.tolist() == [0.0, waits]
        assert run.starts == (waits > REACTION)


def test_a_node_with_a_base_load_is_never_switched_off() -> None:
    run = simulate_trace(two_nodes(base=1.0), Trace.of([0.0], [1.0], [1.0], horizon=HOUR), standby=SWITCHED)
    assert run.on.min() == 1
    assert mean_watts(run, 700, HOUR) == [118.0]


def test_a_start_that_fails_is_repaired_later_and_the_pod_waits() -> None:
    options = replace(SWITCHED, failure_rate=1.0, repair_seconds=1000.0)
    trace = Trace.of([0.0, HOUR], [3 * HOUR, HOUR], [10.0, 4.0], horizon=2 * HOUR)
    run = simulate_trace(two_nodes(), trace, standby=options)
    assert (run.starts, run.failed_starts, run.refused_pods) == (3, 3, 1)


def test_the_floor_rule_keeps_empty_nodes_empty_when_they_may_be_off() -> None:
    """The curve of an empty node then begins at the power of its BMC."""
    curves = PowerCurves(np.array([0.0, 10.0, 100.0]), np.array([[200.0, 210.0, 220.0], [20.0, 40.0, 200.0]]))
    fleet = Fleet(("flat", "steep"), curves, np.full(2, 10.0), np.zeros(2))
    trace = Trace.of([0.0], [HOUR], [2.0])
    assert simulate_trace(fleet, trace, "floor").node.tolist() == [0]
    assert simulate_trace(fleet, trace, "floor", standby=SWITCHED).node.tolist() == [1]
    assert simulate_trace(fleet, trace, "peaks", standby=SWITCHED).node.tolist() == [0]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(list(POLICIES)), st.sampled_from([0.0, 0.3]))
def test_no_pod_runs_on_a_node_that_is_off_and_no_limit_is_exceeded(seed: int, policy: str, failures: float) -> None:
    fleet = fleet_of(edge_lenovo=2, cloud_dell=3)
    drawn = daily_trace(160.0, load=0.3, pods=120, seed=seed)
    trace = Trace.of(drawn.arrival / 4, drawn.duration / 4, drawn.request, horizon=6 * HOUR)
    chosen = StandbySettings(starts_per_hour=3)
    run = simulate_trace(fleet, trace, policy, seed=seed, standby=Standby(chosen, failure_rate=failures))
    assert (run.busy <= run.on).all()
    assert run.on.min() >= 1
    assert run.starts <= 3 * 6
    plain = simulate_trace(fleet, trace, policy, seed=seed)
    if not failures:
        assert run.kwh <= plain.kwh * (1 + 1e-9)
        assert run.refused_pods == plain.refused_pods == 0


def test_days_with_standby_have_a_bound_of_their_own() -> None:
    fleet = fleet_of(edge_lenovo=2, cloud_dell=2)
    names = ("least-allocated", "floor", "floor+standby", "peaks+standby")
    days = [run_task(task) for task in tasks_for(fleet, [DailyPods(0.3, 30)], names, seeds=1)]
    assert [day.bound is not None for day in days] == [True, False, True, False]
    assert days[2].bound is not None
    assert days[0].bound is not None
    assert days[2].bound < 0.6 * days[0].bound
    assert min(days[2].kwh, days[3].kwh) >= days[2].bound


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"start_seconds": -1.0}, "start_seconds is -1: give a number of at least 0"),
        ({"failure_rate": 1.5}, "failure_rate is 1.5: give a number from 0 to 1"),
        ({"period": 0.0}, "period is 0: give at least 1 s"),
    ],
)
def test_values_out_of_range_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Standby(**values)
