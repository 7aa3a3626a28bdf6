"""Bounds: nothing is below them, and each is what brute force finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.fleets import small_fleet
from wao_predict.fleet import Fleet
from wao_predict.simulate.bounds import cheapest_watts, fluid_bound, lower_bound
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.trace import Trace, daily_trace


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_no_division_of_the_load_is_below_the_hulls(seed: int) -> None:
    fleet, draw = small_fleet(seed, 4), np.random.default_rng(seed)
    free = fleet.capacity_cores - fleet.usage_cores
    for _ in range(30):
        added = free * draw.random(4)
        watts = float(fleet.with_usage(fleet.usage_cores + added).watts().sum())
        assert watts >= cheapest_watts(fleet, fleet.curves, np.array([added.sum()]))[0] - 1e-6


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_exact_bound_of_equal_pods_is_the_best_of_all_placements(seed: int) -> None:
    fleet = small_fleet(seed, 3)
    trace = Trace.of([0.0] * 4, [3600.0] * 4, [0.5] * 4)
    placements = (np.bincount(nodes, minlength=3) for nodes in product(range(3), repeat=4))
    fitting = [pods for pods in placements if (pods <= fleet.room(0.5)).all()]
    best = min(float(fleet.with_usage(fleet.usage_cores + 0.5 * pods).watts().sum()) for pods in fitting)
    bound, method = lower_bound(fleet, trace)
    assert method == "exact"
    assert bound == pytest.approx(best / 1000)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["floor", "lookahead"]))
def test_bounds_are_in_order(seed: int, policy: str) -> None:
    fleet = small_fleet(seed, 6)
    trace = daily_trace(float(fleet.capacity_cores.sum()), load=0.15, pods=100, seed=seed)
    trace = Trace.of(trace.arrival, trace.duration, np.minimum(trace.request, 1.0), horizon=trace.horizon)
    run = simulate_trace(fleet, trace, policy)
    exact, method = lower_bound(fleet, trace)
    assert method == "exact"
    assert fluid_bound(fleet, trace) <= exact * (1 + 1e-9)
    if run.waiting_pods == 0:
        assert exact <= run.kwh * (1 + 1e-9)


def test_the_bound_is_fluid_where_dynamic_programming_would_take_too_long() -> None:
    fleet: Fleet = small_fleet(1, 4)
    pods = Trace.of([0.0, 1.0], [60.0, 60.0], [0.5, 1.0])
    odd = Trace.of([0.0], [60.0], [1.0 / 3.0])
    assert lower_bound(fleet, pods, exact_work=10) == (fluid_bound(fleet, pods), "fluid")
    assert lower_bound(fleet, odd) == (fluid_bound(fleet, odd), "fluid")
