"""Damping: towards the target, in time, and not for trifles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.arrays import FloatArray
from wao_predict.traffic.damping import Pace, damped
from wao_predict.traffic.segments import Segments

shares = st.lists(st.floats(0.1, 100), min_size=1, max_size=8)


def step(last: FloatArray, target: FloatArray, part: float, *, at_once: bool = False) -> FloatArray:
    parts = Segments(np.zeros(1, dtype=np.int64), len(target))
    return damped(parts, last, target, part, at_once=np.array([at_once]), trifle=0.02)


@given(shares, shares, st.floats(0.05, 1.0))
def test_weights_move_towards_the_target_and_keep_the_sum(before: list[float], after: list[float], part: float) -> None:
    count = min(len(before), len(after))
    first, target = (100 * np.array(values[:count]) / sum(values[:count]) for values in (before, after))
    moved = step(first, target, part)
    assert moved.sum() == pytest.approx(100.0)
    assert np.abs(moved - target).max() <= np.abs(first - target).max() + 1e-6
    for _ in range(300):
        moved = step(moved, target, part)
    assert np.abs(moved - target).max() <= 0.02 * 100 / count + 1e-6


def test_a_new_endpoint_starts_at_its_target() -> None:
    assert step(np.array([np.nan, np.nan]), np.array([30.0, 70.0]), 0.0).tolist() == [30.0, 70.0]
    joined = step(np.array([40.0, 60.0, np.nan]), np.array([50.0, 30.0, 20.0]), 0.0)
    assert joined.tolist() == pytest.approx([100 / 3, 50.0, 50 / 3])


def test_the_share_of_endpoints_that_are_gone_follows_the_target() -> None:
    assert step(np.array([0.0, 0.0]), np.array([30.0, 70.0]), 0.0).tolist() == [30.0, 70.0]
    assert step(np.array([2.0, 2.0]), np.array([0.0, 100.0]), 0.0).tolist() == pytest.approx([2.0, 98.0])


def test_a_trifle_moves_nothing() -> None:
    last = np.array([50.0, 50.0])
    assert step(last, np.array([50.9, 49.1]), 1.0).tolist() == last.tolist()
    assert step(last, np.array([51.1, 48.9]), 1.0).tolist() != last.tolist()


def test_relief_does_not_wait() -> None:
    assert step(np.array([90.0, 10.0]), np.array([50.0, 50.0]), 0.0, at_once=True).tolist() == [50.0, 50.0]


@pytest.mark.parametrize(
    ("settle", "elapsed", "part"),
    [(15.0, 1.0, 0.0), (15.0, 15.0, 0.632), (15.0, 60.0, 0.982), (0.0, 0.0, 1.0), (2.0, 2.0, 0.632)],
)
def test_the_way_gone_depends_on_time_not_on_the_number_of_looks(settle: float, elapsed: float, part: float) -> None:
    assert Pace(settle=settle).fraction(elapsed) == pytest.approx(part, abs=1e-3)


@pytest.mark.parametrize(("settle", "elapsed", "part"), [(15.0, 60.0, 0.632), (15.0, 0.0, 0.0), (0.0, 1.0, 1.0)])
def test_a_fall_is_believed_in_time(settle: float, elapsed: float, part: float) -> None:
    assert Pace(settle=settle).fall_fraction(elapsed) == pytest.approx(part, abs=1e-3)
