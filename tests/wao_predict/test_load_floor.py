"""The floor: the lowest load of the last window, within one slot."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.load_floor import SLOTS, LoadFloor

NAN = float("nan")
WINDOW = 24.0


@given(st.lists(st.tuples(st.floats(0.01, 9), st.floats(0, 32)), min_size=1, max_size=40))
def test_the_floor_is_the_lowest_load_of_the_window_and_at_most_one_slot_more(steps: list[tuple[float, float]]) -> None:
    floor, now, history = LoadFloor([16.0], at=0.0, window=WINDOW), 0.0, [(0.0, 16.0)]
    for wait, load in steps:
        now += wait
        floor.advance(now, np.array([history[-1][1]]))
        floor.lower(0, load)
        history.append((now, load))
        ends = [*(at for at, _ in history[1:]), np.inf]  # a load lasts until the next one
        lowest = min(load for (_, load), end in zip(history, ends, strict=True) if end > now - WINDOW)
        longer = min(load for (_, load), end in zip(history, ends, strict=True) if end > now - WINDOW * (1 + 1 / SLOTS))
        assert longer <= floor.cores[0] <= lowest


def test_a_node_without_a_sample_has_no_floor_until_its_first_one() -> None:
    floor = LoadFloor([NAN, 4.0], at=0.0, window=WINDOW)
    floor.observe(np.array([NAN, NAN]))
    np.testing.assert_array_equal(floor.cores, [NAN, 4.0])
    floor.observe(np.array([3.0, NAN]))
    assert floor.cores.tolist() == [3.0, 4.0]
    floor.advance(50.0, np.array([5.0, NAN]))
    np.testing.assert_array_equal(floor.cores, [5.0, NAN])


def test_a_low_load_is_forgotten_after_the_window() -> None:
    floor = LoadFloor([1.0], at=0.0, window=WINDOW)
    for hour in range(1, 30):
        floor.advance(float(hour), np.array([8.0]))
        assert floor.cores.tolist() == [1.0 if hour <= WINDOW else 8.0]


def test_recalled_loads_below_0_are_ignored() -> None:
    floor = LoadFloor([4.0], at=24.0, window=WINDOW)
    assert floor.recall(0, np.array([20.0, 21.0]), np.array([-3.0, 2.0])) == 21.0
    assert floor.cores.tolist() == [2.0]
