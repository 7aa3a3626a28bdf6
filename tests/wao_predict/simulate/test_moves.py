"""Pods that are moved during a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.fleets import fleet_of
from wao_predict import Fleet, PowerCurves, UsageError
from wao_predict.rebalance import Budgets
from wao_predict.simulate.engine import simulate_trace
from wao_predict.simulate.moves import Moving
from wao_predict.simulate.policies import POLICIES
from wao_predict.simulate.standby import Standby
from wao_predict.simulate.trace import Trace, daily_trace
from wao_predict.standby import StandbySettings

HOUR = 3600.0


def three_nodes() -> Fleet:
    """Three equal nodes of 10 cores, on which nearly all power comes with the first pod."""
    curves = PowerCurves(np.array([0.0, 10.0, 100.0]), np.array([[100.0, 190.0, 208.0]] * 3))
    return Fleet(("a", "b", "c"), curves, np.full(3, 10.0), np.zeros(3))


def fragmented(*, movable: bool = True) -> Trace:
    """Two nodes are filled; after half an hour two cores are left on each."""
    return Trace.of(
        [0.0, 1.0, 2.0, 3.0],
        [1800.0, 3 * HOUR, 1800.0, 3 * HOUR],
        [8.0, 2.0, 8.0, 2.0],
        movable=[True, True, True, movable],
        horizon=2 * HOUR,
    )


def test_nodes_that_ended_pods_left_nearly_empty_are_drained() -> None:
    run = simulate_trace(three_nodes(), fragmented(), "floor", moving=Moving())
    assert run.moves == 1
    assert run.node[1] == run.node[3]
    assert run.mean_busy(np.array([1800.0, 2400.0, 2 * HOUR])).tolist() == [2.0, 1.0]
    assert run.mean_watts(np.array([2400.0, 2 * HOUR]))[0] == pytest.approx(190.0 + 6.0 + 200.0)


def test_pods_that_may_not_be_moved_stay() -> None:
    trace = fragmented(movable=False)
    moved = simulate_trace(three_nodes(), trace, "floor", moving=Moving())
    assert moved.node[3] == simulate_trace(three_nodes(), trace, "floor").node[3]
    both = Trace.of(
        trace.arrival, trace.duration, trace.request, movable=np.zeros(4, dtype=bool), horizon=trace.horizon
    )
    assert simulate_trace(three_nodes(), both, "floor", moving=Moving()).moves == 0


def test_a_drained_node_is_switched_off() -> None:
    standby = Standby(StandbySettings(spare_cores=4.0), pods_window=0.0)
    plain = simulate_trace(three_nodes(), fragmented(), "floor", standby=standby)
    moved = simulate_trace(three_nodes(), fragmented(), "floor", standby=standby, moving=Moving())
    assert moved.on[-1] < plain.on[-1]
    assert moved.kwh < plain.kwh


def test_a_pod_that_waits_gets_the_node_that_a_move_emptied() -> None:
    trace = Trace.of(
        [0.0, 1.0, 2.0, 3.0, 2000.0],
        [1800.0, 3 * HOUR, 1800.0, 3 * HOUR, HOUR],
        [8.0, 2.0, 8.0, 2.0, 10.0],
        horizon=2 * HOUR,
    )
    two = Fleet(("a", "b"), three_nodes().curves.take(np.arange(2)), np.full(2, 10.0), np.zeros(2))
    run = simulate_trace(two, trace, "floor", moving=Moving())
    assert run.waited[4] == 400.0


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(list(POLICIES)), st.booleans())
def test_moves_keep_to_the_budget_and_lose_no_pod(seed: int, policy: str, standby: bool) -> None:
    fleet = fleet_of(edge_lenovo=3, cloud_dell=3)
    drawn = daily_trace(192.0, load=0.4, pods=120, seed=seed, movable=0.8)
    trace = Trace.of(drawn.arrival / 4, drawn.duration / 4, drawn.request, movable=drawn.movable, horizon=6 * HOUR)
    moving = Moving(Budgets(moves=3, minimum_age=0.0), period=1200.0)
    run = simulate_trace(fleet, trace, policy, moving=moving, standby=Standby() if standby else None)
    assert run.moves <= 3 * 18
    assert (run.watts > 0).all()
    assert run.refused_pods == 0
    assert run.busy.max() <= 6
    if policy in ("lookahead", "floor") and not standby:
        assert run.kwh <= simulate_trace(fleet, trace, policy).kwh * 1.02


def test_a_period_of_no_time_is_refused() -> None:
    with pytest.raises(UsageError, match="period is 0: give at least 1 s"):
        Moving(period=0.0)
