"""What is remembered is what would be computed anew, whatever moved in between."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.snapshots import snapshot
from wao_predict.curves import PowerCurves
from wao_scheduler.increase_cache import REMEMBERED, IncreaseCache

NAN = float("nan")
NAMES = [f"n{number}" for number in range(8)]


def increases() -> IncreaseCache:
    draw = np.random.default_rng(1)
    watts = 100.0 + np.cumsum(draw.exponential(5.0, (8, 21)), axis=1)
    watts[7] = NAN
    return IncreaseCache(snapshot(NAMES, watts=watts, knots=np.linspace(0.0, 100.0, 21), capacity=10.0))


loads = st.lists(st.one_of(st.floats(0, 110), st.just(NAN)), min_size=8, max_size=8)


@given(st.lists(st.tuples(loads, st.sampled_from([0.25, 1.0, 4.0]), st.sampled_from(["lookahead", "marginal"]))))
def test_the_remembered_answer_is_the_fresh_one(asked: list[tuple[list[float], float, Any]]) -> None:
    made, rows = increases(), np.arange(8)
    for load, cores, rule in asked:
        expected = made.fresh(rows, np.array(load), cores, rule)
        np.testing.assert_array_equal(made.of(np.array(load), cores, rule), expected)


@given(st.lists(st.tuples(st.lists(st.booleans(), min_size=8, max_size=8), st.floats(0.5, 2.0)), max_size=4), loads)
def test_the_next_snapshot_changes_the_answers_of_nodes_whose_curve_or_size_changed(
    changes: list[tuple[list[bool], float]], load: list[float]
) -> None:
    made, at = increases(), np.array(load)
    made.of(at, 1.0, "lookahead")
    for which, factor in changes:
        old = made.snapshot
        watts = np.where(np.array(which)[:, None], factor * old.curves.watts, old.curves.watts)
        capacity = np.where(np.array(which) & (factor > 1.5), 20.0, old.capacity_cores)
        curves = PowerCurves(old.curves.knots, watts)
        made = IncreaseCache(replace(old, curves=curves, capacity_cores=capacity), made)
        expected = IncreaseCache(made.snapshot).of(at, 1.0, "lookahead")
        np.testing.assert_array_equal(made.of(at, 1.0, "lookahead"), expected)


class Counted(IncreaseCache):
    """Keeps which nodes were looked at anew."""

    def fresh(self, rows: Any, *more: Any) -> Any:
        self.looked_at: list[int] = rows.tolist()
        return super().fresh(rows, *more)


def test_only_nodes_whose_load_moved_are_looked_at_again() -> None:
    made, load = Counted(increases().snapshot), np.full(8, 20.0)
    made.of(load, 1.0, "lookahead")
    assert made.looked_at == list(range(8))
    load[3] = 90.0
    made.of(load, 1.0, "lookahead")
    assert made.looked_at == [3]


@given(st.lists(st.tuples(loads, st.lists(st.integers(0, 7), max_size=3)), max_size=6))
def test_of_a_few_candidates_only_these_are_looked_at(asked: list[tuple[list[float], list[int]]]) -> None:
    made = Counted(increases().snapshot)
    for load, few in asked:
        rows, at = np.array(few, dtype=np.int64), np.array(load)
        made.looked_at = []
        found = made.of(at, 1.0, "lookahead", rows=rows)[rows]
        assert {*made.looked_at} <= {*few}
        np.testing.assert_array_equal(found, IncreaseCache(made.snapshot).fresh(rows, at[rows], 1.0, "lookahead"))


def test_sizes_and_rules_are_kept_apart_and_bounded() -> None:
    made, rows, load = increases(), np.arange(8), np.full(8, 20.0)
    for number in range(3 * REMEMBERED):
        for cores in (1.0, 0.1 + number / 10):
            expected = made.fresh(rows, load, cores, "lookahead")
            np.testing.assert_array_equal(made.of(load, cores, "lookahead"), expected)
    assert len(made) <= REMEMBERED
