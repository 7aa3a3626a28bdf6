"""Steps of the weights: damped, immediate where a ceiling requires it, and kept as arrays."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wao_predict.traffic.fleets import many_pools
from wao_predict import PowerCurves
from wao_predict.traffic import Limits, Nodes, Pools, Reason, ServiceTraffic, Step, TrafficState, advance, weigh

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


def test_states_are_joined_and_divided() -> None:
    first, second = TrafficState.empty(2, 1), TrafficState.empty(3, 2)
    first.weights[:], second.load[:] = [40.0, 60.0], [1.0, 2.0]
    joined = TrafficState.joined([first, second])
    for item in fields(TrafficState):
        parts = joined.part(slice(0, 2), slice(0, 1)), joined.part(slice(2, 5), slice(1, 3))
        for part, state in zip(parts, (first, second), strict=True):
            np.testing.assert_array_equal(getattr(part, item.name), getattr(state, item.name))
    joined.part(slice(2, 5), slice(1, 3)).assign(TrafficState.empty(3, 2))
    assert np.isnan(joined.load).all()
