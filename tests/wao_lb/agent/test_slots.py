"""Weights to slots: nothing is lost, nobody starves, nobody is favoured."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_lb.agent.slots import MODULUS, Range, differs, ranges, shares, slots

WEIGHTS = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=200)


@given(WEIGHTS, st.sampled_from([MODULUS, 1000]))
def test_the_slots_cover_the_modulus_exactly(weights: list[float], modulus: int) -> None:
    keys = [("10.1.0.1", number) for number in range(len(weights))]
    parts = shares(keys, dict(zip(keys, weights, strict=True)))
    counts = slots(parts, modulus)
    assert modulus == sum(counts)
    assert all((count > 0) == (part > 0.0) for count, part in zip(counts, parts, strict=True))


@given(WEIGHTS)
def test_the_ranges_are_contiguous_and_in_order(weights: list[float]) -> None:
    keys = [("10.1.0.1", number) for number in range(len(weights))]
    found = ranges([str(key) for key in keys], slots(shares(keys, dict(zip(keys, weights, strict=True)))))
    assert 0 == found[0].first
    assert MODULUS - 1 == found[-1].last
    assert all(before.last + 1 == after.first for before, after in itertools.pairwise(found))
    assert [item.target for item in found] == [str(key) for key in keys if str(key) in {item.target for item in found}]


@given(st.lists(st.floats(0.01, 100.0), min_size=1, max_size=50))
def test_each_share_is_right_to_one_slot(weights: list[float]) -> None:
    """Weights within 1:10,000: none is so small that others must give a slot away."""
    total = math.fsum(weights)
    for count, weight in zip(slots([weight / total for weight in weights]), weights, strict=True):
        assert abs(count - weight / total * MODULUS) <= 1.0


def test_five_thousand_endpoints_get_their_share_within_a_percent() -> None:
    weights = [1.0 + (number % 100) for number in range(5000)]
    total = sum(weights)
    for count, weight in zip(slots([weight / total for weight in weights]), weights, strict=True):
        assert count / MODULUS == pytest.approx(weight / total, rel=0.01)


def test_the_smallest_shares_still_get_a_slot() -> None:
    assert [1, 1, MODULUS - 2] == slots([1e-12, 1e-12, 1.0 - 2e-12])
    assert [1, 9, 0] == slots([0.01, 0.99, 0.0], 10)


def test_an_unknown_endpoint_gets_the_mean_and_never_the_best() -> None:
    keys = [("10.1.0.1", 80), ("10.1.0.2", 80), ("10.1.0.3", 80)]
    found = shares(keys, {keys[0]: 30.0, keys[2]: 60.0})
    assert [30 / 135, 45 / 135, 60 / 135] == pytest.approx(found)


@pytest.mark.parametrize("known", [{}, {("a", 1): 0.0, ("b", 1): 0.0}, {("a", 1): math.nan}, {("a", 1): -1.0}])
def test_without_a_usable_weight_all_are_equal(known: dict[tuple[str, int], float]) -> None:
    assert [0.5, 0.5] == shares([("a", 1), ("b", 1)], known)


def test_a_small_move_is_no_difference() -> None:
    old = ranges(["a", "b"], [1000, 1000])
    assert not differs(old, ranges(["a", "b"], [1010, 990]), 0.02)
    assert differs(old, ranges(["a", "b"], [1030, 970]), 0.02)
    assert differs(old, ranges(["a", "c"], [1000, 1000]), 0.02)
    assert differs(old, ranges(["a"], [2000]), 0.02)
    assert (Range(0, 999, "a"), Range(1000, 1999, "b")) == old
