"""Lower convex hulls: below the curve, convex, and touching it at both ends."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.fleets import curves_of
from wao_predict.curves import DEFAULT_KNOTS, PowerCurves
from wao_predict.hulls import HullSlopes, hull_slopes

KNOTS = st.sampled_from([DEFAULT_KNOTS, np.array([0.0, 3.0, 10.0, 55.0, 100.0]), np.array([0.0, 100.0])])
ENDS = st.tuples(st.floats(0, 100), st.floats(0, 100)).filter(lambda ends: abs(ends[0] - ends[1]) > 0.1).map(sorted)


@settings(deadline=None)
@given(st.integers(0, 10_000), KNOTS, ENDS)
def test_a_hull_is_convex_below_the_curve_and_meets_it_at_both_ends(
    seed: int, knots: np.ndarray, ends: list[float]
) -> None:
    curve, (start, limit) = curves_of(seed, 1, knots), ends
    slopes = hull_slopes(knots, curve.watts, np.array([start]), np.array([limit]))[0]
    x = np.clip(knots, start, limit)
    inside = np.diff(x) > 0
    rises = np.where(inside, np.where(inside, slopes, 0.0) * np.diff(x), 0.0)
    hull = curve.at([start])[0] + np.append(0.0, np.cumsum(rises))
    power = np.interp(x, knots, curve.watts[0])
    assert (np.diff(slopes[inside]) >= -1e-9).all()
    assert (hull <= power + 1e-7).all()
    np.testing.assert_allclose([hull[0], hull[-1]], [power[0], power[-1]], atol=1e-7)


def test_a_convex_curve_is_its_own_hull() -> None:
    knots = np.array([0.0, 50.0, 100.0])
    assert hull_slopes(knots, np.array([[100.0, 110.0, 160.0]]), np.zeros(1), np.full(1, 100.0)).tolist() == [
        [0.2, 1.0]
    ]


def test_hulls_of_unchanged_curves_are_reused_and_others_computed_again() -> None:
    curves, rows, start, limit = curves_of(5, 6, DEFAULT_KNOTS), np.arange(6), np.zeros(6), np.full(6, 100.0)
    before = HullSlopes(curves)
    before.at(np.full(6, 50.0), start, limit, rows)
    watts = curves.watts.copy()
    watts[2] = 2.0 * watts[2]
    later = PowerCurves(curves.knots, watts)
    found = HullSlopes(later, before=before).at(np.full(6, 50.0), start, limit, rows)
    assert found.tolist() == HullSlopes(later).at(np.full(6, 50.0), start, limit, rows).tolist()


def test_hulls_are_computed_once_for_the_same_ends_and_again_for_others() -> None:
    curves, rows = curves_of(5, 6, DEFAULT_KNOTS), np.array([4, 1])
    hulls, limit = HullSlopes(curves), np.full(2, 100.0)
    for start in (np.array([0.0, 20.0]), np.array([0.0, 20.0]), np.array([0.0, 30.0])):
        expected = hull_slopes(curves.knots, curves.watts[rows], start, limit)[[0, 1], [16, 16]]
        assert hulls.at(np.full(2, 41.0), start, limit, rows).tolist() == expected.tolist()
