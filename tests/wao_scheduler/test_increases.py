"""What is remembered is what would be computed anew, whatever moved in between."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.wao_core.snapshots import snapshot
from wao_scheduler.increases import REMEMBERED, Increases

NAN = float("nan")
NAMES = [f"n{number}" for number in range(8)]


def increases() -> Increases:
    draw = np.random.default_rng(1)
    watts = 100.0 + np.cumsum(draw.exponential(5.0, (8, 21)), axis=1)
    watts[7] = NAN
    return Increases(snapshot(NAMES, watts=watts, knots=np.linspace(0.0, 100.0, 21), capacity=10.0))


loads = st.lists(st.one_of(st.floats(0, 110), st.just(NAN)), min_size=9, max_size=9)


@given(st.lists(st.tuples(loads, st.sampled_from([0.25, 1.0, 4.0]), st.sampled_from(["lookahead", "marginal"]))))
def test_the_remembered_answer_is_the_fresh_one(asked: list[tuple[list[float], float, Any]]) -> None:
    made, rows = increases(), np.array([0, 1, 2, 3, 4, 5, 6, 7, -1])
    for load, cores, rule in asked:
        expected = made.fresh(rows, np.array(load), cores, rule)
        np.testing.assert_array_equal(made.of(rows, np.array(load), cores, rule), expected)


def test_only_nodes_whose_load_moved_are_looked_at_again() -> None:
    made, rows, load = increases(), np.arange(8), np.full(8, 20.0)
    first = made.of(rows, load, 1.0, "lookahead")
    assert made.of(rows, load.copy(), 1.0, "lookahead") is first
    moved = load.copy()
    moved[3] = 90.0
    second = made.of(rows, moved, 1.0, "lookahead")
    assert np.flatnonzero(first[:7] != second[:7]).tolist() == [3]


def test_other_candidates_and_sizes_are_kept_apart_and_bounded() -> None:
    made, load = increases(), np.full(3, 20.0)
    lists = [np.array([number % 8, 1, 2]) for number in range(3 * REMEMBERED)]
    for rows in lists:
        for cores in (1.0, 2.0):
            expected = made.fresh(rows, load, cores, "lookahead")
            np.testing.assert_array_equal(made.of(rows, load, cores, "lookahead"), expected)
