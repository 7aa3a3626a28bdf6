"""Steps of the weights: damped, immediate where a ceiling requires it, and kept as arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wao_predict.traffic.fleets import many_pools
from wao_predict import PowerCurves
from wao_predict.arrays import FloatArray
from wao_predict.traffic import Limits, Nodes, Pace, Pools, Reason, ServiceTraffic, Step, TrafficState, advance, weigh
from wao_predict.traffic.segments import Segments
from wao_predict.traffic.steps import damped

CURVES = PowerCurves(np.array([0.0, 100.0]), np.array([[100.0, 200.0], [100.0, 300.0]]))
NODES = Nodes(CURVES, np.full(2, 32.0), np.full(2, 3.0))
ONE = Limits(floor=0.0)


def pools_of(*cpu: float, limit: float = 10.0, rule: str = "lookahead") -> Pools:
    return Pools.of_services([ServiceTraffic([0, 1], cpu, limit, rule=rule)], NODES)


def test_the_first_step_takes_the_weights_of_the_rule() -> None:
    pools = pools_of(2.0, 2.0)
    state = advance(pools, TrafficState.empty(2, 1), Step(fraction=0.0, limits=ONE))
    assert state.weights.tolist() == weigh(pools, ONE).weights.tolist() == [100.0, 0.0]
    assert (state.planned.tolist(), state.load.tolist()) == ([4.0, 0.0], [4.0])


def test_later_steps_go_a_fraction_of_the_way() -> None:
    pools = pools_of(2.0, 2.0)
    first = advance(pools_of(2.0, 2.0, rule="proportional"), TrafficState.empty(2, 1), Step(limits=ONE))
    second = advance(pools, first, Step(fraction=0.25, limits=ONE))
    assert second.weights[0] == pytest.approx(first.weights[0] + 0.25 * (100.0 - first.weights[0]))
    assert second.planned.tolist() == [4.0, 0.0]


def test_an_endpoint_above_its_ceiling_is_relieved_immediately() -> None:
    """8 of 10 cores: the ceiling is 7."""
    pools = pools_of(8.0, 0.5)
    state = TrafficState.empty(2, 1)
    state.weights[:] = [95.0, 5.0]
    assert advance(pools, state, Step(fraction=0.0, limits=ONE)).weights[0] == pytest.approx(700 / 8.5)


def test_damped_weights_that_would_exceed_a_ceiling_are_those_of_the_rule() -> None:
    """The load rose to 9 cores; the last weights would send 8.1 of them to an endpoint for 7."""
    pools = pools_of(6.0, 3.0)
    state = TrafficState.empty(2, 1)
    state.weights[:] = [90.0, 10.0]
    assert advance(pools, state, Step(fraction=0.0, limits=ONE)).weights[0] == pytest.approx(700 / 9)


def test_the_last_known_load_counts_while_it_is_unknown() -> None:
    state = TrafficState.empty(2, 1)
    state.load[:] = 5.0
    after = advance(pools_of(np.nan, np.nan), state, Step())
    assert (after.load.tolist(), after.reason.tolist()) == ([5.0], [Reason.NONE])
    assert after.planned.tolist() == pytest.approx([4.95, 0.05])


def test_falling_load_is_smoothed() -> None:
    state = TrafficState.empty(2, 1)
    state.load[:] = 8.0
    assert advance(pools_of(2.0, 2.0), state, Step(fall_fraction=0.25)).load.tolist() == [7.0]


@given(st.integers(0, 1000), st.floats(0.0, 1.0), st.booleans())
def test_weights_sum_to_a_hundred_after_every_step(seed: int, fraction: float, lookahead: bool) -> None:
    pools, state = many_pools(4, 3, nodes=5, seed=seed), TrafficState.empty(12, 4)
    for rule in (lookahead, not lookahead):
        state = advance(replace(pools, lookahead=np.full(4, rule)), state, Step(fraction))
        assert pools.parts.sum(state.weights).tolist() == pytest.approx([100.0] * 4)


shares = st.lists(st.floats(0.1, 100), min_size=1, max_size=8)


def damped_once(last: FloatArray, target: FloatArray, part: float, *, at_once: bool = False) -> FloatArray:
    parts = Segments(np.zeros(1, dtype=np.int64), len(target))
    return damped(parts, last, target, part, at_once=np.array([at_once]), trifle=0.02)


@given(shares, shares, st.floats(0.05, 1.0))
def test_weights_move_towards_the_target_and_keep_the_sum(before: list[float], after: list[float], part: float) -> None:
    count = min(len(before), len(after))
    first, target = (100 * np.array(values[:count]) / sum(values[:count]) for values in (before, after))
    moved = damped_once(first, target, part)
    assert moved.sum() == pytest.approx(100.0)
    assert np.abs(moved - target).max() <= np.abs(first - target).max() + 1e-6
    for _ in range(300):
        moved = damped_once(moved, target, part)
    assert np.abs(moved - target).max() <= 0.02 * 100 / count + 1e-6


def test_a_new_endpoint_starts_at_its_target() -> None:
    assert damped_once(np.array([np.nan, np.nan]), np.array([30.0, 70.0]), 0.0).tolist() == [30.0, 70.0]
    joined = damped_once(np.array([40.0, 60.0, np.nan]), np.array([50.0, 30.0, 20.0]), 0.0)
    assert joined.tolist() == pytest.approx([100 / 3, 50.0, 50 / 3])


def test_the_share_of_endpoints_that_are_gone_follows_the_target() -> None:
    assert damped_once(np.array([0.0, 0.0]), np.array([30.0, 70.0]), 0.0).tolist() == [30.0, 70.0]
    assert damped_once(np.array([2.0, 2.0]), np.array([0.0, 100.0]), 0.0).tolist() == pytest.approx([2.0, 98.0])


def test_a_trifle_moves_nothing() -> None:
    last = np.array([50.0, 50.0])
    assert damped_once(last, np.array([50.9, 49.1]), 1.0).tolist() == last.tolist()
    assert damped_once(last, np.array([51.1, 48.9]), 1.0).tolist() != last.tolist()


def test_relief_does_not_wait() -> None:
    assert damped_once(np.array([90.0, 10.0]), np.array([50.0, 50.0]), 0.0, at_once=True).tolist() == [50.0, 50.0]


@pytest.mark.parametrize(
    ("settle", "elapsed", "part"),
    [(15.0, 1.0, 0.0), (15.0, 15.0, 0.632), (15.0, 60.0, 0.982), (0.0, 0.0, 1.0), (2.0, 2.0, 0.632)],
)
def test_the_way_gone_depends_on_time_not_on_the_number_of_looks(settle: float, elapsed: float, part: float) -> None:
    assert Pace(settle=settle).fraction(elapsed) == pytest.approx(part, abs=1e-3)


@pytest.mark.parametrize(("settle", "elapsed", "part"), [(15.0, 60.0, 0.632), (15.0, 0.0, 0.0), (0.0, 1.0, 1.0)])
def test_a_fall_is_believed_in_time(settle: float, elapsed: float, part: float) -> None:
    assert Pace(settle=settle).fall_fraction(elapsed) == pytest.approx(part, abs=1e-3)
