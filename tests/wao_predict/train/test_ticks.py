"""Where the model may bend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wao_predict import FeatureError
from wao_predict.train.ticks import choose_ticks


def test_a_grid_gives_its_own_values() -> None:
    cpu, temp = np.meshgrid([0.1, 2.5, 50.0, 100.0], np.arange(15.0, 41.0))
    X = np.column_stack([cpu.ravel(), temp.ravel(), np.full(cpu.size, 5.0)])
    ticks = choose_ticks(np.tile(X, (10, 1)))
    np.testing.assert_array_equal(ticks["cpu_usage"], [0.1, 2.5, 50, 100])
    np.testing.assert_array_equal(ticks["inlet_temp"], np.arange(15, 41))
    np.testing.assert_array_equal(ticks["delta_p"], [5])


def test_measurements_give_a_knot_every_two_and_a_half_percent() -> None:
    X = np.random.default_rng(0).uniform((0, 15, 0), (60, 40, 9), (500, 3))
    X[:2, 0] = 3.3, 58.0
    ticks = choose_ticks(X[(X[:, 0] >= 3.3) & (X[:, 0] <= 58.0)])
    np.testing.assert_allclose(ticks["cpu_usage"], [3.3, *np.arange(5, 58, 2.5), 58.0])
    assert 2 <= len(ticks["inlet_temp"]) <= 25


@given(arrays(np.float64, (40, 3), elements=st.floats(0, 100, allow_subnormal=False)))
def test_ticks_ascend_and_span_the_data(X: np.ndarray) -> None:
    if np.ptp(X[:, 0]) == 0:
        return
    ticks = choose_ticks(X)
    for values, column in zip(ticks.values(), X.T, strict=True):
        assert (np.diff(values) > 0).all()
        assert (values[0], values[-1]) == (column.min(), column.max())


def test_one_load_only_is_no_curve() -> None:
    with pytest.raises(FeatureError, match="measure at several loads"):
        choose_ticks(np.full((20, 3), 50.0))
