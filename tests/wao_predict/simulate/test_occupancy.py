"""Times at the knots of the curves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.fleets import small_fleet
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.occupancy import seconds_at_knots
from wao_predict.simulate.run import KILOWATT_HOUR
from wao_predict.simulate.trace import Trace

HORIZON = 100.0
PODS = st.lists(
    st.tuples(st.floats(0, 90), st.floats(1, 200), st.sampled_from([0.5, 1.0, 2.0])), min_size=1, max_size=30
)


@settings(max_examples=60)
@given(PODS, st.integers(0, 20), st.sampled_from(["least-allocated", "floor"]))
def test_times_at_knots_give_the_energy_of_the_simulation(
    pods: list[tuple[float, float, float]], seed: int, policy: str
) -> None:
    fleet = small_fleet(seed, 3)
    trace = Trace.of(*zip(*pods, strict=True), horizon=HORIZON)
    run = simulate_trace(fleet, trace, policy)
    seconds = seconds_at_knots(fleet, trace, run)
    assert (seconds >= 0).all()
    assert seconds.sum(axis=1) == pytest.approx(np.full(3, HORIZON))
    assert (seconds * fleet.curves.watts).sum() / KILOWATT_HOUR == pytest.approx(run.kwh)


def test_a_later_start_leaves_out_what_was_before() -> None:
    fleet = small_fleet(1, 3)
    trace = Trace.of([0, 10, 60], [40, 80, 10], [1, 2, 1], horizon=HORIZON)
    run = simulate_trace(fleet, trace, "lookahead")
    joules = (seconds_at_knots(fleet, trace, run, start=30.0) * fleet.curves.watts).sum()
    assert joules == pytest.approx(run.mean_watts(np.array([30.0, HORIZON]))[0] * 70.0)
