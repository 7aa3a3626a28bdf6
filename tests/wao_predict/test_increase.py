"""The increase rules against brute force, and what they mean at the edges."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.fleets import curves_of
from wao_predict import UsageError
from wao_predict.curves import DEFAULT_KNOTS, PowerCurves
from wao_predict.increase import FULLER, NEAR, NEAR_SHARE, RULES, IncreaseTable, Rule, jobs_that_fit, watt_increase


def brute_force(
    curve: np.ndarray,
    knots: np.ndarray,
    load: float,
    step: float,
    capacity: float,
    rule: Rule,
    floor: float | None = None,
) -> float:
    most = int(jobs_that_fit(np.array(capacity - load), step))
    if most < 1:
        return np.inf
    if rule == "floor":
        start, middle = load if floor is None else min(floor, load), load + step / 2
        low, high = min(max(middle - NEAR, start), load), max(min(middle + NEAR, capacity), load + step)
        near = float(np.interp(high, knots, curve) - np.interp(low, knots, curve)) / (high - low)
        hull = hull_slope(curve, knots, start, capacity, middle)
        return step * ((1 - NEAR_SHARE) * hull + NEAR_SHARE * near) * (1 - FULLER * load / 100)
    jobs = np.arange(1, (most if rule == "lookahead" else 1) + 1)
    averages = (np.interp(load + jobs * step, knots, curve) - np.interp(load, knots, curve)) / jobs
    return float(averages.min())


def hull_slope(curve: np.ndarray, knots: np.ndarray, start: float, limit: float, at: float) -> float:
    """Slope at a load of the lower convex hull of a curve on [start, limit], by Andrew's monotone chain."""
    corners: list[tuple[float, float]] = []
    for x in [start, *[knot for knot in knots.tolist() if start < knot < limit], limit]:
        point = (x, float(np.interp(x, knots, curve)))
        while len(corners) > 1 and _is_above(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    edge = next((a, b) for a, b in pairwise(corners) if b[0] > at or b is corners[-1])
    return (edge[1][1] - edge[0][1]) / (edge[1][0] - edge[0][0])


def _is_above(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    return (middle[1] - first[1]) * (last[0] - first[0]) >= (last[1] - first[1]) * (middle[0] - first[0])


def test_ten_jobs_of_ten_percent_fit_despite_rounding() -> None:
    assert jobs_that_fit(np.array([100.0 - 70.0, 1.0, 0.3, -1.0, np.nan]), 0.1).tolist()[:3] == [300.0, 10.0, 3.0]
    assert jobs_that_fit(np.array([0.29]), 0.1).tolist() == [2.0]


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(RULES),
    st.sampled_from([DEFAULT_KNOTS, np.array([0.0, 3.0, 10.0, 55.0, 100.0]), np.array([0.1, 50.0, 100.0])]),
    st.floats(0.05, 60),
    st.sampled_from([100.0, 92.5, 70.0]),
)
def test_the_rules_agree_with_brute_force(
    seed: int, rule: Rule, knots: np.ndarray, step: float, capacity: float
) -> None:
    curves = curves_of(seed, 8, knots)
    load = np.random.default_rng(seed + 1).uniform(0, 110, 8)
    expected = [
        brute_force(row, knots, u, step, capacity, rule) for row, u in zip(curves.watts, load.tolist(), strict=True)
    ]
    assert np.allclose(expected, watt_increase(curves, load, step, rule=rule, capacity=capacity), atol=1e-9)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([DEFAULT_KNOTS, np.array([0.0, 3.0, 10.0, 55.0, 100.0]), np.array([0.1, 50.0, 100.0])]),
    st.floats(0.05, 60),
    st.sampled_from([100.0, 92.5, 70.0]),
)
def test_the_floor_rule_is_the_slope_of_the_hull_from_the_floor(
    seed: int, knots: np.ndarray, step: float, capacity: float
) -> None:
    curves, draw = curves_of(seed, 8, knots), np.random.default_rng(seed + 1)
    load, floor = draw.uniform(0, 110, 8), draw.uniform(0, 110, 8)
    expected = [
        brute_force(row, knots, u, step, capacity, "floor", f)
        for row, u, f in zip(curves.watts, load.tolist(), floor.tolist(), strict=True)
    ]
    found = watt_increase(curves, load, step, rule="floor", capacity=capacity, floor=floor)
    assert np.allclose(expected, found, atol=1e-7, rtol=1e-7)


def test_the_floor_rule_lets_a_server_drain_that_is_only_cheap_because_it_runs() -> None:
    """A steep start makes the first node expensive as a whole; look-ahead keeps it running, the floor rule does not."""
    watts = np.array([[200.0, 500.0, 520.0], [200.0, 220.0, 330.0]])
    curves = PowerCurves(np.array([0.0, 10.0, 100.0]), watts)
    lookahead = watt_increase(curves, [50.0, 20.0], 5.0)
    floor = watt_increase(curves, [50.0, 20.0], 5.0, rule="floor", floor=0.0)
    assert np.argmin(lookahead) == 0
    assert np.argmin(floor) == 1


def test_the_floor_rule_counts_a_permanent_load_as_paid() -> None:
    curves = PowerCurves(np.array([0.0, 10.0, 100.0]), np.array([[200.0, 500.0, 518.0]]))
    increase = watt_increase(curves, [50.0], 5.0, rule="floor", floor=[10.0])
    assert increase.tolist() == pytest.approx([1.0 - FULLER / 2])
    assert watt_increase(curves, [50.0], 5.0).tolist() == pytest.approx([1.0])


