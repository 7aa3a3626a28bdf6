"""What is remembered is what would be computed again, whatever changed in between."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.curves import PowerCurves
from wao_predict.increase import RULES
from wao_predict.increase_cache import REMEMBERED, IncreaseCache

NAN = float("nan")
NODES, KNOTS = 8, np.linspace(0.0, 100.0, 21)
PERCENT = np.full(NODES, 10.0)
ROWS = np.arange(NODES)


def curves() -> PowerCurves:
    watts = 100.0 + np.cumsum(np.random.default_rng(1).exponential(5.0, (NODES, KNOTS.size)), axis=1)
    watts[7] = NAN
    return PowerCurves(KNOTS, watts)


def increases() -> IncreaseCache:
    return IncreaseCache(curves(), PERCENT)


loads = st.lists(st.one_of(st.floats(0, 110), st.just(NAN)), min_size=NODES, max_size=NODES).map(np.array)


@given(st.lists(st.tuples(loads, loads, st.sampled_from([0.25, 1.0, 4.0]), st.sampled_from(RULES))))
def test_the_remembered_answer_is_the_fresh_one(asked: list[tuple[np.ndarray, np.ndarray, float, Any]]) -> None:
    made = increases()
    for load, floor, cores, rule in asked:
        expected = increases().fresh(ROWS, load, cores, rule, floor=floor)
        np.testing.assert_array_equal(made.of(load, cores, rule, floor=floor), expected)


@given(
    st.lists(st.tuples(st.lists(st.booleans(), min_size=NODES, max_size=NODES), st.floats(0.5, 2.0)), max_size=4),
    loads,
    st.sampled_from(RULES),
)
def test_the_next_cache_changes_the_answers_of_nodes_whose_curve_or_size_changed(
    changes: list[tuple[list[bool], float]], load: np.ndarray, rule: Any
) -> None:
    now, percent = curves(), PERCENT
    made, floor = IncreaseCache(now, percent), 0.5 * load
    made.of(load, 1.0, rule, floor=floor)
    for which, factor in changes:
        chosen = np.array(which)
        now = PowerCurves(KNOTS, np.where(chosen[:, None], factor * now.watts, now.watts))
        percent = np.where(chosen & (factor > 1.5), 5.0, percent)
        made = IncreaseCache(now, percent, before=made)
        expected = IncreaseCache(now, percent).of(load, 1.0, rule, floor=floor)
        np.testing.assert_array_equal(made.of(load, 1.0, rule, floor=floor), expected)


class Counted(IncreaseCache):
    """Keeps which nodes were computed."""

    computed: list[int]

    def fresh(self, rows: Any, *more: Any, **options: Any) -> Any:
        self.computed = rows.tolist()
        return super().fresh(rows, *more, **options)


def test_only_nodes_whose_load_or_floor_changed_are_computed_again() -> None:
    made, load, floor = Counted(curves(), PERCENT), np.full(NODES, 20.0), np.zeros(NODES)
    made.of(load, 1.0, "floor", floor=floor)
    assert made.computed == list(range(NODES))
    load[3] = 90.0
    made.of(load, 1.0, "floor", floor=floor)
    assert made.computed == [3]
    floor[5] = 10.0
    made.of(load, 1.0, "floor", floor=floor)
    assert made.computed == [5]


@given(st.lists(st.tuples(loads, st.lists(st.integers(0, 7), max_size=3)), max_size=6))
def test_of_a_few_candidates_only_these_are_computed(asked: list[tuple[np.ndarray, list[int]]]) -> None:
    made = Counted(curves(), PERCENT)
    for load, few in asked:
        rows = np.array(few, dtype=np.int64)
        made.computed = []
        found = made.of(load, 1.0, "floor", floor=0.5 * load, rows=rows)[rows]
        assert {*made.computed} <= {*few}
        expected = increases().fresh(rows, load[rows], 1.0, "floor", floor=0.5 * load[rows])
        np.testing.assert_array_equal(found, expected)


def test_sizes_and_rules_are_kept_apart_and_bounded() -> None:
    made, load = increases(), np.full(NODES, 20.0)
    for number in range(3 * REMEMBERED):
        for cores in (1.0, 0.1 + number / 10):
            expected = made.fresh(ROWS, load, cores, "lookahead")
            np.testing.assert_array_equal(made.of(load, cores, "lookahead"), expected)
    assert len(made) <= REMEMBERED
