"""Simulations over time: energy, waiting, and the state of the nodes, against a replay from the definition."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.fleets import small_fleet
from wao_predict import Fleet, PowerCurves, UsageError
from wao_predict.simulate.bounds import fluid_bound
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.policies import POLICIES
from wao_predict.simulate.run import KILOWATT_HOUR, Conditions, Run
from wao_predict.simulate.trace import Trace, daily_trace

HOUR = 3600.0


def idle_fleet(*watts: list[float], cores: float = 10.0, middle: float = 50.0) -> Fleet:
    names = tuple(f"n{row}" for row in range(len(watts)))
    curves = PowerCurves(np.array([0.0, middle, 100.0]), np.array(watts))
    return Fleet(names, curves, np.full(len(watts), cores), np.zeros(len(watts)))


def joules(fleet: Fleet, trace: Trace, run: Run) -> float:
    """Energy from the pods' nodes and times alone."""
    begin = trace.arrival + run.waited
    ends = np.minimum(begin + trace.duration, trace.horizon)
    moments = np.unique(np.concatenate([[0.0, trace.horizon], begin[run.node >= 0], ends[run.node >= 0]]))
    total = 0.0
    for start, end in pairwise(moments.tolist()):
        running = (begin <= start) & (ends > start) & (run.node >= 0)
        pods = np.bincount(run.node[running], trace.use[running], minlength=len(fleet.names))
        total += float(fleet.curves.at(100.0 * (fleet.usage_cores + pods) / fleet.capacity_cores).sum()) * (end - start)
    return total


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(list(POLICIES)), st.floats(0.1, 1.0))
def test_energy_and_room_follow_from_where_the_pods_ran(seed: int, policy: str, load: float) -> None:
    fleet = small_fleet(seed, 5)
    trace = daily_trace(float(fleet.capacity_cores.sum()), load=load, pods=60, seed=seed)
    trace = Trace.of(trace.arrival, trace.duration, np.minimum(trace.request, 4.0), horizon=trace.horizon)
    run = simulate_trace(fleet, trace, policy, seed=seed)
    assert run.kwh * KILOWATT_HOUR == pytest.approx(joules(fleet, trace, run), rel=1e-9)
    begin = trace.arrival + run.waited
    for at in begin[run.node >= 0] + 1e-6:  # a pod that ends makes room for one that begins
        running = (begin <= at) & (begin + trace.duration > at) & (run.node >= 0)
        pods = np.bincount(run.node[running], trace.request[running], minlength=5)
        assert (fleet.usage_cores + pods <= fleet.capacity_cores + 1e-6).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(list(POLICIES)))
def test_no_policy_is_below_the_fluid_bound(seed: int, policy: str) -> None:
    fleet = small_fleet(seed, 6)
    trace = daily_trace(float(fleet.capacity_cores.sum()), load=0.2, pods=80, seed=seed)
    trace = Trace.of(trace.arrival, trace.duration, np.minimum(trace.request, 1.0), horizon=trace.horizon)
    run = simulate_trace(fleet, trace, policy, seed=seed)
    if run.waiting_pods == 0:
        assert run.kwh >= fluid_bound(fleet, trace) * (1 - 1e-9)


def test_a_pod_waits_until_another_one_ends() -> None:
    fleet = idle_fleet([100, 150, 200])
    trace = Trace.of([0.0, 60.0, 70.0], [HOUR, HOUR, HOUR], [6.0, 6.0, 2.0], horizon=3 * HOUR)
    run = simulate_trace(fleet, trace, "lookahead")
    assert run.waited.tolist() == [0.0, HOUR - 60.0, 0.0]  # the small one does not wait behind the large one
    assert (run.waiting_pods, run.refused_pods) == (1, 0)


def test_a_pod_that_no_node_can_hold_waits_until_the_end() -> None:
    run = simulate_trace(idle_fleet([1, 2, 3]), Trace.of([10.0], [5.0], [11.0], horizon=100.0), "floor")
    assert (run.refused_pods, run.waited.tolist(), run.node.tolist()) == (1, [90.0], [-1])


def test_a_pod_may_use_less_than_it_requests() -> None:
    fleet = idle_fleet([100, 150, 200])
    trace = Trace.of([0.0, 0.0], [HOUR, HOUR], [5.0, 5.0], use=[1.0, 2.0])
    run = simulate_trace(fleet, trace, "floor")
    assert run.waiting_pods == 0
    assert run.kwh == pytest.approx(0.130)


def test_a_pod_whose_request_fits_runs_even_where_the_nodes_are_busier_than_their_requests() -> None:
    trace = Trace.of([0.0, 1.0], [HOUR, HOUR], [1.0, 1.0], use=[10.0, 1.0])
    run = simulate_trace(idle_fleet([100, 150, 200]), trace, "floor")
    assert run.node.tolist() == [0, 0]


def test_power_follows_the_curves_of_the_hour() -> None:
    fleet = idle_fleet([100, 150, 200])
    hot = PowerCurves(fleet.curves.knots, fleet.curves.watts + 20.0)
    trace = Trace.of([0.0], [2 * HOUR], [5.0])
    run = simulate_trace(fleet, trace, "floor", conditions=[Conditions(HOUR, hot)])
    assert run.mean_watts(np.array([0.0, HOUR, 2 * HOUR])).tolist() == [150.0, 170.0]
    assert run.kwh == pytest.approx(0.320)
    assert fluid_bound(fleet, trace, conditions=[Conditions(HOUR, hot)]) == pytest.approx(0.320)


def test_the_floor_rule_saves_what_lookahead_spends_on_a_server_that_never_drains() -> None:
    """A wave opens the steep server; look-ahead then keeps it running, as further pods cost nothing there."""
    fleet = idle_fleet([100, 400, 401], [100, 110, 200], middle=10.0)
    small = np.arange(1, 40) * 900.0
    trace = Trace.of(
        [0.0, 0.0, *small], [1000.0, 1000.0, *np.full(39, 2000.0)], [10.0, 9.0, *np.full(39, 1.0)], horizon=40 * 900.0
    )
    energy = {policy: simulate_trace(fleet, trace, policy).kwh for policy in ("lookahead", "floor")}
    assert energy["floor"] < 0.6 * energy["lookahead"]


def test_progress_counts_every_pod() -> None:
    seen: list[int] = []
    trace = daily_trace(640.0, pods=2500, load=0.1)
    simulate_trace(idle_fleet([1, 2, 3], cores=640.0), trace, "least-allocated", progress=seen.append)
    assert sum(seen) == 2500


def test_what_cannot_be_simulated_is_refused() -> None:
    fleet, trace = idle_fleet([1, 2, 3]), Trace.of([0.0], [1.0], [1.0])
    with pytest.raises(UsageError, match="no policy 'best'; there are least-allocated"):
        simulate_trace(fleet, trace, "best")
    two = PowerCurves(fleet.curves.knots, np.ones((2, 3)))
    with pytest.raises(UsageError, match="2 curves at 5 s for 1 nodes"):
        simulate_trace(fleet, trace, conditions=[Conditions(5.0, two)])