def test_the_floor_rule_fills_the_fuller_one_of_similar_nodes() -> None:
    """The cooler idle node has the lower curve, but a further node in use costs more than that saves."""
    straight = np.array([[200.0, 300.0], [198.0, 297.0]])
    curves = PowerCurves(np.array([0.0, 100.0]), straight)
    assert np.argmin(watt_increase(curves, [50.0, 0.0], 5.0)) == 1
    assert np.argmin(watt_increase(curves, [50.0, 0.0], 5.0, rule="floor", floor=0.0)) == 0


def test_a_floor_above_the_load_is_the_load() -> None:
    curves = curves_of(2, 4, DEFAULT_KNOTS)
    above = watt_increase(curves, [20.0] * 4, 5.0, rule="floor", floor=90.0)
    assert above.tolist() == watt_increase(curves, [20.0] * 4, 5.0, rule="floor").tolist()


def test_one_curve_may_occur_with_several_floors() -> None:
    curves = curves_of(3, 5, DEFAULT_KNOTS)
    table, rows = IncreaseTable(curves), np.array([4, 4, 0])
    result = table.increase([30.0] * 3, 5.0, rows=rows, rule="floor", floor=np.array([0.0, 25.0, 0.0]))
    alone = [
        watt_increase(curves.take(np.array([row])), [30.0], 5.0, rule="floor", floor=low)[0]
        for row, low in zip(rows, (0.0, 25.0, 0.0), strict=True)
    ]
    assert result.tolist() == alone


def test_lookahead_sees_that_later_jobs_are_nearly_free() -> None:
    curve = PowerCurves(np.array([0.0, 10.0, 100.0]), np.array([[200.0, 500.0, 520.0]]))
    assert watt_increase(curve, [0.0], 10.0, rule="marginal").tolist() == [300.0]
    assert watt_increase(curve, [0.0], 10.0).tolist() == [32.0]


@pytest.mark.parametrize("rule", RULES)
def test_unknown_is_not_a_number_and_full_is_infinite(rule: Rule) -> None:
    watts = np.array([[1.0, 2.0], [np.nan, np.nan], [1.0, 2.0], [1.0, 2.0]])
    curves = PowerCurves(np.array([0.0, 100.0]), watts)
    result = watt_increase(curves, [0.0, 0.0, np.nan, 95.0], 10.0, rule=rule)
    assert result[0] == pytest.approx(0.1)
    assert np.isnan(result[1])
    assert np.isnan(result[2])
    assert np.isposinf(result[3])


def test_ten_tenths_fit_in_floats() -> None:
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[0.0, 100.0]]))
    load = sum([0.1] * 9) * 100  # 89.99999999999999 or so
    assert np.isfinite(watt_increase(curves, [load], 10.0)[0])


def test_some_rows_in_any_order_and_none_for_an_unknown_name() -> None:
    curves = curves_of(3, 5, DEFAULT_KNOTS)
    table = IncreaseTable(curves)
    rows = np.array([4, -1, 0, 4])
    load, step = np.array([10.0, 10.0, 20.0, 30.0]), np.array([5.0, 5.0, 2.0, 5.0])
    result = table.increase(load, step, rows=rows)
    whole = [watt_increase(curves.take(np.array([row])), [u], r)[0] for row, u, r in zip(rows, load, step, strict=True)]
    assert np.isnan(result[1])
    assert np.allclose(np.delete(result, 1), np.delete(whole, 1))


@given(st.integers(0, 1000), st.floats(0.5, 20))
def test_lookahead_never_exceeds_marginal(seed: int, step: float) -> None:
    curves = curves_of(seed, 6, DEFAULT_KNOTS)
    load = np.random.default_rng(seed).uniform(0, 75, 6)
    least = watt_increase(curves, load, step)
    assert (least <= watt_increase(curves, load, step, rule="marginal") + 1e-9).all()
    assert (least >= -1e-9).all()


@pytest.mark.parametrize(
    ("load", "added", "options", "words"),
    [
        ([10.0], 5.0, {"rule": "best"}, "no rule 'best'; there are lookahead, marginal, floor"),
        ([10.0, 20.0], 5.0, {}, "2 values of cpu_usage for 1 curves"),
        ([10.0], [5.0, 5.0], {}, "2 values of added for 1 curves"),
        ([10.0], 5.0, {"capacity": [90.0] * 3}, "3 values of capacity for 1 curves"),
        ([10.0], 5.0, {"floor": [0.0] * 3}, "3 values of floor for 1 curves"),
        ([10.0], 0.0, {}, "above 0 %"),
        ([10.0], -1.0, {}, "above 0 %"),
    ],
)
def test_a_question_without_an_answer_is_refused(
    load: list[float], added: float | list[float], options: dict[str, Any], words: str
) -> None:
    curves = PowerCurves(np.array([0.0, 100.0]), np.array([[0.0, 100.0]]))
    with pytest.raises(UsageError, match=words):
        watt_increase(curves, load, added, **options)


@pytest.mark.parametrize("rule", RULES)
def test_the_table_does_not_know_what_a_job_of_no_load_costs(rule: Rule) -> None:
    curves = curves_of(1, 3, DEFAULT_KNOTS)
    result = IncreaseTable(curves).increase([10.0, 10.0, 10.0], [0.0, np.nan, 5.0], rule=rule)
    assert np.isnan(result).tolist() == [True, True, False]


def test_infinitely_many_jobs_of_nearly_no_cpu_fit() -> None:
    assert jobs_that_fit(np.array([1.0]), 5e-324).tolist() == [np.inf]
