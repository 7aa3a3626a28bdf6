"""Power curves: monotone, read by interpolation, made in one batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wao_predict import Predictor, UsageError, load_predictor
from wao_predict.backends.fake import FakeBackend
from wao_predict.curves import DEFAULT_KNOTS, PowerCurve, PowerCurves, curve_rows, monotone, power_curves
from wao_predict.features import FEATURES

rows = arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(2, 25)), elements=st.floats(0, 1000))


def pooled(values: list[float]) -> list[float]:
    """Pool adjacent violators, the textbook way."""
    blocks: list[list[float]] = []
    for value in values:
        blocks.append([value, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (b, n), (a, m) = blocks.pop(), blocks.pop()
            blocks.append([(a * m + b * n) / (m + n), m + n])
    return [value for value, count in blocks for _ in range(int(count))]


@given(rows)
def test_monotone_is_isotonic_regression(values: np.ndarray) -> None:
    result = monotone(values)
    assert (np.diff(result, axis=1) >= 0).all()
    for row, expected in zip(result, values.tolist(), strict=True):
        assert np.allclose(pooled(expected), row, atol=1e-9, rtol=1e-9)


@given(rows)
def test_monotone_keeps_the_mean_and_is_idempotent(values: np.ndarray) -> None:
    result = monotone(values)
    assert np.allclose(values.mean(axis=1), result.mean(axis=1))
    assert np.allclose(result, monotone(result))


@pytest.mark.parametrize("watts", [[np.inf, 1.0, np.inf], [-np.inf, np.inf, 2.0], [1e308, -1e308, 1e308]])
def test_a_curve_whose_sums_are_not_finite_stays_as_it_is(watts: list[float]) -> None:
    assert monotone([watts, [1.0, 3.0, 2.0]]).tolist() == [watts, [1.0, 2.5, 2.5]]


def test_an_unknown_curve_stays_unknown() -> None:
    result = monotone(np.array([[np.nan] * 3, [1.0, 3.0, 2.0]]))
    assert np.isnan(result[0]).all()
    assert [1.0, 2.5, 2.5] == result[1].tolist()


@given(
    st.lists(st.floats(0, 100), min_size=2, max_size=10, unique=True),
    st.lists(st.floats(-20, 120), min_size=1, max_size=5),
)
def test_reading_is_linear_interpolation_held_at_the_ends(knots: list[float], loads: list[float]) -> None:
    grid = np.array(sorted(knots))
    if (np.diff(grid) < 1e-6).any():
        return
    watts = 100 + np.cumsum(np.arange(grid.size, dtype=float))
    curves = PowerCurves(grid, np.tile(watts, (len(loads), 1)))
    assert np.allclose(np.interp(loads, grid, watts), curves.at(np.array(loads)))


def test_equally_spaced_knots_are_read_the_same_way() -> None:
    watts = np.sort(np.random.default_rng(1).uniform(100, 300, (50, 41)), axis=1)
    curves = PowerCurves(DEFAULT_KNOTS, watts)
    loads = np.random.default_rng(2).uniform(-5, 105, 50)
    expected = [np.interp(load, DEFAULT_KNOTS, row) for load, row in zip(loads, watts, strict=True)]
    assert np.allclose(expected, curves.at(loads))
    some = np.array([3, 3, 17])
    assert np.allclose(curves.take(some).at(np.array([1.0, 50.0, 99.0])), curves.at([1.0, 50.0, 99.0], rows=some))


def test_an_unknown_load_gives_an_unknown_power() -> None:
    curves = PowerCurves(DEFAULT_KNOTS, np.tile(DEFAULT_KNOTS, (2, 1)))
    assert np.isnan(curves.at([np.nan, 10.0])).tolist() == [True, False]


def test_many_curves_take_one_call() -> None:
    calls = []

    class Counting(FakeBackend):
        def predict(self, X: np.ndarray, /) -> np.ndarray:
            calls.append(len(X))
            return super().predict(X)

    curves = power_curves(Predictor(Counting(100, 1)), [20.0, 25.0, np.nan], [5.0, 5.0, 5.0])
    assert calls == [2 * DEFAULT_KNOTS.size]
    assert curves.known.tolist() == [True, True, False]
    assert curves.at([50.0, 0.0, 50.0])[:2].tolist() == [150.0, 100.0]


def test_rows_of_curves_are_in_the_order_of_the_features() -> None:
    X = curve_rows(FEATURES, np.array([[20.0, 1.0], [30.0, 2.0]]), np.array([0.0, 100.0]))
    assert X.tolist() == [[0, 20, 1], [100, 20, 1], [0, 30, 2], [100, 30, 2]]


@pytest.mark.parametrize(
    ("knots", "watts"), [([0.0], [[1.0]]), ([0.0, 0.0], [[1.0, 2.0]]), ([0.0, 1.0], [[1.0]]), ([0.0, 1.0], [1.0, 2.0])]
)
def test_curves_of_a_wrong_shape_are_refused(knots: list[float], watts: list[object]) -> None:
    with pytest.raises(UsageError):
        PowerCurves(np.array(knots), np.array(watts, dtype=float))


@pytest.mark.parametrize("knots", [5.0, [0.0], [50.0, 50.0], [0.0, np.inf], [np.nan, 1.0], [[0.0, 1.0], [2.0, 3.0]]])
def test_knots_that_do_not_ascend_are_refused_before_a_model_is_used(knots: object) -> None:
    with pytest.raises(UsageError, match="at least two ascending CPU loads"):
        power_curves(load_predictor("curve:0=60,100=120"), knots=knots)  # type: ignore[arg-type]


def test_one_curve_gives_an_increase() -> None:
    curve = PowerCurve.from_watts([0, 50, 100], [100.0, 90.0, 200.0])
    assert curve.watts.tolist() == [95.0, 95.0, 200.0]
    assert float(curve.increase(50, 25)) == 52.5


@pytest.mark.parametrize(
    ("knots", "watts"),
    [
        ([100, 0], [300.0, 100.0]),
        ([0, 50, 50], [1.0, 2.0, 3.0]),
        ([0, 100], [1.0]),
        ([0], [1.0]),
        ([0, 100], [[1.0, 2.0]]),
    ],
)
def test_one_curve_of_a_wrong_shape_or_without_ascending_knots_is_refused(
    knots: list[float], watts: list[object]
) -> None:
    with pytest.raises(UsageError, match="knots"):
        PowerCurve.from_watts(knots, watts)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="knots"):
        PowerCurve(np.array(knots, dtype=float), np.array(watts, dtype=float))


def test_a_curve_with_a_hole_or_without_end_is_unknown() -> None:
    watts = np.array([[1.0, 2.0, 3.0], [1.0, np.nan, 3.0], [1.0, 2.0, np.inf]])
    assert PowerCurves(np.array([0.0, 50.0, 100.0]), watts).known.tolist() == [True, False, False]
